/**
 * Writes what `declared.ts` says onto QueueSchedules: rarely, one object at a time, never
 * twice for the same version. A conflict or an unknown answer is looked at again from the next version
 * that the watch brings, or after a back-off.
 */
import type { Clock, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { type JobKey, keyText, type ShardId, shardOf } from '../core/ids.ts'
import type { ScheduleObject } from '../core/resources.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import { Controller, type Reconciled } from '../runtime/controller.ts'
import { scheduleStatus } from './declared.ts'
import type { ObjectStatusWriter } from './ports.ts'

export interface DeclaredOptions {
  readonly statuses: ObjectStatusWriter
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  readonly leads: (shard: ShardId) => boolean
}

export class DeclaredReconciler {
  readonly #options: DeclaredOptions
  readonly #known = new Map<string, ScheduleObject>()
  readonly #controller: Controller<string>

  constructor(options: DeclaredOptions) {
    this.#options = options
    this.#controller = new Controller<string>({
      clock: options.clock,
      random: options.random,
      workers: 2,
      reconcile: (key) => this.#reconcile(key),
      observe: (_key, result, tookMs) => {
        const controller = 'queueschedule'
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

  changed(schedule: ScheduleObject): void {
    const key = keyText(schedule)
    this.#known.set(key, schedule)
    this.#controller.enqueue(key)
  }

  removed(schedule: JobKey): void {
    this.#known.delete(keyText(schedule))
  }

  /** The shard is led now: what nobody wrote meanwhile is written. */
  leading(shard: ShardId): void {
    for (const [key, { namespace }] of this.#known) {
      if (shardOf(namespace) === shard) this.#controller.enqueue(key)
    }
  }

  async #reconcile(key: string): Promise<Reconciled> {
    const schedule = this.#known.get(key)
    if (!schedule || !this.#options.leads(shardOf(schedule.namespace))) return { kind: 'done' }
    const { version, clock, statuses } = this.#options
    const next = scheduleStatus(schedule, version, clock.now())
    if (next === null) return { kind: 'done' }
    const answer = await statuses.writeStatus('QueueSchedule', schedule, next)
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
