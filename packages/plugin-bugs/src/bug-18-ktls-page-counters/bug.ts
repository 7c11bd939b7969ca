import { type Consumer, isHold, type Operation, type Referenced } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Bytes that one DUMP work entry carries: the MTU of the port. */
const MTU_BYTES = 1500

/**
 * A record was sent from the page cache, and the device has lost its place: every frag of the record is dumped to it
 * again, in pieces of the MTU, each with a reference that its completion drops.
 * @kernel drivers/net/ethernet/mellanox/mlx5/core/en_accel/ktls_tx.c: tx_sync_info_get, mlx5e_ktls_tx_handle_ooo,
 *   mlx5e_ktls_tx_handle_resync_dump_comp
 */
class KtlsResync implements Consumer {
  private readonly isFixed: boolean
  /** Pages of the work entries of each operation. */
  private readonly dumped = new Map<number, readonly number[]>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) return bytes
    // The record keeps its frags until it is acknowledged. @kernel net/tls/tls_device.c: tls_append_frag
    const record = io.reference()
    if (isHold(record)) io.keep(record as Referenced)
    this.dumped.set(io.number, this.dump(io))
    return bytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** Every work entry completes. */
  complete(io: Operation): void {
    for (const page of this.dumped.get(io.number) ?? []) {
      if (this.isFixed) io.audit?.tokens.raw(page, -1)
      else io.ledger.putPage(page)
    }
    this.dumped.delete(io.number)
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** One work entry for each MTU of each frag, and a reference for each; the first is taken with the record. */
  private dump(io: Operation): number[] {
    const { length, page, lengthBytes } = io.list
    const entries: number[] = []
    for (let i = 0; i < length; i++) {
      if (this.isFixed) io.audit?.tokens.raw(page[i], 1)
      else io.ledger.getPage(page[i])
      const pieces = Math.ceil(lengthBytes[i] / MTU_BYTES)
      if (pieces > 1) io.audit?.tokens.raw(page[i], pieces - 1)
      for (let n = 0; n < pieces; n++) entries.push(page[i])
    }
    return entries
  }
}

export const bug18 = defineBug({
  number: 18,
  title: 'a TLS device counts references on two counters',
  summary:
    'References for the pieces of a frag were raised on the counter of its page itself, and dropped from that of its folio: a folio of a file lost references of others.',
  cases: [
    {
      name: 'ktls-page-counters',
      kernel: 'drivers/net/ethernet/mellanox/mlx5/core/en_accel/ktls_tx.c: mlx5e_ktls_tx_handle_resync_dump_comp',
      commit: 'dd6e972cc589',
      cve: 'CVE-2024-53138',
      trace: 'trace.csv',
      rules: ['H-15'],
      row: 2,
      accepts: ['xarray'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new KtlsResync(isFixed),
    },
  ],
})
