import { FAULT_CARRIAGE_RETURN, FAULT_NUL, FAULT_QUOTE } from './faults.ts'

/** Bytes that the form of a trace rests on. */
export const LINE_FEED = 10
export const CARRIAGE_RETURN = 13
export const QUOTE = 34
export const COMMA = 44

/** There is a quote among the bytes: records with quotes may span lines. */
export function hasQuote(bytes: Uint8Array): boolean {
  // A Buffer searches ten times as fast as a Uint8Array.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(QUOTE)
}

/**
 * Position of the comma or line end behind an unquoted text cell, or a fault. The position of a faulty byte is found
 * again by {@link badByteOf}: it is wanted once, this once a cell.
 */
export function endOfText(bytes: Uint8Array, at: number): number {
  let next = at
  for (;;) {
    const byte = bytes[next]!
    if (byte > COMMA) next++
    else if (byte === COMMA || byte === LINE_FEED) return next
    else if (byte === QUOTE) return FAULT_QUOTE
    else if (byte === 0) return FAULT_NUL
    else if (byte === CARRIAGE_RETURN) return bytes[next + 1] === LINE_FEED ? next : FAULT_CARRIAGE_RETURN
    else next++
  }
}

/** A fault when a decoded quoted cell holds what an unquoted one may not; else `to`. */
export function checkText(bytes: Uint8Array, from: number, to: number): number {
  for (let next = from; next < to; next++) {
    const byte = bytes[next]!
    if (byte === 0) return FAULT_NUL
    if (byte === CARRIAGE_RETURN && (next + 1 === to || bytes[next + 1] !== LINE_FEED)) return FAULT_CARRIAGE_RETURN
  }
  return to
}

/** Position of the NUL or of the lone carriage return in `bytes[from..to)`, or -1. */
export function badByteOf(bytes: Uint8Array, from: number, to: number): number {
  for (let next = from; next < to; next++) {
    const byte = bytes[next]!
    if (byte === 0) return next
    if (byte === CARRIAGE_RETURN && bytes[next + 1] !== LINE_FEED) return next
  }
  return -1
}
