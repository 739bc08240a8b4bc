/**
 * Makes the jobs of schedules, each under a name that follows from what it is for: a second creation,
 * by this leader or the next one, finds the name taken, and that is success if the job is the
 * schedule's own. The answers of the API server become few: made, taken, refused, later, over.
 */
import type { Clock } from '../core/clock.ts'
import { jobUid } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { ScheduleObject } from '../core/resources.ts'
import type { StatusStore } from '../persistence/ports.ts'
import type { NewObject, ObjectCreator } from './ports.ts'
import type { ScheduleJobs } from './schedule-jobs.ts'

export interface ScheduleMakerOptions {
  readonly creator: ObjectCreator
  readonly store: Pick<StatusStore, 'readJob'>
  /** Takes in a version that was read live, as if the watch had brought it. */
  readonly seen: (object: JobObject) => void
  readonly jobs: ScheduleJobs
  readonly clock: Clock
}

export type Made =
  | { readonly kind: 'made'; readonly now: boolean }
  /** The name is taken by a job that is not the schedule's. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }
  /** The namespace is going away. */
  | { readonly kind: 'over' }

const AGAIN_MS = 1_000

export class ScheduleMaker {
  readonly #options: ScheduleMakerOptions

  constructor(options: ScheduleMakerOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async make(schedule: ScheduleObject, job: NewObject<'QueueJob'>): Promise<Made> {
    const { creator, jobs, clock } = this.#options
    const answer = await creator.create('QueueJob', job)
    switch (answer.kind) {
      case 'created':
        jobs.assume(schedule.uid, {
          name: job.name,
          uid: jobUid(answer.uid),
          resourceVersion: answer.resourceVersion,
          phase: 'Pending',
          endedMs: clock.now(),
        })
        return { kind: 'made', now: true }
      case 'exists':
        return this.#whose(schedule, job.name)
      case 'terminating':
        return { kind: 'over' }
      case 'refused':
      case 'later':
        return answer
      case 'unknown':
        return { kind: 'later', retryAfterMs: AGAIN_MS, detail: answer.detail }
    }
  }

  async #whose(schedule: ScheduleObject, name: string): Promise<Made> {
    const { store, seen, jobs } = this.#options
    if (jobs.of(schedule.uid).some((job) => job.name === name)) return { kind: 'made', now: false }
    const read = await store.readJob({ namespace: schedule.namespace, name })
    if (read.kind === 'later') return read
    // Deleted since. Its tick had its job, which must not be made twice.
    if (read.kind === 'gone') return { kind: 'made', now: false }
    if (read.object.tags.schedule !== schedule.uid) return { kind: 'taken' }
    jobs.changed(read.object)
    seen(read.object)
    return { kind: 'made', now: false }
  }
}
