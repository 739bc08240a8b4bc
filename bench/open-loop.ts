// An open loop: work arrives at times that were fixed beforehand, however slow the answers are.
//
// A closed loop ("send the next when the last was answered") slows down together with the system
// it measures, and so leaves out the very waits it should show. Here nothing waits for an answer.
// When the process that sends falls behind, it sends what is due at once and says how late it was:
// a run whose sender was late says little about the system.

import { type Clock, type MonoMs, sleep } from '../src/core/clock.ts'

export interface Rate {
  readonly perSecond: number
  readonly seconds: number
}

/** How many arrivals a run has. */
export function arrivals(rate: Rate): number {
  return Math.round(rate.perSecond * rate.seconds)
}

/** When arrival `index` (0, 1 …) is due, in ms from the start. Evenly spaced. */
export function dueAt(rate: Rate, index: number): number {
  return (index * 1000) / rate.perSecond
}

/** The first arrival that is not due yet after `elapsedMs`; all before it are. */
export function dueBy(rate: Rate, elapsedMs: number): number {
  const due = Math.floor((elapsedMs * rate.perSecond) / 1000 + 1e-9) + 1
  return Math.min(arrivals(rate), Math.max(0, due))
}

export interface OpenLoopRun {
  readonly sent: number
  /** Longest time between an arrival being due and being sent. */
  readonly latestMs: number
}

/**
 * Calls `send` for every arrival, never before it is due; resolves after the last call. `send` must
 * not throw and is not waited for. An aborted signal ends the run early.
 */
export async function runOpenLoop(
  rate: Rate,
  clock: Clock,
  send: (index: number) => void,
  signal?: AbortSignal,
): Promise<OpenLoopRun> {
  const started: MonoMs = clock.monotonic()
  const total = arrivals(rate)
  let sent = 0
  let latestMs = 0
  while (sent < total && signal?.aborted !== true) {
    const due = dueBy(rate, clock.monotonic() - started)
    for (; sent < due; sent++) {
      latestMs = Math.max(latestMs, clock.monotonic() - started - dueAt(rate, sent))
      send(sent)
    }
    if (sent < total) {
      await sleep(clock, dueAt(rate, sent) - (clock.monotonic() - started), signal)
    }
  }
  return { sent, latestMs }
}
