/**
 * From "the record is ours" to "we lead" (protocol section 5, T2–T8), for a group of shards at once.
 *
 *   T2  a consistent list; terms above any recorded epoch
 *   T3  streams, and an event consumer of our own term: the dead leader's unacknowledged outcomes
 *       come to us, and a zombie gets no more
 *   T4  announce ourselves; purge the work messages of older terms
 *   T5  window: outcomes and heartbeats say which attempts of earlier leaders are alive
 *   T6  what was adopted is written as Running
 *   T7  the floor: from here every other older attempt is void for all leaders
 *   T8  lead
 *
 * Nothing is dispatched before T7. Death at any step is harmless: the next leader begins at T1, and
 * nothing that is published depends on T1–T6. While NATS is unreachable the take-over waits in T3.
 */
import { MESSAGE_LIMITS } from '../api/messages.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { isLive, type Term, termOf } from '../core/epoch.ts'
import { describeError } from '../core/errors.ts'
import type { ShardId, WorkerId } from '../core/ids.ts'
import { shardOf } from '../core/ids.ts'
import { isTerminal, recordedEpoch } from '../core/job.ts'
import { type Ledger, termOfStatus } from '../core/ledger.ts'
import type { Beat, FinishedAttempt } from '../core/outcome.ts'
import type { Logger } from '../observability/ports.ts'
import type { FactSink, Settled } from '../persistence/ports.ts'
import type { Leadership } from './leadership.ts'
import type { Outcomes } from './outcomes.ts'
import { placeOf } from './place.ts'
import type { Announcer, Link, Streams } from './ports.ts'
import type { Shards } from './shards.ts'
import type { StreamWatch } from './stream-watch.ts'
import type { Workers } from './workers.ts'

export interface TakeoverOptions {
  readonly shards: Shards
  readonly ledger: Ledger
  readonly workers: Workers
  readonly streams: Streams
  readonly streamWatch: StreamWatch
  readonly outcomes: Outcomes
  readonly announcer: Announcer
  readonly link: Link
  readonly sink: FactSink
  readonly clock: Clock
  readonly logger: Logger
  /** Resolves after a consistent list that began after the call. */
  readonly relist: () => Promise<void>
  readonly leadership: () => Pick<Leadership, 'raise' | 'writeFloor' | 'stepDown' | 'trusted'>
  /** T5: adopts what silent workers were heard to run (`listings.ts`). */
  readonly recall: (shards: readonly ShardId[]) => void
  /** T8 was reached: jobs of the shard may be dispatched. */
  readonly leading: (shard: ShardId) => void
}

/** A silent worker makes the window this long, never longer (T5). */
const WINDOW_MS = 6_000
/** Where jobs may run but nobody is known: long enough for connected workers to answer. */
const LEAST_WINDOW_MS = 300
const LOOK_MS = 10
/** So long an outcome that was asked for again is waited for (T5). */
const RESEND_MS = 1_000
const RETRY_MS = 500
/** T5: a beat of an etcd that was restored may lift our term by so much. */
const MAX_LIFT = 64
/** And so often in one take-over, whatever heartbeats go on to say: they cannot be checked. */
const MOST_LIFTS = 3

interface Expected {
  readonly namespace: string
  readonly worker: WorkerId
}

export class Takeover {
  readonly #options: TakeoverOptions
  /** Terms above ours that heartbeats named during the window, by shard. */
  readonly #lifts = new Map<ShardId, Term>()
  #liftsLeft = MOST_LIFTS

  constructor(options: TakeoverOptions) {
    this.#options = options
  }

  /** Resolves when each shard of the group leads or was lost. */
  async run(group: readonly ShardId[]): Promise<void> {
    const { clock, logger, shards, recall } = this.#options
    const began = clock.monotonic()
    this.#lifts.clear()
    this.#liftsLeft = MOST_LIFTS
    await this.#readObjects(group)
    for (;;) {
      await this.#takeStreams(this.#still(group))
      await this.#window(this.#inWindow(group))
      if (!(await this.#lift(this.#inWindow(group)))) break
    }
    await this.#askAgain(this.#inWindow(group))
    recall(this.#inWindow(group))
    await this.#recordAdopted(this.#inWindow(group))
    await Promise.all(this.#inWindow(group).map((shard) => this.#lead(shard)))
    const led = group.filter((shard) => shards.leads(shard))
    logger.info('leading', {
      shards: led.length,
      term: Math.max(0, ...led.map((shard) => this.#termOf(shard))),
      tookMs: Math.round(clock.monotonic() - began),
    })
  }

  /** A heartbeat lists a term that this leader has not given out (T5). False: too far to be believed. */
  lifted(shard: ShardId, term: Term): boolean {
    const own = this.#termOf(shard)
    if (term < own || term > own + MAX_LIFT || this.#liftsLeft === 0) return false
    this.#lifts.set(shard, Math.max(term + 1, this.#lifts.get(shard) ?? 0))
    return true
  }

  #still(group: readonly ShardId[]): readonly ShardId[] {
    return group.filter((shard) => this.#options.shards.get(shard))
  }

  /** What lost its streams meanwhile is taken again, from T1. */
  #inWindow(group: readonly ShardId[]): readonly ShardId[] {
    return group.filter((shard) => this.#options.shards.get(shard)?.phase === 'window')
  }

  #termOf(shard: ShardId): Term {
    return this.#options.shards.get(shard)?.record.term ?? 0
  }

  /** T2. */
  async #readObjects(group: readonly ShardId[]): Promise<void> {
    const { relist, ledger, clock, leadership } = this.#options
    await relist()
    for (const shard of group) {
      ledger.reset(shard, clock.monotonic())
      let highest = 0
      for (const entry of ledger.ofShard(shard)) {
        highest = Math.max(highest, termOfStatus(entry.object))
      }
      if (highest >= this.#termOf(shard)) await leadership().raise(shard, highest + 1)
    }
  }

  /** T3 and T4, again and again until NATS takes them. */
  async #takeStreams(group: readonly ShardId[]): Promise<void> {
    const { link, clock, logger, leadership } = this.#options
    for (;;) {
      const left = this.#still(group)
      if (left.length === 0) return
      try {
        if (link.connected) return await this.#takeStreamsOnce(left)
      } catch (error) {
        logger.warn('the streams could not be taken', { err: describeError(error) })
      }
      if (!leadership().trusted) throw new Error('the member Lease ran out during the take-over')
      await sleep(clock, link.connected ? RETRY_MS : LOOK_MS * 5)
    }
  }

  async #takeStreamsOnce(group: readonly ShardId[]): Promise<void> {
    const { streamWatch, streams, outcomes, leadership, shards } = this.#options
    await streamWatch.ensure()
    await Promise.all(
      group.map(async (shard) => {
        const term = this.#termOf(shard)
        // Our own consumer of a lower term goes now; its end is no loss of the stream.
        await outcomes.leave(shard)
        if ((await streams.takeEvents(shard, term)) === 'higher-term') {
          leadership().stepDown(shard, 'an event consumer of a higher term exists')
          return
        }
        shards.enter(shard, 'window')
        await outcomes.follow(shard, term)
      }),
    )
    const namespaces = await this.#namespaces(group)
    await Promise.all([...namespaces].map((namespace) => this.#announce(namespace)))
  }

  /** Every namespace of the group that has jobs, workers or work messages. */
  async #namespaces(group: readonly ShardId[]): Promise<ReadonlySet<string>> {
    const { ledger, workers, streams } = this.#options
    const ours = new Set(group)
    const found = new Set<string>()
    for (const entry of ledger.entries()) {
      if (ours.has(entry.shard)) found.add(entry.object.namespace)
    }
    for (const { beat, shard } of workers.all()) if (ours.has(shard)) found.add(beat.namespace)
    for (const namespace of await streams.workNamespaces()) {
      if (ours.has(shardOf(namespace))) found.add(namespace)
    }
    return found
  }

  /** T4: messages of older terms are void, never adopted. */
  async #announce(namespace: string): Promise<void> {
    const { announcer, streams } = this.#options
    const shard = shardOf(namespace)
    const term = this.#termOf(shard)
    announcer.toNamespace(namespace, { kind: 'leader', term, shard, report: true })
    await streams.purgeWork(namespace)
  }

  /** T5. Beats and outcomes come in through `listings.ts` and `outcomes.ts` meanwhile. */
  async #window(group: readonly ShardId[]): Promise<void> {
    const { clock } = this.#options
    const began = clock.monotonic()
    const expected = this.#expected(group)
    const least = this.#mayRun(group) ? LEAST_WINDOW_MS : 0
    while (clock.monotonic() - began < WINDOW_MS) {
      const waited = clock.monotonic() - began
      const left = this.#inWindow(group)
      if (left.length === 0) return
      const handled = left.every((shard) => this.#options.outcomes.caughtUp(shard))
      if (handled && waited >= least && this.#answered(expected)) return
      await sleep(clock, LOOK_MS)
    }
  }

  /** Workers heard as a standby, and owners that a status names. */
  #expected(group: readonly ShardId[]): readonly Expected[] {
    const { workers, ledger } = this.#options
    const ours = new Set(group)
    const expected: Expected[] = []
    for (const { id, shard, beat } of workers.live()) {
      if (ours.has(shard)) expected.push({ namespace: beat.namespace, worker: id })
    }
    for (const { shard, attempt, object } of ledger.open()) {
      const owner = ours.has(shard) ? attempt?.owner : null
      if (owner) expected.push({ namespace: object.namespace, worker: owner.worker })
    }
    return expected
  }

  /** A job that has not ended may run somewhere, dispatched by a leader that wrote nothing yet. */
  #mayRun(group: readonly ShardId[]): boolean {
    const ours = new Set(group)
    for (const entry of this.#options.ledger.entries()) {
      if (ours.has(entry.shard) && !isTerminal(entry.object.status.phase)) return true
    }
    return false
  }

  /** A beat that names our term was sent after our announcement (T4), whenever it was heard. */
  #answered(expected: readonly Expected[]): boolean {
    return expected.every(({ namespace, worker }) => {
      const known = this.#options.workers.get(namespace, worker)
      return known !== undefined && known.beat.announcedTerm >= this.#termOf(known.shard)
    })
  }

  /** T5: raises terms that beats went beyond; true = back to T3 with the new ones. */
  async #lift(group: readonly ShardId[]): Promise<boolean> {
    const lifts = group.filter((shard) => this.#lifts.has(shard))
    if (lifts.length > 0) this.#liftsLeft -= 1
    for (const shard of lifts) {
      const term = this.#lifts.get(shard) ?? 0
      this.#lifts.delete(shard)
      await this.#options.leadership().raise(shard, term)
    }
    return lifts.length > 0
  }

  /** T5: finished, says its worker, but no outcome of it is stored: it is asked to tell it again. */
  async #askAgain(group: readonly ShardId[]): Promise<void> {
    const { workers, announcer, clock } = this.#options
    let asked = false
    for (const { id, shard, beat } of workers.all()) {
      const reports = group.includes(shard) ? this.#untold(shard, beat) : []
      if (reports.length === 0) continue
      asked = true
      const term = this.#termOf(shard)
      announcer.toWorker(beat.namespace, id, { kind: 'resend', term, reports })
    }
    const began = clock.monotonic()
    while (asked && clock.monotonic() - began < RESEND_MS) {
      await sleep(clock, LOOK_MS)
      asked = [...workers.all()].some(({ shard, beat }) => {
        return group.includes(shard) && this.#untold(shard, beat).length > 0
      })
    }
  }

  /** Without the nonce's other half nothing is proved here; the outcome that comes is judged (O1). */
  #untold(shard: ShardId, { namespace, finished }: Beat): readonly FinishedAttempt[] {
    const { shards, ledger } = this.#options
    const floor = shards.get(shard)?.floorRead ?? 0
    const untold = finished.filter(({ uid, epoch }) => {
      const entry = ledger.get(uid)
      if (entry?.object.namespace !== namespace || termOf(epoch) >= this.#termOf(shard))
        return false
      const { status } = entry.object
      const terminal = isTerminal(status.phase)
      const read = { epoch: recordedEpoch(status), terminal, running: status.phase === 'Running' }
      return isLive(epoch, read, floor) && epoch >= (entry.attempt?.epoch ?? 0)
    })
    return untold.slice(0, MESSAGE_LIMITS.resendReports)
  }

  /** T6. */
  async #recordAdopted(group: readonly ShardId[]): Promise<void> {
    const { ledger, sink, workers, clock } = this.#options
    const ours = new Set(group)
    const writes: Promise<Settled>[] = []
    for (const entry of ledger.open()) {
      const { attempt } = entry
      if (!ours.has(entry.shard) || !attempt?.owner || attempt.recorded || attempt.reported)
        continue
      writes.push(
        sink.submit(entry.uid, {
          kind: 'running',
          epoch: attempt.epoch,
          attempt: attempt.attempt,
          runId: attempt.runId,
          place: placeOf(entry, attempt.owner, attempt.cls, workers),
          startedAt: attempt.startedAt ?? clock.now(),
        }),
      )
    }
    const settled = await Promise.all(writes)
    // Without T6 there is no T7: its floor would void what was adopted.
    if (settled.includes('stopped') && this.#inWindow(group).length > 0) {
      throw new Error('an adopted attempt could not be written as Running')
    }
  }

  /** T7 and T8. */
  async #lead(shard: ShardId): Promise<void> {
    const { leadership, shards, ledger, clock } = this.#options
    try {
      if (!leadership().trusted) throw new Error('the member Lease ran out during the take-over')
      if (!(await leadership().writeFloor(shard))) return
    } catch (error) {
      leadership().stepDown(shard, describeError(error))
      return
    }
    if (this.#inWindow([shard]).length === 0) return
    shards.enter(shard, 'leading')
    ledger.renewShard(shard, clock.monotonic())
    this.#options.leading(shard)
  }
}
