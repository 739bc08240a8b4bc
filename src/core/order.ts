/**
 * Which of two jobs goes first inside one fairness key of a queue (decision 0017):
 *
 *   effective class   the job's class, one higher for each `agingSeconds` that it could have started,
 *                     never above Critical
 *   since             the moment from which it could start: creation, start time, end of a back-off
 *   first seen        Kubernetes times have one-second grain; resourceVersions tell apart what was
 *                     created together
 *   uid               so that two different jobs are never equal, whoever asks and however often
 *
 * Ageing is the same function for all jobs of a queue. So two jobs of one base class keep their order
 * for ever, and only jobs of different classes change places as time passes: `ready.ts` keeps one
 * heap for each class and never has to look at what waits behind a head.
 */
import type { WallMs } from './clock.ts'
import type { JobObject, JobRecord, PriorityRank } from './job.ts'

export interface Placed {
  readonly record: JobRecord
  /** The job's own class, or a higher one that it inherits from a job that waits for it. */
  readonly rank: PriorityRank
  /** The moment from which it could start. */
  readonly since: WallMs
}

/**
 * 0 = Critical … 4 = Bulk, as the job stands at `now`. A clock that stepped back ages nobody.
 * @param agingMs Infinity = a job never rises
 */
export function effectiveRank(rank: number, since: WallMs, now: WallMs, agingMs: number): number {
  const risen = Math.floor(Math.max(0, now - since) / agingMs)
  return Math.max(0, rank - risen)
}

/** Negative: `a` goes first. 0: it is the same job. */
export function comparePlaced(a: Placed, b: Placed, now: WallMs, agingMs: number): number {
  return (
    effectiveRank(a.rank, a.since, now, agingMs) - effectiveRank(b.rank, b.since, now, agingMs) ||
    compareInClass(a, b)
  )
}

/** The order of jobs of one base class, at any time. */
export function compareInClass(a: Placed, b: Placed): number {
  return (
    a.since - b.since ||
    a.record.submission.firstSeen - b.record.submission.firstSeen ||
    compareText(a.record.uid, b.record.uid)
  )
}

/** The latest of its creation, its start time, and the end of its back-off or snooze. */
export function readySince(
  record: Pick<JobRecord, 'submission' | 'notBefore'>,
  status: Pick<JobObject['status'], 'nextAttemptTime'>,
): WallMs {
  return Math.max(record.submission.creationMs, record.notBefore, nextAttempt(status))
}

/** 0 = none was written. */
export function nextAttempt({ nextAttemptTime }: Pick<JobObject['status'], 'nextAttemptTime'>) {
  const written = nextAttemptTime === undefined ? 0 : Date.parse(nextAttemptTime)
  return Number.isNaN(written) ? 0 : written
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
