import { CONSUMER_QUIRKS } from './consumer-quirks.ts'
import { ITERATOR_QUIRKS } from './iterator-quirks.ts'
import type { Quirk } from './quirk.ts'
import type { KernelVersion } from './version.ts'

export type { Quirk } from './quirk.ts'

/** Every quirk of the model. A new one is an entry in one of the two lists and the line of the model that asks for it. */
export const QUIRKS = [...ITERATOR_QUIRKS, ...CONSUMER_QUIRKS] as const

/** Name of a quirk. */
export type QuirkName = (typeof QUIRKS)[number]['name']

/** A version has a quirk. */
export function hasQuirk(version: KernelVersion, { versions }: Quirk): boolean {
  return versions.includes(version)
}

/** The quirks that a version has. */
export function quirksOf(version: KernelVersion): readonly Quirk[] {
  return QUIRKS.filter((quirk) => hasQuirk(version, quirk))
}

/** True for the name of a quirk. */
export function isQuirkName(name: string): name is QuirkName {
  return QUIRKS.some((quirk) => quirk.name === name)
}
