import type { Operation, PageFrags } from '@pinscope/core'
import type { SkMsgs } from './sk-msgs.ts'

/** What a message holds, one element after the other; for pages that hold bytes. */
export function msgBytes(io: Operation, msgs: SkMsgs, frags: PageFrags, msg: number): Uint8Array {
  const bytes = new Uint8Array(msgs.sizeBytes[msg])
  let done = 0
  for (let i = 0; i < msgs.used[msg]; i++) {
    const slot = msgs.slot(msg, i)
    const into = bytes.subarray(done, done + msgs.lengthBytes[slot])
    if (msgs.isFrag[slot] === 1) frags.read(io, msgs.page[slot], msgs.offsetBytes[slot], into)
    else readPages(io, msgs.page[slot], msgs.offsetBytes[slot], into)
    done += into.length
  }
  return bytes
}

/** Writes into the frags of a message, from its first byte on. */
export function writeMsg(io: Operation, msgs: SkMsgs, frags: PageFrags, msg: number, bytes: Uint8Array): void {
  let done = 0
  for (let i = 0; i < msgs.used[msg] && done < bytes.length; i++) {
    const slot = msgs.slot(msg, i)
    const piece = bytes.subarray(done, done + msgs.lengthBytes[slot])
    frags.write(io, msgs.page[slot], msgs.offsetBytes[slot], piece)
    done += piece.length
  }
}

/** Reads from a page row on; the bytes may reach into the rows behind, of the same folio. */
function readPages(io: Operation, page: number, offsetBytes: number, into: Uint8Array): void {
  for (let done = 0; done < into.length; ) {
    const piece = io.memory.bytes!.piece(page, offsetBytes + done, into.length - done)
    into.set(piece, done)
    done += piece.length
  }
}

/** Writes from a page row on; the bytes may reach into the rows behind, of the same folio. */
export function writePages(io: Operation, page: number, offsetBytes: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const piece = io.memory.bytes!.piece(page, offsetBytes + done, bytes.length - done)
    piece.set(bytes.subarray(done, done + piece.length))
    done += piece.length
  }
}
