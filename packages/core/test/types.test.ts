import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { compilerOptions } from '../../../scripts/api-report.mjs'
import { RETAIN_PIN, RETAIN_REF } from '../src/extract/retention.ts'
import type { Borrowed, Hold, Pinned, Referenced } from '../src/index.ts'
import { World } from './support/world.ts'

/** What a user of @pinscope/core may have in hand. */
const AT_HAND = `
import {
  type Borrowed, HOLD_NONE, type Hold, isBorrowed, isHold, isPinned, isReferenced, type Ledger, type Operation, type PageList,
  type Pinned, type Referenced,
} from '../src/index.ts'
declare const ledger: Ledger
declare const list: PageList
declare const io: Operation
declare const pinned: Pinned
declare const referenced: Referenced
declare const borrowed: Borrowed
declare const hold: Hold
declare const number: number
`

/** Lines that compile. */
const COMPILES = [
  'ledger.unpin(pinned)',
  'ledger.unpinDirty(pinned)',
  'ledger.put(referenced)',
  'if (isPinned(hold)) ledger.unpin(hold)',
  'if (isReferenced(hold)) ledger.put(hold)',
  'if (isPinned(hold)) ledger.unpin(hold); else if (isReferenced(hold)) ledger.put(hold); else { const none: Borrowed = hold; void none }',
  'if (!isPinned(hold) && !isBorrowed(hold)) ledger.put(hold)',
  'if (isPinned(io.hold)) ledger.unpin(io.hold)',
  'const taken = ledger.acquire(list); if (isHold(taken)) ledger.letGo(taken)',
  'const taken = ledger.acquire(list); if (isHold(taken) && isPinned(taken)) ledger.unpin(taken)',
  'const both: Pinned | Borrowed = ledger.join(pinned, HOLD_NONE); void both',
  'ledger.unpin(ledger.split(pinned, 1))',
  // The general one, for who lets each hold go the way it was taken.
  'ledger.letGo(hold)',
  'ledger.letGo(pinned)',
  'ledger.letGoDirty(referenced)',
  'const all: Hold[] = [pinned, referenced, borrowed, HOLD_NONE]; void all',
  'const none: Borrowed = HOLD_NONE; void none',
  // A hold is an integer, for the columns that keep it.
  'const column = new Int32Array(1); column[0] = pinned',
]

/** Lines that do not, and the type that they have for the one that is wanted. */
const DOES_NOT_COMPILE: readonly (readonly [code: string, error: string])[] = [
  ['ledger.unpin(referenced)', 'Referenced for Pinned'],
  ['ledger.unpin(borrowed)', 'Borrowed for Pinned'],
  ['ledger.unpin(HOLD_NONE)', 'Borrowed for Pinned'],
  ['ledger.unpin(hold)', 'Hold for Pinned'],
  ['ledger.unpin(number)', 'number for Pinned'],
  ['ledger.unpin(1026)', 'number for Pinned'],
  ['ledger.unpinDirty(hold)', 'Hold for Pinned'],
  ['ledger.unpinDirty(referenced)', 'Referenced for Pinned'],
  ['ledger.put(pinned)', 'Pinned for Referenced'],
  ['ledger.put(borrowed)', 'Borrowed for Referenced'],
  ['ledger.put(hold)', 'Hold for Referenced'],
  ['ledger.put(number)', 'number for Referenced'],
  ['ledger.letGo(number)', 'number for Hold'],
  ['io.keep(number)', 'number for Hold'],

  // The wrong branch of a question, and what is left after it.
  ['if (isPinned(hold)) ledger.put(hold)', 'Pinned for Referenced'],
  ['if (isReferenced(hold)) ledger.unpin(hold)', 'Referenced for Pinned'],
  ['if (isBorrowed(hold)) ledger.unpin(hold)', 'Borrowed for Pinned'],
  ['if (!isPinned(hold)) ledger.put(hold)', 'Borrowed | Referenced for Referenced'],
  ['if (!isBorrowed(hold)) ledger.unpin(hold)', 'Pinned | Referenced for Pinned'],

  // What was just taken is of any kind, or an errno.
  ['ledger.unpin(ledger.acquire(list))', 'Hold | number for Pinned'],
  ['ledger.put(ledger.acquire(list))', 'Hold | number for Referenced'],
  ['ledger.letGo(ledger.acquire(list))', 'Hold | number for Hold'],
  ['const bytes = io.extract(1, 4096); ledger.unpin(bytes)', 'number for Pinned'],
  ['io.extract(1, 4096); ledger.unpin(io.hold)', 'Hold for Pinned'],
  ['io.extract(1, 4096); ledger.put(io.hold)', 'Hold for Referenced'],

  // Kinds never mix.
  ['ledger.join(pinned, referenced)', 'Referenced for Pinned | Borrowed'],
  ['ledger.put(ledger.split(pinned, 1))', 'Pinned for Referenced'],

  ['const other: Pinned = referenced', 'Referenced for Pinned'],
  ['const other: Pinned = borrowed', 'Borrowed for Pinned'],
  ['const other: Referenced = pinned', 'Pinned for Referenced'],
  ['const other: Referenced = borrowed', 'Borrowed for Referenced'],
  ['const other: Borrowed = pinned', 'Pinned for Borrowed'],
  ['const other: Borrowed = referenced', 'Referenced for Borrowed'],
  ['const other: Pinned = hold', 'Hold for Pinned'],
  ['const other: Hold = number', 'number for Hold'],
  ['const other: Pinned = pinned + 0', 'number for Pinned'],
]

describe('retention is in the type', () => {
  const errors = errorsOf([...COMPILES, ...DOES_NOT_COMPILE.map(([code]) => code)])

  it.each(COMPILES)('compiles: %s', (code) => {
    expect(errors.get(code)).toBe('')
  })

  it.each(DOES_NOT_COMPILE)('does not compile: %s', (code, error) => {
    expect(errors.get(code)).toBe(error)
  })
})

describe('at run time the kind is looked at again', () => {
  const A = 0x10000

  /** An extraction of three pages of small folios, and what it took. */
  function taken(policy: 'extract' | 'get-pages') {
    const world = new World()
    world.start('ubuf', [[A, 3 * 4096]])
    world.extract(16, policy)
    const rows = world.rowsOf(A / 4096, 3)
    const hold = world.ledger.acquire(world.list) as Hold
    return { ledger: world.ledger, hold, counts: () => rows.map((row) => world.refcount(row)) }
  }

  it('a pin that is put is a violation, and stays', () => {
    const { ledger, hold, counts } = taken('extract')
    // The mapping's own reference, and 1,024 for the pin of a small folio.
    expect(counts()).toEqual([1025, 1025, 1025])
    ledger.put(hold as Referenced)
    expect(ledger.violations).toMatchObject([
      { rule: 'wrong-kind-release', held: RETAIN_PIN, releasedAs: RETAIN_REF, pages: 3 },
    ])
    expect(counts()).toEqual([1025, 1025, 1025])
    ledger.unpin(hold as Pinned)
    expect(counts()).toEqual([1, 1, 1])
    expect(ledger.violationCount).toBe(1)
  })

  it('a reference that is unpinned is one too', () => {
    const { ledger, hold, counts } = taken('get-pages')
    expect(counts()).toEqual([2, 2, 2])
    ledger.unpin(hold as Pinned)
    expect(ledger.violations).toMatchObject([
      { rule: 'wrong-kind-release', held: RETAIN_REF, releasedAs: RETAIN_PIN, pages: 3 },
    ])
    expect(counts()).toEqual([2, 2, 2])
    ledger.put(hold as Referenced)
    expect(counts()).toEqual([1, 1, 1])
  })

  it('a second release is a violation whatever its kind', () => {
    const { ledger, hold, counts } = taken('extract')
    ledger.letGo(hold)
    ledger.unpin(hold as Pinned)
    expect(ledger.violations).toMatchObject([{ rule: 'double-release', held: RETAIN_PIN, pages: 3 }])
    expect(counts()).toEqual([1, 1, 1])
  })

  it('release() takes any kind by its code, and tells the wrong one', () => {
    const { ledger, hold, counts } = taken('extract')
    ledger.release(hold, RETAIN_REF)
    expect(ledger.violations.map(({ rule }) => rule)).toEqual(['wrong-kind-release'])
    ledger.release(hold, RETAIN_PIN)
    expect(ledger.violationCount).toBe(1)
    expect(counts()).toEqual([1, 1, 1])
  })

  it('what took nothing has nothing to let go', () => {
    const { ledger, hold } = taken('extract')
    const none: Borrowed = 0 as Borrowed
    ledger.release(none, RETAIN_PIN)
    expect(ledger.violationCount).toBe(0)
    expect(ledger.isOpen(hold)).toBe(true)
  })
})

/** What the compiler says of each line of code, each in a block of its own; nothing when it compiles. */
function errorsOf(lines: readonly string[]): Map<string, string> {
  const path = fileURLToPath(new URL('lines-to-compile.ts', import.meta.url))
  const text = `${AT_HAND}${lines.map((line) => `{ ${line} }\n`).join('')}`
  const firstLine = AT_HAND.split('\n').length - 1
  const options = { ...compilerOptions(), noEmit: true, allowImportingTsExtensions: true, noUnusedLocals: false }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (file, ...rest) =>
    file === path ? ts.createSourceFile(file, text, ts.ScriptTarget.Latest) : getSourceFile(file, ...rest)
  const program = ts.createProgram([path], options, host)
  const errors = new Map(lines.map((line) => [line, '']))
  for (const { file, start = 0, messageText } of program.getSemanticDiagnostics(program.getSourceFile(path))) {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n')
    const code = lines[(file?.getLineAndCharacterOfPosition(start).line ?? 0) - firstLine]
    // An error above the lines themselves is one of this test.
    if (code === undefined) throw new Error(message)
    errors.set(code, inShort(message))
  }
  return errors
}

/** `number for Pinned`; a message of any other form as it is. The compiler lists the members of a union in any order. */
function inShort(message: string): string {
  const [, from, to] =
    /^(?:Argument of t|T)ype '(.*?)' is not assignable to (?:parameter of )?type '(.*?)'/.exec(message) ?? []
  return from === undefined ? message : `${from.split(' | ').sort().join(' | ')} for ${to}`
}
