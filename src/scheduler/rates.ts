/**
 * The buckets of the queues with a rate limit. A bucket is made when it is first asked for, from what
 * the objects say about starts: the attempts that are open, the last one of each job and those in its
 * history. From then on this process adds its own dispatches. What is not told by any object — the
 * starts of jobs that were removed since, before a restart — is not counted.
 *
 * A start that was certainly never published is taken back. Only the last starts can be, so only they
 * are kept one by one; older ones are folded in.
 */
import type { Clock, MonoMs, WallMs } from '../core/clock.ts'
import { type ShardId, shardOf } from '../core/ids.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { QueuePolicy, RateLimit } from '../core/queue-policy.ts'
import { afterStart, afterStarts, FULL, nextStartAt } from '../core/rate.ts'

export interface RatesOptions {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly policy: (namespace: string, queue: string) => QueuePolicy
}

interface Bucket {
  readonly limit: RateLimit
  /** Full again at that time, without the starts in `recent`. */
  base: MonoMs
  readonly recent: MonoMs[]
  full: MonoMs
}

/** Starts that may still be taken back; there may be twice as many before the first ones are folded in. */
const KEPT = 1_000
/** Kubernetes times have one-second grain: the start was at the latest then, so nothing is granted. */
const GRAIN_MS = 999

export class Rates {
  readonly #options: RatesOptions
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RatesOptions) {
    this.#options = options
  }

  /** The next start is allowed at this time, which may be over; −Infinity = there is no limit. */
  readyAt(namespace: string, queue: string): MonoMs {
    const { rate } = this.#options.policy(namespace, queue)
    if (!rate) {
      this.#buckets.delete(`${namespace}/${queue}`)
      return FULL
    }
    return nextStartAt(rate, this.#bucketOf(namespace, queue, rate).full)
  }

  started(namespace: string, queue: string, at: MonoMs): void {
    const bucket = this.#buckets.get(`${namespace}/${queue}`)
    if (!bucket) return
    bucket.recent.push(at)
    bucket.full = afterStart(bucket.limit, bucket.full, at)
    if (bucket.recent.length < 2 * KEPT) return
    bucket.base = afterStarts(bucket.limit, bucket.base, bucket.recent.splice(0, KEPT))
  }

  /** Nothing was published of the start at that time. */
  takenBack(namespace: string, queue: string, at: MonoMs): void {
    const bucket = this.#buckets.get(`${namespace}/${queue}`)
    const place = bucket?.recent.lastIndexOf(at) ?? -1
    if (!bucket || place < 0) return
    bucket.recent.splice(place, 1)
    bucket.full = afterStarts(bucket.limit, bucket.base, bucket.recent)
  }

  /** Another process may have started jobs since: what the objects say counts again. */
  forget(shard: ShardId): void {
    for (const key of this.#buckets.keys()) {
      if (shardOf(key.slice(0, key.indexOf('/'))) === shard) this.#buckets.delete(key)
    }
  }

  #bucketOf(namespace: string, queue: string, limit: RateLimit): Bucket {
    const known = this.#buckets.get(`${namespace}/${queue}`)
    if (known && sameLimit(known.limit, limit)) return known
    this.#buckets.delete(`${namespace}/${queue}`)
    this.#rebuild()
    return (
      this.#buckets.get(`${namespace}/${queue}`) ?? this.#make(`${namespace}/${queue}`, limit, [])
    )
  }

  /** One pass over all jobs makes every bucket that is missing, not one pass for each. */
  #rebuild(): void {
    const { ledger, policy } = this.#options
    const starts = new Map<string, { readonly limit: RateLimit; readonly at: MonoMs[] }>()
    const unlimited = new Set<string>()
    for (const entry of ledger.entries()) {
      const { namespace, queue } = entry.record
      const key = `${namespace}/${queue}`
      if (unlimited.has(key)) continue
      let found = starts.get(key)
      if (!found) {
        const { rate } = policy(namespace, queue)
        if (!rate || this.#buckets.has(key)) {
          unlimited.add(key)
          continue
        }
        found = { limit: rate, at: [] }
        starts.set(key, found)
      }
      this.#startsOf(entry, found.at)
    }
    for (const [key, { limit, at }] of starts) this.#make(key, limit, at)
  }

  #make(key: string, limit: RateLimit, starts: MonoMs[]): Bucket {
    const full = afterStarts(
      limit,
      FULL,
      starts.sort((a, b) => a - b),
    )
    const bucket: Bucket = { limit, base: full, recent: [], full }
    this.#buckets.set(key, bucket)
    return bucket
  }

  #startsOf({ object: { status }, attempt }: Entry, into: MonoMs[]): void {
    for (const { startTime } of status.history ?? []) this.#told(startTime, into)
    if (attempt) {
      // One that was adopted was dispatched long before it was heard of here.
      const started =
        attempt.startedAt === null ? attempt.dispatchedAt : this.#mono(attempt.startedAt)
      into.push(Math.min(attempt.dispatchedAt, started))
    } else if (!status.history?.some(({ startTime }) => startTime === status.startTime)) {
      // A last attempt that failed stands in the history, too.
      this.#told(status.startTime, into)
    }
  }

  #told(time: string | undefined, into: MonoMs[]): void {
    const wall = time === undefined ? Number.NaN : Date.parse(time)
    if (!Number.isNaN(wall)) into.push(this.#mono(wall))
  }

  #mono(wall: WallMs): MonoMs {
    const { clock } = this.#options
    return clock.monotonic() - Math.max(0, clock.now() - wall - GRAIN_MS)
  }
}

function sameLimit(a: RateLimit, b: RateLimit): boolean {
  return a.count === b.count && a.perMs === b.perMs && a.burst === b.burst
}
