/**
 * Writes what `declared.ts` says onto Queues and QueueSchedules: rarely, one object at a time, never
 * twice for the same version. A conflict or an unknown answer is looked at again from the next version
 * that the watch brings, or after a back-off.
 */
import type { Clock, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { type JobKey, type ShardId, shardOf } from '../core/ids.ts'
import type { QueueObject, ScheduleObject } from '../core/resources.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import { Controller, type Reconciled } from '../runtime/controller.ts'
import { queueStatus, scheduleStatus } from './declared.ts'
import type { ObjectStatusWriter, StatusOf } from './ports.ts'

type Declared =
  | { readonly kind: 'Queue'; readonly object: QueueObject }
  | { readonly kind: 'QueueSchedule'; readonly object: ScheduleObject }

export interface DeclaredOptions {
  readonly statuses: ObjectStatusWriter
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  readonly controllerName: string
  readonly leads: (shard: ShardId) => boolean
}

export class DeclaredReconciler {
  readonly #options: DeclaredOptions
  readonly #known = new Map<string, Declared>()
  readonly #controller: Controller<string>

  constructor(options: DeclaredOptions) {
    this.#options = options
    this.#controller = new Controller<string>({
      clock: options.clock,
      random: options.random,
      workers: 2,
      reconcile: (key) => this.#reconcile(key),
      observe: (key, result, tookMs) => {
        const controller = key.startsWith('Queue ') ? 'queue' : 'queueschedule'
        options.metrics.count('gopherqueue_reconciles_total', { controller, result })
        options.metrics.observe('gopherqueue_reconcile_seconds', tookMs / 1000, { controller })
      },
      failed: (key, error) =>
        options.logger.warn('a status could not be written', { key, err: describeError(error) }),
    })
  }

  /** Objects that wait for a look. */
  get depth(): number {
    return this.#controller.depth
  }

  start(): void {
    void this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  changed(declared: Declared): void {
    const key = keyOf(declared.kind, declared.object)
    this.#known.set(key, declared)
    this.#controller.enqueue(key)
  }

  removed(kind: Declared['kind'], object: JobKey): void {
    this.#known.delete(keyOf(kind, object))
  }

  /** The shard is led now: what nobody wrote meanwhile is written. */
  leading(shard: ShardId): void {
    for (const [key, { object }] of this.#known) {
      if (shardOf(object.namespace) === shard) this.#controller.enqueue(key)
    }
  }

  async #reconcile(key: string): Promise<Reconciled> {
    const declared = this.#known.get(key)
    if (!declared || !this.#options.leads(shardOf(declared.object.namespace))) {
      return { kind: 'done' }
    }
    const { version, clock, controllerName } = this.#options
    if (declared.kind === 'QueueSchedule') {
      const next = scheduleStatus(declared.object, version, clock.now())
      return this.#write('QueueSchedule', declared.object, next)
    }
    if (declared.object.spec.controllerName !== controllerName) return { kind: 'done' }
    return this.#write('Queue', declared.object, queueStatus(declared.object, version, clock.now()))
  }

  async #write<K extends Declared['kind']>(
    kind: K,
    object: Declared['object'],
    next: StatusOf[K] | null,
  ): Promise<Reconciled> {
    if (next === null) return { kind: 'done' }
    const answer = await this.#options.statuses.writeStatus(kind, object, next)
    switch (answer.kind) {
      case 'written':
      case 'gone':
      case 'conflict':
        return { kind: 'done' }
      case 'later':
        return { kind: 'requeue', afterMs: answer.retryAfterMs }
      case 'refused':
      case 'unknown':
        throw new Error(answer.detail)
    }
  }
}

function keyOf(kind: string, { namespace, name }: JobKey): string {
  return `${kind} ${namespace}/${name}`
}
