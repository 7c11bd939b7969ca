/** Groups of fields of an event: contexts of the packet and the event, and last its own fields. */
export interface LttngEvent {
  /** Time as the line has it. */
  readonly time: string
  readonly name: string
  /** Index of the name in the line. */
  readonly nameAt: number
  /** Fields of all contexts: cpu_id, tid, pid, procname. */
  readonly context: ReadonlyMap<string, string>
  /** Fields of the event. */
  readonly fields: ReadonlyMap<string, string>
}

/** `[17:46:40.000001000] (+0.000090000) host name: {`; what stands between the time and the name is for people. */
const HEAD = /^\[([\d:. -]{1,40})\] (?:\(\+[\d.?]{1,32}\) )?(?:[^\n{]{0,400}? )?([A-Za-z_][\w.-]{0,127}): (?=\{)/
/** `timestamp = 17:46:40.000001000, …, name = write, stream.packet.context = {`, with --names=all. */
const NAMED_HEAD =
  /^timestamp = ([\d:. -]{1,40}), [^\n{]{0,600}?\bname = ([A-Za-z_][\w.-]{0,127}), (?=[a-z.]{1,40} = \{)/
const GROUP = /(?:[a-z.]{1,40} = )?\{ ?/y
const FIELD = /([A-Za-z_][\w.]{0,127}) = /y

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The line looks like one of babeltrace2. */
export function isEventLine(line: string): boolean {
  return HEAD.test(line) || NAMED_HEAD.test(line)
}

/** The event of a line; null when it has no head, an index when its fields are wrong there. */
export function eventOf(line: string): LttngEvent | number | null {
  const match = HEAD.exec(line) ?? NAMED_HEAD.exec(line)
  if (match === null) return null
  const groups = groupsOf(line, match[0].length)
  if (typeof groups === 'number') return groups
  const context = new Map<string, string>()
  for (const group of groups.slice(0, -1)) for (const [name, value] of group) context.set(name, value)
  const nameAt = match[0].lastIndexOf(match[2]!)
  return { time: match[1]!, name: match[2]!, nameAt, context, fields: groups.at(-1) ?? new Map() }
}

/** The groups from `from` on; where they are wrong, the index. */
function groupsOf(line: string, from: number): Map<string, string>[] | number {
  const groups: Map<string, string>[] = []
  let at = from
  while (at < line.length) {
    GROUP.lastIndex = at
    if (!GROUP.test(line)) return at
    const group = new Map<string, string>()
    at = readGroup(line, GROUP.lastIndex, group)
    if (at < 0) return -at
    groups.push(group)
    if (line.startsWith(', ', at)) at += 2
  }
  return groups
}

/** Reads fields up to the closing brace. Returns the index behind it, or minus the index of what is wrong. */
function readGroup(line: string, from: number, group: Map<string, string>): number {
  let at = from
  while (line[at] !== '}') {
    FIELD.lastIndex = at
    const name = FIELD.exec(line)?.[1]
    if (name === undefined) return -at
    const end = endOfValue(line, FIELD.lastIndex)
    if (end >= line.length) return -line.length
    group.set(name, plainValue(line.slice(FIELD.lastIndex, end).trimEnd()))
    at = line[end] === ',' ? end + 2 : end
  }
  return at + 1
}

/** Index of the comma or closing brace behind a value, the end of the line where there is none. */
function endOfValue(line: string, from: number): number {
  let depth = 0
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === QUOTE) at = endOfString(line, at)
    else if (code === 0x7b || code === 0x5b || code === 0x28) depth++
    else if (code === 0x7d || code === 0x5d || code === 0x29) {
      if (depth-- === 0) return at
    } else if (code === 0x2c && depth === 0) return at
  }
  return line.length
}

function endOfString(line: string, quote: number): number {
  for (let at = quote + 1; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at
  }
  return line.length
}

/** A value as text: of an enumeration, `( "RUNNING" : container = 0 )`, its number. */
function plainValue(text: string): string {
  if (!text.startsWith('(')) return text
  return /: container = (-?\w{1,20}) \)$/.exec(text)?.[1] ?? text
}

/** Elements of an array of numbers, `[ [0] = 7, [1] = 0x10 ]`. */
export function elementsOf(text: string): string[] {
  return Array.from(text.matchAll(/\[\d{1,6}\] = (-?\w{1,20})/g), ([, value]) => value!)
}
