import type { ListedConsumer } from '../services/list-consumers.ts'
import { LABEL_COLUMNS, paragraph } from './paragraph.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

/** The consumers one below the other, each with all that can be set and all that it counts. */
export function consumersText(terminal: Terminal, consumers: readonly ListedConsumer[]): string {
  return `${consumers.map((consumer) => consumerText(terminal, consumer)).join('\n\n')}\n`
}

function consumerText(terminal: Terminal, consumer: ListedConsumer): string {
  const title = `${styled(terminal, 'bold', consumer.name)}  ${styled(terminal, 'dim', `(${consumer.package})`)}`
  return [
    title,
    ...paragraph(terminal, '', consumer.summary),
    ...paragraph(terminal, 'kernel', consumer.kernel),
    ...paragraph(terminal, 'accepts', `${consumer.accepts.join(' ')}; ${listLength(consumer.entriesMax)}`),
    ...paragraph(terminal, 'avoided', consumer.avoided),
    ...list(terminal, 'options', consumer.options.map(optionText(consumer.name))),
    ...list(terminal, 'limits', consumer.limits.map(limitText)),
    ...list(
      terminal,
      'counters',
      consumer.counters.map(({ name, summary }) => `${name}: ${summary}`),
    ),
  ].join('\n')
}

/** What a consumer says whose lists may be of any length. */
const ENTRIES_UNLIMITED = 0x7fffffff

function listLength(entriesMax: number): string {
  return entriesMax >= ENTRIES_UNLIMITED
    ? 'lists of any length'
    : `at most ${counted(entriesMax, 'entry', 'entries')} in a list`
}

function list(terminal: Terminal, label: string, items: readonly string[]): string[] {
  return items.flatMap((item, at) => {
    const text = `${`  ${at === 0 ? label : ''}`.padEnd(LABEL_COLUMNS)}${item}`
    return [wrapped(text, terminal.columns, ' '.repeat(LABEL_COLUMNS + 2))]
  })
}

/** The kernel's own name, how much, then of what. */
function limitText({ name, max, unit, summary, kernel }: ListedConsumer['limits'][number]): string {
  return `${name}, ${grouped(max)}${unit === '' ? '' : ` ${unit}`}: ${summary} (${kernel})`
}

function optionText(consumer: string): (option: ListedConsumer['options'][number]) => string {
  return ({ name, summary, unit, min, max, powerOfTwo, header, words, ...option }) => {
    const isSwitch = min === 0 && max === 1
    const bounds = isSwitch ? '0 or 1' : `${powerOfTwo ? 'power of two ' : ''}${grouped(min)} to ${grouped(max)}`
    const facts = [
      ...(words === undefined
        ? [`default ${grouped(option.default)}${unit === '' || isSwitch ? '' : ` ${unit}`}`, bounds]
        : [`default ${words[option.default]}`, words.join(', ')]),
      ...(header === null ? [] : [`a trace sets it with "# ${header}"`]),
    ]
    return `-O ${consumer}.${name}=${words === undefined ? 'N' : 'WORD'}: ${summary} (${facts.join('; ')})`
  }
}
