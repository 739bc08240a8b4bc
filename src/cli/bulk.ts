/**
 * Before many objects are changed: how many, of which kinds, and whether that is meant. With `--dry-run`
 * the count is the answer; without `--yes` somebody must be there to say yes.
 */
import { EXIT, UsageError } from './exit.ts'
import { recordAt, textAt } from './fields.ts'
import type { Given } from './given.ts'
import { matchingJobs } from './jobs.ts'
import type { Context } from './ports.ts'
import type { Selection } from './selection.ts'
import { printable } from './table.ts'

export interface Count {
  readonly total: number
  /** `12 DeadLettered, 3 Failed`; '' for none. */
  readonly says: string
}

export async function countJobs(
  context: Context,
  namespace: string,
  selection: Selection,
): Promise<Count> {
  const phases = new Map<string, number>()
  for await (const page of matchingJobs(context, namespace, selection, context.signal)) {
    for (const { raw } of page) {
      const phase = textAt(recordAt(raw, 'status'), 'phase') || 'Pending'
      phases.set(phase, (phases.get(phase) ?? 0) + 1)
    }
  }
  const total = [...phases.values()].reduce((sum, count) => sum + count, 0)
  const says = [...phases.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([phase, count]) => `${count} ${phase}`)
    .join(', ')
  return { total, says }
}

export interface Question {
  /** `Cancel 12 jobs in namespace shop (12 Scheduled)`, without a question mark. */
  readonly act: string
  /** More to know before the answer; '' = nothing. */
  readonly mind: string
}

/** Null: go on. A number: the exit code with which to end. */
export async function stopUnlessMeant(
  context: Context,
  given: Given,
  { act, mind }: Question,
): Promise<number | null> {
  const { output, terminal, signal } = context
  if (given.on('dry-run')) {
    await output.write(`${printable(act)}: nothing was changed (dry run)\n`)
    return EXIT.done
  }
  if (given.on('yes')) return null
  if (!terminal.asks) {
    throw new UsageError(
      `${act}: not done, because nobody can be asked (standard input is no terminal)`,
      'give --yes to do it without a question, or --dry-run to see the count only',
    )
  }
  if (mind !== '') output.note(`${printable(mind)}\n`)
  const answer = (await terminal.ask(`${printable(act)}? [y/N] `, signal)).trim().toLowerCase()
  if (answer === 'y' || answer === 'yes') return null
  output.note('nothing was changed\n')
  return EXIT.interrupted
}
