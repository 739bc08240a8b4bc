/**
 * Ends attempts that nobody will report (protocol D7, L3, L7, U2): each by one write that closes the
 * attempt with a fence, so that whatever its worker still sends is refused. Before a loss the event
 * stream is asked: an outcome that is already stored is no loss.
 */

import { sentence } from '../api/reasons.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { Epoch } from '../core/epoch.ts'
import { describeError } from '../core/errors.ts'
import type { Fact, LossCause, WorkerPlace } from '../core/facts.ts'
import type { JobUid } from '../core/ids.ts'
import type { Attempt, Entry, Ledger } from '../core/ledger.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import type { FactSink } from '../persistence/ports.ts'
import type { Dispatcher } from '../scheduler/ports.ts'
import { placeOf } from './place.ts'
import type { Announcer, Streams } from './ports.ts'
import type { Shards } from './shards.ts'
import type { Workers } from './workers.ts'

export interface ReclaimsOptions {
  readonly shards: Shards
  readonly ledger: Ledger
  readonly workers: Workers
  readonly streams: Pick<Streams, 'storedEvent' | 'lastWork'>
  readonly dispatcher: Pick<Dispatcher, 'purge'>
  readonly announcer: Announcer
  readonly sink: FactSink
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** Silence that ends a lease, ms (L1). */
  readonly leaseMs: number
  /** The job may be due again. */
  readonly moved: (entry: Entry) => void
}

/** D7: 1, 2, 4 … 60 s between two dispatches of a job that nobody takes. */
const STUCK_BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]

export class Reclaims {
  readonly #options: ReclaimsOptions
  /** Attempts whose end is under way, so that each is ended once. */
  readonly #ending = new Set<string>()
  readonly #stuck = new Map<JobUid, { count: number; until: number }>()

  constructor(options: ReclaimsOptions) {
    this.#options = options
  }

  /** D7: not before this monotonic time may the job be dispatched again; 0 = at once. */
  holdUntil(uid: JobUid): number {
    return this.#stuck.get(uid)?.until ?? 0
  }

  /** The job was taken, or is gone. */
  settled(uid: JobUid): void {
    this.#stuck.delete(uid)
  }

  /** L3. */
  lose(entry: Entry, cause: LossCause): Promise<void> {
    return this.#once(entry, async (attempt) => {
      const { streams, metrics } = this.#options
      const { namespace } = entry.object
      if (await streams.storedEvent(entry.shard, namespace, entry.uid)) return
      if (entry.attempt?.epoch !== attempt.epoch || entry.attempt.reported) return
      const place = this.#place(entry, attempt)
      const lost: Fact = {
        kind: 'lost',
        epoch: attempt.epoch,
        runId: attempt.runId,
        fence: this.#options.shards.next(entry.shard),
        cause,
        counts: 'crash',
        message: messageOf(cause, place, this.#options.leaseMs),
        place,
        at: this.#options.clock.now(),
        roll: this.#options.random.uniform(),
      }
      metrics.count('gopherqueue_attempts_lost_total', { reason: cause })
      this.#tell('an attempt was lost', entry, attempt, cause)
      await this.#close(entry, attempt, lost)
    })
  }

  /** D7: nobody has listed it. Where is its message? */
  lookForMessage(entry: Entry): Promise<void> {
    return this.#once(entry, async (attempt) => {
      const { streams, ledger, clock } = this.#options
      const { namespace } = entry.object
      const stored = await streams.lastWork(namespace, attempt.cls, entry.uid)
      const now = entry.attempt
      if (now?.epoch !== attempt.epoch || now.acceptedAt !== null || now.reported) return
      if (!stored && now.pubAcked) {
        ledger.presumeAccepted(entry, clock.monotonic())
        return
      }
      await this.#unstick(entry, now)
    })
  }

  /** L7: told to stop and still silent. */
  closeOverdue(entry: Entry): Promise<void> {
    return this.#once(entry, async (attempt) => {
      const { clock, random, shards } = this.#options
      this.#tell('an attempt was closed after its deadline', entry, attempt, 'WorkerHung')
      await this.#close(entry, attempt, {
        kind: 'overdue',
        epoch: attempt.epoch,
        runId: attempt.runId,
        fence: shards.next(entry.shard),
        place: this.#place(entry, attempt),
        at: clock.now(),
        roll: random.uniform(),
      })
    })
  }

  /** D7, U2: closed by a fence, counted in no budget. */
  fence(entry: Entry): Promise<void> {
    return this.#once(entry, (attempt) => this.#fence(entry, attempt))
  }

  async #unstick(entry: Entry, attempt: Attempt): Promise<void> {
    const { clock, metrics } = this.#options
    const count = (this.#stuck.get(entry.uid)?.count ?? 0) + 1
    const step = Math.min(count, STUCK_BACKOFF_MS.length) - 1
    const until = clock.monotonic() + (STUCK_BACKOFF_MS[step] ?? 60_000)
    this.#stuck.set(entry.uid, { count, until })
    metrics.count('gopherqueue_attempts_stuck_total')
    this.#tell('a dispatched job was taken by no worker', entry, attempt, '')
    await this.#fence(entry, attempt)
  }

  async #fence(entry: Entry, attempt: Attempt): Promise<void> {
    const { dispatcher, shards } = this.#options
    await dispatcher.purge({ namespace: entry.object.namespace, cls: attempt.cls, uid: entry.uid })
    if (entry.attempt?.epoch !== attempt.epoch || entry.attempt.reported) return
    const fence = shards.next(entry.shard)
    await this.#close(entry, attempt, { kind: 'stuck', epoch: attempt.epoch, fence })
  }

  async #close(entry: Entry, attempt: Attempt, fact: Fact): Promise<void> {
    const settled = await this.#options.sink.submit(entry.uid, fact)
    if (settled === 'stopped') return
    this.#abort(entry, attempt.epoch)
    this.#options.ledger.drop(entry, attempt.epoch)
    this.#options.moved(entry)
  }

  /** Its worker may be alive after all. */
  #abort(entry: Entry, epochMax: Epoch): void {
    const held = this.#options.shards.get(entry.shard)
    if (!held) return
    this.#options.announcer.toNamespace(entry.object.namespace, {
      kind: 'cancel',
      term: held.record.term,
      uid: entry.uid,
      epochMax,
      reason: 'void',
    })
  }

  #place(entry: Entry, attempt: Attempt): WorkerPlace | null {
    return attempt.owner ? placeOf(entry, attempt.owner, attempt.cls, this.#options.workers) : null
  }

  async #once(entry: Entry, work: (attempt: Attempt) => Promise<void>): Promise<void> {
    const { attempt } = entry
    const { shards, logger } = this.#options
    if (!attempt || attempt.reported || !shards.leads(entry.shard)) return
    const key = `${entry.uid}.${attempt.epoch}`
    if (this.#ending.has(key)) return
    this.#ending.add(key)
    try {
      await work(attempt)
    } catch (error) {
      const { namespace, name } = entry.object
      logger.warn('an attempt could not be ended', {
        namespace,
        job: name,
        err: describeError(error),
      })
    } finally {
      this.#ending.delete(key)
    }
  }

  #tell(msg: string, entry: Entry, attempt: Attempt, code: string): void {
    const { namespace, name } = entry.object
    this.#options.logger.warn(msg, {
      namespace,
      job: name,
      uid: entry.uid,
      epoch: attempt.epoch,
      attempt: attempt.attempt,
      worker: attempt.owner?.worker ?? '',
      ...(code ? { code } : {}),
    })
  }
}

function messageOf(cause: LossCause, place: WorkerPlace | null, leaseMs: number): string {
  const worker = place?.pod || place?.worker || '(unknown)'
  const node = place?.node || '(unknown)'
  switch (cause) {
    case 'LeaseLost':
      return sentence(cause, { worker, seconds: Math.round(leaseMs / 1000) })
    case 'WorkerEvicted':
    case 'NodeLost':
      return sentence(cause, { worker, node })
    case 'WorkerOOMKilled':
    case 'WorkerDeleted':
    case 'WorkerCrashed':
    case 'WorkerHung':
      return sentence(cause, { worker })
  }
}
