/**
 * How often a sender is listened to, decided before anything of its message is parsed (reliability
 * B38): a token bucket for each sender, filled with time. Senders that have been quiet long enough to
 * be full again are forgotten, so memory is bounded by who has sent lately.
 */
import type { Clock, MonoMs } from '../core/clock.ts'

export interface ThrottleOptions {
  readonly clock: Clock
  readonly perSecond: number
  /** At once, after a pause. */
  readonly burst: number
}

interface Bucket {
  tokens: number
  at: MonoMs
}

/** Above so many senders the full buckets are swept out. */
const SWEEP_ABOVE = 4096

export class Throttle {
  readonly #options: ThrottleOptions
  readonly #buckets = new Map<string, Bucket>()
  #sweepAt = SWEEP_ABOVE

  constructor(options: ThrottleOptions) {
    this.#options = options
  }

  /** May this sender be heard now? Counts as heard if so. @param cost in tokens, at most the burst */
  admit(sender: string, cost = 1): boolean {
    const now = this.#options.clock.monotonic()
    const bucket = this.#buckets.get(sender)
    const tokens = bucket ? this.#filled(bucket, now) : this.#options.burst
    if (tokens < cost) return false
    this.#buckets.set(sender, { tokens: tokens - cost, at: now })
    if (this.#buckets.size > this.#sweepAt) this.#sweep(now)
    return true
  }

  get remembered(): number {
    return this.#buckets.size
  }

  #filled(bucket: Bucket, now: MonoMs): number {
    const { perSecond, burst } = this.#options
    return Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000)
  }

  #sweep(now: MonoMs): void {
    for (const [sender, bucket] of this.#buckets) {
      if (this.#filled(bucket, now) >= this.#options.burst) this.#buckets.delete(sender)
    }
    // Never swept twice in a row for nothing, however many senders there really are.
    this.#sweepAt = Math.max(SWEEP_ABOVE, 2 * this.#buckets.size)
  }
}
