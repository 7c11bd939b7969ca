import type { PageList } from '../extract/page-list.ts'
import { RETAIN_NONE } from '../extract/retention.ts'
import { holding } from '../grown.ts'

/** What the operation at work has listed with nothing taken on it: bare pages, which only their owner keeps. */
export class BarePages {
  length = 0
  page = new Int32Array(64)
  offsetBytes = new Int32Array(64)
  lengthBytes = new Int32Array(64)

  clear(): void {
    this.length = 0
  }

  /** Adds what an extraction listed, if it took nothing. */
  add(list: PageList): void {
    if (list.retention !== RETAIN_NONE) return
    for (let i = 0; i < list.length; i++) {
      const at = this.length++
      this.page = holding(this.page, at)
      this.offsetBytes = holding(this.offsetBytes, at)
      this.lengthBytes = holding(this.lengthBytes, at)
      this.page[at] = list.page[i]
      this.offsetBytes[at] = list.offsetBytes[i]
      this.lengthBytes[at] = list.lengthBytes[i]
    }
  }
}
