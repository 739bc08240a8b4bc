/**
 * An operator that carries out QueueActions, on a virtual clock, over an API server that is a few maps: it
 * counts revisions, remembers old ones, tells its watch a moment later, and takes a write only on the
 * version that it holds. The operator can die at any call, before it takes effect or after.
 */
import type { ActRequest } from '../../../src/core/facts.ts'
import { isTerminal, type JobObject } from '../../../src/core/job.ts'
import { type Entry, Ledger } from '../../../src/core/ledger.ts'
import type { ActionObject } from '../../../src/core/resources.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { ActionEffects } from '../../../src/ingestion/action-effects.ts'
import { ActionReconciler } from '../../../src/ingestion/actions.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type {
  ListedTarget,
  ObjectStatusWriter,
  PauseAnswer,
  RunAnswer,
  TargetLister,
} from '../../../src/ingestion/ports.ts'
import type { EventNote, Logger, Metrics } from '../../../src/observability/ports.ts'
import type { DeleteAnswer, ObjectDeleter, Settled } from '../../../src/persistence/ports.ts'
import { aJob, anAction, NOON, uid } from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

/** How long the watch is behind. */
const WATCH_MS = 2

interface Life {
  dead: boolean
  readonly reconciler: ActionReconciler
  readonly ledger: Ledger
}

export class ActionWorld {
  readonly clock = new VirtualClock(NOON)
  readonly jobs = new Map<string, JobObject>()
  readonly actions = new Map<string, ActionObject>()
  readonly queues = new Set<string>()
  readonly schedules = new Set<string>()
  /** Uid of each job → how often an act changed it. */
  readonly touched = new Map<string, number>()
  readonly acts: { name: string; request: ActRequest; graceMs: number | undefined; at: number }[] =
    []
  readonly paused: { name: string; order: number; drain: boolean | undefined }[] = []
  readonly runs: { schedule: string; job: string; action: string }[] = []
  readonly deletions: string[] = []
  readonly events: EventNote[] = []
  readonly counted = new Map<string, number>()
  lists: { kind: string; revision: string; brief: boolean }[] = []
  statusWrites: number[] = []
  guard: 'guarded' | 'missing' | 'unknown' = 'guarded'
  informs = true
  /** False: the watch does not tell of jobs for now. */
  watches = true
  payload: string | null = null
  /** What the next answers are instead of what they would be. */
  readonly pauseAnswers: PauseAnswer[] = []
  readonly runAnswers: RunAnswer[] = []
  readonly deleteAnswers: DeleteAnswer[] = []
  readonly actAnswers: Settled[] = []
  /** The operator dies at this call of the API server; 0 = never. */
  dieAt = 0
  /** It dies before the call takes effect. */
  dieBefore = false
  life: Life
  #version = 1_000
  #uids = 0
  readonly #snapshots = new Map<string, ReadonlyMap<string, JobObject>>()

  constructor() {
    this.life = this.#begin()
  }

  get action(): ActionObject {
    const [action] = this.actions.values()
    if (!action) throw new Error('there is no action')
    return action
  }

  job(name: string, given: Parameters<typeof aJob>[0] = {}): JobObject {
    this.#uids += 1
    const job = aJob({
      name,
      uid: uid(this.#uids),
      creationMs: this.#second(),
      ...given,
      resourceVersion: this.#next(),
    })
    this.#store(job)
    return job
  }

  change(name: string, status: Partial<JobObject['status']>): void {
    const job = this.jobs.get(name)
    if (!job) return
    this.#store({
      ...job,
      status: { ...job.status, ...status },
      resourceVersion: this.#next(),
    })
  }

  remove(name: string): void {
    const job = this.jobs.get(name)
    this.jobs.delete(name)
    if (job) this.#tell(({ ledger }) => ledger.forget(job.uid))
  }

  act(spec: Partial<ActionObject['spec']>, given: Partial<ActionObject> = {}): ActionObject {
    this.#uids += 1
    const action = anAction({
      name: `action-${this.#uids}`,
      uid: uid(this.#uids),
      creationMs: this.#second(),
      ...given,
      resourceVersion: this.#next(),
      spec,
    })
    this.#storeAction(action)
    return action
  }

  /** Somebody labels the action: another version, the same spec. */
  label(name: string): void {
    const action = this.actions.get(name)
    if (action) this.#storeAction({ ...action, resourceVersion: this.#next() })
  }

  removeAction(name: string): void {
    const action = this.actions.get(name)
    this.actions.delete(name)
    if (action) this.#tell(({ reconciler }) => reconciler.removed(action))
  }

  /** The revisions of all lists so far are compacted. */
  compact(): void {
    this.#snapshots.clear()
  }

  /** Another process leads; it knows what a list tells it. */
  restart(): void {
    this.life.dead = true
    this.dieAt = 0
    this.life = this.#begin()
  }

  pass(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms)
  }

  async until(done: () => boolean, ms = 600_000): Promise<boolean> {
    for (let waited = 0; waited < ms && !done(); waited += 50) await this.pass(50)
    return done()
  }

  async untilEnded(ms?: number): Promise<ActionObject['status']> {
    await this.until(() => ['Completed', 'Failed'].includes(this.action.status.phase), ms)
    return this.action.status
  }

  #second(): number {
    return 1_000 * Math.floor(this.clock.now() / 1_000)
  }

  #next(): string {
    this.#version += 1
    return String(this.#version)
  }

  #store(job: JobObject): void {
    this.jobs.set(job.name, job)
    if (!this.watches) return
    this.#tell(({ ledger }) => ledger.observe(job, this.clock.monotonic()))
  }

  #storeAction(action: ActionObject): void {
    this.actions.set(action.name, action)
    this.#tell(({ reconciler }) => reconciler.changed(action))
  }

  #tell(what: (life: Life) => void): void {
    const { life } = this
    this.clock.after(WATCH_MS, () => {
      if (!life?.dead) what(this.life)
    })
  }

  /** One call of a process: never answered once it is dead. */
  async #call<T>(life: { readonly dead: boolean }, effect: () => T): Promise<T> {
    const never = () => new Promise<T>(() => {})
    if (life.dead) return never()
    if (this.dieAt > 0) {
      this.dieAt -= 1
      if (this.dieAt === 0) {
        this.life.dead = true
        if (!this.dieBefore) effect()
        return never()
      }
    }
    return effect()
  }

  #begin(): Life {
    const ledger = new Ledger(normaliser(() => null))
    const life: { dead: boolean; reconciler: ActionReconciler; ledger: Ledger } = {
      dead: false,
      ledger,
      reconciler: undefined as unknown as ActionReconciler,
    }
    const { clock } = this
    const deleter: ObjectDeleter = {
      delete: (kind, target) => this.#call(life, () => this.#delete(kind, target)),
    }
    const metrics: Metrics = {
      count: (name, labels = {}) => {
        const key = `${name} ${Object.values(labels).join(' ')}`
        this.counted.set(key, (this.counted.get(key) ?? 0) + 1)
      },
      set() {},
      observe() {},
    }
    const effects = new ActionEffects({
      store: {
        readJob: ({ name }) =>
          this.#call(life, () => {
            const object = this.jobs.get(name)
            return object ? { kind: 'found' as const, object } : { kind: 'gone' as const }
          }),
      },
      seen: (object) => ledger.observe(object, clock.monotonic()),
      ledger,
      clock,
      act: (entry, request, { graceMs }) =>
        this.#call(life, () => this.#actOn(entry, request, graceMs)),
      pauses: {
        pause: ({ name }, { order, drain }) =>
          this.#call(life, () => this.#pause(name, order, drain)),
        resume: ({ name }, { order }) => this.#call(life, () => this.#pause(name, order)),
      },
      queueUid: ({ name }) => (this.queues.has(name) ? `uid-${name}` : null),
      runs: {
        run: ({ name }, { job, action }) =>
          this.#call(life, () => {
            const scripted = this.runAnswers.shift()
            if (scripted) return scripted
            this.runs.push({ schedule: name, job, action })
            return { kind: 'made' as const }
          }),
      },
      deleter,
      deleted: ({ uid: gone }) => ledger.forget(gone),
      moved() {},
    })
    const statuses: ObjectStatusWriter = {
      writeStatus: (_kind, target, next) =>
        this.#call(life, () => this.#writeStatus(target, next as ActionObject['status'])),
    }
    const lister: TargetLister = {
      list: (query, found) => this.#call(life, () => this.#list(query, found)),
    }
    life.reconciler = new ActionReconciler({
      statuses,
      guard: { check: () => this.#call(life, () => this.guard) },
      lister,
      payloads: {
        readActionPayload: () =>
          this.#call(life, () => ({ kind: 'found' as const, json: this.payload })),
      },
      effects,
      deleter,
      ledger,
      events: { emit: (event) => void this.events.push(event) },
      clock,
      random: new SeededRandom(1),
      logger: QUIET,
      metrics,
      version: 'test',
      leads: () => !life.dead,
      mayInform: () => this.informs,
      unreadable() {},
    })
    for (const job of this.jobs.values()) ledger.observe(job, clock.monotonic())
    for (const action of this.actions.values()) life.reconciler.changed(action)
    life.reconciler.start()
    return life
  }

  #writeStatus(
    target: { name: string; uid: string; resourceVersion: string },
    status: ActionObject['status'],
  ) {
    const stored = this.actions.get(target.name)
    if (!stored || stored.uid !== target.uid) return { kind: 'gone' as const }
    if (stored.resourceVersion !== target.resourceVersion) return { kind: 'conflict' as const }
    const { order } = stored.status
    if (order !== undefined && status.order !== order) throw new Error('the order changes')
    const resourceVersion = this.#next()
    this.statusWrites.push(this.clock.now())
    this.#storeAction({ ...stored, status, resourceVersion })
    return { kind: 'written' as const, resourceVersion }
  }

  #actOn(entry: Entry, request: ActRequest, graceMs: number | undefined): Settled {
    const scripted = this.actAnswers.shift()
    if (scripted) return scripted
    const job = this.jobs.get(entry.object.name)
    if (!job || job.uid !== entry.uid) return 'gone'
    if (request.order <= (job.status.actionOrder ?? 0)) return 'overtaken'
    if (request.kind === 'cancel' && isTerminal(job.status.phase)) return 'overtaken'
    this.acts.push({ name: job.name, request, graceMs, at: this.clock.now() })
    this.touched.set(job.uid, (this.touched.get(job.uid) ?? 0) + 1)
    const phase = request.kind === 'cancel' ? ('Cancelled' as const) : ('Scheduled' as const)
    this.change(job.name, { phase, actionOrder: request.order })
    const changed = this.jobs.get(job.name)
    if (changed) this.life.ledger.observe(changed, this.clock.monotonic())
    return 'written'
  }

  #pause(name: string, order: number, drain?: boolean): PauseAnswer {
    const scripted = this.pauseAnswers.shift()
    if (scripted) return scripted
    this.paused.push({ name, order, drain })
    return { kind: 'done', bySpec: false }
  }

  #delete(
    kind: string,
    target: { name: string; uid: string; resourceVersion: string },
  ): DeleteAnswer {
    const scripted = this.deleteAnswers.shift()
    if (scripted) return scripted
    const stored = kind === 'QueueJob' ? this.jobs.get(target.name) : this.actions.get(target.name)
    if (!stored) return { kind: 'gone' }
    if (stored.uid !== target.uid || stored.resourceVersion !== target.resourceVersion) {
      return { kind: 'conflict' }
    }
    this.deletions.push(`${kind} ${target.name}`)
    if (kind === 'QueueJob') this.remove(target.name)
    else this.removeAction(target.name)
    return { kind: 'deleted' }
  }

  #list(query: Parameters<TargetLister['list']>[0], found: (target: ListedTarget) => void) {
    const { kind, revision, fields, brief } = query
    this.lists.push({ kind, revision, brief })
    const at = revision === '' ? String(this.#version) : revision
    if (revision === '') this.#snapshots.set(at, new Map(this.jobs))
    const jobs = this.#snapshots.get(at)
    if (!jobs) return { kind: 'expired' as const }
    const listed =
      kind === 'QueueJob'
        ? [...jobs.values()].map(targetOf)
        : [...(kind === 'Queue' ? this.queues : this.schedules)].map(nameOnly)
    for (const target of listed) {
      if (fields.name !== undefined && fields.name !== target.name) continue
      if (fields.queue !== undefined && fields.queue !== target.queue) continue
      if (fields.phase !== undefined && fields.phase !== target.phase) continue
      found(target)
    }
    return { kind: 'listed' as const, revision: at }
  }
}

function targetOf({ name, uid: id, resourceVersion, creationMs, spec, status }: JobObject) {
  return {
    ...{ name, uid: id, resourceVersion, creationMs },
    queue: spec.queue,
    phase: status.phase,
    reason: status.reason ?? '',
    errorCode: status.error?.code ?? '',
    completionMs: status.completionTime === undefined ? null : Date.parse(status.completionTime),
  }
}

function nameOnly(name: string): ListedTarget {
  return {
    ...{ name, uid: `uid-${name}`, resourceVersion: '1', creationMs: 0 },
    ...{ queue: '', phase: '', reason: '', errorCode: '', completionMs: null },
  }
}
