/** A payload as it is given on the command line: JSON, `@FILE`, or `-` for standard input. */
import { UsageError } from './exit.ts'
import type { Context } from './ports.ts'

/** Far above what a job may have (128 KiB), so that the refusal can name the size. */
const MAX_BYTES = 4 * 1_048_576

/** @throws UsageError where the text is no JSON; it is never quoted */
export async function payloadOf(context: Context, text: string): Promise<unknown> {
  const file = text === '-' ? '-' : text.startsWith('@') ? text.slice(1) : null
  const json = file === null ? text : await context.files.read(file, MAX_BYTES)
  try {
    return JSON.parse(json)
  } catch {
    const from = file === null ? '' : file === '-' ? ' of standard input' : ` of ${file}`
    throw new UsageError(
      `--payload: the text${from} is no JSON`,
      `a text needs quotes of its own: --payload '"text"'; a file: --payload @input.json; standard input: --payload -`,
    )
  }
}
