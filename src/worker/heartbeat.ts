/**
 * What a heartbeat says (wire protocol, "Heartbeat"). The main thread posts a basis on every change;
 * the heartbeat thread turns it into messages, also long after, when the main thread is blocked by a
 * handler. So the basis holds ages instead of times (two threads have two monotonic clocks), and the
 * thread adds what has passed since it got them.
 */
import {
  type BeatMessage,
  type HandlerOffer,
  MESSAGE_LIMITS,
  PROTOCOL_VERSION,
} from '../api/messages.ts'
import type { BootId, ClassId } from '../core/ids.ts'
import { KEEP_MS } from './outbox.ts'

export interface BeatBasis {
  readonly boot: BootId
  readonly announcedTerm: number
  readonly cls: ClassId
  readonly queues: readonly string[]
  readonly handlers: readonly HandlerOffer[]
  readonly slots: number
  readonly free: number
  readonly draining: boolean
  readonly pod: string
  readonly node: string
  readonly running: readonly RunningBasis[]
  readonly finished: readonly FinishedBasis[]
}

export interface RunningBasis {
  readonly uid: string
  readonly name: string
  readonly epoch: number
  readonly nonce: string
  readonly attempt: number
  readonly runId: string
  readonly ageMs: number
  readonly lastSignMs: number
}

export interface FinishedBasis {
  readonly uid: string
  readonly name: string
  readonly epoch: number
  readonly nonce: string
  /** Null: not confirmed yet. */
  readonly confirmedAgoMs: number | null
}

/** How the process is. */
export interface Vitals {
  readonly loopLagMs: number
  readonly memoryBytes: number
  readonly cpuMs: number
}

/** Of the longest entries (some 600 bytes) so many fit beside a thousand handlers. */
const PORTION = 1_000
/**
 * Confirmed reports in a regular heartbeat and in one that only tells a change, which there may be
 * twenty of in a second. A new leader asks for a regular one (T4); of a busier worker it gets the
 * newest, and the older ones have long been read from the stream.
 */
export const LISTED_CONFIRMED = { regular: 1_000, change: 100 } as const

/**
 * The heartbeat as messages: one, unless thousands of running attempts do not fit. Then each message
 * lists a part; the operator judges an attempt by when it was last listed, not by where.
 * @param elapsedMs since the basis was made
 */
export function beatsOf(
  basis: BeatBasis,
  elapsedMs: number,
  vitals: Vitals,
): readonly BeatMessage[] {
  const { running, finished, ...rest } = basis
  const { cls, announcedTerm, queues, handlers, ...plain } = rest
  const common = {
    v: PROTOCOL_VERSION,
    ...plain,
    term: announcedTerm,
    class: cls,
    queues: [...queues],
    handlers: [...handlers],
    loopLagMs: Math.round(vitals.loopLagMs),
    memoryBytes: Math.round(vitals.memoryBytes),
    cpuMs: Math.round(vitals.cpuMs),
  }
  const aged = running.map((entry) => ({
    ...entry,
    ageMs: Math.round(entry.ageMs + elapsedMs),
    lastSignMs: Math.round(entry.lastSignMs + elapsedMs),
  }))
  const listed = listedFinished(finished, elapsedMs)
  const whole = { ...common, running: aged, finished: listed }
  if (fits(whole)) return [whole]
  return [
    ...portions(aged).map((part) => ({ ...common, running: part, finished: [] })),
    ...portions(listed).map((part) => ({ ...common, running: [], finished: part })),
  ]
}

/** Names are ASCII, so characters are bytes. */
function fits(beat: BeatMessage): boolean {
  const { beatAttempts } = MESSAGE_LIMITS
  if (beat.running.length > beatAttempts || beat.finished.length > beatAttempts) return false
  return JSON.stringify(beat).length <= MESSAGE_LIMITS.beatBytes
}

/** A main thread that is blocked for minutes cannot take confirmed reports off the list itself. */
function listedFinished(finished: readonly FinishedBasis[], elapsedMs: number) {
  return finished
    .filter(({ confirmedAgoMs }) => confirmedAgoMs === null || confirmedAgoMs + elapsedMs < KEEP_MS)
    .map(({ uid, name, epoch, nonce, confirmedAgoMs }) => {
      return { uid, name, epoch, nonce, confirmed: confirmedAgoMs !== null }
    })
}

function portions<T>(entries: readonly T[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = []
  for (let from = 0; from < entries.length; from += PORTION) {
    parts.push(entries.slice(from, from + PORTION))
  }
  return parts
}
