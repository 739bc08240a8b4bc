// A whole installation on a virtual clock: the genuine controller over its ports, with an API server,
// a NATS and workers that are a few maps. What the genuine ones promise is kept (compare-and-set by
// resourceVersion, one message per job in the work stream, acknowledged outcomes gone, a watch that
// comes a moment later), so that hours with faults pass in milliseconds and each run is the same.

import type { QueueJobStatus } from '../../src/api/queuejob.ts'
import type { Cancel, Clock } from '../../src/core/clock.ts'
import { sleep } from '../../src/core/clock.ts'
import type { JobKey, JobUid } from '../../src/core/ids.ts'
import type { JobObject } from '../../src/core/job.ts'
import { SeededRandom, VirtualClock } from '../../src/core/virtual-clock.ts'
import type { NewObject } from '../../src/ingestion/ports.ts'
import { buildController } from '../../src/main/controller.ts'
import type { Controller, ControllerPorts } from '../../src/main/controller-ports.ts'
import type { Logger, Metrics } from '../../src/observability/ports.ts'
import type { DeleteAnswer, StatusStore, WriteAnswer } from '../../src/persistence/ports.ts'
import type {
  CasAnswer,
  MemberLease,
  MemberLeases,
  ShardRecord,
  ShardRecords,
} from '../../src/recovery/ports.ts'
import { aJob } from '../builders.ts'
import { refusals } from '../unit/persistence/w9.ts'
import { FakeActions } from './fake-actions.ts'
import { FakeNats } from './fake-nats.ts'
import { FakeHistory, FakeQueues } from './fake-queues.ts'
import { FakeWorker, type WorkerPlan } from './fake-worker.ts'

const QUIET: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => QUIET,
}
const UNCOUNTED: Metrics = { count() {}, set() {}, observe() {} }

/** How long the watch is behind the truth. */
const WATCH_MS = 2

export interface StatusWritten {
  readonly uid: JobUid
  readonly name: string
  readonly status: QueueJobStatus
  /** The version that this write made. */
  readonly object: JobObject
  readonly at: number
}

/** etcd behind an API server. */
export class FakeApi implements StatusStore, ShardRecords {
  readonly jobs = new Map<string, JobObject>()
  readonly written: StatusWritten[] = []
  /** Statuses that the genuine API server would have refused (W9). */
  readonly broken: string[] = []
  readonly #clock: VirtualClock
  readonly #records = new Map<number, ShardRecord>()
  readonly #members = new Map<string, MemberLease>()
  readonly watchers = new Set<Controller>()
  readonly actions: FakeActions
  readonly queues: FakeQueues
  /** Names of the jobs that the operator deleted, in order. */
  readonly deleted: string[] = []
  #version = 1000
  /** What the next status writes are answered with; the write happens anyway when `applied`. */
  readonly faults: { answer: WriteAnswer; applied: boolean }[] = []
  reachable = true
  /** No status is taken, whatever it says (a policy of somebody else's). */
  refuses = false
  /** How often a job and a shard record were read. */
  readonly reads = { jobs: 0, records: 0 }
  /** How long a status write waits for its answer; above WATCH_MS the watch comes first. */
  answerMs = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
    const nextVersion = () => this.#next()
    this.queues = new FakeQueues({
      ...{ clock, watchMs: WATCH_MS, watchers: this.watchers, nextVersion },
    })
    this.actions = new FakeActions({
      clock,
      watchMs: WATCH_MS,
      nextVersion: () => this.#next(),
      jobs: () => this.jobs.values(),
      reachable: () => this.reachable,
      tell: (action) => {
        for (const each of this.watchers) each.actions.changed(action)
      },
      tellRemoved: (action) => {
        for (const each of this.watchers) each.actions.removed(action, action.uid)
      },
      queues: () => this.queues.all(),
    })
  }

  create(job: JobObject): void {
    const stored = { ...job, resourceVersion: this.#next(), creationMs: this.#clock.now() }
    this.jobs.set(keyOf(stored), stored)
    this.#tell(stored)
  }

  edit(key: JobKey, spec: Partial<JobObject['spec']>): void {
    const job = this.jobs.get(keyOf(key))
    if (!job) throw new Error(`no job ${key.name}`)
    const next = {
      ...job,
      spec: { ...job.spec, ...spec },
      generation: job.generation + 1,
      resourceVersion: this.#next(),
    }
    this.jobs.set(keyOf(next), next)
    this.#tell(next)
  }

  /** Another version of the same spec, as an edit of metadata makes one. */
  touch(key: JobKey): void {
    const job = this.jobs.get(keyOf(key))
    if (!job) throw new Error(`no job ${key.name}`)
    const next = { ...job, resourceVersion: this.#next() }
    this.jobs.set(keyOf(next), next)
    this.#tell(next)
  }

  delete(key: JobKey): void {
    const job = this.jobs.get(keyOf(key))
    this.jobs.delete(keyOf(key))
    if (!job) return
    this.#clock.after(WATCH_MS, () => {
      for (const each of this.watchers) each.jobs.removed(job, job.uid)
    })
  }

  tellAll(controller: Controller): void {
    for (const queue of this.queues.all()) controller.queues.changed(queue)
    for (const job of this.jobs.values()) controller.jobs.changed(job)
    for (const action of this.actions.all()) controller.actions.changed(action)
  }

  /** As the operator deletes: exactly one version (W8). */
  async deleteVersion(
    target: JobKey & { readonly uid: string; readonly resourceVersion: string },
  ): Promise<DeleteAnswer> {
    if (!this.reachable) return { kind: 'unknown', detail: 'unreachable' }
    const job = this.jobs.get(keyOf(target))
    if (!job) return { kind: 'gone' }
    if (job.uid !== target.uid || job.resourceVersion !== target.resourceVersion) {
      return { kind: 'conflict' }
    }
    this.deleted.push(job.name)
    this.delete(job)
    return { kind: 'deleted' }
  }

  async writeStatus(
    target: JobKey & { uid: JobUid; resourceVersion: string },
    _before: QueueJobStatus,
    next: QueueJobStatus,
  ): Promise<WriteAnswer> {
    const fault = this.faults.shift()
    if (fault && !fault.applied) return fault.answer
    if (!this.reachable) return { kind: 'unknown', detail: 'unreachable' }
    const job = this.jobs.get(keyOf(target))
    if (!job || job.uid !== target.uid) return { kind: 'gone' }
    if (job.resourceVersion !== target.resourceVersion) return { kind: 'conflict' }
    if (this.refuses) return { kind: 'refused', status: 422, detail: 'no' }
    const refused = refusals(job, next)
    if (refused.length > 0) {
      this.broken.push(`${job.name}: ${refused.join(', ')}`)
      throw new Error(`the API server would refuse: ${refused.join(', ')}`)
    }
    const stored = { ...job, status: next, resourceVersion: this.#next() }
    this.jobs.set(keyOf(stored), stored)
    const { uid, name } = job
    this.written.push({ uid, name, status: next, object: stored, at: this.#clock.monotonic() })
    this.#tell(stored)
    if (this.answerMs > 0) await sleep(this.#clock, this.answerMs)
    return fault?.answer ?? { kind: 'written', resourceVersion: stored.resourceVersion }
  }

  async readJob(key: JobKey) {
    this.reads.jobs += 1
    if (!this.reachable) return { kind: 'later', retryAfterMs: 1_000, detail: '' } as const
    const job = this.jobs.get(keyOf(key))
    return job ? ({ kind: 'found', object: job } as const) : ({ kind: 'gone' } as const)
  }

  async read(shard: ShardRecord['shard']): Promise<ShardRecord> {
    this.reads.records += 1
    if (!this.reachable) throw new Error('unreachable')
    const empty = { shard, resourceVersion: '', holder: '', term: 0, floor: 0, salts: {} }
    return this.#records.get(shard) ?? empty
  }

  async compareAndSet(next: ShardRecord): Promise<CasAnswer> {
    if (!this.reachable) return { kind: 'unknown', detail: 'unreachable' }
    const stored = this.#records.get(next.shard)
    if ((stored?.resourceVersion ?? '') !== next.resourceVersion) return { kind: 'lost' }
    const record = { ...next, resourceVersion: this.#next() }
    this.#records.set(next.shard, record)
    return { kind: 'set', record }
  }

  readonly members: MemberLeases = {
    list: async () => [...this.#members.values()],
    renew: async (identity) => {
      if (!this.reachable) return false
      const renewTime = String(this.#clock.now())
      const resourceVersion = this.#next()
      this.#members.set(identity, { identity, resourceVersion, renewTime, durationSeconds: 15 })
      return true
    },
    remove: async (identity) => void this.#members.delete(identity),
  }

  /** As one process reaches it: once that is dead, nothing it asks is answered any more. */
  portsFor(alive: () => boolean) {
    const answered = <T>(ask: () => Promise<T>): Promise<T> =>
      alive() ? ask() : new Promise<T>(() => {})
    return {
      store: {
        writeStatus: (...args: Parameters<StatusStore['writeStatus']>) =>
          answered(() => this.writeStatus(...args)),
        readJob: (key: JobKey) => answered(() => this.readJob(key)),
      } satisfies StatusStore,
      records: {
        read: (shard) => answered(() => this.read(shard)),
        compareAndSet: (next) => answered(() => this.compareAndSet(next)),
      } satisfies ShardRecords,
      members: {
        list: () => answered(() => this.members.list()),
        renew: (identity) => answered(() => this.members.renew(identity)),
        remove: (identity) => answered(() => this.members.remove(identity)),
      } satisfies MemberLeases,
    }
  }

  #tell(job: JobObject): void {
    this.#clock.after(WATCH_MS, () => {
      for (const each of this.watchers) each.jobs.changed(job)
    })
  }

  #next(): string {
    return String(++this.#version)
  }
}

function keyOf({ namespace, name }: JobKey): string {
  return `${namespace}/${name}`
}

/** The clock of one process: while it is frozen its timers wait, and fire late. */
class FreezableClock implements Clock {
  readonly #clock: VirtualClock
  #frozen = false
  #late: (() => void)[] = []

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  after(delayMs: number, fn: () => void): Cancel {
    let cancelled = false
    const run = () => {
      if (cancelled) return
      if (this.#frozen) this.#late.push(run)
      else fn()
    }
    const cancel = this.#clock.after(delayMs, run)
    return () => {
      cancelled = true
      cancel()
    }
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
    if (!frozen) for (const run of this.#late.splice(0)) run()
  }
}

export class World {
  readonly clock = new VirtualClock(Date.UTC(2026, 4, 1, 12))
  readonly random: SeededRandom
  readonly api: FakeApi
  readonly nats: FakeNats
  readonly workers: FakeWorker[] = []
  /** `limits.maxObjects` of operators that start from now on. */
  maxObjects = 100_000
  /** `limits.maxFinishedObjects` of the same. */
  maxFinishedObjects = 20_000
  readonly archive = new FakeHistory()
  #operators = 0
  operator: Controller | null = null

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.api = new FakeApi(this.clock)
    this.nats = new FakeNats(this.clock)
  }

  /** @param logger to see what happens */
  startOperator(identity = `operator-${++this.#operators}`, logger: Logger = QUIET): Controller {
    const link = this.nats.connect()
    const { api, nats, random } = this
    const clock = new FreezableClock(this.clock)
    let controller: Controller | null = null
    const ports: ControllerPorts = {
      clock,
      random,
      logger,
      metrics: UNCOUNTED,
      events: { emit() {} },
      ...api.portsFor(() => !link.dead),
      objectStatuses: api.queues.statuses(api.actions.statuses),
      guard: { check: async () => 'guarded' },
      payloads: {
        readPayload: async () => ({ kind: 'found', json: null }),
        readActionPayload: (key, uid) => api.actions.readPayload(key, uid),
      },
      creator: {
        create: async (kind, object) =>
          kind === 'Queue'
            ? api.queues.create(object as NewObject<'Queue'>)
            : { kind: 'terminating' },
      },
      deleter: {
        delete: (kind, target) =>
          kind === 'QueueAction' ? api.actions.delete(target) : api.deleteVersion(target),
      },
      history: this.archive,
      targets: api.actions,
      ...nats.portsFor(link),
      relistJobs: async () => {
        if (controller) api.tellAll(controller)
      },
      dispatchPaused: () => false,
      termChanged() {},
    }
    controller = buildController(ports, {
      version: 'test',
      identity,
      controllerName: 'gopherqueue.io/default',
      key: new Uint8Array(),
      memberLeaseMs: 15_000,
      renewMs: 2_500,
      attemptLeaseMs: 15_000,
      statusWriters: 32,
      maxObjects: this.maxObjects,
      maxFinishedObjects: this.maxFinishedObjects,
      information: { perSecond: 20, share: 0.05 },
    })
    api.watchers.add(controller)
    // The first list is in: a queue that is not among them is none.
    for (const queue of api.queues.all()) controller.queues.changed(queue)
    controller.queues.synced()
    controller.start()
    this.operator = controller
    this.#links.set(controller, link)
    this.#clocks.set(controller, clock)
    return controller
  }

  readonly #links = new Map<Controller, ReturnType<FakeNats['connect']>>()
  readonly #clocks = new Map<Controller, FreezableClock>()

  /** SIGSTOP and SIGCONT: time passes for everybody else. */
  freezeOperator(controller: Controller, frozen: boolean): void {
    const link = this.#links.get(controller)
    if (link) link.frozen = frozen
    if (frozen) this.api.watchers.delete(controller)
    else {
      this.api.watchers.add(controller)
      this.api.tellAll(controller)
    }
    this.#clocks.get(controller)?.freeze(frozen)
  }

  /** SIGKILL: nothing that it still does in memory reaches anybody. */
  killOperator(controller: Controller | null = this.operator): void {
    const link = controller ? this.#links.get(controller) : undefined
    if (!controller || !link) return
    this.api.watchers.delete(controller)
    this.nats.cut(link)
    if (this.operator === controller) this.operator = null
  }

  /** A clean stop hands the shards over. */
  async stopOperator(): Promise<void> {
    const { operator } = this
    if (!operator) return
    let stopped = false
    void operator.stop(2_000).then(() => {
      stopped = true
    })
    // A process is not given more time than this by whoever stops it.
    await this.until(() => stopped, 5_000)
    this.killOperator(operator)
  }

  startWorker(plan: WorkerPlan = {}): FakeWorker {
    const worker = new FakeWorker(this.clock, this.nats, plan)
    this.workers.push(worker)
    return worker
  }

  submit(name: string, given: Parameters<typeof aJob>[0] = {}): JobObject {
    const uid = `uid-${name}` as JobUid
    const job = aJob({
      namespace: 'default',
      name,
      uid,
      ...given,
      spec: { queue: 'default', type: 'work', ...given.spec },
    })
    this.api.create(job)
    return job
  }

  job(name: string): JobObject {
    const found = this.api.jobs.get(`default/${name}`)
    if (!found) throw new Error(`no job ${name}`)
    return found
  }

  /** Statuses that were written for a job, in order. */
  history(name: string): readonly string[] {
    return this.api.written.filter((each) => each.name === name).map(({ status }) => status.phase)
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms)
  }

  /** Advances until `done`, at most `ms`. */
  async until(done: () => boolean, ms: number): Promise<boolean> {
    for (let waited = 0; waited < ms; waited += 50) {
      if (done()) return true
      await this.pass(50)
    }
    return done()
  }
}
