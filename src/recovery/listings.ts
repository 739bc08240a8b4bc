/**
 * What heartbeats say about attempts (protocol section 8): leases are renewed, attempts of earlier
 * leaders adopted, void ones told to stop, and the end of a worker process noticed by its new boot.
 */
import type { Clock } from '../core/clock.ts'
import { termOf } from '../core/epoch.ts'
import { describeError } from '../core/errors.ts'
import type { ClassId, ShardId } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { Beat, RunningAttempt } from '../core/outcome.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import type { FactSink, StatusStore } from '../persistence/ports.ts'
import { judgeListing, type ListingVerdict } from './judge.ts'
import { placeOf } from './place.ts'
import type { Announcer, Streams } from './ports.ts'
import type { LedShard, Shards } from './shards.ts'
import type { KnownWorker, Workers } from './workers.ts'

export interface ListingsOptions {
  readonly shards: Shards
  readonly ledger: Ledger
  readonly workers: Workers
  readonly announcer: Announcer
  readonly streams: Pick<Streams, 'ensureClass'>
  readonly sink: FactSink
  readonly store: Pick<StatusStore, 'readJob'>
  /** Takes in a version that was read live, as if the watch had brought it. */
  readonly seen: (object: JobObject) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly verify: (shard: ShardId) => void
  /** T5: a term above ours in the window. */
  readonly lifted: (shard: ShardId, term: number) => boolean
  /** Free slots may have changed. */
  readonly capacityChanged: () => void
}

/**
 * Consumers that heartbeats can make; an idle one is removed after a while. A worker that changes its
 * class with every heartbeat fills this, not JetStream.
 */
const MOST_CLASSES = 4_096
/** Live reads for unknown jobs; what is not looked at now is listed again by the next beat. */
const LOOKS_AT_ONCE = 8
const LOOKS_A_SECOND = 40

export class Listings {
  readonly #options: ListingsOptions
  /** Class consumers that exist, as far as this process knows. */
  readonly #classes = new Set<string>()
  /** Uids that are being looked up live (B4). */
  readonly #looking = new Set<string>()
  #lookedSince = 0
  #looked = 0

  constructor(options: ListingsOptions) {
    this.#options = options
  }

  /** The streams were made anew: their consumers are gone. */
  forgetClasses(): void {
    this.#classes.clear()
  }

  /** Nobody served it for long, and its consumer was removed. */
  forgetClass(namespace: string, cls: ClassId): void {
    this.#classes.delete(`${namespace}/${cls}`)
  }

  receive(beat: Beat): void {
    const { workers, shards, metrics } = this.#options
    metrics.count('gopherqueue_beats_total')
    const worker = workers.heard(beat)
    const held = shards.get(worker.shard)
    if (!held || held.phase === 'taking') return
    this.#announce(worker, held)
    void this.#ensureClass(beat)
    for (const listed of beat.running) this.#listed(worker, held, listed)
    this.#options.capacityChanged()
  }

  /** T4: whoever has not heard of this leader is told. */
  #announce(worker: KnownWorker, held: LedShard): void {
    const { term } = held.record
    if (worker.beat.announcedTerm >= term) return
    const report = held.phase === 'window'
    const message = { kind: 'leader', term, shard: held.shard, report } as const
    this.#options.announcer.toWorker(worker.beat.namespace, worker.id, message)
  }

  async #ensureClass({ namespace, cls }: Beat): Promise<void> {
    const key = `${namespace}/${cls}`
    if (this.#classes.has(key)) return
    if (this.#classes.size >= MOST_CLASSES) {
      this.#options.metrics.count('gopherqueue_messages_rejected_total', { kind: 'beat' })
      return
    }
    this.#classes.add(key)
    try {
      await this.#options.streams.ensureClass(namespace, cls)
    } catch (error) {
      this.#classes.delete(key)
      this.#options.logger.warn('the consumer of a worker class could not be made', {
        namespace,
        err: describeError(error),
      })
    }
  }

  #listed(worker: KnownWorker, held: LedShard, listed: RunningAttempt): void {
    const entry = this.#options.ledger.get(listed.uid)
    if (!entry) {
      void this.#unknown(worker, held, listed)
      return
    }
    if (entry.object.namespace !== worker.beat.namespace) {
      this.#abort(worker, held, listed, 'namespace')
      return
    }
    this.#carryOut(this.#judge(worker, held, entry, listed), worker, held, entry, listed)
  }

  #judge(
    worker: KnownWorker,
    held: LedShard,
    entry: Entry,
    listed: RunningAttempt,
  ): ListingVerdict {
    return judgeListing(
      {
        epoch: listed.epoch,
        nonce: this.#options.shards.check(held.shard, listed, listed.nonce),
        owner: worker.beat.owner,
      },
      {
        phase: held.phase,
        ownTerm: held.record.term,
        floorRead: held.floorRead,
        status: entry.object.status,
        current: entry.attempt,
        dispatchedHere: entry.dispatchedHere,
      },
    )
  }

  #carryOut(
    verdict: ListingVerdict,
    worker: KnownWorker,
    held: LedShard,
    entry: Entry,
    listed: RunningAttempt,
  ): void {
    const { ledger, clock } = this.#options
    switch (verdict.kind) {
      case 'renew':
        ledger.list(entry, worker.beat.owner, listed.ageMs, clock.now(), clock.monotonic())
        return
      case 'adopt':
        this.#adopt(worker, entry, listed)
        return
      case 'late-return':
        void this.#lateReturn(worker, entry, listed)
        return
      case 'abort':
        this.#abort(worker, held, listed, verdict.why)
        return
      case 'higher-term':
        this.#higherTerm(worker, held, listed)
        return
      case 'ignore':
        return
    }
  }

  #adopt(worker: KnownWorker, entry: Entry, listed: RunningAttempt): void {
    const { ledger, clock } = this.#options
    const now = clock.monotonic()
    ledger.adopt(entry, {
      epoch: listed.epoch,
      attempt: listed.attempt,
      runId: listed.runId,
      cls: worker.beat.cls,
      dispatchedAt: now - listed.ageMs,
      owner: worker.beat.owner,
      acceptedAt: now - listed.ageMs,
      startedAt: clock.now() - listed.ageMs,
      listedAt: now,
    })
  }

  #higherTerm(worker: KnownWorker, held: LedShard, listed: RunningAttempt): void {
    const { verify, lifted, metrics, logger } = this.#options
    if (held.phase === 'leading') {
      verify(held.shard)
      return
    }
    const term = termOf(listed.epoch)
    if (lifted(held.shard, term)) return
    metrics.count('gopherqueue_refused_total', { kind: 'listing', reason: 'unknown-term' })
    logger.debug('a term is not believed', { ...worker.beat.owner, shard: held.shard, term })
  }

  /**
   * T5: what a silent worker, or a process that has ended since, was last heard to run is adopted, too.
   * So its loss is counted, and nothing of it runs twice while it is only cut off.
   */
  recall(group: readonly ShardId[]): void {
    const { workers, shards } = this.#options
    const silent = [...workers.all()].filter(({ shard, beat }) => {
      return beat.announcedTerm < (shards.get(shard)?.record.term ?? 0)
    })
    for (const worker of [...workers.ended(), ...silent]) {
      const held = group.includes(worker.shard) ? shards.get(worker.shard) : undefined
      if (held) for (const listed of worker.beat.running) this.#recallOne(worker, held, listed)
    }
  }

  #recallOne(worker: KnownWorker, held: LedShard, listed: RunningAttempt): void {
    const entry = this.#options.ledger.get(listed.uid)
    if (entry?.object.namespace !== worker.beat.namespace) return
    if (this.#judge(worker, held, entry, listed).kind === 'adopt')
      this.#adopt(worker, entry, listed)
  }

  /** B3: only after the write is it current; the ledger adopts it from the status. */
  async #lateReturn(worker: KnownWorker, entry: Entry, listed: RunningAttempt): Promise<void> {
    if (entry.facts > 0) return
    const { sink, workers, clock } = this.#options
    await sink.submit(entry.uid, {
      kind: 'running',
      epoch: listed.epoch,
      attempt: listed.attempt,
      runId: listed.runId,
      place: placeOf(entry, worker.beat.owner, worker.beat.cls, workers),
      startedAt: clock.now() - listed.ageMs,
    })
  }

  /** B2, D4. */
  #abort(worker: KnownWorker, held: LedShard, listed: RunningAttempt, why: string): void {
    this.#options.metrics.count('gopherqueue_refused_total', { kind: 'listing', reason: why })
    this.#options.announcer.toWorker(worker.beat.namespace, worker.id, {
      kind: 'cancel',
      term: held.record.term,
      uid: listed.uid,
      epochMax: listed.epoch,
      reason: why === 'gone' ? 'deleted' : 'void',
    })
  }

  /** B4, B38: whoever lists thousands of unknown jobs is answered with a few reads a second. */
  #mayLook(): boolean {
    const now = this.#options.clock.monotonic()
    if (now - this.#lookedSince >= 1_000) {
      this.#lookedSince = now
      this.#looked = 0
    }
    if (this.#looking.size >= LOOKS_AT_ONCE || this.#looked >= LOOKS_A_SECOND) return false
    this.#looked += 1
    return true
  }

  /** B4: not in the cache proves nothing; a live read does. */
  async #unknown(worker: KnownWorker, held: LedShard, listed: RunningAttempt): Promise<void> {
    const { store, seen } = this.#options
    if (this.#looking.has(listed.uid) || !this.#mayLook()) return
    this.#looking.add(listed.uid)
    try {
      const { namespace } = worker.beat
      const read = await store.readJob({ namespace, name: listed.name })
      if (read.kind === 'later') return
      if (read.kind === 'found' && read.object.uid === listed.uid) {
        seen(read.object)
      } else {
        this.#abort(worker, held, listed, 'gone')
      }
    } catch (error) {
      this.#options.logger.warn('a listed job could not be read', { err: describeError(error) })
    } finally {
      this.#looking.delete(listed.uid)
    }
  }
}
