/**
 * Which jobs belong to which schedule, by the uid of the owner: found by one look, however many jobs
 * there are. Fed by the watch of the jobs; what this process did itself is noted at once (`assume`),
 * because a decision must not be taken twice while the watch is behind.
 */
import type { JobUid } from '../core/ids.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import { isNewer } from '../core/ledger.ts'
import { type ScheduledJob, scheduledJob } from './schedule-job.ts'

export class ScheduleJobs {
  readonly #bySchedule = new Map<string, Map<JobUid, ScheduledJob>>()
  readonly #owners = new Map<JobUid, string>()

  /** Jobs of the schedule with that uid. */
  of(schedule: string): readonly ScheduledJob[] {
    return [...(this.#bySchedule.get(schedule)?.values() ?? [])]
  }

  /** A version from the watch. The uid of its schedule when that should be looked at; '' = not. */
  changed(object: JobObject): string {
    const { schedule } = object.tags
    const known = this.#bySchedule.get(schedule)?.get(object.uid)
    if (schedule === '') return ''
    if (known && !isNewer(object.resourceVersion, known.resourceVersion)) return ''
    const job = scheduledJob(object)
    this.assume(schedule, job)
    const same = known && isTerminal(known.phase) === isTerminal(job.phase)
    return same ? '' : schedule
  }

  /** Known before the watch tells. */
  assume(schedule: string, job: ScheduledJob): void {
    const jobs = this.#bySchedule.get(schedule) ?? new Map<JobUid, ScheduledJob>()
    const known = jobs.get(job.uid)
    if (known && isNewer(known.resourceVersion, job.resourceVersion)) return
    this.#bySchedule.set(schedule, jobs.set(job.uid, job))
    this.#owners.set(job.uid, schedule)
  }

  /** Seen gone. The uid of its schedule; '' = it had none. */
  removed(uid: JobUid): string {
    const schedule = this.#owners.get(uid) ?? ''
    this.#owners.delete(uid)
    const jobs = this.#bySchedule.get(schedule)
    jobs?.delete(uid)
    if (jobs?.size === 0) this.#bySchedule.delete(schedule)
    return schedule
  }
}
