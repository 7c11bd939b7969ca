/** Bytes as a stream of one piece: what `openTrace` reads. */
export async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
