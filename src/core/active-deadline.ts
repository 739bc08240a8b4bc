/**
 * When a job's `activeDeadlineSeconds` are over (docs/decisions/0019).
 *
 * The clock begins when the job could first start: at its creation, at `startAfter`, at the end of its
 * last dependency, whichever comes last; after a replay, at the replay. It stands still while the job is
 * suspended and while its queue is paused. Once it has begun its beginning stands in
 * `status.activeTime`, which the end of a suspension moves on; pauses stand in `Queue.status.pauses`.
 *
 * Everything is wall time and asked anew each time: when the clock steps, the deadline moves by at most
 * the step. Where a grain of a second or two stops that overlap leave a choice, the later time is taken:
 * a job may get more than it was given, never less.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { rfc3339, SECOND_GRAIN, type WallMs } from './clock.ts'
import { isTerminal, isWaiting, type JobRecord } from './job.ts'

/** One pause of a queue; `endTime` is absent while it lasts. */
export interface Pause {
  readonly startTime: string
  readonly endTime?: string | undefined
}

/** What beside the job itself decides whether its clock runs. */
export interface ClockStops {
  /** Of its queue, oldest first. */
  readonly pauses: readonly Pause[]
  /** End of its last dependency; 0 = it has none; null = one has not ended. */
  readonly readySince: WallMs | null
}

/** A queue that was never paused, a job that depends on nothing. */
export const NO_STOPS: ClockStops = { pauses: [], readySince: 0 }

type ClockRecord = Pick<JobRecord, 'activeDeadlineMs' | 'submission' | 'notBefore' | 'suspend'>
type ClockStatus = Pick<QueueJobStatus, 'phase' | 'activeTime' | 'suspendedTime'>

export function hasActiveDeadline(record: Pick<JobRecord, 'activeDeadlineMs'>): boolean {
  return record.activeDeadlineMs !== Number.POSITIVE_INFINITY
}

/** Since when the clock runs, or from when it will; null = that is not known yet. */
export function activeSince(
  { submission, notBefore }: Pick<JobRecord, 'submission' | 'notBefore'>,
  { activeTime }: Pick<QueueJobStatus, 'activeTime'>,
  readySince: WallMs | null,
): WallMs | null {
  if (activeTime !== undefined) return Math.max(Date.parse(activeTime), notBefore)
  return readySince === null ? null : Math.max(submission.creationMs, notBefore, readySince)
}

/** Null: there is no deadline, or the clock stands still now. */
export function activeDeadlineAt(
  record: ClockRecord,
  status: ClockStatus,
  { pauses, readySince }: ClockStops,
  now: WallMs,
): WallMs | null {
  if (!hasActiveDeadline(record) || isTerminal(status.phase)) return null
  // Not yet written down that the suspension is over: it still is on the clock's side.
  if (record.suspend || status.suspendedTime !== undefined) return null
  if (pauses.some(({ endTime }) => endTime === undefined)) return null
  const since = activeSince(record, status, readySince)
  if (since === null) return null
  return since + record.activeDeadlineMs + stoppedMs(pauses, since, now)
}

/**
 * The two fields of the clock, as they stand in the status that is written now. `before` are those of
 * the status that is replaced; a suspension ends with the write that takes the job out of `Suspended`.
 */
export function clockOf(
  record: ClockRecord,
  status: ClockStatus,
  stops: ClockStops,
  now: WallMs,
): Pick<QueueJobStatus, 'activeTime' | 'suspendedTime'> {
  if (!hasActiveDeadline(record)) return {}
  const since = activeSince(record, status, stops.readySince)
  const begun = since !== null && since <= now ? { activeTime: rfc3339(since + SECOND_GRAIN) } : {}
  const kept = status.activeTime === undefined ? begun : { activeTime: status.activeTime }
  if (isTerminal(status.phase)) return kept
  const { suspendedTime } = status
  if (status.phase === 'Suspended') {
    return { ...kept, suspendedTime: suspendedTime ?? rfc3339(now) }
  }
  if (suspendedTime === undefined || since === null) return kept
  const stopped = stoppedMs([...stops.pauses, { startTime: suspendedTime }], since, now)
  return { activeTime: rfc3339(since + stopped + SECOND_GRAIN) }
}

/** A suspension of a waiting job begins or ends, and its status does not say so yet. */
export function clockLags(
  record: ClockRecord,
  status: Pick<QueueJobStatus, 'phase' | 'suspendedTime'>,
): boolean {
  if (!hasActiveDeadline(record) || !isWaiting(status.phase)) return false
  return record.suspend !== (status.suspendedTime !== undefined)
}

/** How much of the time from `since` to `now` the stops cover, together. */
function stoppedMs(stops: readonly Pause[], since: WallMs, now: WallMs): number {
  const spans = stops
    .map(({ startTime, endTime }) => ({
      from: Math.max(since, Date.parse(startTime)),
      to: Math.min(now, endTime === undefined ? now : Date.parse(endTime)),
    }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from)
  let covered = 0
  let until = since
  for (const { from, to } of spans) {
    covered += Math.max(0, to - Math.max(from, until))
    until = Math.max(until, to)
  }
  return covered
}
