/**
 * Carries QueueSchedules out: `schedule.ts` says which ticks make a job, this service makes them and
 * writes the status, in that order, so that a leader that dies in between leaves ticks that are made
 * again under the same names.
 *
 * A schedule is looked at when it changes, when one of its jobs is made or ends, when its next tick is
 * due, and every 10 s, because the wall clock may be set while a timer runs. Only the leader of the
 * namespace acts. A job that the API server refuses is not sent again and again: after an edit at
 * once, else after a while.
 */
import type { Clock, MonoMs, Random, WallMs } from '../core/clock.ts'
import { rfc3339 } from '../core/clock.ts'
import { type JobKey, type JobUid, jobUid, keyText, type ShardId, shardOf } from '../core/ids.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import type { ScheduleObject, UnreadableObject, Watcher } from '../core/resources.ts'
import type { EventSink, Logger, Metrics } from '../observability/ports.ts'
import type { ObjectDeleter, Settled } from '../persistence/ports.ts'
import type { Controller, Reconciled } from '../runtime/controller.ts'
import { observedController } from './observed-controller.ts'
import type { ObjectStatusWriter, RunAnswer, RunRequest, ScheduleRuns } from './ports.ts'
import { beyondHistory, notServed, type Plan, planOf, stalled, type Trouble } from './schedule.ts'
import { jobNameOf, jobOfRun, jobOfTick, type ScheduledJob } from './schedule-job.ts'
import { ScheduleJobs } from './schedule-jobs.ts'
import { ScheduleMaker, type ScheduleMakerOptions } from './schedule-maker.ts'
import { changeAfter, type Looked } from './schedule-status.ts'
import { ParsedTicks } from './ticks.ts'

export interface SchedulesOptions extends Omit<ScheduleMakerOptions, 'jobs'> {
  readonly deleter: ObjectDeleter
  readonly statuses: ObjectStatusWriter
  readonly events: EventSink
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  readonly leads: (shard: ShardId) => boolean
  /** Another operator serves the queue, and with it the schedules whose jobs go there. */
  readonly isForeign: (namespace: string, queue: string) => boolean
  /** Ends a job on behalf of the schedule (Replace). */
  readonly cancel: (uid: JobUid, request: CancelBySchedule) => Promise<Settled>
  /** False: another job waits for this one, or its key is still remembered. */
  readonly mayDelete: (uid: JobUid) => boolean
  /** One token of the information budget. */
  readonly mayInform: () => boolean
  readonly unreadable: (object: UnreadableObject) => void
}

export interface CancelBySchedule {
  readonly order: number
  readonly by: string
  readonly comment: string
}

/** However far the next tick is: the wall clock may be set meanwhile. */
const LOOK_MS = 10_000
/** Until what was refused is sent again without an edit: rights and policies are changed elsewhere. */
const REFUSED_MS = 60_000
const AGAIN_MS = 1_000
const MOST_DELETIONS = 100
/** How long the watch may be behind a schedule that an action names. */
const UNSEEN_MS = 5_000
const DONE: Reconciled = { kind: 'done' }

type Ticking = Extract<Plan, { kind: 'plan' }>

/** What came of a plan. */
interface Carried extends Omit<Looked, 'active'> {
  /** Look again after; null = when the next tick is due. */
  readonly againMs: number | null
}

export class ScheduleReconciler implements Watcher<ScheduleObject>, ScheduleRuns {
  readonly #options: SchedulesOptions
  readonly #known = new Map<string, ScheduleObject>()
  /** Key of each schedule, by uid. */
  readonly #keys = new Map<string, string>()
  readonly #jobs = new ScheduleJobs()
  readonly #parsed = new ParsedTicks()
  readonly #refused = new Map<string, { readonly generation: number; readonly until: MonoMs }>()
  readonly #undeletable = new Set<JobUid>()
  readonly #unseen = new Map<string, MonoMs>()
  readonly #maker: ScheduleMaker
  readonly #controller: Controller<string>

  constructor(options: SchedulesOptions) {
    this.#options = options
    this.#maker = new ScheduleMaker({ ...options, jobs: this.#jobs })
    this.#controller = observedController(options, 'queueschedule', 4, (key) => this.#look(key))
  }

  /** Schedules that wait for a look. */
  get depth(): number {
    return this.#controller.depth
  }

  start(): void {
    void this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  changed(schedule: ScheduleObject): void {
    const key = keyText(schedule)
    this.#known.set(key, schedule)
    this.#keys.set(schedule.uid, key)
    this.#controller.enqueue(key)
  }

  removed(key: JobKey, uid: string): void {
    const text = keyText(key)
    this.#keys.delete(uid)
    this.#refused.delete(text)
    if (this.#known.get(text)?.uid === uid) this.#known.delete(text)
  }

  unreadable(object: UnreadableObject): void {
    this.#options.unreadable(object)
  }

  synced(): void {}

  /** The watcher of the jobs, with an eye on those of schedules. */
  watching(jobs: Watcher<JobObject>): Watcher<JobObject> {
    return {
      changed: (object) => {
        jobs.changed(object)
        this.#enqueueUid(this.#jobs.changed(object))
      },
      removed: (key, uid) => {
        jobs.removed(key, uid)
        this.#undeletable.delete(jobUid(uid))
        this.#enqueueUid(this.#jobs.removed(jobUid(uid)))
      },
      unreadable: (object) => jobs.unreadable(object),
      synced: () => jobs.synced(),
    }
  }

  /** The shard is led now: what became due meanwhile is made up for. */
  leading(shard: ShardId): void {
    for (const [key, { namespace }] of this.#known) {
      if (shardOf(namespace) === shard) this.#controller.enqueue(key)
    }
  }

  async run(target: JobKey & { readonly uid: string }, request: RunRequest): Promise<RunAnswer> {
    const schedule = this.#known.get(keyText(target))
    if (!schedule) return this.#notSeen(keyText(target))
    this.#unseen.delete(keyText(target))
    if (schedule.uid !== target.uid || schedule.deleting || this.#isForeign(schedule)) {
      return { kind: 'not-found' }
    }
    const trouble = notServed(schedule, this.#options.version)
    if (trouble) return { kind: 'refused', detail: trouble.message }
    const made = await this.#maker.make(schedule, jobOfRun(schedule, request))
    switch (made.kind) {
      case 'made':
        this.#controller.enqueue(keyText(target))
        return { kind: 'made' }
      case 'over':
        return { kind: 'not-found' }
      case 'taken':
        return {
          kind: 'refused',
          detail: `QueueJob ${request.job} is there and not the schedule's`,
        }
      case 'refused':
      case 'later':
        return made
    }
  }

  /** Applied together with its schedule, an action may be seen first. */
  #notSeen(key: string): RunAnswer {
    const now = this.#options.clock.monotonic()
    const since = this.#unseen.get(key) ?? now
    if (now - since >= UNSEEN_MS) {
      this.#unseen.delete(key)
      return { kind: 'not-found' }
    }
    this.#unseen.set(key, since)
    return {
      kind: 'later',
      retryAfterMs: AGAIN_MS,
      detail: `QueueSchedule ${key} was not seen yet`,
    }
  }

  #enqueueUid(uid: string): void {
    const key = this.#keys.get(uid)
    if (key !== undefined) this.#controller.enqueue(key)
  }

  async #look(key: string): Promise<Reconciled> {
    const schedule = this.#known.get(key)
    if (!schedule || schedule.deleting || !this.#leads(schedule)) return DONE
    const { clock, version } = this.#options
    if (this.#isForeign(schedule)) return { kind: 'requeue', afterMs: LOOK_MS }
    const { spec, uid } = schedule
    const ticks = this.#parsed.of(spec.schedule, spec.timeZone ?? 'Etc/UTC')
    const jobs = this.#jobs.of(uid)
    const plan = planOf({ schedule, jobs, now: clock.now(), ticks, version })
    const carried = plan.kind === 'held' ? held(plan.trouble) : await this.#carryOut(schedule, plan)
    if (!carried) return DONE
    const written = await this.#write(schedule, carried)
    if (written !== 'settled') return written
    const cleaned = await this.#clean(schedule)
    const nextMs = plan.kind === 'held' ? LOOK_MS : plan.next - clock.now()
    const again = Math.min(LOOK_MS, Math.max(0, nextMs), carried.againMs ?? LOOK_MS)
    return { kind: 'requeue', afterMs: cleaned ? again : AGAIN_MS }
  }

  #leads({ namespace }: ScheduleObject): boolean {
    return this.#options.leads(shardOf(namespace))
  }

  #isForeign({ namespace, spec }: ScheduleObject): boolean {
    return this.#options.isForeign(namespace, spec.template.spec.queue)
  }

  /** Null: nothing may be written any more. */
  async #carryOut(schedule: ScheduleObject, plan: Ticking): Promise<Carried | null> {
    const before = { lastTick: plan.made, missed: plan.missed, trouble: 'as-before' } as const
    const [first] = plan.make
    if (first === undefined) return { ...before, cursor: plan.cursor, againMs: null }
    const waitMs = this.#refusedFor(schedule)
    if (waitMs > 0) return { ...before, cursor: first, againMs: waitMs }
    const ended = await this.#replace(schedule, plan.cancel)
    return ended ? this.#makeAll(schedule, plan) : { ...before, cursor: first, againMs: AGAIN_MS }
  }

  /** For how long what was refused is not sent again. */
  #refusedFor(schedule: ScheduleObject): number {
    const refused = this.#refused.get(keyText(schedule))
    if (refused?.generation !== schedule.generation) return 0
    return refused.until - this.#options.clock.monotonic()
  }

  async #makeAll(schedule: ScheduleObject, plan: Ticking): Promise<Carried | null> {
    let { made: lastTick, missed } = plan
    let trouble: Carried['trouble'] = 'as-before'
    const stopAt = (cursor: WallMs, againMs: number | null): Carried => {
      return { cursor, lastTick, missed, trouble, againMs }
    }
    for (const tick of plan.make) {
      if (!this.#leads(schedule)) return null
      const made = await this.#maker.make(schedule, jobOfTick(schedule, tick))
      const job = jobNameOf(schedule.name, tick)
      switch (made.kind) {
        case 'made':
          if (made.now) this.#tellMade(schedule, job, tick)
          lastTick = Math.max(lastTick ?? tick, tick)
          trouble = null
          break
        case 'taken':
          missed += 1
          trouble = stalled('NameTaken', { since: rfc3339(tick), job })
          break
        case 'refused':
          trouble = stalled('TemplateRefused', { job, error: made.detail })
          this.#refuse(schedule)
          return stopAt(tick, REFUSED_MS)
        case 'later':
          return stopAt(tick, made.retryAfterMs)
        case 'over':
          return null
      }
    }
    this.#refused.delete(keyText(schedule))
    return stopAt(plan.cursor, null)
  }

  #refuse(schedule: ScheduleObject): void {
    const { generation } = schedule
    const until = this.#options.clock.monotonic() + REFUSED_MS
    this.#refused.set(keyText(schedule), { generation, until })
  }

  /** False: one of them may still be active. */
  async #replace(schedule: ScheduleObject, active: readonly ScheduledJob[]): Promise<boolean> {
    for (const job of active) {
      const settled = await this.#options.cancel(job.uid, {
        // Above that of any action the job took; a later action has a later version.
        order: Number(job.resourceVersion),
        by: `QueueSchedule ${schedule.name}`,
        comment: 'the next tick is due (concurrencyPolicy: Replace)',
      })
      if (settled !== 'written' && settled !== 'overtaken' && settled !== 'gone') return false
    }
    return true
  }

  async #write(schedule: ScheduleObject, carried: Carried): Promise<Reconciled | 'settled'> {
    const { statuses, clock, mayInform } = this.#options
    const active = this.#jobs.of(schedule.uid).filter(({ phase }) => !isTerminal(phase))
    const looked: Looked = { ...carried, active: active.map(({ name }) => name) }
    const change = changeAfter(schedule, looked, clock.now())
    if (!change) return 'settled'
    if (change.onlyInforms && !mayInform()) return 'settled'
    const { status } = change
    const answer = await statuses.writeStatus('QueueSchedule', schedule, status)
    switch (answer.kind) {
      case 'written': {
        // Our own write is read at once; the watch brings the same version later.
        const key = keyText(schedule)
        if (this.#known.get(key) === schedule) {
          this.#known.set(key, { ...schedule, status, resourceVersion: answer.resourceVersion })
        }
        this.#tellTrouble(schedule, carried.trouble)
        this.#countMissed(carried.missed)
        return { kind: 'requeue', afterMs: carried.againMs ?? 0 }
      }
      case 'gone':
      case 'conflict':
        return DONE
      case 'later':
        return { kind: 'requeue', afterMs: answer.retryAfterMs }
      case 'refused':
      case 'unknown':
        throw new Error(answer.detail)
    }
  }

  /** The history limits. False: something is left to do. */
  async #clean(schedule: ScheduleObject): Promise<boolean> {
    const { deleter, mayDelete, logger } = this.#options
    const { namespace, uid } = schedule
    const surplus = beyondHistory(schedule, this.#jobs.of(uid))
      .filter((job) => mayDelete(job.uid) && !this.#undeletable.has(job.uid))
      .slice(0, MOST_DELETIONS)
    for (const job of surplus) {
      if (!this.#leads(schedule)) return true
      const answer = await deleter.delete('QueueJob', { namespace, ...job })
      if (answer.kind === 'deleted' || answer.kind === 'gone') this.#jobs.removed(job.uid)
      else if (answer.kind === 'refused') {
        this.#undeletable.add(job.uid)
        logger.warn('a job of a schedule could not be deleted', {
          ...{ namespace, schedule: schedule.name, job: job.name, err: answer.detail },
        })
      } else return false
    }
    return true
  }

  #tellMade({ namespace, name, uid }: ScheduleObject, job: string, tick: WallMs): void {
    const fields = { namespace, schedule: name, uid, job, tick: rfc3339(tick) }
    this.#options.logger.info('a schedule made a job', fields)
    this.#options.metrics.count('gopherqueue_schedule_ticks_total', { result: 'made' })
  }

  #countMissed(ticks: number): void {
    if (ticks === 0) return
    this.#options.metrics.count('gopherqueue_schedule_ticks_total', { result: 'missed' }, ticks)
  }

  #tellTrouble(schedule: ScheduleObject, trouble: Carried['trouble']): void {
    if (trouble === null || trouble === 'as-before' || trouble.type !== 'Stalled') return
    const { reason, message } = trouble
    const before = schedule.status.conditions ?? []
    if (before.some((each) => each.reason === reason && each.message === message)) return
    const { namespace, name, uid } = schedule
    const { events, logger } = this.#options
    logger.warn('a schedule makes no job', {
      ...{ namespace, schedule: name, uid, code: reason, err: message },
    })
    events.emit({
      kind: 'QueueSchedule',
      regarding: { namespace, name, uid },
      reason,
      action: 'Tick',
      note: message,
    })
  }
}

function held(trouble: Trouble): Carried {
  return { cursor: null, lastTick: null, missed: 0, trouble, againMs: null }
}
