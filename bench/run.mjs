// `npm run bench`: prints the figures of bench/RESULTS.md. Nothing here is a test: times are for people.
import { hotPath } from './hot-path.mjs'

console.log(
  'replay of 16-page operations against a bare increment-and-decrement loop (medians of 15 interleaved rounds)',
)
console.log('order       consumer   bare ns/page   replay ns/page   ratio')
for (const { order, consumer, bareNs, replayNs, ratio } of hotPath()) {
  console.log(
    `${order.padEnd(11)} ${consumer.padEnd(10)} ${bareNs.toFixed(2).padStart(12)} ${replayNs.toFixed(2).padStart(16)} ${ratio.toFixed(2).padStart(7)}`,
  )
}
