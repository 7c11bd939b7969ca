import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Tests see packages module by module, and replace single ones; the command that they start is bundled.
  ssr: { resolve: { conditions: ['pinscope-unbundled', 'module', 'node', 'development|production'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    disableConsoleIntercept: true,
    // A hang, not a slow machine: the longest takes half a minute where nothing else runs.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Vitest leaves one core of two idle. Nothing here is timed, and what counts collections runs several times.
    maxWorkers: 2,
  },
})
