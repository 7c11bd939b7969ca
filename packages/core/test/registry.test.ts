import { describe, expect, it } from 'vitest'
import { type ConsumerDefinition, defineConsumer } from '../src/consumer/consumer.ts'
import { nullConsumer } from '../src/consumer/null-consumer.ts'
import { PluginError } from '../src/consumer/plugin-error.ts'
import { Registry } from '../src/consumer/registry.ts'
import { isModelledSeries, kernelVersionOf } from '../src/kernel/version.ts'
import { h10 } from '../src/lifetime/rules/h-10-pin-leak.ts'
import { consumerOptions } from '../src/replay/consumer-options.ts'
import { UsageError } from '../src/replay/usage-error.ts'
import { laneOf, reportOf } from './support/replay-rows.ts'
import { traceOf } from './support/rows.ts'

const own: ConsumerDefinition = defineConsumer({ ...nullConsumer, name: 'own' })

function registering(registration: unknown): () => void {
  return () => new Registry().register('their-package', registration)
}

describe('what a plugin registers', () => {
  it('is found, after the built-in consumers', () => {
    const registry = new Registry()
    registry.register('their-package', { apiVersion: 1, consumers: [own] })
    expect(registry.consumers().map(({ definition }) => definition.name)).toEqual(['bio', 'buffered', 'null', 'own'])
    expect(registry.find('own')).toEqual({ packageName: 'their-package', definition: own })
    expect(registry.find('other')).toBeUndefined()
  })

  it('may be no consumer at all', () => {
    expect(registering({ apiVersion: 1 })).not.toThrow()
  })

  it.each([
    ['nothing', undefined, 'its hook pinscope:register returned nothing; it must return { apiVersion, consumers }'],
    ['null', null, 'its hook pinscope:register returned nothing; it must return { apiVersion, consumers }'],
    ['no version', {}, 'it was made for apiVersion undefined; this pinscope has apiVersion 1'],
    ['a later version', { apiVersion: 2 }, 'it was made for apiVersion 2; this pinscope has apiVersion 1'],
    ['no list', { apiVersion: 1, consumers: own }, '"consumers" is not an array'],
  ])('%s is refused with the name of the package', (_, registration, problem) => {
    expect(registering(registration)).toThrow(new PluginError('their-package', problem))
    expect(registering(registration)).toThrow(`their-package: ${problem}`)
  })

  it.each([
    ['no object', null, 'consumer name undefined is not of the form "vhost-scsi"'],
    ['a bad name', { ...own, name: 'Own_One' }, 'consumer name "Own_One" is not of the form "vhost-scsi"'],
    ['another version', { ...own, apiVersion: 7 }, 'consumer "own": it has apiVersion 7; this pinscope has 1'],
    ['no summary', { ...own, summary: '' }, 'consumer "own": it has no summary'],
    ['no create', { ...own, create: undefined }, 'consumer "own": it has no create()'],
    ['no policy', { ...own, kernelPolicy: undefined }, 'consumer "own": it has no kernelPolicy()'],
    ['no types', { ...own, accepts: 'ubuf' }, 'consumer "own": it does not say which iterator types it accepts'],
    ['no entries', { ...own, entriesMax: 0 }, 'consumer "own": entriesMax is not a positive integer'],
    ['half an entry', { ...own, entriesMax: 1.5 }, 'consumer "own": entriesMax is not a positive integer'],
  ])('a consumer with %s is refused', (_, definition, problem) => {
    expect(registering({ apiVersion: 1, consumers: [definition] })).toThrow(`their-package: ${problem}`)
  })

  it('a name that is taken is refused, and says by whom', () => {
    const registry = new Registry()
    registry.register('first-package', { apiVersion: 1, consumers: [own] })
    const again = () => registry.register('their-package', { apiVersion: 1, consumers: [own] })
    expect(again).toThrow('their-package: its consumer "own" is already taken by first-package')
    expect(registering({ apiVersion: 1, consumers: [{ ...own, name: 'bio' }] })).toThrow(
      'already taken by @pinscope/core',
    )
  })
})

describe('hazard rules of a plugin', () => {
  const mine = { ...h10, id: 'MINE-1' }

  it('are found by registry.rules(), each with its package; those of pinscope are not among them', () => {
    const registry = new Registry()
    expect(registry.rules()).toEqual([])
    registry.register('their-package', { apiVersion: 1, rules: [mine] })
    expect(registry.rules().map(({ packageName, rule }) => [packageName, rule.id])).toEqual([
      ['their-package', 'MINE-1'],
    ])
  })

  it.each([
    ['no list', mine, '"rules" is not an array'],
    ['null', [null], 'rule id undefined is not of the form "MY-01"'],
    ["one of pinscope's", [h10], 'rule "H-10": ids with the letter H are pinscope\'s own; take other letters'],
    ['one with no kernel', [{ ...mine, kernel: 1 }], 'rule "MINE-1": it has no kernel'],
    ['the same twice', [mine, { ...mine, id: 'MINE-01' }], 'its rule "MINE-01" is already taken by their-package'],
  ])('%s is refused with the name of the package', (_, rules, problem) => {
    expect(registering({ apiVersion: 1, rules })).toThrow(new PluginError('their-package', problem))
  })
})

describe('a consumer that breaks', () => {
  const broken = (part: object) => {
    const registry = new Registry()
    const create = () => ({ submit: () => 0, abort() {}, complete() {}, counters: () => ({}), ...part })
    registry.register('their-package', { apiVersion: 1, consumers: [{ ...own, create }] })
    return laneOf([{ segs: [[0x1000, 4096]] }], { registry, consumers: ['own'] })
  }
  const fail = (): never => {
    throw new RangeError('no')
  }

  it.each(['submit', 'complete', 'counters'])('%s: its package is to blame', async (method) => {
    await expect(broken({ [method]: fail })).rejects.toThrow('their-package: consumer "own" threw RangeError: no')
  })

  it('built-in consumers keep their own errors', async () => {
    await expect(reportOf([{ consumer: 'nobody', segs: [[0x1000, 512]] }])).rejects.toThrow(
      'which no plugin here brings',
    )
    await expect(reportOf([], { consumers: ['nobody'] })).rejects.toThrow(UsageError)
    await expect(reportOf([], { policies: ['nothing'] })).rejects.toThrow('there is no policy "nothing"')
    await expect(reportOf([], { kernel: 'abc' })).rejects.toThrow('"abc" is not a kernel version')
  })
})

describe('kernel versions', () => {
  it.each([
    ['6.18.44', '6.18'],
    ['6.12.95-1', '6.12'],
    ['6.1.192', '6.1'],
    ['v5.15', '6.1'],
    ['6.2', '6.1'],
    ['6.3', '6.12'],
    ['6.6.60', '6.12'],
    ['6.17', '6.12'],
    ['6.19', '6.18'],
    ['7.0', 'mainline'],
    ['7.12.1', 'mainline'],
    ['mainline', 'mainline'],
    ['linux', null],
    ['', null],
  ])('%s is taken as %s', (text, version) => {
    expect(kernelVersionOf(text)).toBe(version)
  })

  it('only four series are modelled themselves', () => {
    const texts = ['6.1.192', '6.12', '6.18.44', 'mainline', '7.1', '6.6', '6.120', '5.15']
    expect(texts.filter(isModelledSeries)).toEqual(['6.1.192', '6.12', '6.18.44', 'mainline', '7.1'])
  })
})

describe('options of a consumer', () => {
  const bio = new Registry().find('bio')!.definition
  const header = (...lines: [string, string][]) => traceOf([], { attributes: new Map(lines) }).header

  it('come from the caller, else the header, else the default', () => {
    const attributes = header(['logical-block-size', '4096'], ['dma-alignment', '4'])
    expect(consumerOptions(bio, header(), {})).toEqual({
      'logical-block-size': 512,
      'dma-alignment': 512,
      'bvec-limit': 256,
      'extent-bytes': 0,
      nodatasum: 0,
    })
    expect(consumerOptions(bio, attributes, { bio: { 'dma-alignment': 8 }, other: { x: 1 } })).toEqual({
      'logical-block-size': 4096,
      'dma-alignment': 8,
      'bvec-limit': 256,
      'extent-bytes': 0,
      nodatasum: 0,
    })
  })

  it.each([
    ['logical-block-size', 1000, 'bio.logical-block-size is 1000'],
    ['logical-block-size', 256, 'bio.logical-block-size is 256'],
    ['dma-alignment', 8192, 'bio.dma-alignment is 8192'],
    ['bvec-limit', 0, 'bio.bvec-limit is 0'],
    ['bvec-limit', 2.5, 'bio.bvec-limit is 2.5'],
    ['bvec-limit', Number.NaN, 'bio.bvec-limit is NaN'],
    ['block-size', 512, 'consumer "bio" has no option "block-size"'],
  ])('%s=%d is refused', (name, value, problem) => {
    const given = () => consumerOptions(bio, header(), { bio: { [name]: value } })
    expect(given).toThrow(UsageError)
    expect(given).toThrow(problem)
  })

  it('three bvecs are allowed, though no power of two', () => {
    expect(consumerOptions(bio, header(), { bio: { 'bvec-limit': 3 } })['bvec-limit']).toBe(3)
  })
})
