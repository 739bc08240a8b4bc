/**
 * The life of one attempt on a worker, as pure state: every deadline and every signal is decided
 * here, every timer is elsewhere (protocol section 11).
 *
 *   received ──ack confirmed──▶ taken ──start──▶ running ──handler ended─────────▶ decided ──▶ outbox
 *      │                          │                 │ abort, deadline                 ▲
 *      │                          │                 ▼                                 │
 *      │                          │              ending ──handler ended───────────────┤
 *      │                          │                 └──did not end in time (abandoned)┤
 *      └──late, unsure, aborted───┴──aborted──────────────────────────────────────────┘
 *
 * It begins when a message is about to be acknowledged; one that is refused or forgotten before
 * (`admission.ts`) has no life here. From then on every path ends in exactly one outcome, decided
 * once (O7); a handler starts only from `taken` (K3). Calls that do not fit the stage change nothing,
 * so a late timer, a second cancel or a handler that ends after it was given up need no guard at the
 * caller.
 */
import { sentence } from '../api/reasons.ts'
import type { MonoMs } from '../core/clock.ts'
import type { Epoch } from '../core/epoch.ts'
import type { Outcome } from '../core/outcome.ts'
import { AttemptAborted } from './verdicts.ts'

/**
 * K3. JetStream redelivers after `ack_wait` (30 s) and confirms a late ack as well, so only time
 * excludes a second worker: 25 s after the *request* is before any redelivery, and the 8 s after the
 * receipt bound what a stalled process can hold back.
 */
export const START_LIMITS = { sinceRequestMs: 25_000, sinceReceiptMs: 8_000 } as const

/**
 * What a handler gets to end after its signal was aborted, unless the cancel says how long (U1, U2). The
 * operator closes an attempt that is overdue after 10 s itself (L7); after SIGTERM the pod has only what
 * is left of its own grace period. A handler that has not ended by then is given up: its outcome is
 * decided without it, the slot is free for other work, and it is counted as abandoned until it ends.
 */
export const SETTLE_MS = 5_000
export const DRAIN_SETTLE_MS = 2_000

export type Abort =
  | { readonly kind: 'timeout' }
  /** `ctl cancel`: the job was cancelled, suspended or deleted, or the attempt is void (K8). */
  | {
      readonly kind: 'cancelled'
      readonly why: string
      /** What the handler gets to end; absent = `SETTLE_MS`. */
      readonly graceMs?: number
    }
  | { readonly kind: 'drain' }
  /** No round trip with NATS for so long that nobody waits for this attempt (K7). */
  | { readonly kind: 'lease-lost' }
  /** A newer epoch of the same job came to this worker (K4). */
  | { readonly kind: 'superseded'; readonly by: Epoch }

/** What the operator granted for this start. */
export interface Limit {
  readonly attempt: number
  readonly timeoutMs: number
}

export type Life =
  | {
      readonly stage: 'received'
      readonly requestedAt: MonoMs
      readonly receivedAt: MonoMs
      /** Aborted before it was taken. */
      readonly abort: Abort | null
    }
  | { readonly stage: 'taken' }
  | { readonly stage: 'running'; readonly startedAt: MonoMs; readonly limit: Limit }
  | {
      readonly stage: 'ending'
      readonly startedAt: MonoMs
      readonly limit: Limit
      readonly abort: Abort
      readonly settleBy: MonoMs
    }
  | Decided

export interface Decided {
  readonly stage: 'decided'
  readonly outcome: Outcome
  /** Null: the handler never started. */
  readonly startedAt: MonoMs | null
  readonly endedAt: MonoMs
  /** The handler did not end; its outcome was decided without it. */
  readonly abandoned: boolean
}

export function received(requestedAt: MonoMs, receivedAt: MonoMs): Life {
  return { stage: 'received', requestedAt, receivedAt, abort: null }
}

/** K3: what is left for the acknowledgement and its confirmation; 0 or less = too late. */
export function ackWithinMs(
  times: { readonly requestedAt: MonoMs; readonly receivedAt: MonoMs },
  now: MonoMs,
): number {
  const until = Math.min(
    times.requestedAt + START_LIMITS.sinceRequestMs,
    times.receivedAt + START_LIMITS.sinceReceiptMs,
  )
  return until - now
}

/**
 * The answer to the ack. Without a confirmation, or with one that came too late, another worker may
 * have been given the message: this one must not start and says so by handing back.
 */
export function acknowledged(life: Life, confirmed: boolean, now: MonoMs): Life {
  if (life.stage !== 'received') return life
  if (!confirmed || ackWithinMs(life, now) < 0) return neverStarted({ kind: 'handed-back' }, now)
  return life.abort ? neverStarted(plainOutcome(life.abort), now) : { stage: 'taken' }
}

export function started(life: Life, { attempt, timeoutMs }: Limit, now: MonoMs): Life {
  if (life.stage !== 'taken') return life
  return { stage: 'running', startedAt: now, limit: { attempt, timeoutMs } }
}

/** The first abort counts: what it said to the handler cannot be unsaid. */
export function aborted(life: Life, abort: Abort, now: MonoMs): Life {
  switch (life.stage) {
    case 'received':
      return life.abort ? life : { ...life, abort }
    case 'taken':
      return neverStarted(plainOutcome(abort), now)
    case 'running': {
      const settleBy = now + settleMs(abort)
      return { ...life, stage: 'ending', abort, settleBy }
    }
    case 'ending':
    case 'decided':
      return life
  }
}

function settleMs(abort: Abort): number {
  if (abort.kind === 'drain') return DRAIN_SETTLE_MS
  return abort.kind === 'cancelled' ? (abort.graceMs ?? SETTLE_MS) : SETTLE_MS
}

/** The handler returned (`own` is succeeded, or says why its value is no result) or threw. */
export function ended(life: Life, own: Outcome, now: MonoMs): Life {
  if (life.stage === 'running') {
    // A blocked event loop can keep the deadline's timer from firing before the handler is done.
    const late = now >= life.startedAt + life.limit.timeoutMs
    const outcome = late ? timedOut(life.limit) : own
    return decided(outcome, life.startedAt, now, false)
  }
  if (life.stage !== 'ending') return life
  return decided(mixed(life, own), life.startedAt, now, false)
}

/** Whatever is due at this time; call it when `wakeAt` has come. */
export function woken(life: Life, now: MonoMs): Life {
  const due = wakeAt(life)
  if (due === null || now < due) return life
  if (life.stage === 'running') return aborted(life, { kind: 'timeout' }, now)
  if (life.stage !== 'ending') return life
  return decided(abortOutcome(life.abort, life.limit), life.startedAt, now, true)
}

/** When this attempt has something to do by itself; null = never. */
export function wakeAt(life: Life): MonoMs | null {
  if (life.stage === 'running') return life.startedAt + life.limit.timeoutMs
  return life.stage === 'ending' ? life.settleBy : null
}

/** A started attempt whose outcome is not decided: what a beat lists as running. */
export function isRunning(life: Life): life is Extract<Life, { stage: 'running' | 'ending' }> {
  return life.stage === 'running' || life.stage === 'ending'
}

/** What the handler finds as `signal.reason`. */
export function abortError(abort: Abort): AttemptAborted {
  switch (abort.kind) {
    case 'timeout':
      return new AttemptAborted('timeout', 'the attempt ran longer than attemptDeadlineSeconds')
    case 'cancelled':
      return new AttemptAborted('cancelled', `the attempt is not wanted any more: ${abort.why}`)
    case 'drain':
      return new AttemptAborted('drain', 'the worker stops; the job runs again elsewhere')
    case 'lease-lost':
      return new AttemptAborted(
        'lease-lost',
        'the worker has had no contact with NATS for too long',
      )
    case 'superseded':
      return new AttemptAborted(
        'lease-lost',
        `a newer attempt of the job was started (${abort.by})`,
      )
  }
}

/**
 * The outcome of an attempt whose handler ended after an abort. A deadline, a newer epoch and a lost
 * lease decide by themselves (K4, K7). A handler that was asked to stop but had its result ready is
 * believed: a suspended job then completes (U2), a drained one need not run again, and for a
 * cancelled one the operator has the last word anyway (U1). Anything it throws is the abort's echo.
 */
function mixed(life: Extract<Life, { stage: 'ending' }>, own: Outcome): Outcome {
  const { abort, limit } = life
  const believed = abort.kind === 'cancelled' || abort.kind === 'drain'
  return believed && own.kind === 'succeeded' ? own : abortOutcome(abort, limit)
}

function abortOutcome(abort: Abort, limit: Limit): Outcome {
  return abort.kind === 'timeout' ? timedOut(limit) : plainOutcome(abort)
}

function plainOutcome(abort: Abort): Outcome {
  return { kind: abort.kind === 'cancelled' ? 'cancelled' : 'handed-back' }
}

function timedOut({ attempt, timeoutMs }: Limit): Outcome {
  const seconds = Math.ceil(timeoutMs / 1000)
  const message = sentence('AttemptTimeout', { attempt, seconds })
  return { kind: 'timed-out', failure: { category: 'Timeout', code: 'AttemptTimeout', message } }
}

function neverStarted(outcome: Outcome, now: MonoMs): Life {
  return decided(outcome, null, now, false)
}

function decided(
  outcome: Outcome,
  startedAt: MonoMs | null,
  endedAt: MonoMs,
  abandoned: boolean,
): Life {
  return { stage: 'decided', outcome, startedAt, endedAt, abandoned }
}
