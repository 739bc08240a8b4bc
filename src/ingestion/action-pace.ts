/**
 * How many targets may be worked on now (`spec.ratePerSecond`): one each interval from the first look on.
 * What was missed for longer than a tenth of a second, because a server was slow or a leader away, is not
 * made up for: the rate is a limit, not an average. Pure.
 */
import type { MonoMs } from '../core/clock.ts'

export const DEFAULT_RATE = 50
const BURST_MS = 100

export interface Pace {
  readonly intervalMs: number
  /** When the next target is due. */
  readonly nextAt: MonoMs
}

export function paceOf(ratePerSecond: number | undefined, now: MonoMs): Pace {
  return { intervalMs: 1000 / (ratePerSecond ?? DEFAULT_RATE), nextAt: now }
}

/** The number of targets that are due, and the pace after they were taken. */
export function takeDue(pace: Pace, now: MonoMs): { readonly due: number; readonly pace: Pace } {
  const from = Math.max(pace.nextAt, now - BURST_MS)
  if (from > now) return { due: 0, pace }
  const due = Math.floor((now - from) / pace.intervalMs) + 1
  return { due, pace: { ...pace, nextAt: from + due * pace.intervalMs } }
}
