import type { Operation } from '@pinscope/core'
import type { Messenger } from './messenger.ts'
import type { OsdRequests } from './osd-requests.ts'

/** What is done with a request when its reply is here, or when it was never sent. @kernel net/ceph/osd_client.c: osd_req_op_data_release */
export class OsdCompletion {
  private readonly requests: OsdRequests
  private readonly messenger: Messenger
  private readonly counts: Float64Array
  private readonly dirtiedPages: number

  /** `dirtiedPages`: slot of the counter. */
  constructor(requests: OsdRequests, messenger: Messenger, counts: Float64Array, dirtiedPages: number) {
    this.requests = requests
    this.messenger = messenger
    this.counts = counts
    this.dirtiedPages = dirtiedPages
  }

  /** The requests chained from `row` on are over; what is held on their pages is the caller's to let go. */
  finish(io: Operation, row: number): void {
    const { requests } = this
    for (let at = row; at !== 0; at = requests.next[at]) this.finishOne(io, at)
  }

  private finishOne(io: Operation, row: number): void {
    const { requests, messenger } = this
    messenger.receive(io, requests.replyBytes[row], requests.pieces[row])
    messenger.release(io, requests.vector[row])
    messenger.release(io, requests.copyup[row])
    if (requests.dirties[row] === 1) this.counts[this.dirtiedPages] += requests.pieces[row]
    if (requests.arrayBytes[row] > 0) io.free(requests.arrayBytes[row])
    if (requests.aioBytes[row] > 0) io.free(requests.aioBytes[row])
    if (requests.extentBytes[row] > 0) io.free(requests.extentBytes[row])
    requests.give(row)
  }
}
