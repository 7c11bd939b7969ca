const NS_PER_SECOND = 1_000_000_000

/**
 * Times of a file as ns since its first record. Seconds and nanoseconds come apart: nanoseconds since 1970 do not fit a
 * double.
 */
export class Clock {
  /** Times that were earlier than one before them in the file. */
  backwards = 0
  private isSet = false
  private baseSeconds = 0
  private baseNs = 0
  private lastSeconds = 0
  private lastNs = 0
  private latest = 0

  /** ns since the first time that came. */
  at(seconds: number, ns: number): number {
    if (!this.isSet) {
      this.isSet = true
      this.baseSeconds = seconds
      this.baseNs = ns
    }
    this.lastSeconds = seconds
    this.lastNs = ns
    const time = (seconds - this.baseSeconds) * NS_PER_SECOND + (ns - this.baseNs)
    if (time < this.latest) this.backwards++
    else this.latest = time
    return time
  }

  /** The first time, as `text` writes it; null when none came. */
  firstTime(text: (seconds: number, ns: number) => string): string | null {
    return this.isSet ? text(this.baseSeconds, this.baseNs) : null
  }

  /** The last time in the file. */
  lastTime(text: (seconds: number, ns: number) => string): string | null {
    return this.isSet ? text(this.lastSeconds, this.lastNs) : null
  }
}
