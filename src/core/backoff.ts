/**
 * How long to wait before trying again: for jobs, for queue keys, for reconnects.
 *
 *   delay(n) = min(max, curve(n) × uniform(1 − j, 1 + j)),  n = failures counted so far
 *
 * with curve c (Constant), c·n (Linear), c·m^(n−1) (Exponential); names.md, "Backoff".
 */

export interface BackoffPolicy {
  readonly strategy: 'Constant' | 'Linear' | 'Exponential'
  readonly initialMs: number
  readonly maxMs: number
  /** Growth of an Exponential delay, 2 = doubling. */
  readonly multiplier: number
  /** 0 … 1: the part of the delay that is drawn at random, either way. */
  readonly jitter: number
}

/** What a job has when neither it nor its queue says otherwise (job-model.md). */
export const DEFAULT_BACKOFF: BackoffPolicy = {
  strategy: 'Exponential',
  initialMs: 1_000,
  maxMs: 3_600_000,
  multiplier: 2,
  jitter: 0.1,
}

/**
 * @param failures failures counted so far, at least 1
 * @param roll a random number in [0, 1), drawn by the caller so that the same input gives the same delay
 */
export function backoffMs(policy: BackoffPolicy, failures: number, roll: number): number {
  const n = Math.max(1, failures)
  const spread = 1 - policy.jitter + 2 * policy.jitter * roll
  return Math.min(policy.maxMs, curveMs(policy, n) * spread)
}

function curveMs(policy: BackoffPolicy, n: number): number {
  switch (policy.strategy) {
    case 'Constant':
      return policy.initialMs
    case 'Linear':
      return policy.initialMs * n
    case 'Exponential':
      // The exponent is capped: beyond it every curve is above every maximum, and 10^99 is no number.
      return policy.initialMs * policy.multiplier ** Math.min(n - 1, 200)
  }
}
