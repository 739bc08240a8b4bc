// QueueActions in the API server of the model: created by users, their status written by compare-and-set
// on the resourceVersion, told to whoever watches a moment later.

import type { JobKey } from '../../src/core/ids.ts'
import type { JobObject, PayloadAnswer } from '../../src/core/job.ts'
import type { ActionObject, QueueObject } from '../../src/core/resources.ts'
import type { VirtualClock } from '../../src/core/virtual-clock.ts'
import type {
  ListedTarget,
  ListingAnswer,
  ObjectStatusWriter,
  TargetLister,
  TargetQuery,
} from '../../src/ingestion/ports.ts'
import type { DeleteAnswer } from '../../src/persistence/ports.ts'
import { anAction } from '../builders.ts'

export interface ActionsOptions {
  readonly clock: VirtualClock
  /** How long the watch is behind the truth. */
  readonly watchMs: number
  readonly nextVersion: () => string
  readonly jobs: () => Iterable<JobObject>
  readonly reachable: () => boolean
  readonly tell: (action: ActionObject) => void
  readonly tellRemoved: (action: ActionObject) => void
  readonly queues: () => Iterable<QueueObject>
}

const UNLISTED = { queue: '', phase: '', reason: '', errorCode: '', completionMs: null }

export class FakeActions implements TargetLister {
  readonly #options: ActionsOptions
  readonly #actions = new Map<string, ActionObject>()
  /** What each list saw, for one at its revision. */
  readonly #revisions = new Map<string, readonly JobObject[]>()

  constructor(options: ActionsOptions) {
    this.#options = options
  }

  all(): Iterable<ActionObject> {
    return this.#actions.values()
  }

  /** @param payload JSON that a Replay brings along */
  create(name: string, spec: Partial<ActionObject['spec']>, payload?: string): void {
    const creationMs = this.#options.clock.now()
    const version = { resourceVersion: this.#options.nextVersion(), creationMs }
    const action = anAction({ namespace: 'default', name, uid: `uid-${name}`, ...version, spec })
    const inline = { kind: 'inline', json: payload ?? '' } as const
    this.#store(payload === undefined ? action : { ...action, payload: inline })
  }

  get(name: string): ActionObject | undefined {
    return this.#actions.get(name)
  }

  async readPayload({ name }: JobKey, uid: string): Promise<PayloadAnswer> {
    const { uid: found, payload } = this.#actions.get(name) ?? {}
    if (found !== uid || payload?.kind !== 'inline') return { kind: 'gone' }
    return { kind: 'found', json: payload.json }
  }

  async delete(target: JobKey & { uid: string; resourceVersion: string }): Promise<DeleteAnswer> {
    const stored = this.#actions.get(target.name)
    if (!stored) return { kind: 'gone' }
    if (stored.resourceVersion !== target.resourceVersion) return { kind: 'conflict' }
    this.remove(target.name)
    return { kind: 'deleted' }
  }

  remove(name: string): void {
    const action = this.#actions.get(name)
    this.#actions.delete(name)
    const { clock, watchMs, tellRemoved } = this.#options
    if (action) clock.after(watchMs, () => tellRemoved(action))
  }

  /** The revisions of all lists so far are compacted. */
  compact(): void {
    this.#revisions.clear()
  }

  readonly statuses: ObjectStatusWriter = {
    writeStatus: async (kind, target, next) => {
      if (!this.#options.reachable()) return { kind: 'unknown', detail: 'unreachable' }
      const stored = this.#actions.get(target.name)
      if (kind !== 'QueueAction' || stored?.uid !== target.uid) return { kind: 'gone' }
      if (stored.resourceVersion !== target.resourceVersion) return { kind: 'conflict' }
      const resourceVersion = this.#options.nextVersion()
      this.#store({ ...stored, resourceVersion, status: next as ActionObject['status'] })
      return { kind: 'written', resourceVersion }
    },
  }

  async list(query: TargetQuery, found: (target: ListedTarget) => void): Promise<ListingAnswer> {
    const { jobs, queues, reachable, nextVersion } = this.#options
    if (!reachable()) return { kind: 'later', retryAfterMs: 1_000, detail: 'unreachable' }
    const revision = query.revision === '' ? nextVersion() : query.revision
    if (query.revision === '') this.#revisions.set(revision, [...jobs()])
    const then = this.#revisions.get(revision)
    if (!then) return { kind: 'expired' }
    if (query.kind === 'QueueJob') {
      for (const job of then) if (isAsked(query, job)) found(listed(job))
    } else if (query.kind === 'Queue') {
      const { name } = query.fields
      for (const queue of queues()) {
        if (name === undefined || name === queue.name) found({ ...queue, ...UNLISTED })
      }
    }
    return { kind: 'listed', revision }
  }

  #store(action: ActionObject): void {
    this.#actions.set(action.name, action)
    this.#options.clock.after(this.#options.watchMs, () => this.#options.tell(action))
  }
}

function isAsked({ kind, namespace, fields }: TargetQuery, job: JobObject & JobKey): boolean {
  if (kind !== 'QueueJob' || job.namespace !== namespace) return false
  const { name = job.name, queue = job.spec.queue, type = job.spec.type } = fields
  const { phase = job.status.phase } = fields
  const same = name === job.name && queue === job.spec.queue && type === job.spec.type
  return same && phase === job.status.phase
}

function listed({ name, uid, resourceVersion, creationMs, spec, status }: JobObject): ListedTarget {
  const { phase, reason, error, completionTime } = status
  return {
    name,
    uid,
    resourceVersion,
    creationMs,
    queue: spec.queue,
    phase,
    reason: reason ?? '',
    errorCode: error?.code ?? '',
    completionMs: completionTime === undefined ? null : Date.parse(completionTime),
  }
}
