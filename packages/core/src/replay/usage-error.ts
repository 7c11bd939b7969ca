/** The caller asked for something that does not exist: an unknown consumer, policy, kernel version or row. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  /** What to do about it; empty when the message says it all. */
  readonly hint: string

  constructor(message: string, hint = '') {
    super(message)
    this.hint = hint
  }
}
