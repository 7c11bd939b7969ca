import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { pinscope, ROOT } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const LEAKS = 'traces/made/release-errors.csv'

const CONSUMER_KEYS = [
  'name',
  'package',
  'summary',
  'kernel',
  'accepts',
  'entriesMax',
  'avoided',
  'options',
  'limits',
  'counters',
]

const schema = JSON.parse(readFileSync(join(ROOT, 'packages/core/schema/pinscope-report-1.schema.json'), 'utf8'))
const validate = new Ajv2020({ allErrors: true }).compile(schema)

describe('--json', () => {
  it.each([
    [[CLEAN]],
    [[CLEAN, '-p', 'all', '-c', 'all']],
    [[LEAKS]],
    [[CLEAN, LEAKS, '--in-flight']],
    [['traces/ground-truth/dio-thp.csv', '--kernel', '6.18']],
    [[CLEAN, '-c', 'bio', '-c', 'null', '--faults', 'page@9']],
    [[CLEAN, '--verify-data', '--quirk', 'sg-temp-array', '--no-quirk', 'xarray-copy-hole']],
  ])('replay %j prints a report that its JSON Schema accepts', async (args) => {
    const { stdout } = await pinscope(['replay', ...args, '--json'])
    const report = JSON.parse(stdout)
    validate(report)
    expect(validate.errors).toBeNull()
    expect(report.schema).toBe('pinscope-report/1')
  })

  it('is the same bytes each time, and the same as --format json', async () => {
    const [first, second] = await Promise.all([
      pinscope(['replay', LEAKS, '--json']),
      pinscope(['replay', LEAKS, '--format', 'json']),
    ])
    expect(second).toEqual(first)
  })

  it('reads standard input and gzip like a file', async () => {
    const { gzipSync } = await import('node:zlib')
    const text = readFileSync(join(ROOT, CLEAN))
    const [file, plain, gzip] = await Promise.all([
      pinscope(['replay', CLEAN, '--json']),
      pinscope(['replay', '-', '--json'], { stdin: text }),
      pinscope(['replay', '-', '--json'], { stdin: gzipSync(text) }),
    ])
    expect(plain.stdout).toBe(file.stdout.replaceAll(CLEAN, '-'))
    expect(gzip.stdout).toBe(plain.stdout)
  })

  it.each([
    [['replay', 'none.csv', '--json'], { kind: 'trace', file: 'none.csv', line: null, exitStatus: 2 }],
    [['replay', 'package.json', '--json'], { kind: 'trace', file: 'package.json', line: 1, column: 1, exitStatus: 2 }],
    [['replay', CLEAN, '--format', 'json', '-p', 'x'], { kind: 'usage', file: null, package: null, exitStatus: 2 }],
    [['replay', CLEAN, '--jsno', '--json'], { kind: 'usage', message: 'unknown flag --jsno' }],
    [['nonsense', '--json'], { kind: 'usage', message: 'unknown command "nonsense"' }],
  ])('an error is JSON too: %j', async (args, expected) => {
    const { status, stdout, stderr } = await pinscope(args)
    const { schema: name, error } = JSON.parse(stdout)
    expect(name).toBe('pinscope-error/1')
    expect(Object.keys(error)).toEqual(['kind', 'message', 'hint', 'exitStatus', 'file', 'line', 'column', 'package'])
    expect(error).toMatchObject(expected)
    expect(status).toBe(error.exitStatus)
    expect(stderr).toContain(error.message)
  })

  it('trace validate, trace info, consumers, policies and explain', async () => {
    const json = async (...args: string[]) => JSON.parse((await pinscope([...args, '--json'])).stdout)
    expect(await json('trace', 'validate', CLEAN, 'none.csv')).toMatchObject({
      files: [
        { file: CLEAN, ok: true, rows: 136, error: null },
        { file: 'none.csv', ok: false, rows: 0, error: { kind: 'trace' } },
      ],
    })
    expect(await json('trace', 'info', CLEAN)).toMatchObject({ rows: 136, operations: 132 })
    const { consumers } = await json('consumers')
    const named = (wanted: string) => consumers.find(({ name }: { name: string }) => name === wanted)
    expect(consumers.slice(0, 3).map(({ name }: { name: string }) => name)).toEqual(['bio', 'buffered', 'null'])
    expect(named('vhost-scsi').package).toBe('@pinscope/plugin-vhost')
    for (const consumer of consumers) expect(Object.keys(consumer)).toEqual(CONSUMER_KEYS)
    expect(named('vhost-scsi').limits).toContainEqual(
      expect.objectContaining({ name: 'VHOST_SCSI_PREALLOC_SGLS', max: 2048, unit: 'entries' }),
    )
    const { policies } = await json('policies')
    expect(policies[1].retention[0]).toEqual({ iter: 'ubuf', dest: 'pin', source: 'ref' })
    expect(await json('explain', CLEAN, '--row', '100')).toMatchObject({ row: 100, pins: { acquired: 4, released: 4 } })
  })
})
