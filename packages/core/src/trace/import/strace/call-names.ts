import type { CallArguments } from '../calls/call-arguments.ts'
import { followedArguments } from '../calls/followed-arguments.ts'
import { unescaped } from '../text/quoted.ts'
import type { Piece } from './split-arguments.ts'

/** The arguments of a call that is followed, by the kernel's names: strace prints them in its order. Of any other call, none. */
export function namedArguments(name: string, pieces: readonly Piece[]): CallArguments {
  const names = followedArguments(name)
  const found = new Map<string, string>()
  for (const [index, piece] of pieces.entries()) {
    const own = names[index]
    // Paths behind a descriptor have escapes, as strings have; those of strings are read with the string.
    if (own !== undefined) found.set(own, piece.text.startsWith('"') ? piece.text : unescaped(piece.text))
  }
  // Decoded, clone(2) names its arguments, and has them in another order than the kernel.
  const flags = name === 'clone' ? pieces.find((piece) => piece.name === 'flags') : undefined
  if (flags !== undefined) found.set('clone_flags', flags.text)
  return found
}
