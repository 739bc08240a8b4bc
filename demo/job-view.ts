// A job as the demo shows it: one line of its table, from the object that the API server lists.

import { z } from 'zod'
import { textTable } from '../bench/table.ts'

const Listed = z.object({
  metadata: z.object({ name: z.string(), creationTimestamp: z.string() }),
  spec: z.object({ type: z.string() }),
  status: z.object({
    phase: z.string(),
    reason: z.string().default(''),
    message: z.string().default(''),
    attempt: z.int().default(0),
    startTime: z.string().optional(),
    progress: z.object({ percent: z.int().optional(), message: z.string().default('') }).optional(),
    error: z.object({ code: z.string(), message: z.string().default('') }).optional(),
    result: z.unknown().optional(),
  }),
})

export interface JobView {
  readonly name: string
  readonly type: string
  readonly phase: string
  readonly attempt: number
  /** What there is to say about it now. */
  readonly note: string
  readonly createdMs: number
  /** Start of the last attempt; null before the first one is recorded. */
  readonly startedMs: number | null
}

/** From the answer to a list of QueueJobs, in order of their names. */
export function viewsOf(list: unknown): JobView[] {
  const { items } = z.object({ items: z.array(Listed) }).parse(list)
  return items.map(viewOf).sort((one, other) => (one.name < other.name ? -1 : 1))
}

function viewOf({ metadata, spec, status }: Listed): JobView {
  return {
    name: metadata.name,
    type: spec.type,
    phase: status.phase,
    attempt: status.attempt,
    note: noteOf(status),
    createdMs: Date.parse(metadata.creationTimestamp),
    startedMs: status.startTime === undefined ? null : Date.parse(status.startTime),
  }
}

type Listed = z.infer<typeof Listed>

const longestNote = 60

function noteOf(status: Listed['status']): string {
  const note = saidBy(status)
  return note.length > longestNote ? `${note.slice(0, longestNote - 1)}…` : note
}

function saidBy({ phase, reason, message, progress, error, result }: Listed['status']): string {
  if (phase === 'Running' && progress !== undefined) {
    return `${progress.percent ?? 0} % ${progress.message}`
  }
  if (phase === 'Completed') return result === undefined ? '' : JSON.stringify(result)
  return error?.message ?? (message || reason)
}

export function jobsTable(views: readonly JobView[]): string {
  return textTable(
    ['JOB', 'TYPE', 'PHASE', 'ATTEMPT', ''],
    views.map(({ name, type, phase, attempt, note }) => [name, type, phase, attempt, note]),
  )
}

/** Lines for a log: jobs whose phase or attempt is another one than before. */
export function changesBetween(before: readonly JobView[], now: readonly JobView[]): string[] {
  const known = new Map(before.map((view) => [view.name, view]))
  return now
    .filter((view) => {
      const old = known.get(view.name)
      return old?.phase !== view.phase || old.attempt !== view.attempt
    })
    .map(({ name, phase, attempt, note }) => {
      const count = attempt > 1 ? ` in attempt ${attempt}` : ''
      return `${name}: ${phase}${count}${note === '' ? '' : `: ${note}`}`
    })
}
