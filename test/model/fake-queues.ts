// The Queues of the model's API server: stored, watched a moment later, their status written on exactly
// the version that was read. And the history, as a list.

import { QueueSpec, type QueueSpecInput } from '../../src/api/queue.ts'
import type { JobKey } from '../../src/core/ids.ts'
import type { QueueObject } from '../../src/core/resources.ts'
import type { VirtualClock } from '../../src/core/virtual-clock.ts'
import type { CreateAnswer, NewObject, ObjectStatusWriter } from '../../src/ingestion/ports.ts'
import type { Controller } from '../../src/main/controller-ports.ts'
import type { History, HistoryEvent, WriteAnswer } from '../../src/persistence/ports.ts'

export interface FakeQueuesOptions {
  readonly clock: VirtualClock
  readonly watchMs: number
  readonly nextVersion: () => string
  readonly watchers: ReadonlySet<Controller>
}

export class FakeQueues {
  readonly #options: FakeQueuesOptions
  readonly #stored = new Map<string, QueueObject>()
  /** Each status that was written, in order. */
  readonly written: { readonly name: string; readonly status: QueueObject['status'] }[] = []
  /** What the next creates are answered with. */
  readonly refusals: CreateAnswer[] = []

  constructor(options: FakeQueuesOptions) {
    this.#options = options
  }

  all(): IterableIterator<QueueObject> {
    return this.#stored.values()
  }

  get(name: string, namespace = 'default'): QueueObject | undefined {
    return this.#stored.get(`${namespace}/${name}`)
  }

  apply(name: string, spec: QueueSpecInput = {}, namespace = 'default'): void {
    const known = this.get(name, namespace)
    this.#store({
      namespace,
      name,
      uid: known?.uid ?? `queue-${name}-${this.#options.nextVersion()}`,
      resourceVersion: this.#options.nextVersion(),
      generation: (known?.generation ?? 0) + 1,
      creationMs: known?.creationMs ?? this.#options.clock.now(),
      deleting: false,
      spec: QueueSpec.parse(spec),
      status: known?.status ?? { observedGeneration: -1 },
    })
  }

  delete(name: string, namespace = 'default'): void {
    const queue = this.get(name, namespace)
    this.#stored.delete(`${namespace}/${name}`)
    if (!queue) return
    this.#options.clock.after(this.#options.watchMs, () => {
      for (const each of this.#options.watchers) each.queues.removed(queue, queue.uid)
    })
  }

  async create({ name, namespace, spec }: NewObject<'Queue'>): Promise<CreateAnswer> {
    const refusal = this.refusals.shift()
    if (refusal) return refusal
    if (this.get(name, namespace)) return { kind: 'exists' }
    this.apply(name, spec, namespace)
    const { uid = '', resourceVersion = '' } = this.get(name, namespace) ?? {}
    return { kind: 'created', uid, resourceVersion }
  }

  async writeStatus(
    target: JobKey & { readonly uid: string; readonly resourceVersion: string },
    status: QueueObject['status'],
  ): Promise<WriteAnswer> {
    const queue = this.get(target.name, target.namespace)
    if (queue?.uid !== target.uid) return { kind: 'gone' }
    if (queue.resourceVersion !== target.resourceVersion) return { kind: 'conflict' }
    const resourceVersion = this.#options.nextVersion()
    this.written.push({ name: queue.name, status })
    this.#store({ ...queue, resourceVersion, status })
    return { kind: 'written', resourceVersion }
  }

  /** Statuses of Queues here, of all else there. */
  statuses(others: ObjectStatusWriter): ObjectStatusWriter {
    return {
      writeStatus: (kind, target, next) =>
        kind === 'Queue'
          ? this.writeStatus(target, next as QueueObject['status'])
          : others.writeStatus(kind, target, next),
    }
  }

  #store(queue: QueueObject): void {
    this.#stored.set(`${queue.namespace}/${queue.name}`, queue)
    this.#options.clock.after(this.#options.watchMs, () => {
      for (const each of this.#options.watchers) each.queues.changed(queue)
    })
  }
}

export class FakeHistory implements History {
  readonly events: HistoryEvent[] = []
  reachable = true

  async record(event: HistoryEvent): Promise<boolean> {
    if (!this.reachable) return false
    if (!this.events.some(({ id }) => id === event.id)) this.events.push(event)
    return true
  }
}
