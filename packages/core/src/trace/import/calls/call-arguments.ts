import { integerOf } from '../text/text.ts'

/** Arguments of a system call by the kernel's names for them, each as the recorder wrote it: `0x4002`, `O_RDWR|O_DIRECT`, `3</mnt/data>`. */
export type CallArguments = ReadonlyMap<string, string>

/**
 * A whole number at the start of an argument, decimal or with 0x, of 64 bits in two's complement or with a sign; what a tool
 * adds behind it (`</mnt/data>`, a comment) is left out. Null when none is there, or it is beyond 2^53.
 */
export function numberOf(text: string | undefined): number | null {
  const match = /^(-?)(0[xX][0-9a-fA-F]+|\d+)/.exec(text ?? '')
  if (match === null) return text?.startsWith('NULL') === true ? 0 : null
  const value = integerOf(match[2]!)
  if (value !== null) return match[1] === '-' ? -value : value
  return match[1] === '' ? signedOf(match[2]!) : null
}

/** A number above 2^53 that is a small negative one in 64 bits: `0xffffffffffffffff`, `18446744073709551615`. */
function signedOf(text: string): number | null {
  if (text.length > 20) return null
  const value = Number(BigInt.asIntN(64, BigInt(text)))
  return Number.isSafeInteger(value) ? value : null
}

/** What a tool says that a descriptor is: `/mnt/data` of `3</mnt/data>` and `3</mnt/data>(deleted)`; null where it says nothing. */
export function decorationOf(text: string | undefined): string | null {
  const match = /^(?:-?\w+)<(.*)>(?:\(deleted\))?$/s.exec(text ?? '')
  return match === null ? null : match[1]!.replace(/ \(deleted\)$/, '')
}

/**
 * A flag is set in an argument: as a number, or as words with or without the kernel's prefix (`O_RDWR|O_DIRECT`, `RDWR|DIRECT`).
 * Null when the argument is neither (a pointer to it, or not recorded).
 */
export function hasFlag(text: string | undefined, prefix: string, word: string, bit: number): boolean | null {
  if (text === undefined) return null
  const number = numberOf(text)
  if (number !== null) return Number.isSafeInteger(number) && (BigInt(number) & BigInt(bit)) !== 0n
  const words = text.replace(/^\{flags=([^,}]*).*$/s, '$1').split('|')
  if (!/^[A-Z][A-Z0-9_]*$/.test(words[0]!)) return null
  return words.includes(word) || words.includes(prefix + word)
}
