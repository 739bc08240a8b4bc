/**
 * Which of two jobs goes first: priority, then order of submission (names.md, "Submission order").
 *
 * Kubernetes times have one-second grain, so jobs created together are told apart by the
 * resourceVersion with which each was first seen, and what is still equal by uid. It is a total order:
 * two different jobs are never equal, whoever asks and however often.
 */
import type { JobRecord } from '../core/job.ts'

/** Negative: `a` goes first. 0: it is the same job. */
export function compareJobs(a: JobRecord, b: JobRecord): number {
  return (
    a.priority - b.priority ||
    a.submission.creationMs - b.submission.creationMs ||
    a.submission.firstSeen - b.submission.firstSeen ||
    compareText(a.uid, b.uid)
  )
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
