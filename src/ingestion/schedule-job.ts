/**
 * The jobs that a QueueSchedule makes: what they are called, what they say, and what the schedule
 * remembers of them. Pure. Whoever makes the job of a tick makes the same object, to the last byte:
 * name, delay and content follow from the schedule and the tick alone.
 */
import { LABELS, type Phase } from '../api/conditions.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import { fnv1a32, type JobUid } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { ScheduleObject } from '../core/resources.ts'
import type { NewObject } from './ports.ts'

export interface ScheduledJob {
  readonly name: string
  readonly uid: JobUid
  readonly resourceVersion: string
  readonly phase: Phase
  /** Of one that has not ended: its creation. */
  readonly endedMs: WallMs
}

export function scheduledJob(object: JobObject): ScheduledJob {
  const { name, uid, resourceVersion, status, creationMs } = object
  const { phase, completionTime } = status
  const endedMs = completionTime === undefined ? creationMs : Date.parse(completionTime)
  return { name, uid, resourceVersion, phase, endedMs }
}

const MINUTE_MS = 60_000

/** `<schedule>-<unix minute of the tick>`: at most 62 characters until the year 3871. */
export function jobNameOf(schedule: string, tick: WallMs): string {
  return `${schedule}-${Math.floor(tick / MINUTE_MS)}`
}

/** The tick of a job, to the minute; null = its name is not of a tick. */
export function tickOf(schedule: string, job: string): WallMs | null {
  const [, minute] = /^-(\d{1,9})$/.exec(job.slice(schedule.length)) ?? []
  return minute === undefined ? null : Number(minute) * MINUTE_MS
}

export function jobOfTick(schedule: ScheduleObject, tick: WallMs): NewObject<'QueueJob'> {
  const job = jobFrom(schedule, jobNameOf(schedule.name, tick))
  const { jitterSeconds = 0 } = schedule.spec
  if (jitterSeconds === 0) return job
  const { delaySeconds = 0, startAfter, ...spec } = job.spec
  const jitter = fnv1a32(`${schedule.uid} ${tick}`) % (jitterSeconds + 1)
  const at = tick + (jitter + delaySeconds) * 1000
  const later = Math.max(at, startAfter === undefined ? 0 : Date.parse(startAfter))
  return { ...job, spec: { ...spec, startAfter: rfc3339(later) } }
}

/** A run that an action asked for: at once, without the jitter of a tick. */
export function jobOfRun(
  schedule: ScheduleObject,
  run: { readonly job: string; readonly action: string },
): NewObject<'QueueJob'> {
  const job = jobFrom(schedule, run.job)
  return { ...job, labels: { ...job.labels, [LABELS.action]: run.action } }
}

/** Of the labels that the template sets, ours is not one. */
function jobFrom(schedule: ScheduleObject, name: string): NewObject<'QueueJob'> {
  const { metadata, spec } = schedule.spec.template
  return {
    namespace: schedule.namespace,
    name,
    labels: { ...metadata?.labels, [LABELS.schedule]: schedule.name },
    annotations: { ...metadata?.annotations },
    owner: { kind: 'QueueSchedule', name: schedule.name, uid: schedule.uid },
    spec: spec as NewObject<'QueueJob'>['spec'],
  }
}
