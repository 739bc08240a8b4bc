/**
 * A token bucket of starts, as one number: the time at which the bucket would be full again. Pure.
 *
 *   tokens(t)  = burst − max(0, full − t) × count / perMs
 *   allowed    while tokens(t) ≥ 1, that is from full − (burst − 1) × perMs / count on
 *   a start:   full := max(full, t) + perMs / count
 *
 * What was started long ago is in that number for ever, so nothing is lost by forgetting the starts
 * themselves, and the state after a restart is the fold over the starts that the objects tell. Times
 * are monotonic: a step of the wall clock grants nothing.
 *
 * Promise: in any interval of length T at most burst + T × count / perMs starts.
 */
import type { MonoMs } from './clock.ts'
import type { RateLimit } from './queue-policy.ts'

/** Nothing was ever started. */
export const FULL: MonoMs = Number.NEGATIVE_INFINITY

/** When the bucket is full again after one more start. */
export function afterStart(limit: RateLimit, full: MonoMs, at: MonoMs): MonoMs {
  return Math.max(full, at) + limit.perMs / limit.count
}

/** @param starts in order of time */
export function afterStarts(limit: RateLimit, full: MonoMs, starts: readonly MonoMs[]): MonoMs {
  return starts.reduce((until, at) => afterStart(limit, until, at), full)
}

/** From this time on one start is allowed. */
export function nextStartAt(limit: RateLimit, full: MonoMs): MonoMs {
  return full - ((limit.burst - 1) * limit.perMs) / limit.count
}
