import { ENOMEM } from '@pinscope/core'
import { ABANDONED, RETRIES } from './counters.ts'
import { NO_LIMIT, type Server } from './server.ts'
import type { Subrequests } from './subrequests.ts'

/**
 * Answers that bring less than was asked for, before the end of the file: what is missing is asked for again, round after
 * round, in the pages where it belongs. Nothing more is taken for it.
 *
 * A file system that sets no sizes of its own (9p, afs) has each short subrequest issued again by itself. One that does
 * (cifs) has the list walked in spans of neighbours, and the walk ends at the first that needs no retry: 6.12 has kept the
 * complete ones in the list, and gives up all that is short from there on, that which merely reached the end of the file too;
 * since 6.14 those in front are gone, and what is given up is what needs a retry behind one that does not. The read fails
 * with -ENOMEM then; in 6.12 only if the first that is not complete was given up, not if it ends with the file. That is the
 * quirk netfs-read-retry-abandons; without it every short one is issued again.
 *
 * Not modelled: retries of a file system that asked for one without an answer (their number is the transport's affair), and
 * subrequests that a smaller size splits.
 *
 * @kernel fs/netfs/read_retry.c: netfs_retry_read_subrequests, netfs_reissue_read; read_collect.c:
 *   netfs_read_subreq_terminated; misc.c: netfs_reset_iter. 6.18: taken as 7.3.
 */
export class ReadRetry {
  private readonly counts: Float64Array
  private readonly server: Server
  private readonly abandons: boolean
  private readonly keepsComplete: boolean

  /** `abandons`: the quirk is on. `keepsComplete`: complete subrequests stay in the list, 6.12. */
  constructor(counts: Float64Array, server: Server, abandons: boolean, keepsComplete: boolean) {
    this.counts = counts
    this.server = server
    this.abandons = abandons
    this.keepsComplete = keepsComplete
  }

  /**
   * All answers to the subrequests, and to those that follow from them: 0, or the errno of the read. `isReadahead`: of those
   * 6.12 takes complete ones out of the list as well.
   */
  settle(subrequests: Subrequests, isReadahead: boolean): number {
    const { answerBytes, renegotiates } = this.server
    if (answerBytes === NO_LIMIT) return 0
    for (let at = 0; at < subrequests.length; at++) subrequests.answer(at, answerBytes)
    if (!renegotiates || !this.abandons || (isReadahead && this.keepsComplete)) {
      this.reissueEach(subrequests)
      return 0
    }
    let error = 0
    for (let first = subrequests.firstShort(0); first < subrequests.length; first = subrequests.firstShort(0)) {
      if (!this.round(subrequests, this.keepsComplete ? 0 : first)) error = ENOMEM
    }
    return this.keepsComplete && !subrequests.isFirstLost() ? 0 : error
  }

  /** Each by itself, until it has all. */
  private reissueEach(subrequests: Subrequests): void {
    const { fileBytes, transferredBytes } = subrequests
    for (let at = subrequests.firstShort(0); at < subrequests.length; at = subrequests.firstShort(at)) {
      this.counts[RETRIES] += Math.ceil((fileBytes[at] - transferredBytes[at]) / this.server.answerBytes)
      transferredBytes[at] = fileBytes[at]
    }
  }

  /** One walk over the list from `first` on, and the answers to what it issues. False: some were given up. */
  private round(subrequests: Subrequests, first: number): boolean {
    let at = first
    for (; at < subrequests.length && subrequests.needsRetry(at); at++) {
      this.counts[RETRIES]++
      subrequests.answer(at, this.server.answerBytes)
    }
    return !this.abandon(subrequests, at)
  }

  /** Gives up what is left at `from` and behind; false when there was nothing. */
  private abandon(subrequests: Subrequests, from: number): boolean {
    let hasAny = false
    for (let at = from; at < subrequests.length; at++) {
      const isGivenUp = this.keepsComplete
        ? !subrequests.isFull(at) && subrequests.isFailed[at] === 0
        : subrequests.needsRetry(at)
      if (!isGivenUp) continue
      subrequests.isFailed[at] = 1
      this.counts[ABANDONED]++
      hasAny = true
    }
    return hasAny
  }
}
