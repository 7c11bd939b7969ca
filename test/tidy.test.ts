import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { packageNames, packageSources, type Source, sourcesBelow } from './sources.ts'

/** A file holds one concept. Tests, and the tables of a test, may be longer. */
const LINES_MAX = 300

const sources = packageSources()
const tests = [...packageNames().flatMap((name) => sourcesBelow(`packages/${name}/test`)), ...sourcesBelow('test')]
const everything = [...sources, ...tests]

/** `path:line` of each place where `wrong` holds. */
function places(files: readonly Source[], wrong: (node: ts.Node, file: ts.SourceFile) => boolean): string[] {
  return files.flatMap(({ path, text }) => {
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const found: string[] = []
    const visit = (node: ts.Node): void => {
      if (wrong(node, file)) found.push(`${path}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`)
      ts.forEachChild(node, visit)
    }
    visit(file)
    return found
  })
}

/** `path:line` of each line that matches. */
function lines(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}`] : [])),
  )
}

describe('house rules', () => {
  it('no module-level let: no hidden state', () => {
    const isModuleLet = (node: ts.Node) =>
      ts.isVariableStatement(node) &&
      ts.isSourceFile(node.parent) &&
      (node.declarationList.flags & ts.NodeFlags.Const) === 0
    expect(places(sources, isModuleLet)).toEqual([])
  })

  it('the compiler is never told to look away', () => {
    expect(places(everything, (node) => node.kind === ts.SyntaxKind.AnyKeyword)).toEqual([])
    expect(lines(everything, /@ts-(ignore|expect-error|nocheck)/)).toEqual([])
  })

  it('only the ledger writes reference counts', () => {
    const outside = sources.filter(
      // The page store allocates: a new folio starts with the reference of its mapping.
      ({ path }) => !path.startsWith('packages/core/src/ledger/') && path !== 'packages/core/src/memory/page-store.ts',
    )
    expect(places(outside, writesCount)).toEqual([])
  })

  it('named exports only, but for oclif commands and hooks', () => {
    const others = sources.filter(({ path }) => !/^packages\/cli\/src\/(commands|hooks)\/|\/register\.ts$/.test(path))
    expect(lines(others, /^export default /)).toEqual([])
  })

  it('the data plane builds no text for an assertion that holds', () => {
    const isTemplateMessage = (node: ts.Node) =>
      ts.isCallExpression(node) && node.expression.getText() === 'invariant' && !ts.isStringLiteral(node.arguments[1])
    expect(places(sources, isTemplateMessage)).toEqual([])
  })

  it(`no file is longer than ${LINES_MAX} lines`, () => {
    const long = sources.map(({ path, text }) => [path, text.split('\n').length - 1] as const)
    expect(long.filter(([, count]) => count > LINES_MAX)).toEqual([])
  })

  it('no test is skipped or alone, no loose end is left', () => {
    expect(lines(tests, new RegExp(`\\b(it|test|describe)\\.(${['skip', 'only', 'todo'].join('|')})\\b`))).toEqual([])
    expect(lines(everything, /\bTO[D]O\b|\bFIXM[E]\b/)).toEqual([])
  })
})

const COUNT_COLUMNS = ['refcount', 'pincount']

/** `refcount[i] = …`, `pages.pincount[i]--`, `pages.refcount = …`, `refcount.fill(…)`. */
function writesCount(node: ts.Node): boolean {
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken
    return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment && isCount(node.left)
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const writes = node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken
    return writes && isCount(node.operand)
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false
  return ['fill', 'set', 'copyWithin'].includes(node.expression.name.text) && isCount(node.expression.expression)
}

function isCount(node: ts.Node): boolean {
  const column = ts.isElementAccessExpression(node) ? node.expression : node
  if (ts.isIdentifier(column)) return column === node ? false : COUNT_COLUMNS.includes(column.text)
  return ts.isPropertyAccessExpression(column) && COUNT_COLUMNS.includes(column.name.text)
}
