import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  FLAG_SPLICE,
  ITER_DISCARD,
  ITER_PIPE,
  ITER_SOURCE,
  ITER_XARRAY,
  isSince,
  type Operation,
} from '@pinscope/core'
import { IterToPipe } from './iter-to-pipe.ts'
import { PIPE_COUNTERS } from './pipe-counters.ts'
import { PipeTransfer } from './pipe-transfer.ts'
import { Pipes } from './pipes.ts'
import { SpliceOut } from './splice-out.ts'
import { SpliceRead } from './splice-read.ts'

/**
 * A pipe, which the `file` of a row names, and what goes in and out of it. In: `write` rows, with the flag `splice` of
 * memory of a program vmsplice(2), of a range of a file (XARRAY) splice(2); without it write(2), which copies. Out: `read`
 * rows, with `splice` into nowhere (DISCARD) splice(2) to a socket or a file, else read(2) or vmsplice(2), which copy. In
 * 6.1 a `read` row with a PIPE iterator is a file that is read into the pipe.
 *
 * What a buffer holds is kept from the row that fills it to the row that empties it, or to the end of the trace, when the
 * pipe is closed. An errno that was recorded is what the call returns, with nothing done, but for -EFAULT, which the memory
 * decides.
 *
 * @kernel fs/splice.c, fs/pipe.c, mm/filemap.c: filemap_splice_read; 6.1: lib/iov_iter.c: ITER_PIPE
 */
export class Splice implements Consumer {
  private readonly counts = new Float64Array(PIPE_COUNTERS.length)
  private readonly pipes: Pipes
  private readonly transfer: PipeTransfer
  private readonly fromMemory: IterToPipe
  private readonly fromFile: SpliceRead
  private readonly out: SpliceOut
  private readonly hasIterPipe: boolean

  constructor(environment: ConsumerEnvironment) {
    const { kernel, ledger, options } = environment
    this.pipes = new Pipes(environment, options['pipe-slots'], this.counts)
    this.transfer = new PipeTransfer(this.pipes, !isSince(kernel, '6.18'))
    this.fromMemory = new IterToPipe(this.pipes, ledger)
    this.fromFile = new SpliceRead(environment, this.pipes)
    this.out = new SpliceOut(environment, this.pipes, this.transfer)
    this.hasIterPipe = !isSince(kernel, '6.12')
  }

  submit(io: Operation): number {
    const { iter, recordedResult } = io
    io.scratch = 0
    if (iter.countBytes === 0) return 0
    if (recordedResult < 0 && recordedResult !== EFAULT) return recordedResult | 0
    const pipe = this.pipes.rings.rowOf(io.file)
    if (iter.type === ITER_PIPE) return this.hasIterPipe ? this.putIn(io, pipe) : EFAULT
    return iter.direction === ITER_SOURCE ? this.putIn(io, pipe) : this.takeOut(io, pipe)
  }

  abort(io: Operation): void {
    this.complete(io)
  }

  complete(io: Operation): void {
    this.out.complete(io)
    io.letGoOfKept()
  }

  /** Every pipe is closed. */
  close(io: Operation): void {
    this.pipes.closeAll(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(PIPE_COUNTERS, this.counts)
  }

  private putIn(io: Operation, pipe: number): number {
    const bytes = this.fill(io, pipe)
    if (bytes > 0) this.pipes.settle(io, pipe)
    return bytes
  }

  private fill(io: Operation, pipe: number): number {
    if (io.iter.type === ITER_PIPE) return this.fromFile.fillIterPipe(io, pipe)
    if ((io.flags & FLAG_SPLICE) === 0) return this.transfer.write(io, pipe)
    return io.iter.type === ITER_XARRAY ? this.fromFile.fill(io, pipe) : this.fromMemory.fill(io, pipe)
  }

  private takeOut(io: Operation, pipe: number): number {
    const isSplice = (io.flags & FLAG_SPLICE) !== 0
    if (isSplice && io.iter.type === ITER_DISCARD) return this.out.passOn(io, pipe)
    return this.transfer.read(io, pipe, isSplice)
  }
}
