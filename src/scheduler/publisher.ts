/**
 * From the decision to the message: the dispatch is assumed in memory before it is published, so that
 * the next decision counts its slot. What the publish answers follows protocol D1–D3: stored, an
 * unknown answer counts as published, a message that was never sent takes the dispatch back, and a
 * foreign message in the way is purged.
 */
import type { Clock, MonoMs } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { ClassId } from '../core/ids.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { WorkItem } from '../core/outcome.ts'
import type { Logger } from '../observability/ports.ts'
import type { Dispatcher, EpochSource, PayloadReader } from './ports.ts'

export interface PublisherOptions {
  readonly ledger: Ledger
  readonly epochs: EpochSource
  readonly dispatcher: Dispatcher
  readonly payloads: PayloadReader
  readonly clock: Clock
  readonly logger: Logger
  /** Intake's word on a payload that was read only now; false: it refuses the job by a write. */
  readonly acceptsPayload: (entry: Entry, json: string | null) => boolean
  /** The action that held the payload of this run was deleted: intake refuses the job by a write. */
  readonly payloadLost: (entry: Entry) => void
  /** Nothing was published of the start at that time: it does not count. */
  readonly takenBack: (entry: Entry, at: MonoMs) => void
  /** Where does the job belong now? */
  readonly place: (entry: Entry) => void
}

/** D2: a foreign message in the way is purged so often; then the job is left to D7's back-off. */
const PURGE_TRIES = 3
const TAKE_BACK_MS = 250

export class Publisher {
  readonly #options: PublisherOptions

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Assumes the dispatch and publishes it; when it was assumed. */
  start(entry: Entry, cls: ClassId): MonoMs {
    const at = this.#options.clock.monotonic()
    void this.#publish(entry, this.#assume(entry, cls), at)
    return at
  }

  /** D1: a new epoch, assumed in memory. */
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
      payloadFrom: object.status.payloadAction ? null : record.payloadFrom,
      traceparent: object.tags.traceparent,
      tracestate: object.tags.tracestate,
      correlationId: object.tags.correlationId,
    }
  }

  async #publish(entry: Entry, first: Omit<WorkItem, 'payloadJson'>, at: MonoMs): Promise<void> {
    const { ledger, dispatcher, logger } = this.#options
    let item = first
    try {
      const payloadJson = await this.#payload(entry)
      if (payloadJson === undefined) return this.#takeBack(entry, item.epoch, at)
      for (let tries = 1; ; tries++) {
        if (entry.attempt?.epoch !== item.epoch) return
        const answer = await dispatcher.publish({ ...item, payloadJson })
        if (answer.kind === 'stored') return ledger.pubAcked(entry, item.epoch)
        if (answer.kind === 'unsent') return this.#takeBack(entry, item.epoch, at)
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
    const { payload, status } = entry.object
    const replayed = status.payloadAction
    if (!replayed && payload.kind === 'absent') return null
    if (!replayed && payload.kind === 'inline') return payload.json
    const { payloads, acceptsPayload, payloadLost } = this.#options
    const read = replayed
      ? await payloads.readActionPayload({ ...entry.object, name: replayed.name }, replayed.uid)
      : await payloads.readPayload(entry.object, entry.uid)
    if (replayed && read.kind === 'gone') payloadLost(entry)
    if (read.kind !== 'found') return undefined
    return acceptsPayload(entry, read.json) ? read.json : undefined
  }

  /** Nothing was published for this epoch. */
  #takeBack(entry: Entry, epoch: number, at: MonoMs): void {
    const { ledger, clock, takenBack, place } = this.#options
    ledger.drop(entry, epoch)
    takenBack(entry, at)
    clock.after(TAKE_BACK_MS, () => {
      if (ledger.get(entry.uid)) place(entry)
    })
  }
}
