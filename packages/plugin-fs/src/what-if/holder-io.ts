/** Direct I/O that devices store with into pages of files, from its submission to its end, by whose it is. */
export class HolderIo {
  /** By number of the operation. */
  private readonly open = new Map<number, { readonly mm: number; readonly pages: readonly number[] }>()

  begin(operation: number, mm: number, pages: readonly number[]): void {
    this.open.set(operation, { mm, pages })
  }

  end(operation: number): void {
    this.open.delete(operation)
  }

  /** The task has some on its way into one of these pages. */
  isInto(pages: ReadonlySet<number>, task: number): boolean {
    return [...this.open.values()].some((one) => one.mm === task && one.pages.some((page) => pages.has(page)))
  }
}
