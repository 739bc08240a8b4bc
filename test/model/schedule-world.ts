// Schedules on a virtual clock: the genuine reconciler, several of it, over an API server that is a few
// maps. Watches are behind by a moment, answers and whole processes get lost; what is kept is what the
// genuine server promises: one object to a name, and a write only onto the version that was read.

import type { Phase } from '../../src/api/conditions.ts'
import type { JobKey } from '../../src/core/ids.ts'
import { isTerminal, type JobObject } from '../../src/core/job.ts'
import type { ScheduleObject } from '../../src/core/resources.ts'
import { SeededRandom, VirtualClock } from '../../src/core/virtual-clock.ts'
import type { CreateAnswer, NewObject } from '../../src/ingestion/ports.ts'
import { ScheduleReconciler } from '../../src/ingestion/schedules.ts'
import type { EventNote, Logger } from '../../src/observability/ports.ts'
import { aJob, aSchedule, NOON, uid } from '../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

/** How long the watch is behind the truth. */
const WATCH_MS = 20
const STEP_MS = 5_000

/** What befalls a create or a status write. */
export type Fault = 'dies-before' | 'dies-after' | 'answer-lost' | 'busy'

export interface Operator {
  readonly reconciler: ScheduleReconciler
  readonly jobs: ReturnType<ScheduleReconciler['watching']>
  leads: boolean
  dead: boolean
}

export class ScheduleWorld {
  readonly clock = new VirtualClock(NOON)
  readonly operators: Operator[] = []
  readonly jobs = new Map<string, JobObject>()
  readonly schedules = new Map<string, ScheduleObject>()
  /** Names of jobs, in the order in which they were made. */
  readonly made: string[] = []
  readonly events: EventNote[] = []
  statusWrites = 0
  /** Creates that reached the server, whatever it said. */
  creates = 0
  /** What befalls the next calls, one each. */
  readonly faults: (Fault | null)[] = []
  /** What the server says to every create, if not yes. */
  refusal: CreateAnswer | null = null
  /** Called with every job right after it was made. */
  onMade: (name: string) => void = () => {}
  #version = 5_000
  #uids = 100

  start(leads = true): Operator {
    const operator: Operator = { leads, dead: false, ...this.#build(() => operator) }
    this.operators.push(operator)
    for (const job of this.jobs.values()) operator.jobs.changed(job)
    for (const schedule of this.schedules.values()) operator.reconciler.changed(schedule)
    operator.reconciler.start()
    return operator
  }

  /** Time goes by. Everything here ends in promises alone, so a turn of the loop every few seconds will do. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      this.clock.advance(Math.min(STEP_MS, left))
    }
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** Ends without a word: nothing that it asked for is answered any more. */
  kill(operator: Operator): void {
    operator.dead = true
    void operator.reconciler.stop()
  }

  apply(given: Parameters<typeof aSchedule>[0] = {}): void {
    const { name = 'report' } = given
    const before = this.schedules.get(name)
    const made = aSchedule({ creationMs: this.clock.now(), ...given })
    const generation = (before?.generation ?? 0) + 1
    const { uid: _, creationMs: __, status: ___, ...same } = made
    this.#store(before ? { ...before, ...same, generation } : { ...made, generation })
  }

  get schedule(): ScheduleObject {
    const [schedule] = this.schedules.values()
    if (!schedule) throw new Error('there is no schedule')
    return schedule
  }

  get active(): string[] {
    return [...this.jobs.values()]
      .filter(({ status }) => !isTerminal(status.phase))
      .map(({ name }) => name)
  }

  end(name: string, phase: Phase = 'Completed'): void {
    const job = this.jobs.get(name)
    if (!job || isTerminal(job.status.phase)) return
    const completionTime = new Date(this.clock.now()).toISOString()
    this.#storeJob({ ...job, status: { ...job.status, phase, completionTime } })
  }

  endAll(): void {
    for (const name of this.active) this.end(name)
  }

  /** A job that somebody else made. */
  createForeign(name: string): void {
    this.#storeJob(aJob({ name, uid: uid(this.#uids++) }))
  }

  delete(name: string): void {
    const job = this.jobs.get(name)
    if (job) this.#remove(job)
  }

  #build(self: () => Operator) {
    const reconciler = new ScheduleReconciler({
      clock: this.clock,
      random: new SeededRandom(1),
      logger: QUIET,
      metrics: { count() {}, set() {}, observe() {} },
      version: 'test',
      events: { emit: (note) => void this.events.push(note) },
      leads: () => self().leads && !self().dead,
      isForeign: () => false,
      mayDelete: () => true,
      mayInform: () => true,
      unreadable() {},
      seen: () => {},
      creator: {
        create: (_kind, object) =>
          this.#call(self(), () => this.#create(object as NewObject<'QueueJob'>)),
      },
      deleter: {
        delete: async (_kind, target) => {
          if (self().dead) return new Promise<never>(() => {})
          const job = this.jobs.get(target.name)
          if (job?.uid !== target.uid) return { kind: 'gone' }
          if (job.resourceVersion !== target.resourceVersion) return { kind: 'conflict' }
          this.#remove(job)
          return { kind: 'deleted' }
        },
      },
      statuses: {
        writeStatus: (_kind, target, next) =>
          this.#call(self(), () => this.#writeStatus(target, next as ScheduleObject['status'])),
      },
      store: {
        readJob: async ({ name }) => {
          const object = this.jobs.get(name)
          return object ? { kind: 'found', object } : { kind: 'gone' }
        },
      },
      cancel: async (target) => {
        const job = [...this.jobs.values()].find((each) => each.uid === target)
        if (!job) return 'gone'
        if (isTerminal(job.status.phase)) return 'overtaken'
        this.end(job.name, 'Cancelled')
        return 'written'
      },
    })
    const jobs = reconciler.watching({ changed() {}, removed() {}, unreadable() {}, synced() {} })
    return { reconciler, jobs }
  }

  async #call<T>(operator: Operator, apply: () => T): Promise<T | typeof UNKNOWN> {
    if (operator.dead) return new Promise(() => {})
    const fault = this.faults.shift() ?? null
    if (fault === 'busy') return UNKNOWN
    if (fault === 'dies-before') {
      this.kill(operator)
      return new Promise(() => {})
    }
    const answer = apply()
    if (fault === 'dies-after') {
      this.kill(operator)
      return new Promise(() => {})
    }
    return fault === 'answer-lost' ? UNKNOWN : answer
  }

  #create({ namespace, name, owner, spec }: NewObject<'QueueJob'>): CreateAnswer {
    this.creates += 1
    if (this.refusal) return this.refusal
    if (this.jobs.has(name)) return { kind: 'exists' }
    const { payload: _, ...rest } = spec
    const job = aJob({
      ...{ namespace, name, uid: uid(this.#uids++), creationMs: this.clock.now() },
      spec: rest,
      tags: { schedule: owner?.uid ?? '' },
    })
    this.made.push(name)
    const resourceVersion = this.#storeJob(job)
    this.onMade(name)
    return { kind: 'created', uid: job.uid, resourceVersion }
  }

  #writeStatus(
    target: JobKey & { uid: string; resourceVersion: string },
    status: ScheduleObject['status'],
  ) {
    const schedule = this.schedules.get(target.name)
    if (schedule?.uid !== target.uid) return { kind: 'gone' } as const
    if (schedule.resourceVersion !== target.resourceVersion) return { kind: 'conflict' } as const
    if (status.observedGeneration < schedule.status.observedGeneration) {
      throw new Error('the API server would refuse this status: observedGeneration falls')
    }
    this.statusWrites += 1
    return { kind: 'written', resourceVersion: this.#store({ ...schedule, status }) } as const
  }

  #store(schedule: ScheduleObject): string {
    const resourceVersion = String(++this.#version)
    const stored = { ...schedule, resourceVersion }
    this.schedules.set(schedule.name, stored)
    this.#tell(({ reconciler }) => reconciler.changed(stored))
    return resourceVersion
  }

  #storeJob(job: JobObject): string {
    const resourceVersion = String(++this.#version)
    const stored = { ...job, resourceVersion }
    this.jobs.set(job.name, stored)
    this.#tell(({ jobs }) => jobs.changed(stored))
    return resourceVersion
  }

  #remove(job: JobObject): void {
    this.jobs.delete(job.name)
    this.#tell(({ jobs }) => jobs.removed(job, job.uid))
  }

  #tell(tell: (operator: Operator) => void): void {
    const listening = [...this.operators]
    this.clock.after(WATCH_MS, () => {
      for (const each of listening) if (!each.dead) tell(each)
    })
  }
}

const UNKNOWN = { kind: 'unknown', detail: 'no answer' } as const
