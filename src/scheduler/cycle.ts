/**
 * The dispatch cycle: whatever changes asks for one, and one runs at a time.
 *
 *   due jobs become ready → free slots of each class → decide (pure) → assume in memory → publish
 *
 * A dispatch is assumed before it is published, so the next decision counts its slot. What the publish
 * answers follows protocol D1–D3: stored, an unknown answer counts as published, a message that was
 * never sent takes the dispatch back, and a foreign message in the way is purged.
 */
import type { Cancel, Clock, MonoMs, WallMs } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { type ClassId, type JobUid, jobUid } from '../core/ids.ts'
import type { JobRecord } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { WorkItem } from '../core/outcome.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import { decide } from './decide.ts'
import { DueJobs } from './due.ts'
import { placementOf } from './placement.ts'
import type { Capacity, Dispatcher, DispatchGate, EpochSource, PayloadReader } from './ports.ts'
import { ReadyJobs } from './ready.ts'

export interface CycleOptions {
  readonly ledger: Ledger
  readonly capacity: Capacity
  readonly gate: DispatchGate
  readonly epochs: EpochSource
  readonly dispatcher: Dispatcher
  readonly payloads: PayloadReader
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Intake refuses the job, and says so by a write. */
  readonly refused: (entry: Entry) => boolean
  readonly queueHolds: (namespace: string, queue: string) => boolean
  /** Intake's word on a payload that was read only now; false: it refuses the job by a write. */
  readonly acceptsPayload: (entry: Entry, json: string | null) => boolean
  /** D7: not before this monotonic time. */
  readonly holdUntil: (uid: JobUid) => MonoMs
}

/** Wall clocks step; a wait is looked at again at least this often. */
const LONGEST_WAIT_MS = 10_000
/** D2: a foreign message in the way is purged so often; then the job is left to D7's back-off. */
const PURGE_TRIES = 3

export class DispatchCycle {
  readonly #options: CycleOptions
  readonly #ready = new ReadyJobs()
  readonly #due = new DueJobs()
  #kicked: Cancel | null = null
  #wake: Cancel | null = null
  #stopped = false

  constructor(options: CycleOptions) {
    this.#options = options
  }

  /** Jobs that would start if a slot were free. */
  get ready(): number {
    return this.#ready.size
  }

  /** Jobs that wait for a time. */
  get delayed(): number {
    return this.#due.size
  }

  /** Something about the job changed: where does it belong now? */
  place(entry: Entry): void {
    const { clock, gate, refused, queueHolds, holdUntil } = this.#options
    const { record } = entry
    const placement = placementOf({
      entry,
      leading: gate.leads(entry.shard),
      refused: refused(entry),
      queueHolds: queueHolds(record.namespace, record.queue),
      holdUntil: holdUntil(entry.uid),
      now: clock.now(),
      mono: clock.monotonic(),
    })
    this.remove(entry.uid)
    if (placement.kind === 'due') {
      this.#due.add(entry.uid, placement.at)
      this.#arm()
    } else if (placement.kind === 'ready') {
      this.#ready.add(record)
      this.kick()
    }
  }

  remove(uid: JobUid): void {
    this.#ready.remove(uid)
    this.#due.remove(uid)
  }

  /** Slots may be free, or something may be ready. Many calls make one cycle. */
  kick(): void {
    if (this.#stopped) return
    this.#kicked ??= this.#options.clock.after(0, () => {
      this.#kicked = null
      this.runOnce()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#kicked?.()
    this.#wake?.()
  }

  /** One cycle; the number of jobs that were given to a worker class. */
  runOnce(): number {
    this.#takeDue(this.#options.clock.now())
    if (!this.#options.gate.open || this.#ready.size === 0) return 0
    const classes = this.#options.capacity.classes()
    const free = classes.reduce((sum, each) => sum + each.free, 0)
    if (free === 0) return 0
    const decisions = decide({ lanes: this.#ready.lanes(free), classes })
    let dispatched = 0
    for (const { record, cls } of decisions) if (this.#dispatch(record, cls)) dispatched += 1
    return dispatched
  }

  #takeDue(now: WallMs): void {
    for (const uid of this.#due.takeDue(now)) {
      const entry = this.#options.ledger.get(uid)
      if (entry) this.place(entry)
    }
    this.#arm()
  }

  #arm(): void {
    this.#wake?.()
    this.#wake = null
    const next = this.#due.nextDue
    if (next === null || this.#stopped) return
    const wait = Math.min(LONGEST_WAIT_MS, Math.max(0, next - this.#options.clock.now()))
    this.#wake = this.#options.clock.after(wait, () => {
      this.#wake = null
      this.kick()
    })
  }

  /** D1: a new epoch, assumed in memory. False: the job has moved on since it was placed. */
  #dispatch(record: JobRecord, cls: ClassId): boolean {
    const { ledger, gate, metrics, clock } = this.#options
    this.#ready.remove(record.uid)
    const entry = ledger.get(record.uid)
    if (!entry || !gate.leads(entry.shard)) return false
    if (entry.attempt || entry.facts > 0 || entry.cancelling) return false
    const item = this.#assume(entry, cls)
    metrics.count('gopherqueue_dispatches_total', {
      namespace: record.namespace,
      queue: record.queue,
    })
    metrics.observe(
      'gopherqueue_dispatch_wait_seconds',
      Math.max(0, clock.now() - Math.max(record.submission.creationMs, record.notBefore)) / 1000,
      { namespace: record.namespace, queue: record.queue },
    )
    void this.#publish(entry, item)
    return true
  }

  #assume(entry: Entry, cls: ClassId): Omit<WorkItem, 'payloadJson'> {
    const { ledger, epochs, clock } = this.#options
    const { record, object } = entry
    const attempt = (object.status.attempts ?? 0) + 1
    const start = {
      uid: entry.uid,
      epoch: epochs.next(entry.shard),
      attempt,
      runId: record.runId,
    }
    ledger.dispatch(entry, { ...start, cls }, clock.monotonic())
    return {
      ...start,
      namespace: record.namespace,
      name: record.name,
      cls,
      queue: record.queue,
      type: record.type,
      handlerVersion: record.handlerVersion,
      nonce: epochs.nonce(entry.shard, start),
      maxAttempts: Math.max(attempt, record.retry.maxAttempts),
      timeoutMs: record.attemptDeadlineMs,
      payloadFrom: record.payloadFrom,
      traceparent: object.tags.traceparent,
      tracestate: object.tags.tracestate,
      correlationId: object.tags.correlationId,
    }
  }

  async #publish(entry: Entry, first: Omit<WorkItem, 'payloadJson'>): Promise<void> {
    const { ledger, dispatcher, logger } = this.#options
    let item = first
    try {
      const payloadJson = await this.#payload(entry)
      if (payloadJson === undefined) return this.#takeBack(entry, item.epoch)
      for (let tries = 1; ; tries++) {
        if (entry.attempt?.epoch !== item.epoch) return
        const answer = await dispatcher.publish({ ...item, payloadJson })
        if (answer.kind === 'stored') return ledger.pubAcked(entry, item.epoch)
        if (answer.kind === 'unsent') return this.#takeBack(entry, item.epoch)
        if (answer.kind === 'unknown' || tries === PURGE_TRIES) return
        // D2: it is not ours. A new epoch, because the old one may be in flight.
        await dispatcher.purge(item)
        if (entry.attempt?.epoch !== item.epoch) return
        item = this.#assume(entry, item.cls)
      }
    } catch (error) {
      // Whether it was sent is not known: it counts as published, and D7 looks for it.
      logger.warn('a dispatch failed', {
        namespace: item.namespace,
        job: item.name,
        epoch: item.epoch,
        err: describeError(error),
      })
    }
  }

  /** Undefined: the payload cannot be read now; the job is placed again. */
  async #payload(entry: Entry): Promise<string | null | undefined> {
    const { payload } = entry.object
    if (payload.kind === 'absent') return null
    if (payload.kind === 'inline') return payload.json
    const read = await this.#options.payloads.readPayload(entry.object, entry.uid)
    if (read.kind !== 'found') return undefined
    return this.#options.acceptsPayload(entry, read.json) ? read.json : undefined
  }

  /** Nothing was published for this epoch. */
  #takeBack(entry: Entry, epoch: number): void {
    this.#options.ledger.drop(entry, epoch)
    this.#options.clock.after(TAKE_BACK_MS, () => {
      if (this.#options.ledger.get(jobUid(entry.uid))) this.place(entry)
    })
  }
}

const TAKE_BACK_MS = 250
