/**
 * Takes outcomes from the event stream to etcd (protocol section 7): judge, one status write, then the
 * acknowledgement, never earlier (O2). What can never count is acknowledged and counted (O3); what may
 * still count comes again a second later (O5).
 */
import type { Clock, Random } from '../core/clock.ts'
import type { Term } from '../core/epoch.ts'
import { describeError } from '../core/errors.ts'
import { outcomeFact } from '../core/facts.ts'
import { classId, type ShardId } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { Report } from '../core/outcome.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import type { FactSink, StatusStore } from '../persistence/ports.ts'
import { judgeOutcome, type OutcomeVerdict } from './judge.ts'
import { placeOf } from './place.ts'
import type { EventDelivery, EventFeed, Following } from './ports.ts'
import type { Shards } from './shards.ts'
import type { Workers } from './workers.ts'

export interface OutcomesOptions {
  readonly feed: EventFeed
  readonly shards: Shards
  readonly ledger: Ledger
  readonly workers: Workers
  readonly sink: FactSink
  readonly store: Pick<StatusStore, 'readJob'>
  /** Takes in a version that was read live, as if the watch had brought it. */
  readonly seen: (object: JobObject) => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** O4: a term above ours was named. False: the record could not be read. */
  readonly verify: (shard: ShardId) => Promise<boolean>
  /** The consumer or its stream is gone: taken over again (T3). */
  readonly streamLost: (problem: string) => void
  /** A slot is free, and the job may be due again. */
  readonly moved: (entry: Entry) => void
}

interface Followed {
  readonly term: Term
  following: Following | null
  handled: number
}

const AGAIN_MS = 1_000
/** Its worker was never heard, so nobody has said what it serves. */
const NO_CLASS = classId('')
/** JetStream redelivers after 30 s without a sign. */
const STILL_WORKING_MS = 10_000

export class Outcomes {
  readonly #options: OutcomesOptions
  readonly #followed = new Map<ShardId, Followed>()

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  /** T3: from the consumer of this term; an earlier one is left. */
  async follow(shard: ShardId, term: Term): Promise<void> {
    await this.leave(shard)
    const followed: Followed = { term, following: null, handled: 0 }
    this.#followed.set(shard, followed)
    const following = await this.#options.feed.follow(
      shard,
      term,
      (delivery) => void this.#receive(shard, followed, delivery),
      (problem) => {
        if (this.#followed.get(shard) === followed) this.#options.streamLost(problem)
      },
    )
    if (this.#followed.get(shard) === followed) followed.following = following
    // Left while it began.
    else await following.stop().catch(() => {})
  }

  async leave(shard: ShardId): Promise<void> {
    const followed = this.#followed.get(shard)
    this.#followed.delete(shard)
    await followed?.following?.stop().catch(() => {})
  }

  /** T5: every outcome that was stored at the beginning was handled once. */
  caughtUp(shard: ShardId): boolean {
    const followed = this.#followed.get(shard)
    if (!followed?.following) return false
    return followed.handled >= followed.following.pending
  }

  async #receive(shard: ShardId, followed: Followed, delivery: EventDelivery): Promise<void> {
    try {
      await this.#handle(shard, delivery)
    } catch (error) {
      this.#options.logger.error('an outcome could not be handled', {
        namespace: delivery.namespace,
        uid: delivery.uid,
        err: describeError(error),
      })
      delivery.nak(AGAIN_MS)
    } finally {
      followed.handled += 1
    }
  }

  async #handle(shard: ShardId, delivery: EventDelivery): Promise<void> {
    const { report } = delivery
    if (!report) return this.#undecodable(delivery)
    const entry = await this.#entryOf(report)
    if (entry === 'gone') return this.#drop(delivery, 'gone')
    if (entry === 'unknown') return delivery.nak(AGAIN_MS)
    if (entry.object.namespace !== delivery.namespace) return this.#drop(delivery, 'namespace')
    const verdict = this.#judge(shard, entry, report)
    if (!verdict) return
    switch (verdict.kind) {
      case 'accept':
        return this.#accept(entry, report, delivery)
      case 'drop':
        return this.#drop(delivery, verdict.why)
      case 'adopt':
        await this.#adopt(entry, report)
        return delivery.nak(0)
      case 'higher-term':
        return this.#ofHigherTerm(shard, report, delivery)
      case 'later':
        return delivery.nak(AGAIN_MS)
    }
  }

  /**
   * O4. The shard record tells whether we are deposed; then it is not ours to acknowledge. If not, and
   * the record has no salt for that term, nobody ever dispatched it.
   */
  async #ofHigherTerm(shard: ShardId, report: Report, delivery: EventDelivery): Promise<void> {
    const { shards, verify } = this.#options
    const wasRead = await verify(shard)
    if (!shards.get(shard)) return
    if (wasRead && shards.leads(shard) && !shards.knows(shard, report.epoch)) {
      return this.#drop(delivery, 'unknown-term')
    }
    delivery.nak(AGAIN_MS)
  }

  /** A job that the cache does not have is looked for by name, and is the same only by uid (W4). */
  async #entryOf(report: Report): Promise<Entry | 'gone' | 'unknown'> {
    const { ledger, store, seen } = this.#options
    const known = ledger.get(report.uid)
    if (known) return known
    const read = await store.readJob(report)
    if (read.kind === 'later') return 'unknown'
    if (read.kind === 'gone' || read.object.uid !== report.uid) return 'gone'
    seen(read.object)
    return ledger.get(report.uid) ?? 'gone'
  }

  #judge(shard: ShardId, entry: Entry, report: Report): OutcomeVerdict | null {
    const held = this.#options.shards.get(shard)
    if (!held) return null
    return judgeOutcome(
      {
        epoch: report.epoch,
        nonce: this.#options.shards.check(shard, report, report.nonce),
        owner: report.owner,
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

  async #accept(entry: Entry, report: Report, delivery: EventDelivery): Promise<void> {
    const { ledger, workers, sink, clock, random, moved } = this.#options
    if (entry.attempt?.reported) return delivery.nak(AGAIN_MS)
    if (entry.attempt?.epoch !== report.epoch) this.#makeCurrent(entry, report)
    ledger.report(entry, report.owner)
    workers.reported(report.uid, report.epoch)
    moved(entry)
    this.#measure(entry, report)
    const place = placeOf(entry, report.owner, entry.attempt?.cls ?? NO_CLASS, workers)
    const stopTelling = this.#tellWorking(delivery)
    const fact = outcomeFact(report, place, clock.now(), random.uniform())
    const settled = await sink.submit(entry.uid, fact)
    stopTelling()
    if (settled === 'stopped') {
      // Not allowed to write just now: it stays in the stream, for us or for the next leader.
      ledger.unreport(entry, report.epoch)
      delivery.nak(AGAIN_MS)
      return
    }
    ledger.drop(entry, report.epoch)
    delivery.ack()
    moved(entry)
  }

  /** Only the first attempt waited for its turn alone; later ones waited for their back-off, too. */
  #measure({ record }: Entry, report: Report): void {
    const { metrics, clock } = this.#options
    const { namespace, queue } = record
    metrics.observe('gopherqueue_attempt_run_seconds', report.durationMs / 1000, {
      namespace,
      queue,
    })
    if (report.attempt !== 1) return
    const mayStart = Math.max(record.submission.creationMs, record.notBefore)
    const waited = clock.now() - report.startedAgoMs - mayStart
    metrics.observe('gopherqueue_start_wait_seconds', Math.max(0, waited) / 1000)
  }

  /** T5: in the window an outcome of an earlier leader may be the first that is heard of its attempt. */
  #makeCurrent(entry: Entry, report: Report): void {
    const { ledger, clock, workers } = this.#options
    const now = clock.monotonic()
    ledger.adopt(entry, {
      epoch: report.epoch,
      attempt: report.attempt,
      runId: report.runId,
      cls: workers.get(report.namespace, report.owner.worker)?.beat.cls ?? NO_CLASS,
      dispatchedAt: now,
      owner: report.owner,
      acceptedAt: now,
      startedAt: clock.now() - report.startedAgoMs,
      listedAt: now,
    })
  }

  /** B3 for an outcome: written as Running first, so that it is the newest attempt for every leader. */
  async #adopt(entry: Entry, report: Report): Promise<void> {
    const { sink, workers, clock } = this.#options
    await sink.submit(entry.uid, {
      kind: 'running',
      epoch: report.epoch,
      attempt: report.attempt,
      runId: report.runId,
      place: placeOf(entry, report.owner, NO_CLASS, workers),
      startedAt: clock.now() - report.startedAgoMs,
    })
  }

  #undecodable(delivery: EventDelivery): void {
    this.#options.metrics.count('gopherqueue_messages_rejected_total', { kind: 'event' })
    this.#options.logger.warn('an outcome was not understood', {
      namespace: delivery.namespace,
      worker: delivery.worker,
      uid: delivery.uid,
      err: delivery.problem,
    })
    delivery.ack()
  }

  #drop(delivery: EventDelivery, why: string): void {
    this.#options.metrics.count('gopherqueue_refused_total', { kind: 'outcome', reason: why })
    this.#options.logger.debug('an outcome does not count', {
      namespace: delivery.namespace,
      worker: delivery.worker,
      uid: delivery.uid,
      why,
    })
    delivery.ack()
  }

  #tellWorking(delivery: EventDelivery): () => void {
    let cancel = this.#options.clock.after(STILL_WORKING_MS, tell)
    const { clock } = this.#options
    function tell(): void {
      delivery.inProgress()
      cancel = clock.after(STILL_WORKING_MS, tell)
    }
    return () => cancel()
  }
}
