import { describe, expect, it } from 'vitest'
import { decorationOf, hasFlag, numberOf } from '../../../src/trace/import/calls/call-arguments.ts'
import { errnoOf } from '../../../src/trace/import/calls/errno-names.ts'
import { ioCallOf, passedOverCall, positionOf } from '../../../src/trace/import/calls/io-calls.ts'
import { type Mapping, Mappings } from '../../../src/trace/import/calls/mappings.ts'
import { notFileOf, OpenFiles } from '../../../src/trace/import/calls/open-files.ts'
import { textOfQuoted } from '../../../src/trace/import/text/quoted.ts'
import { DESCRIPTORS_MAX, MAPPINGS_MAX } from '../../../src/trace/limits.ts'
import { NONE } from '../../../src/trace/op-batch.ts'

const file = (name: string, direct: boolean | null = null) => ({ name, direct, notFile: null })
const mapping = (start: number, end: number, offsetBytes = 0): Mapping => {
  return { start, end, backing: 4, flags: 0, file: NONE, offsetBytes, declared: false }
}

describe('open files', () => {
  it('descriptors of one open share its flags, copies of a table too', () => {
    const files = new OpenFiles()
    files.open(3, file('/a', false))
    files.duplicate(3, 4, false)
    const child = files.copy()
    files.find(4)!.direct = true
    expect([files.find(3), child.find(3), child.find(4)].map((one) => one?.direct)).toEqual([true, true, true])
    child.close(3)
    expect([files.find(3)?.name, child.find(3)]).toEqual(['/a', undefined])
  })

  it('a copy of an unknown descriptor is unknown, whatever was there', () => {
    const files = new OpenFiles()
    files.open(4, file('/a'))
    files.duplicate(3, 4, false)
    expect(files.find(4)).toBeUndefined()
  })

  it('execve closes what asked for it; dup2 does not take that over', () => {
    const files = new OpenFiles()
    files.open(3, file('/a'), true)
    files.duplicate(3, 1, false)
    files.open(5, file('/b'))
    files.setCloseOnExec(5, true)
    files.exec()
    expect([1, 3, 5].map((fd) => files.find(fd)?.name)).toEqual(['/a', undefined, undefined])
  })

  it('closes ranges of any length', () => {
    const files = new OpenFiles()
    for (let fd = 3; fd < 10; fd++) files.open(fd, file(`/${fd}`))
    files.close(4, 5)
    files.close(8, 0xffffffff)
    expect([3, 4, 5, 6, 7, 8, 9].filter((fd) => files.find(fd) !== undefined)).toEqual([3, 6, 7])
  })

  it('forgets the oldest when there are too many', () => {
    const files = new OpenFiles()
    for (let fd = 0; fd <= DESCRIPTORS_MAX; fd++) files.open(fd, file('/a'))
    expect([files.find(0), files.find(1)?.name, files.find(DESCRIPTORS_MAX)?.name]).toEqual([undefined, '/a', '/a'])
  })

  it.each([
    ['', null],
    ['/mnt/data', null],
    ['/dev/vda', null],
    ['/dev/vda<block 254:0>', null],
    ['/dev/shm/x', null],
    ['/memfd:buffer', null],
    ['data.bin', null],
    ['/dev/urandom', 'calls on character devices'],
    ['/dev/nvme0<char 240:0>', 'calls on character devices'],
    ['/sys/block/vda/size', 'calls on files of /proc and /sys'],
    ['TCPv6:[[::1]:80]', 'calls on sockets'],
    ['pipe:[1]', 'calls on pipes'],
  ])('%s', (name, reason) => {
    expect(notFileOf(name)).toBe(reason)
  })
})

describe('mappings', () => {
  it('are told of once, when they are reached', () => {
    const mappings = new Mappings()
    mappings.replace(0x1000, 0x3000, mapping(0x1000, 0x3000))
    expect(mappings.untold(0x3000, 0x4000)).toEqual([])
    expect(mappings.untold(0x2fff, 0x4000).map(({ start }) => start)).toEqual([0x1000])
    expect(mappings.untold(0x1000, 0x1001)).toEqual([])
  })

  it('a range out of the middle leaves both ends, each at its place in the file', () => {
    const mappings = new Mappings()
    mappings.replace(0x1000, 0x9000, mapping(0x1000, 0x9000, 0x100000))
    mappings.untold(0x1000, 0x1001)
    expect(mappings.replace(0x3000, 0x5000, null)).toEqual([{ start: 0x3000, end: 0x5000 }])
    expect(mappings.replace(0, 0x10000, null)).toEqual([
      { start: 0x1000, end: 0x3000 },
      { start: 0x5000, end: 0x9000 },
    ])
  })

  it('a mapping in the middle of another: three, of which the new one was not told of', () => {
    const mappings = new Mappings()
    mappings.replace(0x1000, 0x9000, mapping(0x1000, 0x9000, 0x100000))
    mappings.replace(0x3000, 0x5000, mapping(0x3000, 0x5000))
    const all = mappings.untold(0, 0x10000).map(({ start, end, offsetBytes }) => [start, end, offsetBytes])
    expect(all).toEqual([
      [0x1000, 0x3000, 0x100000],
      [0x3000, 0x5000, 0],
      [0x5000, 0x9000, 0x104000],
    ])
  })

  it('follows no more than it may', () => {
    const mappings = new Mappings()
    for (let i = 0; i < MAPPINGS_MAX + 10; i++)
      mappings.replace(i * 8192, i * 8192 + 4096, mapping(i * 8192, i * 8192 + 4096))
    expect(mappings.untold(0, Number.MAX_SAFE_INTEGER).length).toBe(MAPPINGS_MAX)
  })
})

describe('what recorders write of a call', () => {
  it.each([
    ['3', 3],
    ['3</mnt/data>', 3],
    ['0x4002 /* O_RDWR|O_DIRECT */', 0x4002],
    ['0X1F', 31],
    ['-1', -1],
    ['-100', -100],
    ['0xffffffffffffffff', -1],
    ['18446744073709551615', -1],
    ['0x8000000000000000', null],
    ['NULL', 0],
    ['AT_FDCWD</mnt>', null],
    [undefined, null],
  ])('number of %s', (text, value) => {
    expect(numberOf(text)).toBe(value)
  })

  it.each([
    ['O_RDWR|O_DIRECT', true],
    ['RDWR|DIRECT', true],
    ['RDONLY', false],
    ['0x4000', true],
    ['0', false],
    ['{flags=O_RDWR|O_DIRECT, mode=0}', true],
    ['{...}', null],
    [undefined, null],
  ])('O_DIRECT in %s', (text, isSet) => {
    expect(hasFlag(text, 'O_', 'DIRECT', 0x4000)).toBe(isSet)
  })

  it('descriptors, strings, errors', () => {
    expect(['3</a b>', 'AT_FDCWD</mnt>', '3</a>(deleted)', '3', '"x"'].map(decorationOf)).toEqual([
      '/a b',
      '/mnt',
      '/a',
      null,
      null,
    ])
    expect(['"a\\tb\\12\\x41\\""', '"cut"...', '""', 'x', '"'].map(textOfQuoted)).toEqual([
      'a\tb\nA"',
      'cut',
      '',
      null,
      null,
    ])
    // errno-base.h and errno.h of the kernel: 1, 11, 35, 41 is free, 95, 133.
    expect(
      ['EPERM', 'EAGAIN', 'EWOULDBLOCK', 'EDEADLK', 'ENOMSG', 'EOPNOTSUPP', 'EHWPOISON', '-', 'EODD'].map(errnoOf),
    ).toEqual([-1, -11, -11, -35, -42, -95, -133, null, null])
  })

  it('calls: arguments as SYSCALL_DEFINE has them', () => {
    expect(ioCallOf('preadv2')?.argumentNames).toEqual(['fd', 'vec', 'vlen', 'pos_l', 'pos_h', 'flags'])
    expect(ioCallOf('preadv2')).toMatchObject({ isVector: true, position: 3, positionHigh: 4, flags: 5, direction: 0 })
    expect(ioCallOf('pwrite')).toMatchObject({
      name: 'pwrite64',
      isVector: false,
      position: 3,
      flags: NONE,
      direction: 1,
    })
    expect(ioCallOf('sendto')).toBeUndefined()
    expect(['sendto', 'splice', 'fsync', 'getpid'].map(passedOverCall)).toEqual([
      'calls on sockets',
      'calls without a user buffer (sendfile, splice, copy_file_range)',
      'calls that sync, cut or allocate files',
      'other system calls',
    ])
    expect([positionOf(4096), positionOf(-1), positionOf(2 ** 60)]).toEqual([4096, NONE, NONE])
  })
})
