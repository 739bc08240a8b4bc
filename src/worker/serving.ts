/**
 * The way of one delivery through a worker: admitted or refused, acknowledged, run, reported. One call
 * of `serve` is one slot: it returns when the slot is free again, which is after the event stream has
 * confirmed the report (protocol K1–K6).
 */
import type { Logger } from 'pino'
import type { Clock } from '../core/clock.ts'
import type { Epoch } from '../core/epoch.ts'
import { type JobUid, shardOf } from '../core/ids.ts'
import type { Failure, WorkItem } from '../core/outcome.ts'
import { type Admission, admit, GIVE_BACK_DELAY_MS } from './admission.ts'
import type { Decided } from './attempt.ts'
import type { Epochs } from './epochs.ts'
import { Execution } from './execution.ts'
import type { Executions } from './executions.ts'
import { invoke } from './invoke.ts'
import type { Outbox } from './outbox.ts'
import type { Delivery, OutcomeSink, PayloadSource, ReportKey, WorkerObserver } from './ports.ts'
import { Progress } from './progress.ts'
import type { Registry } from './registry.ts'
import type { Redact } from './text.ts'

export interface ServingOptions<Deps> {
  readonly namespace: string
  readonly queues: readonly string[]
  readonly graceMs: number
  readonly registry: Registry<Deps>
  readonly deps: Deps
  readonly jobLog: (item: WorkItem) => Logger
  readonly redact: Redact
  /** Null: this worker reads no payload by reference. */
  readonly payloads: PayloadSource | null
  /** For people: pod, or id of a worker without one. */
  readonly worker: string
  readonly clock: Clock
  readonly observer: WorkerObserver
  readonly sink: Pick<OutcomeSink, 'note'>
  readonly epochs: Epochs
  readonly executions: Executions
  readonly outbox: Outbox
  readonly draining: () => boolean
  /** A handler is about to run. */
  readonly starting: (execution: Execution) => void
  /** The set of running attempts became smaller. */
  readonly changed: () => void
}

export class Serving<Deps> {
  readonly #o: ServingOptions<Deps>
  readonly #warnedTypes = new Set<string>()
  #abandoned = 0

  constructor(options: ServingOptions<Deps>) {
    this.#o = options
  }

  /** Handlers that ignored their signal and still run. */
  get abandoned(): number {
    return this.#abandoned
  }

  async serve(delivery: Delivery): Promise<void> {
    const { item } = delivery
    if (item === null) return this.#refuseUnreadable(delivery)
    const admission = this.#admit(delivery, item)
    switch (admission.kind) {
      case 'take':
        return this.#take(delivery, item, admission.ackWithinMs)
      case 'reject':
        return this.#reject(delivery, item, admission.failure)
      case 'drop':
        this.#o.observer.refused(item, admission.why)
        return delivery.term()
      case 'give-back':
        this.#o.observer.refused(item, 'draining')
        return delivery.nak(admission.delayMs)
      case 'forget':
        return this.#o.observer.refused(item, 'too-late')
    }
  }

  #admit(delivery: Delivery, item: WorkItem): Admission {
    const { clock, registry, namespace, queues, epochs, draining } = this.#o
    return admit(item, {
      now: clock.monotonic(),
      requestedAt: delivery.requestedAt,
      receivedAt: delivery.receivedAt,
      draining: draining(),
      announcedTerm: epochs.announced(shardOf(namespace)),
      takenEpoch: this.#takenEpoch(item.uid),
      namespace,
      queues,
      types: registry.offers.map(({ type }) => type),
      handlerKnown: registry.find(item.type, item.handlerVersion) !== null,
    })
  }

  /** Also of an attempt that runs so long that its epoch was forgotten. */
  #takenEpoch(uid: JobUid): Epoch {
    const inHand = this.#o.executions.of(uid).map(({ item }) => item.epoch)
    return Math.max(this.#o.epochs.taken(uid), ...inHand)
  }

  async #refuseUnreadable(delivery: Delivery): Promise<void> {
    const { partial, problem } = delivery
    if (this.#o.draining()) return delivery.nak(GIVE_BACK_DELAY_MS)
    if (partial === null || partial.epoch <= this.#takenEpoch(partial.uid)) {
      this.#o.observer.refused(partial, `unreadable: ${problem}`)
      return delivery.term()
    }
    const message = `the work message could not be read: ${problem}`.slice(0, 1024)
    return this.#reject(delivery, partial, { category: 'System', code: 'Unreadable', message })
  }

  /** Reported before it is dropped: a message that only disappears costs its job a whole lease. */
  async #reject(delivery: Delivery, key: ReportKey, failure: Failure): Promise<void> {
    const { epochs, observer, outbox, clock } = this.#o
    epochs.take(key.uid, key.epoch)
    observer.refused(key, failure.code)
    const outcome = { kind: 'rejected', failure } as const
    await outbox.report(key, { outcome, startedAt: null, endedAt: clock.monotonic() })
    delivery.term()
  }

  async #take(delivery: Delivery, item: WorkItem, ackWithinMs: number): Promise<void> {
    const { epochs, executions, outbox, clock, changed } = this.#o
    const { requestedAt, receivedAt } = delivery
    const older = this.#abortOlder(item)
    const execution = new Execution({ item, requestedAt, receivedAt, clock })
    epochs.take(item.uid, item.epoch)
    executions.add(execution)
    try {
      execution.acknowledged(await delivery.ack(ackWithinMs).catch(() => false))
      await Promise.all(older)
      this.#start(execution)
      const decided = await execution.decided
      this.#ended(execution, decided)
      await outbox.report(item, decided)
    } finally {
      executions.remove(execution)
      changed()
    }
  }

  /** K4. They end within their settling time, which is shorter than the operator's patience (D7). */
  #abortOlder(item: WorkItem): readonly Promise<Decided>[] {
    const older = this.#o.executions.of(item.uid)
    for (const other of older) other.abort({ kind: 'superseded', by: item.epoch })
    return older.map((other) => other.decided)
  }

  /** K5. Does nothing when the attempt was decided on the way. */
  #start(execution: Execution): void {
    const { item, signal } = execution
    const { clock, redact, registry, deps, jobLog, sink, observer, starting, payloads, worker } =
      this.#o
    const handler = registry.find(item.type, item.handlerVersion)
    if (!execution.waiting || handler === null) return
    const progress = new Progress({
      clock,
      redact,
      send: (percent, message) => sink.note(item, percent, message),
    })
    execution.lastSign = () => progress.lastSignAt
    this.#warnOfGrace(item)
    execution.start(() => {
      observer.started(item)
      starting(execution)
      const log = jobLog(item)
      const used = { deps, log, progress, clock, redact, payloads, worker }
      return invoke({ handler, item, signal, ...used })
    })
  }

  #ended(execution: Execution, decided: Decided): void {
    const { outcome, startedAt, endedAt, abandoned } = decided
    const durationMs = startedAt === null ? 0 : endedAt - startedAt
    this.#o.observer.ended(execution.item, outcome, durationMs, abandoned)
    this.#o.changed()
    if (!abandoned) return
    this.#abandoned += 1
    void execution.handlerEnded.then(() => {
      this.#abandoned -= 1
    })
  }

  #warnOfGrace(item: WorkItem): void {
    const { graceMs, observer } = this.#o
    if (item.timeoutMs <= graceMs || this.#warnedTypes.has(item.type)) return
    this.#warnedTypes.add(item.type)
    observer.outlivesGrace(item, graceMs)
  }
}
