/** A plugin broke the contract: it threw, has another apiVersion, or takes a name that is taken. */
export class PluginError extends Error {
  override readonly name = 'PluginError'
  /** The npm package that is to blame. */
  readonly packageName: string

  constructor(packageName: string, problem: string, options?: ErrorOptions) {
    super(`${packageName}: ${problem}`, options)
    this.packageName = packageName
  }
}
