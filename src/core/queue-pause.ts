/**
 * A queue pauses because its spec says so, or because an action asked for it, or both: either is
 * enough, and an action lifts only what an action did (resources.md). A paused queue starts nothing;
 * what runs goes on.
 *
 * `status.pauses` keeps when it was so, whoever asked, because `activeDeadlineSeconds` of a job does
 * not count meanwhile (docs/decisions/0019).
 */
import { MAX_PAUSES, type QueueStatus } from '../api/queue.ts'
import { rfc3339, type WallMs } from './clock.ts'
import type { QueueObject } from './resources.ts'

export interface QueuePause {
  /** Who asked: a user or an action, or `spec.paused`. */
  readonly by: string
  /** RFC 3339; '' = not known yet. */
  readonly since: string
  readonly comment: string
  /** A drain: the same stop, and its aim is an empty queue. */
  readonly drain: boolean
  /** `spec.paused`: no action lifts it. */
  readonly bySpec: boolean
}

/** What a Queue says about its pause. */
export type PausedQueue = Pick<QueueObject, 'spec' | 'status'>
type Intervals = NonNullable<QueueStatus['pauses']>

export function isPaused({ spec, status }: PausedQueue): boolean {
  return spec.paused === true || status.paused !== undefined
}

/** Null: it does not pause. Where both ask for it, the words are those of the action. */
export function pauseOf(queue: PausedQueue): QueuePause | null {
  if (!isPaused(queue)) return null
  const { paused, pauses } = queue.status
  const open = pauses?.at(-1)
  const since = open && open.endTime === undefined ? open.startTime : ''
  return {
    by: paused?.by ?? 'spec.paused',
    since: paused?.since ?? since,
    comment: paused?.comment ?? '',
    drain: paused?.drain ?? false,
    bySpec: queue.spec.paused === true,
  }
}

/**
 * The intervals after a look at the queue: one begins, one ends, or none of it. Of more than are kept
 * the two oldest become one with the time between them, so that a deadline comes late rather than early.
 */
export function pausesAfter(queue: PausedQueue, now: WallMs): Intervals {
  const known = queue.status.pauses ?? []
  const last = known.at(-1)
  const open = last !== undefined && last.endTime === undefined
  if (isPaused(queue) === open) return known
  if (open) return [...known.slice(0, -1), { ...last, endTime: rfc3339(now) }]
  return joined([...known, { startTime: queue.status.paused?.since ?? rfc3339(now) }])
}

function joined(intervals: Intervals): Intervals {
  const [first, second, ...rest] = intervals
  if (!first || !second || intervals.length <= MAX_PAUSES) return intervals
  const { endTime } = second
  const both = { startTime: first.startTime, ...(endTime === undefined ? {} : { endTime }) }
  return joined([both, ...rest])
}
