/** How a file would be told to `--columns`, and how it would be told otherwise: what a doubt advises to try. */
export class ColumnsHint {
  private readonly items: readonly string[]

  /** `columns`: as `--columns` takes it: `ts=5:us,op=2,offset=3,len=4`. */
  constructor(columns: string) {
    this.items = columns.split(',')
  }

  /** Unit of a column; the empty text when it has none, or there is no such column. */
  unitOf(name: string): string {
    return this.find(name)?.split(':')[1] ?? ''
  }

  /** The same with another unit of some columns. */
  withUnit(unit: string, ...names: readonly string[]): string {
    const changed = this.items.map((item) => {
      const [name, value] = item.split('=')
      return names.includes(name!) ? `${name}=${value!.split(':')[0]}:${unit}` : item
    })
    return `--columns ${changed.join(',')}`
  }

  /** The same with reads and writes exchanged; null when the op column has no words of its own. */
  withOpExchanged(): string | null {
    const op = this.find('op')
    if (op?.includes(':') !== true) return null
    const other = op.replace(/=(read|write)/g, (_, word) => (word === 'read' ? '=write' : '=read'))
    return `--columns ${this.items.map((item) => (item === op ? other : item)).join(',')}`
  }

  /** The words of the op column are numbers: they say nothing by themselves. */
  get isOpNumeric(): boolean {
    const words = this.find('op')?.split(':')[1]
    return words?.split('/').every((word) => /^-?\d+=/.test(word)) ?? false
  }

  private find(name: string): string | undefined {
    return this.items.find((item) => item.startsWith(`${name}=`))
  }
}

/** A count as sentences have it: 1,234. */
export function counted(count: number): string {
  return count.toLocaleString('en-US')
}
