// The ports of the client in memory, with every fault that a test may want. It behaves as the genuine
// adapter does: `fake-cluster.test.ts` and `test/contract/client/store.test.ts` run one suite on both.

import { ApiError, NAMESPACE_TERMINATING } from '../../../src/client/errors.ts'
import type {
  ActionStore,
  ActionView,
  Created,
  FeedEnd,
  FeedEvent,
  FeedRequest,
  Identity,
  JobFeed,
  JobSelection,
  JobStore,
  JobView,
  Look,
  NewAction,
  NewJob,
  StatusView,
} from '../../../src/client/ports.ts'
import type { JobKey } from '../../../src/core/ids.ts'

export const PENDING: StatusView = {
  phase: 'Pending',
  reason: '',
  message: '',
  attempts: 0,
  progress: null,
  worker: '',
  startedMs: null,
  finishedMs: null,
  nextAttemptMs: null,
  error: null,
  result: undefined,
  duplicateOf: null,
}

/** `lose-request`: never arrives. `lose-answer`: is done, and nobody hears of it. */
export type Fate = 'lose-request' | 'lose-answer' | 'busy' | 'forbid' | 'ending' | 'answer'

interface Watch {
  readonly request: FeedRequest
  readonly end: (end: FeedEnd) => void
}

export const silence = (): ApiError =>
  new ApiError('transient', { code: 'Lost', message: 'no answer', help: '' })
export const notNow = (retryAfterMs = 0): ApiError =>
  new ApiError('waiting', { code: 'TooManyRequests', message: 'later', help: '', retryAfterMs })
export const refusal = (): ApiError =>
  new ApiError('terminal', { code: 'Forbidden', message: 'not you', help: 'grant it' })

const ending = (): ApiError =>
  new ApiError('terminal', { code: NAMESPACE_TERMINATING, message: 'it ends', help: 'wait' })

const keyOf = ({ namespace, name }: JobKey): string => `${namespace}/${name}`

export class FakeCluster implements JobStore, JobFeed {
  /** What happens to the next creates, in order; then they are answered. */
  readonly fates: Fate[] = []
  /** Thrown by every read, and the end of every watch, as long as it is set. */
  fault: ApiError | null = null
  /** Events are kept back until `flush`. */
  lagging = false
  readonly counts = { creates: 0, gets: 0, looks: 0, watches: 0 }
  /** Where each watch began. */
  readonly beginnings: string[] = []
  readonly #jobs = new Map<string, JobView>()
  readonly #history: { readonly version: number; readonly event: FeedEvent }[] = []
  readonly #watches = new Set<Watch>()
  readonly #held: FeedEvent[] = []
  #revision = 1_000
  #compacted = 999
  #uids = 0

  get openWatches(): number {
    return this.#watches.size
  }

  get jobs(): readonly JobView[] {
    return [...this.#jobs.values()]
  }

  get version(): string {
    return String(this.#revision)
  }

  // What the operator and users do.

  put(key: JobKey, status: Partial<StatusView> = {}, fields: Partial<JobView> = {}): JobView {
    const before = this.#jobs.get(keyOf(key))
    const job: JobView = {
      ...key,
      uid: before?.uid ?? `uid-${++this.#uids}`,
      createdMs: 0,
      submission: '',
      queue: 'default',
      type: 'email.send',
      priority: 'Normal',
      ...before,
      ...fields,
      status: { ...(before?.status ?? PENDING), ...status },
      resourceVersion: String(++this.#revision),
    }
    this.#jobs.set(keyOf(key), job)
    this.#record({ kind: 'changed', job })
    return job
  }

  remove(key: JobKey): void {
    const job = this.#jobs.get(keyOf(key))
    if (!job) return
    this.#jobs.delete(keyOf(key))
    this.#record({ kind: 'removed', job: { ...job, resourceVersion: String(++this.#revision) } })
  }

  /** Versions up to now cannot be watched from any more. */
  compact(): void {
    this.#compacted = this.#revision
    this.#history.length = 0
  }

  bookmark(): void {
    this.#tell({ kind: 'bookmark', version: String(this.#revision) })
  }

  /** Every watch ends. What was held back for them is told by the next ones. */
  cut(end: FeedEnd = { kind: 'ended' }): void {
    this.#held.length = 0
    for (const watch of [...this.#watches]) watch.end(end)
  }

  flush(): void {
    for (const event of this.#held.splice(0)) this.#tell(event)
  }

  // The ports.

  async create(job: NewJob): Promise<Created<JobView>> {
    this.counts.creates++
    const fate = this.fates.shift() ?? 'answer'
    if (fate === 'busy') throw notNow()
    if (fate === 'forbid') throw refusal()
    if (fate === 'lose-request') throw silence()
    const exists = this.#jobs.has(keyOf(job))
    const { namespace, name, spec, annotations } = job
    const object = exists
      ? null
      : this.put({ namespace, name }, PENDING, {
          submission: annotations['gopherqueue.io/submission'] ?? '',
          queue: spec.queue ?? 'default',
          type: spec.type,
          priority: spec.priority ?? 'Normal',
        })
    if (fate === 'lose-answer') throw silence()
    return object === null ? { kind: 'exists' } : { kind: 'created', object }
  }

  async get(key: JobKey): Promise<JobView | null> {
    this.counts.gets++
    if (this.fault) throw this.fault
    return this.#jobs.get(keyOf(key)) ?? null
  }

  async look(key: JobKey): Promise<Look> {
    this.counts.looks++
    if (this.fault) throw this.fault
    return { version: this.version, job: this.#jobs.get(keyOf(key)) ?? null }
  }

  async *list(namespace: string, selection: JobSelection): AsyncGenerator<JobView, void, void> {
    if (this.fault) throw this.fault
    for (const job of [...this.#jobs.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (job.namespace !== namespace) continue
      if (selection.queue !== undefined && job.queue !== selection.queue) continue
      if (selection.type !== undefined && job.type !== selection.type) continue
      if (selection.phase !== undefined && job.status.phase !== selection.phase) continue
      yield job
    }
  }

  follow(request: FeedRequest): Promise<FeedEnd> {
    this.counts.watches++
    this.beginnings.push(request.version)
    if (this.fault) return Promise.resolve({ kind: 'failed', error: this.fault })
    if (request.signal.aborted) return Promise.resolve({ kind: 'ended' })
    if (Number(request.version) < this.#compacted) return Promise.resolve({ kind: 'expired' })
    return new Promise((resolve) => {
      const end = (how: FeedEnd) => {
        this.#watches.delete(watch)
        request.signal.removeEventListener('abort', stop)
        resolve(how)
      }
      const watch: Watch = { request, end }
      const stop = () => end({ kind: 'ended' })
      request.signal.addEventListener('abort', stop, { once: true })
      this.#watches.add(watch)
      for (const { version, event } of [...this.#history]) {
        if (version > Number(request.version) && !this.#held.includes(event)) tellTo(watch, event)
      }
    })
  }

  #record(event: FeedEvent): void {
    this.#history.push({ version: this.#revision, event })
    if (this.lagging) this.#held.push(event)
    else this.#tell(event)
  }

  #tell(event: FeedEvent): void {
    for (const watch of [...this.#watches]) tellTo(watch, event)
  }
}

function tellTo({ request }: Watch, event: FeedEvent): void {
  if (request.signal.aborted) return
  if (event.kind !== 'bookmark') {
    if (event.job.namespace !== request.namespace) return
    if (request.name !== null && event.job.name !== request.name) return
  }
  request.tell(event)
}

/** QueueActions in memory. `carryOut` is what an operator does with each. */
export class FakeActions implements ActionStore {
  readonly fates: Fate[] = []
  readonly stored = new Map<string, NewAction>()
  fault: ApiError | null = null
  creates = 0
  reads = 0
  readonly #views = new Map<string, ActionView>()

  async create(action: NewAction): Promise<Created<ActionView>> {
    this.creates++
    const fate = this.fates.shift() ?? 'answer'
    if (fate === 'busy') throw notNow()
    if (fate === 'forbid') throw refusal()
    if (fate === 'ending') throw ending()
    if (fate === 'lose-request') throw silence()
    const key = keyOf(action)
    const exists = this.stored.has(key)
    const { namespace, name } = action
    if (!exists) {
      this.stored.set(key, action)
      const uid = `action-${this.stored.size}`
      const counts = { matched: 0, done: 0, skipped: 0, failed: 0 }
      const seen = {
        phase: 'Pending',
        reason: '',
        message: '',
        failure: null,
        failures: [],
        counts,
      }
      this.#views.set(key, { namespace, name, uid, ...seen })
    }
    if (fate === 'lose-answer') throw silence()
    const object = this.#views.get(key)
    return exists || !object ? { kind: 'exists' } : { kind: 'created', object }
  }

  async get(key: JobKey): Promise<ActionView | null> {
    this.reads++
    if (this.fault) throw this.fault
    return this.#views.get(keyOf(key)) ?? null
  }

  end(key: JobKey, how: Partial<ActionView>): void {
    const view = this.#views.get(keyOf(key))
    if (view) this.#views.set(keyOf(key), { ...view, ...how })
  }

  remove(key: JobKey): void {
    this.#views.delete(keyOf(key))
  }

  /** Somebody deletes it and creates another one under the name. */
  replace(key: JobKey): void {
    this.end(key, { uid: 'of another' })
  }

  get keys(): readonly JobKey[] {
    return [...this.#views.values()]
  }
}

export const someone: Identity = { whoAmI: async () => 'jane' }
