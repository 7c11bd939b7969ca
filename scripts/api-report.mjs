// Writes packages/core/api/core.api.md: every name that the entry points of @pinscope/core export, with its signature, the
// first sentence of its doc comment and its kernel symbol. A change of that page is a change for whoever imports core.
//
// Signatures are those of the declaration files, doc comments those of the sources: where a file's first import is dropped
// from its declarations, the comment above it goes with it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const core = join(root, 'packages/core')

export const API_REPORT = 'packages/core/api/core.api.md'
export const API_REPORT_COMMAND = 'node scripts/api-report.mjs'

/**
 * @typedef {object} Doc
 * @property {string} text without its tags
 * @property {readonly string[]} kernel what the `@kernel` tags say
 */
/**
 * @typedef {object} Member a public property, method, accessor or signature of a class or interface
 * @property {string} name
 * @property {boolean} isMethod a method or an accessor
 * @property {string} signature
 * @property {Doc} doc
 */
/**
 * @typedef {object} Export
 * @property {string} name
 * @property {string} file of its declaration, from packages/core/src
 * @property {string} signature without the members
 * @property {Doc} doc
 * @property {Doc} moduleDoc of the file
 * @property {readonly Member[]} members
 * @property {readonly string[]} reached names of the same package that the signatures use
 */
/**
 * @typedef {object} EntryPoint
 * @property {string} name as it is imported
 * @property {readonly Export[]} exports sorted by name
 */

/**
 * The entry points that package.json names, and their sources.
 * @returns {{ name: string, source: string }[]}
 */
export function entryPoints() {
  const { name, exports } = JSON.parse(readFileSync(join(core, 'package.json'), 'utf8'))
  return Object.entries(exports)
    .filter(([, target]) => typeof target.types === 'string')
    .map(([path, { types }]) => ({
      name: path === '.' ? name : `${name}${path.slice(1)}`,
      source: join(core, types.replace(/^\.\/dist\//, 'src/').replace(/\.d\.ts$/, '.ts')),
    }))
}

/**
 * Everything that the entry points export, read from the sources.
 * @returns {EntryPoint[]}
 */
export function readApi() {
  const entries = entryPoints()
  const program = ts.createProgram(
    entries.map(({ source }) => source),
    { ...compilerOptions(), noEmit: false, declaration: true, emitDeclarationOnly: true },
  )
  const checker = program.getTypeChecker()
  const declared = declarationFiles(program)
  return entries.map(({ name, source }) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(source))
    const exports = checker.getExportsOfModule(module).map((symbol) => exportOf(symbol, checker, declared))
    return { name, exports: exports.sort((a, b) => (a.name < b.name ? -1 : 1)) }
  })
}

/**
 * Those of packages/core, for one program over files of any folder.
 * @returns {ts.CompilerOptions}
 */
export function compilerOptions() {
  const file = ts.readConfigFile(join(core, 'tsconfig.json'), ts.sys.readFile)
  const { rootDir, tsBuildInfoFile, ...options } = ts.parseJsonConfigFileContent(file.config, ts.sys, core).options
  return { ...options, composite: false, incremental: false }
}

/**
 * The declaration file of a source, made once; nothing is written.
 * @returns {(source: ts.SourceFile) => ts.SourceFile}
 */
function declarationFiles(program) {
  const files = new Map()
  return (source) => {
    if (!files.has(source)) {
      const keep = (path, text) => files.set(source, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
      program.emit(source, keep, undefined, true)
    }
    return files.get(source)
  }
}

/** @returns {Export} */
function exportOf(symbol, checker, declared) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const node = target.declarations[0]
  const source = node.getSourceFile()
  const statement = statementOf(declared(source), target.name)
  const members = statement.members ?? []
  return {
    name: symbol.name,
    file: relative(join(core, 'src'), source.fileName).split(sep).join('/'),
    signature: signatureOf(statement),
    doc: docOf(docHolder(node)),
    moduleDoc: moduleDocOf(source),
    members: members.filter(isPublic).map((member) => memberOf(member, node)),
    reached: reachedFrom(statement),
  }
}

/** The statement of a declaration file that declares a name. */
function statementOf(file, name) {
  const declares = (node) => ts.isIdentifier(node.name ?? node) && node.name?.text === name
  return file.statements.find((node) =>
    ts.isVariableStatement(node) ? node.declarationList.declarations.some(declares) : declares(node),
  )
}

/** A variable's doc comment stands above its statement. */
function docHolder(node) {
  return ts.isVariableDeclaration(node) ? node.parent.parent : node
}

/** @returns {Doc} of the comment that stands next to a declaration */
function docOf(node) {
  const comment = (node.jsDoc ?? []).at(-1)
  return comment === undefined ? { text: '', kernel: [] } : readComment(comment)
}

/**
 * A file's own comment is the first of two or more above its first declaration, or stands above its imports.
 * @returns {Doc}
 */
function moduleDocOf(source) {
  const [first] = source.statements
  const comments = first?.jsDoc ?? []
  const own = ts.isImportDeclaration(first) ? comments : comments.slice(0, -1)
  return own.length === 0 ? { text: '', kernel: [] } : readComment(own[0])
}

/** @returns {Doc} */
function readComment(comment) {
  const plain = (text) =>
    (ts.getTextOfJSDocComment(text) ?? '')
      .replace(/\{@link\s+([^}]+)\}/g, '$1')
      .replace(/\s+/g, ' ')
      .trim()
  const kernel = (comment.tags ?? []).filter(({ tagName }) => tagName.text === 'kernel')
  return { text: plain(comment.comment), kernel: kernel.map((tag) => plain(tag.comment)) }
}

function isPublic(member) {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected
  const isHidden = (ts.getCombinedModifierFlags(member) & hidden) !== 0
  return !isHidden && !(member.name !== undefined && ts.isPrivateIdentifier(member.name))
}

/** @returns {Member} `owner` is its class or interface in the source */
function memberOf(member, owner) {
  const name = member.name?.getText() ?? 'constructor'
  const inSource = owner.members.find((other) => (other.name?.getText() ?? 'constructor') === name)
  const isMethod = ts.isMethodDeclaration(member) || ts.isMethodSignature(member) || ts.isAccessor(member)
  return { name, isMethod, signature: signatureOf(member), doc: inSource ? docOf(inSource) : docOf(member) }
}

/**
 * The text of a declaration without its comments, and without the members of a class or interface.
 *
 * The type arguments of a zod schema are left out: the compiler lists the words of an enumeration in another order when
 * some other file changes, and packages/core/schema has them in the order of the source.
 */
function signatureOf(node) {
  const text = node.getText()
  const end = node.members === undefined ? text.length : node.members.pos - node.getStart()
  return text
    .slice(0, end)
    .replace(/\/\*[\s\S]*?\*\/\s*/g, '')
    .replace(/^export (declare )?/, '')
    .replace(/^(const \w+: z\.Zod\w+)<[\s\S]*$/, '$1')
    .replace(/\n {4,}/g, (space) => `\n${' '.repeat((space.length - 1) / 2)}`)
    .replace(/\s*[;{]$/, '')
}

/** Names that a declaration's signature uses and that its file declares or imports from another file of the package. */
function reachedFrom(statement) {
  const file = statement.getSourceFile()
  const names = new Set()
  const visit = (node) => {
    if (ts.isClassElement(node) && !isPublic(node)) return
    if (ts.isTypeReferenceNode(node)) names.add(firstName(node.typeName))
    if (ts.isTypeQueryNode(node)) names.add(firstName(node.exprName))
    if (ts.isExpressionWithTypeArguments(node)) names.add(node.expression.getText())
    if (ts.isImportTypeNode(node) && node.qualifier !== undefined) names.add(firstName(node.qualifier))
    ts.forEachChild(node, visit)
  }
  visit(statement)
  const own = namesOfPackage(file)
  return [...names].filter((name) => own.has(name))
}

function firstName(name) {
  return ts.isQualifiedName(name) ? firstName(name.left) : name.text
}

/** Top-level names of a declaration file: declared there, or imported from a file of the same package. */
function namesOfPackage(file) {
  const names = file.statements.flatMap((node) => {
    if (ts.isImportDeclaration(node)) return node.moduleSpecifier.text.startsWith('.') ? importedNames(node) : []
    if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText())
    return node.name === undefined ? [] : [node.name.getText()]
  })
  const inline = [...file.text.matchAll(/import\("\.[^"]*"\)\.(\w+)/g)].map(([, name]) => name)
  return new Set([...names, ...inline])
}

function importedNames({ importClause }) {
  const { name, namedBindings } = importClause
  const bound = namedBindings === undefined ? [] : (namedBindings.elements ?? [namedBindings])
  return [name, ...bound.map((binding) => binding.name)].filter(Boolean).map((identifier) => identifier.text)
}

/**
 * The page itself.
 * @param {readonly EntryPoint[]} api
 */
export function apiMarkdown(api = readApi()) {
  const count = api.reduce((sum, { exports }) => sum + exports.length, 0)
  return `${[
    '# Public API of @pinscope/core',
    `Written by \`${API_REPORT_COMMAND}\`; \`npm test\` fails when it is stale. ${count} names.`,
    ...api.flatMap(({ name, exports }) => [`## ${name}`, codeBlock(exports.map(exportText))]),
    ...hiddenSection(api),
  ].join('\n\n')}\n`
}

/** Types that a user meets but cannot name: each is either to be exported or to be made private. */
function hiddenSection(api) {
  const all = api.flatMap(({ exports }) => exports)
  const known = new Set(all.map(({ name }) => name))
  const hidden = new Map()
  for (const { name, reached } of all) {
    for (const other of reached) if (!known.has(other)) hidden.set(other, [...(hidden.get(other) ?? []), name])
  }
  if (hidden.size === 0) return []
  const lines = [...hidden].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, by]) => `- \`${name}\`: ${by.join(', ')}`)
  return ['## Used in signatures, not exported', lines.join('\n')]
}

function codeBlock(parts) {
  return `\`\`\`ts\n${parts.join('\n\n')}\n\`\`\``
}

function exportText({ signature, doc, moduleDoc, members, file }) {
  const kernel = doc.kernel.length > 0 ? doc.kernel : moduleDoc.kernel
  const head = `${docLines({ ...doc, kernel }, '')}// ${file}\n${signature}`
  if (members.length === 0) return head
  const lines = members.map((member) => `${docLines(member.doc, '  ')}  ${member.signature.replace(/\n/g, '\n  ')}`)
  return `${head} {\n${lines.join('\n')}\n}`
}

function docLines({ text, kernel }, indent) {
  const lines = [...(text === '' ? [] : [firstSentence(text)]), ...kernel.map((symbol) => `@kernel ${symbol}`)]
  return lines.map((line) => `${indent}// ${line}\n`).join('')
}

/** To the first full stop before a new sentence; abbreviations such as `mm/gup.c` have none. */
function firstSentence(text) {
  return /^.*?[.?!](?=\s+[A-Z`{(]|$)/.exec(text)?.[0] ?? text
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(root, API_REPORT)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, apiMarkdown())
}
