import { jsonText } from '../render/json.ts'
import { type Terminal, terminalOf } from '../render/terminal.ts'

/** Prints a result on standard output, as JSON or as the text that `render` makes for this terminal. */
export async function print(
  json: boolean,
  result: unknown,
  render: (terminal: Terminal) => Promise<string>,
): Promise<void> {
  process.stdout.write(json ? jsonText(result) : await render(terminalOf(process.stdout, process.env)))
}
