import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    // Vitest leaves one core of two idle. Nothing here is timed, and what counts collections runs several times.
    maxWorkers: 2,
  },
})
