import { describe, expect, it } from 'vitest'
import { visibleLength } from '../src/render/text.ts'
import { pinscope } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const THP = 'traces/ground-truth/dio-thp.csv'
const ESCAPE = String.fromCharCode(27)

const COMMANDS: string[][] = [
  [],
  ['--help'],
  ['replay', '--help'],
  ['explain', '--help'],
  ['consumers', '--help'],
  ['policies', '--help'],
  ['trace', '--help'],
  ['trace', 'info', '--help'],
  ['trace', 'validate', '--help'],
  ['consumers'],
  ['policies'],
  ['policies', '--quirks'],
  ['policies', '--quirks', '--kernel', '6.12.40'],
  ['trace', 'info', CLEAN],
  ['trace', 'info', THP],
  ['trace', 'validate', CLEAN],
  ['replay', CLEAN],
  ['replay', CLEAN, '-p', 'all', '-c', 'all'],
  ['replay', CLEAN, '-c', 'all', '-p', 'extract', '-p', 'get-pages', '--faults', 'page@20', '--fail-on', 'none'],
  ['replay', THP, '-p', 'all', '--kernel', '6.18'],
  ['replay', THP, '--kernel', '6.1'],
  ['replay', CLEAN, '--verify-data', '--quirk', 'folioq-eager-roll', '--no-quirk', 'bvec-entries-short'],
  ['replay', CLEAN, THP, 'traces/made/release-errors.csv', '-c', 'bio', '-p', 'all'],
  ['explain', CLEAN, '--row', '100'],
  ['explain', THP, '--row', '3', '--kernel', '6.18'],
  ['explain', THP, '--row', '3', '--policy', 'folio'],
  ['explain', THP, '--row', '3', '--kernel', '6.18', '--faults', 'page@1'],
  ['explain', THP, '--row', '3', '--kernel', '6.18', '--quirk', 'sg-temp-array', '--no-quirk', 'xarray-copy-hole'],
  ['explain', THP, '--row', '96', '--kernel', '6.18'],
  ['explain', THP, '--row', '7', '--consumer', 'vhost-scsi'],
]

describe('text when piped', () => {
  it.each(COMMANDS.map((args) => [args]))('%j fits 80 columns and is plain ASCII', async (args) => {
    const { stdout, stderr } = await pinscope(args)
    expect(stderr).toBe('')
    const wide = stdout.split('\n').filter((line) => line.length > 80 && !/^\s*(\$ )?(zcat|pinscope) /.test(line))
    expect(wide).toEqual([])
    expect(stdout).toMatch(/^[\x20-\x7e\n]+$/)
    expect(stdout.split('\n').filter((line) => / $/.test(line) && !args.includes('--help') && args.length > 0)).toEqual(
      [],
    )
  })

  it('shows colour only when forced, and then the same text', async () => {
    const [plain, forced, both] = await Promise.all([
      pinscope(['replay', CLEAN]),
      pinscope(['replay', CLEAN], { env: { FORCE_COLOR: '1' } }),
      pinscope(['replay', CLEAN], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }),
    ])
    expect(forced.stdout).toContain(ESCAPE)
    const strip = (text: string) => text.replace(new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g'), '')
    expect(strip(forced.stdout)).toBe(plain.stdout)
    expect(both.stdout).toBe(plain.stdout)
    expect(forced.stdout.split('\n').every((line) => visibleLength(line) <= 80)).toBe(true)
  })

  it('is as wide as COLUMNS says', async () => {
    const args = ['replay', CLEAN, '-c', 'all', '-p', 'extract', '-p', 'get-pages']
    const { stdout } = await pinscope(args, { env: { COLUMNS: '120' } })
    const longest = Math.max(...stdout.split('\n').map((line) => line.length))
    expect(longest).toBeGreaterThan(80)
    expect(longest).toBeLessThanOrEqual(120)
  })

  it('four policies stand side by side, with what tells them apart', async () => {
    const { stdout } = await pinscope(['replay', CLEAN, '-c', 'bio', '-p', 'all'])
    expect(stdout).toMatch(/policy +get-pages +viro-2022 +extract +folio\nconsumer +bio +bio +bio +bio\n/)
    const row = (heading: string, label: string) => {
      const section = stdout.slice(stdout.indexOf(heading))
      return /: *(.*)/
        .exec(
          section
            .split('\n')
            .find((line) => line.startsWith(`  ${label} `))
            ?.replace(label, ':') ?? '',
        )?.[1]
        .split(/ +/)
    }
    const pins = row('pins', 'acquired')
    const refs = row('references', 'acquired')
    expect(pins?.[0]).toBe('0')
    expect(Number(refs?.[1])).toBeGreaterThan(0)
    expect(refs?.slice(2)).toEqual(['0', '0'])
  })

  it('without arguments, tells the story', async () => {
    const { status, stdout } = await pinscope([])
    expect(status).toBe(0)
    expect(stdout).toContain('Who holds a reference on which page')
    expect(stdout).toContain('pinscope replay traces/fio-libaio-randrw.csv --policy all')
  })
})
