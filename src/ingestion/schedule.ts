/**
 * A QueueSchedule, its jobs and the time → what is to be done (resources.md, QueueSchedule). Pure.
 *
 *   held        no tick at all: not served, no such time zone, never fires, suspended
 *   otherwise   the ticks that are due ─▶ those that make a job ─▶ jobs to cancel, jobs to make
 *
 * **No tick is lost or doubled.** `status.nextTickTime` is the first tick that has not been dealt
 * with; it moves in one write after the jobs of the ticks before it were made. A leader that dies in
 * between leaves a successor that makes them again: under the same names, which are taken.
 *
 * **What counts as due** begins at `nextTickTime`, unless that was computed from another expression or
 * time zone (`observedSchedule`), or there is none: then it begins now, so an edit never fires for the
 * past and a schedule that was suspended does not catch up. A new schedule begins at its creation. A
 * clock that is put back waits until it is there again; only a `nextTickTime` that even a clock one
 * day ahead would not have given is dropped, or one wild clock would silence a schedule for years.
 *
 * **Which due ticks make a job**: those within the starting deadline that are on time, that is at most
 * a minute late, as after a change of leader. For later ones `catchUp` decides: None, the Last one, or
 * All up to `maxCatchUp`. The others are missed, and counted.
 *
 * **While a job of the schedule is active**, Allow makes another one; Replace cancels it first, and
 * makes only the newest; Forbid lets the ticks wait, so that `catchUp` decides at its end as after an
 * outage (as a CronJob's does).
 */
import { type ReasonOf, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import type { WallMs } from '../core/clock.ts'
import { isTerminal } from '../core/job.ts'
import type { ScheduleObject } from '../core/resources.ts'
import { jobNameOf, type ScheduledJob, tickOf } from './schedule-job.ts'
import { DEFAULT_ZONE, type Ticks, type TicksAnswer } from './ticks.ts'

export interface ScheduleFacts {
  readonly schedule: ScheduleObject
  /** Every job that the schedule owns. */
  readonly jobs: readonly ScheduledJob[]
  readonly now: WallMs
  readonly ticks: TicksAnswer
  /** Of this operator, for the sentence. */
  readonly version: string
}

export interface Trouble {
  readonly type: 'Stalled' | 'Ready'
  readonly reason: ReasonOf<'Job' | 'Schedule'>
  readonly message: string
}

export type Plan =
  /** No tick is due and none will be before the object changes. */
  | { readonly kind: 'held'; readonly trouble: Trouble }
  | {
      readonly kind: 'plan'
      /** Replace: ended before the first job is made. */
      readonly cancel: readonly ScheduledJob[]
      /** Ticks whose jobs are to be made, the oldest first. */
      readonly make: readonly WallMs[]
      /** The newest due tick whose job is there already; null = none. */
      readonly made: WallMs | null
      /** Ticks that make no job. */
      readonly missed: number
      /** `nextTickTime` once all of that is done: in the past while Forbid lets it wait. */
      readonly cursor: WallMs
      /** The next tick by the clock: when to look again. */
      readonly next: WallMs
    }

/** A leader is replaced within half of it. */
export const ON_TIME_MS = 60_000
/** Due ticks that are looked at in one outage; older ones are neither made up for nor counted. */
export const MOST_DUE = 1_000
/** Jobs that one look makes; then the status is written and the rest follows. */
export const MOST_AT_ONCE = 100
const DAY_MS = 86_400_000

const NOTHING_DUE = { kind: 'plan', cancel: [], make: [], made: null, missed: 0 } as const

export function planOf(facts: ScheduleFacts): Plan {
  const { schedule, now, ticks } = facts
  const trouble = troubleOf(facts)
  if (trouble) return { kind: 'held', trouble }
  if (!ticks.ok) throw new Error('a schedule that cannot be read is in trouble')
  const after = dueAfter(schedule, ticks.ticks, now)
  const first = ticks.ticks.next(after)
  // What nearly every look finds.
  if (first !== null && first > now) return { ...NOTHING_DUE, cursor: first, next: first }
  const next = ticks.ticks.next(now)
  return next === null ? neverFires(schedule) : planned(facts, ticks.ticks, after, next)
}

/** What a tick is computed from, as `status.observedSchedule` holds it. */
export function expressionOf({ spec }: ScheduleObject): string {
  return `${spec.schedule} ${spec.timeZone ?? DEFAULT_ZONE}`
}

function troubleOf({ schedule, ticks, version }: ScheduleFacts): Trouble | null {
  const unserved = notServed(schedule, version)
  if (unserved) return unserved
  if (!ticks.ok) return stalled('InvalidSpec', { field: ticks.field, error: ticks.error })
  if (schedule.spec.suspend !== true) return null
  return { type: 'Ready', reason: 'Suspended', message: sentence('Suspended', {}) }
}

/** Fields that this release does not serve; null = none. */
export function notServed({ spec }: ScheduleObject, version: string): Trouble | null {
  const fields = notYetSupported('QueueSchedule', spec)
  return fields.length === 0
    ? null
    : stalled('NotYetSupported', { fields: fields.join(', '), version })
}

function neverFires({ spec }: ScheduleObject): Plan {
  const error = 'no day of the calendar matches it'
  return { kind: 'held', trouble: stalled('NeverFires', { schedule: spec.schedule, error }) }
}

export function stalled<R extends ReasonOf<'Job' | 'Schedule'>>(
  reason: R,
  slots: Parameters<typeof sentence<R>>[1],
): Trouble {
  return { type: 'Stalled', reason, message: sentence(reason, slots) }
}

/** The instant after which ticks are due. */
function dueAfter(schedule: ScheduleObject, ticks: Ticks, now: WallMs): WallMs {
  const { observedSchedule, nextTickTime } = schedule.status
  if (observedSchedule === undefined) return schedule.creationMs
  if (observedSchedule !== expressionOf(schedule) || nextTickTime === undefined) return now
  const recorded = Date.parse(nextTickTime)
  if (recorded <= now + DAY_MS) return recorded - 1
  const latest = ticks.next(now + DAY_MS)
  return latest !== null && recorded > latest ? now : recorded - 1
}

function planned(facts: ScheduleFacts, ticks: Ticks, after: WallMs, next: WallMs): Plan {
  const { schedule, jobs, now } = facts
  const { catchUp, maxCatchUp = 100, concurrencyPolicy } = schedule.spec
  const most = catchUp === 'All' ? Math.max(MOST_DUE, maxCatchUp) : MOST_DUE
  const due = ticks.newest(after, now, most)
  const names = new Set(jobs.map(({ name }) => name))
  const isMade = (tick: WallMs) => names.has(jobNameOf(schedule.name, tick))
  const wanted = wantedOf(schedule, due, now)
  const open = wanted.filter((tick) => !isMade(tick))
  const active = jobs.filter(({ phase }) => !isTerminal(phase))
  const forbids = concurrencyPolicy === 'Forbid'
  const make = forbids && active.length > 0 ? [] : open.slice(0, forbids ? 1 : MOST_AT_ONCE)
  return {
    kind: 'plan',
    cancel: concurrencyPolicy === 'Replace' && make.length > 0 ? active : [],
    make,
    made: due.findLast(isMade) ?? null,
    missed: due.filter((tick) => !wanted.includes(tick) && !isMade(tick)).length,
    cursor: open[make.length] ?? next,
    next,
  }
}

/**
 * The due ticks that make a job, now or when Forbid lets them. Those whose job is there already are
 * judged with the others: a leader that died after making the last one must not leave room for the
 * last but one.
 */
function wantedOf(
  { spec }: ScheduleObject,
  due: readonly WallMs[],
  now: WallMs,
): readonly WallMs[] {
  const { startingDeadlineSeconds: deadline, catchUp = 'Last', maxCatchUp = 100 } = spec
  const fresh = due.filter((tick) => deadline === undefined || now - tick <= deadline * 1000)
  const onTime = fresh.filter((tick) => now - tick <= ON_TIME_MS)
  const newest = fresh.slice(-1)
  // Each would be replaced by the next one at once.
  if (spec.concurrencyPolicy === 'Replace') return catchUp === 'None' ? onTime.slice(-1) : newest
  switch (catchUp) {
    case 'None':
      return onTime
    case 'Last':
      return onTime.length > 0 ? onTime : newest
    case 'All':
      return fresh.slice(-maxCatchUp)
  }
}

/**
 * Ended jobs beyond the limits, the oldest first. Only what lies before `nextTickTime`: the name of a
 * job is what keeps its tick from being made again.
 */
export function beyondHistory(
  { spec, status, name }: ScheduleObject,
  jobs: readonly ScheduledJob[],
): readonly ScheduledJob[] {
  const { successfulJobsHistoryLimit = 3, failedJobsHistoryLimit = 1 } = spec
  const ended = jobs
    .filter(({ phase }) => isTerminal(phase))
    .sort((a, b) => a.endedMs - b.endedMs || (a.name < b.name ? -1 : 1))
  const completed = ended.filter(({ phase }) => phase === 'Completed')
  const failed = ended.filter(({ phase }) => phase !== 'Completed')
  const open = status.nextTickTime === undefined ? Infinity : Date.parse(status.nextTickTime)
  return [
    ...completed.slice(0, Math.max(0, completed.length - successfulJobsHistoryLimit)),
    ...failed.slice(0, Math.max(0, failed.length - failedJobsHistoryLimit)),
  ].filter((job) => (tickOf(name, job.name) ?? 0) < open)
}
