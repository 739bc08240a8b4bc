/**
 * What follows the end of a watch, for those who wait behind it. Pure. Every kind of end leads to
 * another watch or to a fresh version to begin at; only a refusal that stays is told to the waiting.
 */
import { backoffMs } from '../core/backoff.ts'
import type { ApiError } from './errors.ts'
import type { FeedEnd } from './ports.ts'

/** `anchored`: not a watch, but the look that gave a fresh version. */
export type StepEnd = FeedEnd | { readonly kind: 'anchored' }

export interface Setbacks {
  /** Ends in a row without progress. */
  readonly failures: number
  /** Refusals in a row. */
  readonly refusals: number
}

export const NO_SETBACKS: Setbacks = { failures: 0, refusals: 0 }

export type Resume =
  | { readonly kind: 'follow' | 'anchor'; readonly delayMs: number; readonly setbacks: Setbacks }
  | { readonly kind: 'give up'; readonly error: ApiError }

const PACE = {
  strategy: 'Exponential',
  initialMs: 200,
  maxMs: 10_000,
  multiplier: 2,
  jitter: 0.5,
} as const

/** Ends in a row without progress after which the version is doubted. */
const DOUBT_AFTER = 2
/** A right that is missing so often in a row is not just being written anew by its owner. */
export const REFUSALS = 3

/** @param roll uniform in [0, 1) */
export function pause(failures: number, roll: number, atLeastMs = 0): number {
  return Math.max(atLeastMs, backoffMs(PACE, failures, roll))
}

/**
 * @param progressed the watch told an event or a bookmark
 * @param roll uniform in [0, 1)
 */
export function afterEnd(
  end: StepEnd,
  progressed: boolean,
  before: Setbacks,
  roll: number,
): Resume {
  if (end.kind === 'anchored') return { kind: 'follow', delayMs: 0, setbacks: before }
  const refused = end.kind === 'failed' && end.error.failure === 'terminal'
  const setbacks = {
    failures: progressed ? 0 : before.failures + 1,
    refusals: refused ? before.refusals + 1 : 0,
  }
  const next = setbacks.failures >= DOUBT_AFTER ? 'anchor' : 'follow'
  const delayMs = pause(Math.max(1, setbacks.failures), roll)
  switch (end.kind) {
    case 'ended':
      return { kind: next, delayMs, setbacks }
    case 'expired':
      // The first time it only means that the one who waits came late.
      return { kind: 'anchor', delayMs: setbacks.failures <= 1 ? 0 : delayMs, setbacks }
    case 'failed':
      if (setbacks.refusals >= REFUSALS) return { kind: 'give up', error: end.error }
      return { kind: next, delayMs: Math.max(delayMs, end.error.retryAfterMs), setbacks }
  }
}
