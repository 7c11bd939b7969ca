import type { FolioState } from '../../src/lifetime/folio-flags.ts'

/** What can happen to a folio, one word each. */
export const FOLIO_EVENTS = [
  'store by a CPU',
  'store by a device',
  'dirty',
  'clean',
  'start writeback',
  'end writeback',
  'mkwrite',
  'truncate',
  'invalidate',
  'reclaim',
  'pin',
  'unpin dirty',
  'dirty, asked',
  'lock',
  'unlock',
  'migrate',
  'reflink',
  'unpin',
  'writeback fails',
] as const
/** One of {@link FOLIO_EVENTS}. */
export type FolioEvent = (typeof FOLIO_EVENTS)[number]

/**
 * A folio of a file by the words of reference/lifetime.md 1 and 3: fields that are true or false, contents as lists of what
 * was stored. Slow and obvious.
 */
export class SlowFolio {
  isLocked = false
  isDirty = false
  isUnderWriteback = false
  /** Writeback has made every page table entry read-only, and no fault came since. */
  isWriteProtected = false
  /** The file system was asked since the last clean. */
  isNotified = false
  isInFile = true
  isGone = false
  isShared = false
  /** Something told whether it is dirty: until then it may be, as a folio whose past nobody recorded. */
  isHistoryKnown = false
  pins = 0
  waits = 0
  /** Truncations and invalidations that waited. */
  otherWaits = 0
  /** Orderings of 3.3 that were broken. */
  illegal = 0
  /** Its lock was told of; writeback began once; something happened to it. */
  private isLockTold = false
  private hasBegun = false
  private isKnown = false
  /** Numbers of the stores that memory, the last writeback, and the disk have. */
  inMemory: number[] = []
  inWriteback: number[] = []
  onDisk: number[] = []
  private storeWaits = false
  private stores = 0
  private readonly hasStablePages: boolean
  private readonly steps: Readonly<Record<FolioEvent, () => void>> = {
    'store by a CPU': () => this.storeByCpu(),
    'store by a device': () => this.store(),
    dirty: () => {
      this.isDirty = true
      this.isKnown = true
    },
    'dirty, asked': () => {
      this.isDirty = true
      this.isNotified = true
      this.isShared = false
      this.isKnown = true
    },
    clean: () => this.clean(),
    'start writeback': () => {
      if (this.isUnderWriteback || this.isUnlocked) this.illegal++
      this.isUnderWriteback = true
      this.hasBegun = true
      this.isKnown = true
    },
    'end writeback': () => this.endWriteback(false),
    'writeback fails': () => this.endWriteback(true),
    mkwrite: () => {
      this.faultAndWait()
      this.isKnown = true
    },
    truncate: () => {
      if (this.isUnderWriteback) this.otherWaits++
      this.leaveFile()
    },
    invalidate: () => {
      if (this.isUnderWriteback) this.otherWaits++
      if (this.isDirty) this.isWriteProtected = true
      else this.leaveFile()
    },
    reclaim: () => this.reclaim(),
    migrate: () => {
      if (this.pins > 0) return
      this.isGone = true
      this.isKnown = true
    },
    reflink: () => {
      this.isShared = true
      this.isKnown = true
    },
    pin: () => {
      this.pins++
      this.faultAndWait()
    },
    unpin: () => this.unpin(false),
    'unpin dirty': () => this.unpin(true),
    lock: () => {
      this.isLocked = true
      this.isLockTold = true
      this.isKnown = true
    },
    unlock: () => {
      if (!this.isLocked && this.isKnown) this.illegal++
      this.isLocked = false
      this.isKnown = true
    },
  }

  constructor(hasStablePages: boolean) {
    this.hasStablePages = hasStablePages
  }

  /** The projection of 3.1. */
  get state(): FolioState {
    if (!this.isInFile) return 'T'
    if (this.isUnderWriteback) return this.isDirty ? 'W1' : 'W0'
    if (!this.isDirty) return 'C1'
    return this.isWriteProtected ? 'D0' : 'D1'
  }

  /** Nobody has it locked, and who locks it is told. */
  private get isUnlocked(): boolean {
    return this.isLockTold && !this.isLocked && this.isInFile
  }

  /** The disk does not have what memory has. */
  get isUnsaved(): boolean {
    return this.inMemory.some((store) => !this.onDisk.includes(store))
  }

  /** Neither does the writeback. */
  get isAheadOfWriteback(): boolean {
    return this.inMemory.some((store) => !this.inWriteback.includes(store))
  }

  apply(event: FolioEvent): void {
    this.steps[event]()
  }

  private storeByCpu(): void {
    if (this.isUnderWriteback && this.hasStablePages) {
      this.waits++
      this.storeWaits = true
      return
    }
    this.store()
    this.fault()
  }

  private unpin(dirty: boolean): void {
    if (this.pins === 0) return
    this.pins--
    if (!dirty) return
    this.isDirty = true
    this.isKnown = true
  }

  private store(): void {
    this.stores++
    this.inMemory = [...this.inMemory, this.stores]
    this.isKnown = true
  }

  /** 5.2: every page_mkwrite waits for stable pages, once the folio is dirty; an entry that is writable takes no fault. */
  private faultAndWait(): void {
    const isFault = this.isWriteProtected && this.isInFile
    if (isFault && this.isUnderWriteback && this.hasStablePages) this.waits++
    this.fault()
  }

  /** A fault for writing: page_mkwrite marks dirty, and the page table entry becomes writable. An orphan is mapped nowhere. */
  private fault(): void {
    if (!this.isInFile) return
    this.isNotified = true
    this.isDirty = true
    this.isWriteProtected = false
    this.isShared = false
  }

  /** clear_page_dirty_for_io: of a folio without anything to write it does nothing. */
  private clean(): void {
    if (!this.isDirty && this.isHistoryKnown) return
    if (this.isUnlocked) this.illegal++
    this.isHistoryKnown = true
    this.isKnown = true
    this.isWriteProtected = true
    this.isNotified = false
    this.isDirty = false
    this.inWriteback = this.inMemory
  }

  private endWriteback(isError: boolean): void {
    if (!this.isUnderWriteback && this.hasBegun) this.illegal++
    this.isKnown = true
    this.isUnderWriteback = false
    if (isError) this.inWriteback = this.onDisk
    this.onDisk = [...new Set([...this.onDisk, ...this.inWriteback])]
    if (!this.storeWaits) return
    this.storeWaits = false
    this.storeByCpu()
  }

  private leaveFile(): void {
    this.isInFile = false
    this.isKnown = true
    this.isHistoryKnown = true
    this.isNotified = false
    this.isDirty = false
  }

  private reclaim(): void {
    if (this.isDirty || this.isUnderWriteback || this.pins > 0) return
    this.isGone = true
    this.isKnown = true
    this.inMemory = this.onDisk
    this.inWriteback = this.onDisk
  }
}
