import { grown, type Operation } from '@pinscope/core'

/**
 * The array of a socket that a whole message is listed in, made when the socket is first used and freed with it.
 * @kernel net/sunrpc/svcsock.c: svc_setup_socket, svc_sock_free (sk_bvec)
 */
export class SocketArrays {
  private readonly bytes: number
  /** By file id and one, 0 for rows without a file: 1 while the socket has its array. */
  private isMade = new Uint8Array(16)

  /** `bytes`: of one array. */
  constructor(bytes: number) {
    this.bytes = bytes
  }

  /** The operation's socket has its array; false when there is no memory. */
  ensure(io: Operation): boolean {
    const socket = io.file + 1
    if (socket >= this.isMade.length) this.isMade = grown(this.isMade, 2 * socket)
    if (this.isMade[socket] === 1) return true
    if (!io.allocate(this.bytes)) return false
    this.isMade[socket] = 1
    return true
  }

  /** Every socket is closed. */
  freeAll(io: Operation): void {
    for (let socket = 0; socket < this.isMade.length; socket++) if (this.isMade[socket] === 1) io.free(this.bytes)
    this.isMade.fill(0)
  }
}
