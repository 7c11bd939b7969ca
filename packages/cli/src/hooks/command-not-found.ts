import { didYouMean } from '../services/did-you-mean.ts'

interface Missing {
  /** `trace:inof` */
  readonly id: string
  readonly config: {
    readonly commands: readonly { readonly id: string; readonly hidden?: boolean | undefined }[]
  }
}

/** A mistyped command. Never prompts: it may run in CI. (oclif's plugin-not-found asks, and exits with 127.) */
export default async function commandNotFound({ id, config }: Missing): Promise<never> {
  const spaced = (name: string) => name.replaceAll(':', ' ')
  const names = config.commands.filter((command) => !command.hidden).map((command) => spaced(command.id))
  // Words after the command may be part of the id: `pinscope relpay trace.csv` is "relpay:trace.csv".
  const typed = spaced(id)
  const [first = ''] = typed.split(' ')
  const inTopic = names.some((name) => name.startsWith(`${first} `))
  const guess = didYouMean(typed, names) || didYouMean(first, names)
  const error = new Error(`unknown command "${inTopic ? typed : first}"`)
  throw Object.assign(error, {
    name: 'UsageError',
    hint: `${guess === '' ? '' : `D${guess.slice(1)} `}See pinscope --help.`,
  })
}
