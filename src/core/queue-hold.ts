/**
 * What holds a whole queue is told once, on the Queue, and never on each of its jobs: one row instead
 * of twenty thousand writes. Whoever asks about one job (`why.ts`) gets the same reason with its place.
 */
import { type Reason, sentence } from '../api/reasons.ts'
import { rfc3339, type WallMs } from './clock.ts'
import type { QueuePolicy } from './queue-policy.ts'

/** Reasons that are told on the Queue, not on its jobs. */
export const ON_QUEUE: ReadonlySet<Reason> = new Set<Reason>([
  'QueuePaused',
  'QueueDraining',
  'DispatchPaused',
  'DispatchUnavailable',
  'NoWorkers',
  'ConcurrencyLimit',
  'RateLimited',
  'NoFreeSlots',
  'Fairness',
])

export interface LimitFacts {
  readonly queue: string
  readonly policy: QueuePolicy
  /** Attempts of it that count against `concurrency.max`. */
  readonly running: number
  /** When the next token of its rate limit comes; not after now: there is one. */
  readonly rateReadyAt: WallMs
  /** Jobs of it that wait for any reason. */
  readonly waiting: number
  readonly now: WallMs
}

/** For the condition `Saturated`, where jobs are ready. Null: no limit of the queue holds its next job. */
export function limitHold({
  queue,
  policy,
  running,
  rateReadyAt,
  waiting,
  now,
}: LimitFacts): { readonly reason: Reason; readonly message: string } | null {
  const place = `jobs that wait: ${waiting}`
  if (running >= policy.max) {
    const slots = { queue, running, limit: policy.max, place }
    return { reason: 'ConcurrencyLimit', message: sentence('ConcurrencyLimit', slots) }
  }
  if (!policy.rate || rateReadyAt <= now) return null
  const { count, perMs } = policy.rate
  const until = rfc3339(rateReadyAt)
  const slots = { queue, count, seconds: perMs / 1000, until, place }
  return { reason: 'RateLimited', message: sentence('RateLimited', slots) }
}
