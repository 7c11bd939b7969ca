/** Frame number to page row: open addressing, at most half full. -1 marks an empty slot. */
export class FrameRows {
  private keys = new Int32Array(1024).fill(-1)
  private rows = new Int32Array(1024)
  private size = 0

  /** Row of a frame, -1 where it has none. */
  find(frame: number): number {
    const slot = this.slotOf(frame)
    return this.keys[slot] === frame ? this.rows[slot] : -1
  }

  insert(frame: number, row: number): void {
    if (this.size * 2 >= this.keys.length) this.grow()
    const slot = this.slotOf(frame)
    this.keys[slot] = frame
    this.rows[slot] = row
    this.size++
  }

  private slotOf(frame: number): number {
    const mask = this.keys.length - 1
    let slot = (Math.imul(frame, 0x9e3779b1) >>> 7) & mask
    while (this.keys[slot] !== -1 && this.keys[slot] !== frame) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const { keys, rows } = this
    this.keys = new Int32Array(keys.length * 2).fill(-1)
    this.rows = new Int32Array(keys.length * 2)
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === -1) continue
      const slot = this.slotOf(keys[i])
      this.keys[slot] = keys[i]
      this.rows[slot] = rows[i]
    }
  }

  /** Bytes of memory. */
  get byteLength(): number {
    return this.keys.byteLength + this.rows.byteLength
  }
}
