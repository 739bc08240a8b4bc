/**
 * A Queue as the scheduler asks it: every field of the spec that bears on order and limits, nothing
 * optional. "No limit" is Infinity, so that a comparison needs no case of its own.
 */
import { QUEUE_BUILT_IN } from '../api/queue.ts'
import type { QueueObject } from './resources.ts'

/** A token bucket of starts: `burst` at once, and `count` more in each `perMs`. */
export interface RateLimit {
  readonly count: number
  readonly perMs: number
  readonly burst: number
}

export interface QueuePolicy {
  /** Attempts at once, in all; Infinity = no limit. */
  readonly max: number
  /** Attempts at once with one `concurrencyKey`. */
  readonly perKey: number
  readonly rate: RateLimit | null
  /** Of each `fairnessKey` that has one of its own; 1 for all others. */
  readonly weights: ReadonlyMap<string, number>
  /** Between queues that share workers, 1 … 100. */
  readonly weight: number
  /** A waiting job rises one class in each such time; Infinity = never. */
  readonly agingMs: number
  readonly maxDepth: number
}

const SECOND = 1000

/** How long a job of the queue keeps its idempotency key after its end. @param queue null = none */
export function idempotencyWindowMs(queue: Pick<QueueObject, 'spec'> | null): number {
  return SECOND * (queue?.spec.idempotencyWindowSeconds ?? QUEUE_BUILT_IN.idempotencyWindowSeconds)
}

/** @param queue null = there is none, as `default` may be: the built-in policy */
export function policyOf(queue: Pick<QueueObject, 'spec'> | null): QueuePolicy {
  const { concurrency, rateLimit, fairness, weight, agingSeconds, maxDepth } = queue?.spec ?? {}
  const aging = agingSeconds ?? QUEUE_BUILT_IN.agingSeconds
  return {
    max: concurrency?.max ?? Number.POSITIVE_INFINITY,
    perKey: concurrency?.perKey ?? Number.POSITIVE_INFINITY,
    rate: rateLimit
      ? {
          count: rateLimit.count,
          perMs: SECOND * rateLimit.perSeconds,
          burst: rateLimit.burst ?? rateLimit.count,
        }
      : null,
    weights: new Map(Object.entries(fairness?.weights ?? {})),
    weight: weight ?? QUEUE_BUILT_IN.weight,
    agingMs: aging === 0 ? Number.POSITIVE_INFINITY : SECOND * aging,
    maxDepth: maxDepth ?? Number.POSITIVE_INFINITY,
  }
}
