import { existsSync } from 'node:fs'
import { FLAG_NAMES, findPolicy, ITER_TYPE_NAMES, QUIRKS } from '@pinscope/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { COLUMN_NAMES } from '../packages/core/src/trace/columns.ts'
import { EVENT_NAMES } from '../packages/core/src/trace/op-batch.ts'
import { CASES } from '../scripts/consumer-cases.mjs'
import { consumersOf, pageNames, pluginConsumers, readPage, withParts } from '../scripts/consumer-pages.mjs'
import { ROOT } from './sources.ts'

/** What each page tells, in this order. */
const HEADINGS = [
  'What it takes',
  'What it builds',
  'Limits',
  'When it lets go',
  'When it fails half way',
  'Copies avoided',
  'State',
  'Versions',
  'Counters',
  'Example',
]

/** Words for what is taken; README.md explains them. */
const OWNERSHIP = ['pin', 'ref', 'bare', 'copy', 'nothing', 'n/a']
/** Words of the cells of a trace. */
const CELLS: readonly string[] = [...COLUMN_NAMES, ...EVENT_NAMES, ...FLAG_NAMES, 'read', 'write']
/** Kernel sources that the plugins' consumers stand for. */
const PLUGIN_SOURCES =
  /\b((crypto|io_uring|drivers\/(block|infiniband|vhost)|net\/(9p|ceph|core|ipv4|rds|sunrpc|tls|vmw_vsock|xdp)|fs\/(afs|ceph|fuse|netfs|nfs|proc|smb))\/|fs\/(pipe|splice)\.c|mm\/process_vm_access\.c)/

interface Option {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly words?: readonly string[]
}

interface Definition {
  readonly name: string
  readonly options?: readonly Option[]
  readonly limits?: readonly { readonly name: string }[]
  readonly counters?: readonly { readonly name: string }[]
}

let definitions: readonly Definition[] = []
let consumers: readonly { readonly definition: Definition }[] = []

beforeAll(async () => {
  consumers = await pluginConsumers()
  definitions = consumers.map(({ definition }) => definition)
})

const find = (name: string) => definitions.find((one) => one.name === name)
/** Pages about consumers: not the index, and not the table. */
const pages = pageNames().filter((page) => consumersOf(readPage(page)).length > 0)

/** Words in backticks of the text that is written by hand. */
function codeIn(text: string): string[] {
  const prose = text.replace(/<!-- (generated|output): [\s\S]*?<!-- (end|\/output) -->/g, '')
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code)
}

/** What is wrong with a word in backticks on a page about these consumers; null when it is one that exists. */
function wrongWord(code: string, about: readonly Definition[]): string | null {
  const option = /^-O ([^.\s]+)\.([^=\s]+)=(\w+)$/.exec(code)
  if (option !== null) return wrongOption(option[1], option[2], option[3])
  if (/^[a-z]\w*_\w+(\(\))?$|^[a-z]\w*\(\)$/.test(code)) return null
  if (/^[A-Z][A-Z0-9_]+$/.test(code)) {
    const isLimit = about.some(({ limits = [] }) => limits.some(({ name }) => name === code))
    return isLimit || /^(MSG|FOLL|ITER)_|^E[A-Z]+$/.test(code) ? null : 'no limit of these consumers'
  }
  if (/^--?[a-z-]+$/.test(code)) return null
  const command = /^node (\S+)$/.exec(code)
  if (command !== null) return existsSync(`${ROOT}${command[1]}`) ? null : 'no such file'
  const words = code.split(/ \+ | or /)
  return words.every((word) => isKnown(word, about)) ? null : 'no counter of these consumers, and no other name'
}

function wrongOption(consumer: string, name: string, text: string): string | null {
  const option = find(consumer)?.options?.find((one) => one.name === name)
  if (option === undefined) return 'no such option'
  if (option.words?.includes(text)) return null
  const value = Number(text)
  return value >= option.min && value <= option.max ? null : 'not a value of that option'
}

function isKnown(word: string, about: readonly Definition[]): boolean {
  return (
    about.some(({ counters = [] }) => counters.some(({ name }) => name === word)) ||
    about.some(({ options = [] }) => options.some(({ name }) => name === word)) ||
    OWNERSHIP.includes(word) ||
    (ITER_TYPE_NAMES as readonly string[]).includes(word) ||
    findPolicy(word) !== undefined ||
    QUIRKS.some(({ name }) => name === word) ||
    find(word) !== undefined ||
    ['bio', 'buffered', 'null'].includes(word) ||
    CELLS.includes(word)
  )
}

const aboutOf = (page: string) => consumersOf(readPage(page)).flatMap((name) => find(name) ?? [])

describe('docs/consumers', () => {
  it.each(pageNames())('%s is what the code tells (else: node scripts/consumer-pages.mjs)', async (page) => {
    expect(readPage(page)).toBe(await withParts(readPage(page), consumers))
  })

  it('has one page for every consumer of the plugins', () => {
    const named = pages.flatMap((page) => consumersOf(readPage(page)))
    expect([...named].sort()).toEqual(definitions.map(({ name }) => name).sort())
  })

  it('has every consumer in the ownership table', () => {
    expect(Object.keys(CASES).sort()).toEqual(definitions.map(({ name }) => name).sort())
  })

  it.each(pages)('%s tells everything that a page has to tell', (page) => {
    const text = readPage(page)
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    expect(headings.filter((heading) => HEADINGS.includes(heading))).toEqual(HEADINGS)
    for (const { name } of aboutOf(page)) {
      for (const part of ['about', 'takes', 'options', 'limits', 'avoided', 'counters']) {
        expect(text, `${part} of ${name}`).toMatch(new RegExp(`<!-- generated: ${part} ${name}( like \\S+)? -->`))
      }
    }
    expect(text).toContain('<!-- output: pinscope ')
  })

  it.each(pageNames())('%s names no counter, option or limit that does not exist', (page) => {
    const about = aboutOf(page)
    const wrong = codeIn(readPage(page)).map((code) => [code, wrongWord(code, about)] as const)
    expect(wrong.filter(([, why]) => why !== null)).toEqual([])
  })

  it('would find one', () => {
    const about = [find('tls') as Definition]
    const wrong = (code: string) => wrongWord(code, about) !== null
    expect(wrong('recordsSent')).toBe(false)
    expect(wrong('recordsLost')).toBe(true)
    expect(wrong('commands')).toBe(true)
    expect(wrong('record-size')).toBe(false)
    expect(wrong('record-length')).toBe(true)
    expect(wrong('splice')).toBe(false)
    expect(wrong('spliced')).toBe(true)
    expect(wrong('MAX_MSG_FRAGS')).toBe(false)
    expect(wrong('ALG_MAX_PAGES')).toBe(true)
    expect(wrong('-O tls.version=13')).toBe(false)
    expect(wrong('-O tls.version=14')).toBe(true)
    expect(wrong('-O tls.records=1')).toBe(true)
    expect(wrong('-O rds.transport=ib')).toBe(false)
    expect(wrong('-O rds.transport=udp')).toBe(true)
    expect(wrong('no-such-quirk')).toBe(true)
    expect(codeIn('`a` <!-- generated: counters tls -->\n`b`\n<!-- end --> `c`')).toEqual(['a', 'c'])
  })

  it('tells of every quirk of the code that these consumers stand for', () => {
    const told = pages.flatMap((page) =>
      [...readPage(page).matchAll(/<!-- generated: quirks (.*?) -->/g)].flatMap(([, names]) => names.split(' ')),
    )
    const own = QUIRKS.filter(({ source }) => PLUGIN_SOURCES.test(source)).map(({ name }) => name)
    expect(own.length).toBeGreaterThan(20)
    expect(own.filter((name) => !told.includes(name))).toEqual([])
  })
})
