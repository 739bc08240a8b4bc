/**
 * `gq wait`: until jobs have ended. The exit code says how they ended (names.md); with `--for finished`
 * any end is fine. Up to eight jobs have a watch each, more share one; the jobs go on whatever
 * happens to the wait.
 */
import { isReason, REASONS } from '../api/reasons.ts'
import { JobDeletedError, WaitTimeoutError } from '../client/errors.ts'
import { Feeds } from '../client/feeds.ts'
import type { JobView } from '../client/ports.ts'
import { untilEnded } from '../client/waiting.ts'
import { GopherQueueError } from '../core/errors.ts'
import { worst } from './acts.ts'
import { inParallel } from './bounded.ts'
import { complaint, EXIT, exitCodeOf, UsageError } from './exit.ts'
import type { Given } from './given.ts'
import { notFound } from './near.ts'
import type { Context } from './ports.ts'
import { Progress } from './progress.ts'
import { printable } from './table.ts'
import { secondsOf } from './values.ts'

export interface Wait {
  readonly timeoutMs: number
  /** Any end is fine. */
  readonly anyEnd: boolean
}

export function waitOf(given: Given): Wait {
  const wanted = given.text('for') ?? 'succeeded'
  if (wanted !== 'finished' && wanted !== 'succeeded') {
    throw new UsageError(
      `--for ${JSON.stringify(wanted)}: is no state to wait for`,
      'finished or succeeded',
    )
  }
  const seconds = given.read('timeout', secondsOf)
  return {
    timeoutMs: seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000,
    anyEnd: wanted === 'finished',
  }
}

/** Jobs that are looked for at the same time. */
const LOOKS = 8

export async function waitForJobs(context: Context, given: Given): Promise<number> {
  const wait = waitOf(given)
  const names = [...new Set(given.args)]
  const { namespace, store } = await context.cluster()
  const jobs = await inParallel(names, LOOKS, async (name) => {
    const key = { namespace, name }
    return (await store.get(key, context.signal)) ?? (await notFound(context, 'QueueJob', key))
  })
  const missing = jobs.flatMap((job) => (job instanceof Error ? [job] : []))
  for (const error of missing) context.output.note(complaint(error))
  const found = jobs.flatMap((job) => (job instanceof Error ? [] : [job]))
  const code = await untilAllEnded(context, found, wait)
  return worst([code, ...missing.map(exitCodeOf)])
}

export async function untilAllEnded(
  context: Context,
  jobs: readonly JobView[],
  wait: Wait,
): Promise<number> {
  const { store, feed } = await context.cluster()
  const { clock, random, output, signal } = context
  const feeds = new Feeds({ store, feed, clock, random })
  const progress = new Progress(context)
  const left = new Map(jobs.map((job) => [job.uid, job]))
  const say = () => progress.say(waitingText([...left.values()], jobs.length))
  try {
    say()
    const codes = await Promise.all(
      jobs.map(async (job) => {
        // Its newest state, for the line that says what is waited for.
        const leave = feeds.subscribe({
          key: job,
          uid: job.uid,
          version: job.resourceVersion,
          changed: (now) => {
            if (left.has(now.uid)) left.set(now.uid, now)
            say()
          },
          gone: () => {},
          failed: () => {},
        })
        const end = await untilEnded(feeds, job, { clock, timeoutMs: wait.timeoutMs, signal })
          .then((ended) => endOf(ended, wait), unended)
          .finally(leave)
        left.delete(job.uid)
        say()
        if (end.line !== '') await output.write(`${printable(end.line)}\n`)
        if (end.problem !== '') output.note(end.problem)
        return end.code
      }),
    )
    return worst(codes)
  } finally {
    progress.end()
  }
}

interface End {
  readonly code: number
  readonly line: string
  readonly problem: string
}

function endOf(job: JobView, { anyEnd }: Wait): End {
  const { phase, reason, message, duplicateOf } = job.status
  const known = isReason(reason)
    ? REASONS[reason].exitCode
    : phase === 'Completed'
      ? 0
      : EXIT.failed
  const of = duplicateOf ? ` (its idempotency key is held by ${duplicateOf.name})` : ''
  const why = phase === 'Completed' ? of : `: ${reason === phase ? '' : `${reason}: `}${message}`
  const code =
    phase === 'Completed' || anyEnd ? EXIT.done : known === EXIT.done ? EXIT.failed : known
  return { code, line: `${job.name} ${phase}${why}`, problem: '' }
}

/** @throws what is not about this one job */
function unended(error: unknown): End {
  const about = error instanceof WaitTimeoutError || error instanceof JobDeletedError
  if (!about || !(error instanceof GopherQueueError)) throw error
  const code = error instanceof JobDeletedError ? EXIT.notFound : EXIT.timedOut
  return { code, line: '', problem: complaint(error) }
}

function waitingText(left: readonly JobView[], all: number): string {
  const [job] = left
  if (!job) return ''
  const { phase, reason, progress } = job.status
  const percent = progress ? ` ${progress.percent} %` : ''
  const one = `${job.name} is ${phase}${reason === '' || reason === phase ? '' : ` (${reason})`}${percent}`
  return all === 1 ? `waiting: ${one}` : `waiting for ${left.length} of ${all} jobs: ${one}`
}
