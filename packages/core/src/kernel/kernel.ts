import { hasQuirk, isQuirkName, QUIRKS, type QuirkName } from './quirks.ts'
import { isSince, type KernelVersion } from './version.ts'

/** Which quirks are on, by name with dashes left out: a field a quirk, so that asking costs one load. */
export type QuirkSwitches = { readonly [Name in QuirkName]: boolean }

/**
 * What differs between kernel versions in iterators and extraction, as flags. One object serves a whole replay.
 * @kernel lib/iov_iter.c and include/linux/uio.h of 6.1.176, 6.12.117, 6.16 (taken for 6.18) and 7.3 (mainline)
 */
export interface Kernel {
  readonly version: KernelVersion
  /** ITER_PIPE exists: 6.1 only. */
  readonly hasPipe: boolean
  /** ITER_FOLIOQ exists: since 6.12. */
  readonly hasFolioq: boolean
  /** A copy against the direction is refused with 0 bytes; 6.1 goes ahead. */
  readonly guardsDirection: boolean
  /** One vector is imported as UBUF; 6.1 always makes an IOVEC. @kernel lib/iov_iter.c: __import_iovec_ubuf */
  readonly importsUbuf: boolean
  /** One extraction may span bvecs that meet at page ends: since 6.16. */
  readonly joinsBvecs: boolean
  /** get_pages2 leaves slab pages of a bvec unreferenced: since 6.16. */
  readonly sparesSlab: boolean
  /** With no byte left an alignment query ends at the first segment, be it empty; 6.1 goes on to one that is not. */
  readonly emptyEndsAlignment: boolean
  /** With no byte left the alignment is 0 for every type; before, the address of what comes next counts: mainline. */
  readonly zeroCountIsAligned: boolean
  /** A copy out of user memory is not refused whole when it reaches beyond user addresses: masked addresses, mainline. */
  readonly copiesUpToUserEnd: boolean
  /** The length left of an iovec is clipped to the count: 6.1. @kernel include/linux/uio.h: iov_iter_iovec */
  readonly clipsIovLength: boolean
  /** Memory of different devices never shares a scatterlist entry, whatever its frames: since 6.2. */
  readonly comparesPageMaps: boolean
  /** copy_folio_from_iter_atomic() goes on after a short attempt, until one copies nothing: mainline. */
  readonly retriesAtomicCopy: boolean
  /** Quirks whose state differs from what the version has: `name` switched on, `-name` switched off. */
  readonly changes: readonly string[]
  readonly quirks: QuirkSwitches
}

/** A quirk that the version has, switched off, or one that it has not, switched on. */
export interface QuirkChange {
  readonly name: string
  readonly on: boolean
}

/** The traits of a version, with quirks switched as told. @throws RangeError for a quirk that does not exist. */
export function kernelOf(version: KernelVersion, changes: readonly QuirkChange[] = []): Kernel {
  const since = (first: KernelVersion) => isSince(version, first)
  const quirks = switches(version, changes)
  return Object.freeze({
    version,
    hasPipe: version === '6.1',
    hasFolioq: since('6.12'),
    guardsDirection: since('6.12'),
    importsUbuf: since('6.12'),
    joinsBvecs: since('6.18'),
    sparesSlab: since('6.18'),
    zeroCountIsAligned: since('mainline'),
    copiesUpToUserEnd: since('mainline'),
    retriesAtomicCopy: since('mainline'),
    clipsIovLength: version === '6.1',
    comparesPageMaps: since('6.12'),
    emptyEndsAlignment: since('6.12'),
    changes: differences(version, quirks),
    quirks,
  })
}

function switches(version: KernelVersion, changes: readonly QuirkChange[]): QuirkSwitches {
  const unknown = changes.find(({ name }) => !isQuirkName(name))
  if (unknown !== undefined) throw new RangeError(`there is no quirk "${unknown.name}"`)
  const entries = QUIRKS.map((quirk) => {
    const change = changes.findLast(({ name }) => name === quirk.name)
    return [quirk.name, change?.on ?? hasQuirk(version, quirk)] as const
  })
  return Object.freeze(Object.fromEntries(entries)) as QuirkSwitches
}

/** `name` for each quirk that is on though the version has it not, `-name` for each that it has and that is off. */
function differences(version: KernelVersion, quirks: QuirkSwitches): readonly string[] {
  return QUIRKS.filter((quirk) => quirks[quirk.name] !== hasQuirk(version, quirk)).map(({ name }) =>
    quirks[name] ? name : `-${name}`,
  )
}
