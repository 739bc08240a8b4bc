/**
 * Carries QueueActions out, one step at a time (`action.ts` decides each): the order is written before
 * any effect, so that an action which is begun again after a crash changes nothing twice (U4).
 *
 *   first sight ─▶ list ─▶ order written ─▶ a slice of targets ─▶ … ─▶ end written ─▶ removed (TTL)
 *                                            ▲  progress, once a second  │
 *                                            └───── what the rate lets ──┘
 *
 * A slice is what `ratePerSecond` lets through since the last one, several targets at once. Between two
 * slices other actions have their turn. What stands in the status after a crash may be behind by a
 * second of work: that is done again, and changes nothing.
 */
import { isReason } from '../api/reasons.ts'
import type { Clock, Random } from '../core/clock.ts'
import { type JobKey, jobUid, keyText, type ShardId, shardOf } from '../core/ids.ts'
import { isNewer, type Ledger } from '../core/ledger.ts'
import type { ActionObject, UnreadableObject, Watcher } from '../core/resources.ts'
import type { EventSink, Logger, Metrics } from '../observability/ports.ts'
import type { ObjectDeleter } from '../persistence/ports.ts'
import type { Controller, Reconciled } from '../runtime/controller.ts'
import {
  type ActionStep,
  hasEnded,
  nextStep,
  statusAfter,
  stepBeforeLooking,
  type WrittenStep,
} from './action.ts'
import type { ActionEffects } from './action-effects.ts'
import type { TargetOutcome } from './action-job.ts'
import { judgeActionPayload } from './action-payload.ts'
import { ActionRun } from './action-run.ts'
import { gather, gatherAgain, type TargetSources } from './action-sets.ts'
import { type Target, wasThere } from './action-targets.ts'
import { observedController } from './observed-controller.ts'
import type { ActionGuard, ActionPayloads, ObjectStatusWriter, TargetLister } from './ports.ts'

export interface ActionsOptions {
  readonly statuses: ObjectStatusWriter
  readonly guard: ActionGuard
  readonly lister: TargetLister
  readonly payloads: ActionPayloads
  readonly effects: Pick<ActionEffects, 'apply'>
  readonly deleter: ObjectDeleter
  readonly ledger: Ledger
  readonly events: EventSink
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  readonly leads: (shard: ShardId) => boolean
  /** Progress only informs: may it be written now? */
  readonly mayInform: () => boolean
  readonly unreadable: (object: UnreadableObject) => void
}

const AGAIN_MS = 1_000
/** Two slices of one action are at least so far apart. */
const SLICE_MS = 100
const SLICE_WIDTH = 16
const PROGRESS_MS = 1_000
/** Bulk actions of one namespace under way at once: the sets of more are not held in memory. */
const BULK_IN_NAMESPACE = 4
const DEFAULT_TTL_SECONDS = 86_400
/** Wall clocks step, and jobs let go of payloads: an ended action is looked at this often. */
const RETIRE_LOOK_MS = 3_600_000
const HELD_LOOK_MS = 60_000
const DONE: Reconciled = { kind: 'done' }

export class ActionReconciler implements Watcher<ActionObject> {
  readonly #options: ActionsOptions
  readonly #known = new Map<string, ActionObject>()
  readonly #runs = new Map<string, ActionRun>()
  /** Bulk actions under way, with their namespaces. */
  readonly #bulk = new Map<string, string>()
  readonly #sources: TargetSources
  readonly #controller: Controller<string>

  constructor(options: ActionsOptions) {
    this.#options = options
    const { lister, ledger } = options
    this.#sources = {
      lister,
      wasThere: (action, order, target) =>
        wasThere(action, order, target, ledger.get(jobUid(target.uid))?.firstSeen),
    }
    this.#controller = observedController(options, 'queueaction', 8, (key, signal) =>
      this.#reconcile(key, signal),
    )
  }

  /** Actions that wait for a look. */
  get depth(): number {
    return this.#controller.depth
  }

  /** Targets that are still to be worked on by the actions under way. */
  get targetsLeft(): number {
    let left = 0
    for (const run of this.#runs.values()) left += run.left
    return left
  }

  start(): void {
    void this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  changed(action: ActionObject): void {
    const key = keyText(action)
    const known = this.#known.get(key)
    // Our own write is known at once; the watch may still bring what stood there before it.
    if (known && !isNewer(action.resourceVersion, known.resourceVersion)) return
    this.#known.set(key, action)
    if (known?.uid !== action.uid) this.#drop(key)
    this.#controller.enqueue(key)
  }

  removed(key: JobKey): void {
    this.#known.delete(keyText(key))
    this.#drop(keyText(key))
  }

  unreadable(object: UnreadableObject): void {
    this.#options.unreadable(object)
  }

  synced(): void {}

  /** The shard is led now: what an earlier leader left open is gone on with. */
  leading(shard: ShardId): void {
    for (const [key, action] of this.#known) {
      if (shardOf(action.namespace) !== shard) continue
      // Another leader may have come further meanwhile: the status says where to go on.
      this.#drop(key)
      this.#controller.enqueue(key)
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Reconciled> {
    const { guard, version, leads } = this.#options
    const action = this.#known.get(key)
    if (!action || !leads(shardOf(action.namespace))) {
      this.#drop(key)
      return DONE
    }
    if (hasEnded(action)) return this.#retire(action)
    const facts = { action, guard: await guard.check(), version }
    const early = stepBeforeLooking(facts)
    if (early) return this.#take(action, early, signal)
    return this.#begin(facts, signal)
  }

  async #begin(
    facts: Parameters<typeof stepBeforeLooking>[0],
    signal: AbortSignal,
  ): Promise<Reconciled> {
    const { action } = facts
    const key = keyText(action)
    if (!this.#claim(action)) return again(AGAIN_MS)
    try {
      const payload = await judgeActionPayload(action, this.#options.payloads)
      const gathered = await gather(this.#sources, action, signal)
      if (gathered.kind === 'later') return this.#delayed(action, gathered)
      const step = nextStep({ ...facts, payload, found: gathered.found })
      if (step.kind !== 'take-order') return await this.#take(action, step, signal)
      const result = await this.#write(action, step)
      const begun = this.#known.get(key)
      if (begun?.uid === action.uid && begun.status.order === step.order) {
        this.#hold(begun, gathered.targets)
      }
      return result
    } finally {
      if (!this.#runs.has(key)) this.#drop(key)
    }
  }

  #take(action: ActionObject, step: ActionStep, signal: AbortSignal): Promise<Reconciled> {
    switch (step.kind) {
      case 'over':
        return Promise.resolve(DONE)
      case 'later':
        return Promise.resolve(again(AGAIN_MS))
      case 'refuse':
      case 'take-order':
      case 'counted':
        return this.#write(action, step)
      case 'go-on':
        return this.#goOn(action, step.order, signal)
    }
  }

  async #goOn(action: ActionObject, order: number, signal: AbortSignal): Promise<Reconciled> {
    const { clock } = this.#options
    let run = this.#runs.get(keyText(action))
    if (!run) {
      if (!this.#claim(action)) return again(AGAIN_MS)
      const gathered = await gatherAgain(this.#sources, action, order, signal)
      if (gathered.kind === 'later') return this.#delayed(action, gathered)
      run = this.#hold(action, gathered.targets)
    }
    const targets = run.next(clock.monotonic())
    const outcomes = await this.#slice(action, order, targets, signal)
    run.settle(targets, outcomes)
    this.#countTargets(action, outcomes)
    if (!this.#isWanted(action)) return DONE
    if (run.isDone) {
      return this.#write(this.#newest(action), {
        kind: 'finish',
        tally: run.finalTally(),
        notes: run.notes(),
      })
    }
    const waits = outcomes.map((each) => (each.kind === 'later' ? each.afterMs : 0))
    await this.#saveProgress(this.#newest(action), run)
    return again(Math.max(SLICE_MS, run.dueIn(clock.monotonic()), ...waits))
  }

  /** Several at once; a deleted action, a lost shard or a stop lets no further target begin. */
  async #slice(
    action: ActionObject,
    order: number,
    targets: readonly Target[],
    signal: AbortSignal,
  ): Promise<readonly TargetOutcome[]> {
    const { effects, leads } = this.#options
    const outcomes: TargetOutcome[] = []
    for (let from = 0; from < targets.length; from += SLICE_WIDTH) {
      const stopped = signal.aborted || !this.#isWanted(action) || !leads(shardOf(action.namespace))
      if (stopped || outcomes.some(({ kind }) => kind === 'later')) break
      const part = targets.slice(from, from + SLICE_WIDTH)
      outcomes.push(...(await Promise.all(part.map((each) => effects.apply(action, order, each)))))
    }
    return outcomes
  }

  async #saveProgress(action: ActionObject, run: ActionRun): Promise<void> {
    const { clock, mayInform, statuses } = this.#options
    const now = clock.monotonic()
    if (!run.isWorthSaving(now, PROGRESS_MS) || !mayInform()) return
    run.saved(now)
    const next = statusAfter(action, { kind: 'progress', tally: run.tally() }, clock.now())
    const answer = await statuses.writeStatus('QueueAction', action, next)
    // Whatever else it was: the next progress, or the end, tells more.
    if (answer.kind === 'written') this.#learn(action, next, answer.resourceVersion)
  }

  async #write(action: ActionObject, step: WrittenStep): Promise<Reconciled> {
    const { statuses, clock } = this.#options
    const next = statusAfter(action, step, clock.now())
    const answer = await statuses.writeStatus('QueueAction', action, next)
    switch (answer.kind) {
      case 'written': {
        const written = this.#learn(action, next, answer.resourceVersion)
        if (!hasEnded(written)) return again(0)
        this.#drop(keyText(action))
        this.#tell(written)
        return this.#retire(written)
      }
      case 'gone':
        return DONE
      case 'conflict':
        // The newer version is here already, or the watch brings it.
        return this.#newest(action) === action ? DONE : again(0)
      case 'later':
        return again(answer.retryAfterMs)
      case 'refused':
      case 'unknown':
        throw new Error(answer.detail)
    }
  }

  /** An own write is read at once; the watch brings the same version later. */
  #learn(
    action: ActionObject,
    status: ActionObject['status'],
    resourceVersion: string,
  ): ActionObject {
    const written = { ...action, status, resourceVersion }
    const key = keyText(action)
    const known = this.#known.get(key)
    const isNews = known?.uid === action.uid && isNewer(resourceVersion, known.resourceVersion)
    if (isNews) this.#known.set(key, written)
    return written
  }

  /** `ttlSecondsAfterFinished` is over, and no job has its payload from here (decision 0020). */
  async #retire(action: ActionObject): Promise<Reconciled> {
    const { clock, deleter, logger } = this.#options
    const { completionTime } = action.status
    const ended = completionTime === undefined ? action.creationMs : Date.parse(completionTime)
    const ttlMs = 1000 * (action.spec.ttlSecondsAfterFinished ?? DEFAULT_TTL_SECONDS)
    const left = ended + ttlMs - clock.now()
    if (left > 0) return again(Math.min(left, RETIRE_LOOK_MS))
    if (this.#isHeld(action)) return again(HELD_LOOK_MS)
    const answer = await deleter.delete('QueueAction', action)
    switch (answer.kind) {
      case 'deleted':
      case 'gone':
      case 'conflict':
        return DONE
      case 'later':
        return again(answer.retryAfterMs)
      case 'refused': {
        const { namespace, name, uid } = action
        const fields = { namespace, action: name, uid, err: answer.detail }
        logger.warn('an action that has ended may not be deleted', fields)
        return again(RETIRE_LOOK_MS)
      }
      case 'unknown':
        throw new Error(answer.detail)
    }
  }

  #isHeld({ namespace, uid, payload }: ActionObject): boolean {
    if (payload.kind === 'absent') return false
    for (const { object } of this.#options.ledger.ofShard(shardOf(namespace))) {
      if (object.status.payloadAction?.uid === uid) return true
    }
    return false
  }

  #isWanted(action: ActionObject): boolean {
    const known = this.#known.get(keyText(action))
    return known?.uid === action.uid && !known.deleting
  }

  #newest(action: ActionObject): ActionObject {
    const known = this.#known.get(keyText(action))
    return known?.uid === action.uid ? known : action
  }

  /** False: enough bulk actions of the namespace are under way. */
  #claim({ namespace, name, spec }: ActionObject): boolean {
    if (spec.target.name !== undefined && spec.action !== 'Purge') return true
    const key = keyText({ namespace, name })
    const others = [...this.#bulk].filter(([each, of]) => each !== key && of === namespace)
    if (others.length >= BULK_IN_NAMESPACE) return false
    this.#bulk.set(key, namespace)
    return true
  }

  #drop(key: string): void {
    this.#runs.delete(key)
    this.#bulk.delete(key)
  }

  #hold(action: ActionObject, targets: readonly Target[]): ActionRun {
    const run = new ActionRun(action, targets, this.#options.clock.monotonic())
    this.#runs.set(keyText(action), run)
    return run
  }

  #delayed(action: ActionObject, why: { afterMs: number; detail: string }): Reconciled {
    const { namespace, name, uid } = action
    const fields = { namespace, action: name, uid, err: why.detail }
    this.#options.logger.debug('the targets of an action cannot be listed now', fields)
    return again(why.afterMs)
  }

  #countTargets(action: ActionObject, outcomes: readonly TargetOutcome[]): void {
    for (const { kind } of outcomes) {
      if (kind === 'later') return
      this.#options.metrics.count('gopherqueue_action_targets_total', {
        action: action.spec.action,
        result: kind,
      })
    }
  }

  #tell({ namespace, name, uid, spec, status }: ActionObject): void {
    const { events, logger, metrics } = this.#options
    const { reason, message = '', matched, done, skipped, failed } = status
    if (reason === undefined || !isReason(reason)) return
    const told = { matched, done, skipped, failed, requestedBy: spec.requestedBy }
    logger.info('an action has ended', {
      ...{ namespace, action: name, uid, code: reason, verb: spec.action },
      ...told,
    })
    metrics.count('gopherqueue_actions_ended_total', { action: spec.action, reason })
    const regarding = { namespace, name, uid }
    events.emit({ kind: 'QueueAction', regarding, reason, action: spec.action, note: message })
  }
}

function again(afterMs: number): Reconciled {
  return { kind: 'requeue', afterMs }
}
