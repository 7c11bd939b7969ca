import { describe } from 'vitest'
import type { IterName } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import register from '../src/register.ts'
import { SlowCipherSocket } from './model/slow-af-alg.ts'
import { SlowHashSocket } from './model/slow-af-alg-hash.ts'
import { SlowChecksum } from './model/slow-checksum.ts'
import { SlowNetfsCrypt } from './model/slow-netfs-crypt.ts'
import { SlowSkcipherWalk } from './model/slow-skcipher-walk.ts'
import { SlowSmb3Transform } from './model/slow-smb3-transform.ts'

const iters: readonly IterName[] = ['ubuf', 'ubuf', 'iovec', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq', 'discard']
const files = ['', 'a', 'b']
const ends = [undefined, undefined, 0, 1500, 2500, 'never'] as const
/** Of most operations the result is not known. */
const results = [undefined, undefined, undefined, 16, 8, 3, 0, -11]
const flags = ['more', 'nowait', 'splice'] as const
const socket = { iters, flags, files, ends, results }
const spliced = { ...socket, iters: [...iters, 'bvec' as const, 'bvec' as const, 'bvec' as const] }
const file = { ...socket, flags: [] }

const SUITES: readonly TwinSuite[] = [
  {
    name: 'af-alg-skcipher',
    make: (world) => new SlowCipherSocket(world, 'skcipher'),
    options: [{}, {}, { sndbuf: 20_000 }, { rcvbuf: 20_000 }, { 'chunk-size': 64 }, { 'optmem-max': 6000 }],
    choices: socket,
    small: 800,
    random: 400,
  },
  {
    name: 'af-alg-aead',
    make: (world) => new SlowCipherSocket(world, 'aead'),
    options: [{}, { assoclen: 20 }, { assoclen: 20, decrypt: 1 }, { rcvbuf: 20_000 }, { sndbuf: 20_000, authsize: 4 }],
    choices: socket,
    small: 800,
    random: 400,
  },
  {
    name: 'af-alg-skcipher',
    make: (world) => new SlowCipherSocket(world, 'skcipher'),
    options: [{}, {}, { sndbuf: 20_000 }, { 'optmem-max': 6000 }],
    quirks: [{ 'alg-tx-sendpage': true }, { 'alg-tx-splice': true }],
    choices: spliced,
    small: 300,
    random: 300,
  },
  {
    name: 'af-alg-aead',
    make: (world) => new SlowCipherSocket(world, 'aead'),
    options: [{}, { assoclen: 20 }, { assoclen: 20, decrypt: 1 }, { decrypt: 1, authsize: 64 }],
    quirks: [
      { 'alg-aead-in-place': true },
      { 'alg-aead-in-place': true, 'alg-tx-sendpage': true },
      { 'alg-aead-in-place': true, 'alg-tx-splice': true },
    ],
    choices: spliced,
    small: 300,
    random: 300,
  },
  {
    name: 'af-alg-hash',
    make: (world) => new SlowHashSocket(world),
    options: [{}, {}, { sndbuf: 20_000 }],
    choices: socket,
    small: 600,
    random: 300,
  },
  {
    name: 'netfs-crypt',
    make: (world) => new SlowNetfsCrypt(world),
    options: [
      {},
      { 'in-place': 1 },
      { 'block-size': 512 },
      { 'block-size': 512, 'in-place': 1 },
      { 'block-size': 16_384 },
      { 'copy-misaligned': 1 },
    ],
    choices: { ...file, unit: 4096 },
    small: 600,
    random: 300,
  },
  {
    name: 'smb3-transform',
    make: (world) => new SlowSmb3Transform(world),
    options: [{}, { kvecs: 1 }],
    choices: file,
    small: 600,
    random: 300,
  },
  {
    name: 'skcipher-walk',
    make: (world) => new SlowSkcipherWalk(world),
    options: [
      {},
      { 'block-size': 1 },
      { alignmask: 15 },
      { alignmask: 15, 'block-size': 1 },
      { alignmask: 3, 'in-place': 0, 'dst-offset': 8 },
      { 'in-place': 0 },
      { 'walk-size': 128 },
      { 'walk-size': 128, 'block-size': 1, alignmask: 1 },
    ],
    choices: file,
    small: 600,
    random: 300,
  },
  {
    name: 'checksum',
    make: (world) => new SlowChecksum(world),
    options: [{}],
    choices: file,
    small: 300,
    random: 150,
  },
]

describe('the slow twin agrees with the consumer', async () => {
  const { consumers = [] } = await register()
  for (const suite of SUITES) compareTwins(consumers.find(({ name }) => name === suite.name)!, suite)
})
