/**
 * Carries QueueActions out, one step at a time (`action.ts` decides each): the order is written before
 * any effect, so that an action which is begun again after a crash changes nothing twice (U4).
 */
import { sentence } from '../api/reasons.ts'
import type { Clock, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { type JobKey, jobUid, keyText, type ShardId, shardOf } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { ActionObject, UnreadableObject, Watcher } from '../core/resources.ts'
import type { EventSink, Logger, Metrics } from '../observability/ports.ts'
import type { Settled, StatusStore } from '../persistence/ports.ts'
import { Controller, type Reconciled } from '../runtime/controller.ts'
import { type ActionStep, nextStep, statusAfter } from './action.ts'
import type { ActionGuard, ObjectStatusWriter } from './ports.ts'

export interface ActionsOptions {
  readonly statuses: ObjectStatusWriter
  readonly guard: ActionGuard
  readonly store: Pick<StatusStore, 'readJob'>
  /** Takes in a version that was read live, as if the watch had brought it. */
  readonly seen: (object: JobObject) => void
  readonly ledger: Ledger
  readonly events: EventSink
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  readonly leads: (shard: ShardId) => boolean
  readonly cancel: (
    entry: Entry,
    request: Omit<Extract<ActionStep, { kind: 'cancel' }>, 'kind' | 'uid'>,
  ) => Promise<Settled>
  readonly unreadable: (object: UnreadableObject) => void
}

const AGAIN_MS = 1_000
const DONE: Reconciled = { kind: 'done' }

export class ActionReconciler implements Watcher<ActionObject> {
  readonly #options: ActionsOptions
  readonly #known = new Map<string, ActionObject>()
  readonly #controller: Controller<string>

  constructor(options: ActionsOptions) {
    this.#options = options
    this.#controller = new Controller<string>({
      clock: options.clock,
      random: options.random,
      workers: 8,
      reconcile: (key) => this.#reconcile(key),
      observe: (_key, result, tookMs) => {
        const controller = 'queueaction'
        options.metrics.count('gopherqueue_reconciles_total', { controller, result })
        options.metrics.observe('gopherqueue_reconcile_seconds', tookMs / 1000, { controller })
      },
      failed: (key, error) =>
        options.logger.warn('an action could not be carried out', {
          action: key,
          err: describeError(error),
        }),
    })
  }

  /** Actions that wait for a look. */
  get depth(): number {
    return this.#controller.depth
  }

  start(): void {
    void this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  changed(action: ActionObject): void {
    this.#known.set(keyText(action), action)
    this.#controller.enqueue(keyText(action))
  }

  removed(key: JobKey): void {
    this.#known.delete(keyText(key))
  }

  unreadable(object: UnreadableObject): void {
    this.#options.unreadable(object)
  }

  synced(): void {}

  /** The shard is led now: what an earlier leader left open is gone on with. */
  leading(shard: ShardId): void {
    for (const [key, action] of this.#known) {
      if (shardOf(action.namespace) === shard) this.#controller.enqueue(key)
    }
  }

  async #reconcile(key: string): Promise<Reconciled> {
    const { guard, version, leads } = this.#options
    const action = this.#known.get(key)
    if (!action || !leads(shardOf(action.namespace))) return DONE
    if (action.status.phase === 'Completed' || action.status.phase === 'Failed') return DONE
    const target = await this.#target(action)
    const step = nextStep({ action, guard: await guard.check(), target, version })
    switch (step.kind) {
      case 'over':
        return DONE
      case 'later':
        return { kind: 'requeue', afterMs: AGAIN_MS }
      case 'refuse':
      case 'take-order':
      case 'finish':
        return this.#write(action, step)
      case 'cancel':
        return this.#cancel(step)
    }
  }

  /** A live read: the cache may not have seen a job that was created a moment ago. */
  async #target({ namespace, spec }: ActionObject): Promise<JobObject | null | 'unknown'> {
    const { store, seen } = this.#options
    const { name, kind } = spec.target
    if (name === undefined || kind !== 'QueueJob') return null
    const read = await store.readJob({ namespace, name })
    if (read.kind === 'later') return 'unknown'
    if (read.kind === 'gone') return null
    seen(read.object)
    return read.object
  }

  async #write(
    action: ActionObject,
    step: Extract<ActionStep, { kind: 'refuse' | 'take-order' | 'finish' }>,
  ): Promise<Reconciled> {
    const { statuses, clock } = this.#options
    const next = statusAfter(action, step, clock.now())
    const answer = await statuses.writeStatus('QueueAction', action, next)
    switch (answer.kind) {
      case 'written': {
        // Our own write is read at once; the watch brings the same version later.
        const written = { ...action, status: next, resourceVersion: answer.resourceVersion }
        this.#known.set(keyText(action), written)
        this.#tell(action, step)
        return step.kind === 'take-order' ? { kind: 'requeue', afterMs: 0 } : DONE
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

  async #cancel(step: Extract<ActionStep, { kind: 'cancel' }>): Promise<Reconciled> {
    const { ledger, cancel } = this.#options
    const entry = ledger.get(jobUid(step.uid))
    if (entry) {
      const { kind: _, uid: __, ...request } = step
      // Not allowed to write just now: not given up, and not asked again at once.
      if ((await cancel(entry, request)) === 'stopped') {
        return { kind: 'requeue', afterMs: AGAIN_MS }
      }
    }
    return { kind: 'requeue', afterMs: 0 }
  }

  #tell(action: ActionObject, step: Extract<ActionStep, { kind: string }>): void {
    if (step.kind !== 'refuse' && step.kind !== 'finish') return
    const { events, logger } = this.#options
    const reason = step.kind === 'refuse' ? step.reason : 'ActionDone'
    const { namespace, name, uid } = action
    logger.info('an action has ended', { namespace, action: name, uid, code: reason })
    events.emit({
      kind: 'QueueAction',
      regarding: { namespace, name, uid },
      reason,
      action: action.spec.action,
      note: step.message || sentence('ActionRunning', { action: action.spec.action, matched: 1 }),
    })
  }
}
