// Damaged trace files: from good ones, by a seed. The same seed makes the same bytes.

/** Whole numbers below `below` from a seed (mulberry32). */
export function generator(seed) {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) % below
  }
}

/** Numbers at which readers go wrong, as text. */
const NUMBERS = [
  ...['0', '-1', '00', '4294967295', '4294967296', '2147483648', '9007199254740991', '9007199254740992', '1e309'],
  ...['18446744073709551615', '99999999999999999999999999', '0x', '0xffffffffffffffff', '1.5', '.', '1.', '-0', 'NaN'],
]
const WORDS = [
  ...[
    '\0',
    '\r',
    '\n',
    '\r\n',
    '"',
    '""',
    ',',
    ';',
    '{',
    '}',
    '[',
    ']',
    '\\',
    '<unfinished ...>',
    '<... read resumed>',
  ],
  ...[
    'never',
    'Q',
    'C',
    'D',
    '+',
    ' + ',
    '=',
    '= ',
    '(',
    ')',
    '\xff\xfe',
    '\xef\xbb\xbf',
    '\t',
    '=>',
    ' -> ',
    ':',
    '%',
    '\x1b[31m',
  ],
]
const INTEGERS = [0, 1, 2, 7, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

/** One to eight changes of `bytes`; `other` is a file that pieces are taken from. */
export function mutated(bytes, other, random) {
  let data = Buffer.from(bytes)
  for (let changes = 1 + random(1 + random(6)); changes > 0; changes--)
    data = CHANGES[random(CHANGES.length)](data, other, random)
  return data
}

const place = (data, random) => (data.length === 0 ? 0 : random(data.length))
const spliced = (data, at, length, piece) => Buffer.concat([data.subarray(0, at), piece, data.subarray(at + length)])

const CHANGES = [
  // A bit, a byte, an integer of 2, 4 or 8 bytes.
  (data, _other, random) => {
    if (data.length === 0) return data
    const copy = Buffer.from(data)
    copy[place(data, random)] ^= 1 << random(8)
    return copy
  },
  (data, _other, random) => spliced(data, place(data, random), 1, Buffer.from([random(256)])),
  (data, _other, random) => {
    const width = [2, 4, 8][random(3)]
    const integer = Buffer.alloc(8)
    integer.writeUInt32LE(INTEGERS[random(INTEGERS.length)], 0)
    if (random(2) === 0) integer.writeUInt32LE(INTEGERS[random(INTEGERS.length)], 4)
    return spliced(data, place(data, random), width, integer.subarray(0, width))
  },
  // A number or a word in the middle of text.
  (data, _other, random) => {
    const at = place(data, random)
    let end = at
    while (end < data.length && data[end] >= 48 && data[end] <= 57) end++
    return spliced(data, at, end - at, Buffer.from(NUMBERS[random(NUMBERS.length)]))
  },
  (data, _other, random) =>
    spliced(data, place(data, random), random(3), Buffer.from(WORDS[random(WORDS.length)], 'latin1')),
  // Pieces cut out, doubled, moved, or taken from another file.
  (data, _other, random) => spliced(data, place(data, random), 1 + random(64), Buffer.alloc(0)),
  (data, _other, random) => data.subarray(0, place(data, random)),
  (data, _other, random) => {
    const from = place(data, random)
    return spliced(data, place(data, random), 0, data.subarray(from, from + random(400)))
  },
  (data, other, random) => {
    const from = place(other, random)
    return spliced(data, place(data, random), random(100), other.subarray(from, from + random(400)))
  },
  // Lines left out, doubled, moved.
  (data, _other, random) => {
    const lines = data.toString('latin1').split('\n')
    const [line] = lines.splice(random(lines.length), random(2))
    if (line !== undefined)
      for (let copies = random(4); copies > 0; copies--) lines.splice(random(lines.length + 1), 0, line)
    return Buffer.from(lines.join('\n'), 'latin1')
  },
  // The same piece many times: what is nested, what repeats.
  (data, _other, random) => {
    const from = place(data, random)
    const piece = data.subarray(from, from + 1 + random(12))
    return spliced(data, from, 0, Buffer.concat(Array.from({ length: 1 + random(3000) }, () => piece)))
  },
]
