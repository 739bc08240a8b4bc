/**
 * Ends jobs whose `activeDeadlineSeconds` are over, waiting ones and running ones (docs/decisions/0019;
 * `core/active-deadline.ts` says when). A job without such a deadline costs nothing here.
 *
 * Deadlines are wall times. The earliest is waited for, but never longer than ten seconds without a look
 * at the clock, so that a clock that steps moves a deadline by the step and no further. A job whose clock
 * stands still, because its queue is paused or a dependency has not ended, is looked at as often; one that
 * is suspended not at all: its edit brings it here again.
 */
import { activeDeadlineAt, type ClockStops, hasActiveDeadline } from '../core/active-deadline.ts'
import type { Cancel, Clock, WallMs } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'
import type { JobUid } from '../core/ids.ts'
import { isTerminal } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import { compareText } from '../core/order.ts'
import type { Acts } from './acts.ts'
import type { Shards } from './shards.ts'

export interface ActiveDeadlinesOptions {
  readonly ledger: Ledger
  readonly shards: Pick<Shards, 'leads'>
  readonly acts: Pick<Acts, 'expire'>
  readonly clock: Clock
  readonly stopsOf: (entry: Entry) => ClockStops
  /** False: nothing may be written to it, or nobody has said yet that it may run. */
  readonly counts: (entry: Entry) => boolean
}

/** Wall clocks step, and stops end: a look at least so often. */
const LOOK_MS = 10_000
/** A job that could not be ended just now. */
const AGAIN_MS = 1_000
/** Ended in one round, so that a long outage is no burst. */
const MOST_AT_ONCE = 200
const NEXT_ROUND_MS = 100

interface Due {
  readonly uid: JobUid
  readonly at: WallMs
}

export class ActiveDeadlines {
  readonly #options: ActiveDeadlinesOptions
  readonly #due = new Heap<JobUid, Due>(
    ({ uid }) => uid,
    (a, b) => a.at < b.at || (a.at === b.at && compareText(a.uid, b.uid) < 0),
  )
  #wake: Cancel | null = null
  #wakeAt: WallMs = 0
  #stopped = false

  constructor(options: ActiveDeadlinesOptions) {
    this.#options = options
  }

  /** Jobs whose deadline is watched. */
  get size(): number {
    return this.#due.size
  }

  /** Something about the job changed. */
  place(entry: Entry): void {
    if (!hasActiveDeadline(entry.record) && this.#due.size === 0) return
    const { shards, counts } = this.#options
    const ended = isTerminal(entry.object.status.phase) || entry.object.deleting
    const watched = hasActiveDeadline(entry.record) && !entry.record.suspend && !ended
    if (watched && shards.leads(entry.shard) && counts(entry)) this.#watch(entry, 0)
    else this.remove(entry.uid)
  }

  remove(uid: JobUid): void {
    this.#due.delete(uid)
  }

  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  /** Ends what is over; the number of jobs that it began to end. */
  runOnce(): number {
    const now = this.#options.clock.now()
    let ended = 0
    for (let first = this.#due.first; first && first.at <= now; first = this.#due.first) {
      if (ended === MOST_AT_ONCE) break
      this.#due.delete(first.uid)
      const entry = this.#options.ledger.get(first.uid)
      if (entry && this.#look(entry, now)) ended += 1
    }
    this.#arm()
    return ended
  }

  #look(entry: Entry, now: WallMs): boolean {
    const at = this.#deadlineOf(entry)
    if (at === null || at > now) {
      this.place(entry)
      return false
    }
    // A fact on its way decides first: an outcome that was reported in time stands.
    if (entry.facts > 0 || entry.attempt?.reported) {
      this.#watch(entry, AGAIN_MS)
      return false
    }
    void this.#end(entry)
    return true
  }

  async #end(entry: Entry): Promise<void> {
    const { acts, ledger, shards } = this.#options
    await acts.expire(entry)
    const known = ledger.get(entry.uid) === entry && shards.leads(entry.shard)
    if (known && !isTerminal(entry.object.status.phase)) this.#watch(entry, AGAIN_MS)
  }

  #deadlineOf(entry: Entry): WallMs | null {
    const { stopsOf, clock } = this.#options
    const { record, object } = entry
    return activeDeadlineAt(record, object.status, stopsOf(entry), clock.now())
  }

  #watch(entry: Entry, atLeastMs: number): void {
    const now = this.#options.clock.now()
    const at = this.#deadlineOf(entry) ?? now + LOOK_MS
    this.#due.set({ uid: entry.uid, at: Math.max(at, now + atLeastMs) })
    this.#arm()
  }

  #arm(): void {
    const { clock } = this.#options
    const first = this.#due.first
    if (this.#stopped || !first) return
    const now = clock.now()
    const wait = Math.min(LOOK_MS, Math.max(NEXT_ROUND_MS, first.at - now))
    // Armed for an earlier look already; after a step backwards the old timer still looks in time.
    if (this.#wake && this.#wakeAt <= now + wait && this.#wakeAt > now) return
    this.#wake?.()
    this.#wakeAt = now + wait
    this.#wake = clock.after(wait, () => {
      this.#wake = null
      this.runOnce()
    })
  }
}
