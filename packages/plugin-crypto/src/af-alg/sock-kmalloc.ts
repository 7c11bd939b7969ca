import type { Operation } from '@pinscope/core'
import type { AlgSockets } from './alg-sockets.ts'
import { TSGL_BYTES } from './limits.ts'

/**
 * Memory that is charged to a socket: `heldBytes` are before. False when the socket may not have that much, or when there
 * is none. Given back with `io.free`.
 * @kernel net/core/sock.c: sock_kmalloc
 */
export function sockKmalloc(io: Operation, heldBytes: number, bytes: number, optmemBytes: number): boolean {
  // Less than the limit, not as much as it.
  return io.fits(heldBytes + bytes + 1, optmemBytes) && io.allocate(bytes)
}

/** Bytes charged to a socket besides those of a request. @kernel struct sock: sk_omem_alloc */
export function socketOmem(sockets: AlgSockets, socket: number, ctxBytes: number): number {
  return ctxBytes + (sockets.blocks[socket] - sockets.blocksOvertaken[socket]) * TSGL_BYTES
}
