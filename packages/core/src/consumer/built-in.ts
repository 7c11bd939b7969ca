import { bio } from './bio/index.ts'
import { buffered } from './buffered-consumer.ts'
import type { ConsumerDefinition } from './consumer.ts'
import { nullConsumer } from './null-consumer.ts'

/** The consumers that come with core. */
export const BUILT_IN_CONSUMERS: readonly ConsumerDefinition[] = [bio, buffered, nullConsumer]
