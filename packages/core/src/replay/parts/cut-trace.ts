import type { ByteFile, ByteRange } from './byte-file.ts'
import { cutArrow, isArrow } from './cut-arrow.ts'
import { cutText } from './cut-text.ts'
import type { PartHead } from './part-reader.ts'

/** Where a trace is cut. */
export interface TraceCut extends PartHead {
  /** Bytes of the head: the beginning of the file, which is read before each part but the first. */
  readonly headBytes: number
  /** Lines of text, where a record may span several if it has quotes. */
  readonly isText: boolean
  /** What a part needs besides, of the parts before it. */
  readonly shared: readonly ByteRange[]
  /** The parts in order, the first from byte 0 on, each from where the one before it ends. */
  readonly parts: readonly ByteRange[]
}

/**
 * Cuts a trace in pinscope's own format, text or Arrow, into `count` parts that can be read each by itself, of nearly the same
 * size; the first has `headStartBytes` more, for whoever is at it before the others have started. Null where it cannot be cut:
 * another format, compressed, too short, or rows near its beginning that depend on others. What is wrong with the file is left
 * to whoever reads it.
 */
export async function cutTrace(
  file: ByteFile,
  name: string,
  count: number,
  headStartBytes = 0,
): Promise<TraceCut | null> {
  const cutIt = isArrow(file) ? cutArrow : cutText
  const cut = await cutIt(file, name, count, headStartBytes)
  return cut === null || cut.parts.length < 2 ? null : cut
}

/** What is read of a part: the head and what stands before it, where these are not the part's own, and the part. */
export function rangesOf({ headBytes, shared, parts }: TraceCut, part: number): ByteRange[] {
  const { from } = parts[part]
  if (part === 0) return [parts[0]]
  return [{ from: 0, to: headBytes }, ...shared.filter((range) => range.to <= from), parts[part]]
}
