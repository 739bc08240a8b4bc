/**
 * What a handler throws to say more than "it failed", and what it finds as the reason of its aborted
 * signal. An error of any other class is a Temporary failure: it uses an attempt and is tried again.
 *
 * The classes are recognised by a mark and not by `instanceof`: two copies of this package in one
 * program (a shared library with its own node_modules) must not turn a Permanent into a retry.
 */

const MARK: unique symbol = Symbol.for('gopherqueue.io/verdict')

/** What a marked error means; read by `failure.ts`. */
export type VerdictKind = 'permanent' | 'temporary' | 'retry-after' | 'snooze'

export interface VerdictOptions {
  /**
   * Stable name of what went wrong, at most 64 of `A-Z a-z 0-9 _ . -`. It is matched by
   * `spec.retry.rules` and shown in `status.error.code`.
   */
  readonly code?: string
  readonly cause?: unknown
}

abstract class Verdict extends Error {
  abstract readonly [MARK]: VerdictKind
  /** Empty: the default of the class. */
  readonly code: string

  constructor(message: string, options: VerdictOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code ?? ''
  }
}

/** It will never work: the job ends Failed, without another attempt. */
export class Permanent extends Verdict {
  override readonly name = 'Permanent'
  readonly [MARK] = 'permanent'

  constructor(message: string, options: VerdictOptions = {}) {
    super(message, options)
  }
}

/** It may work next time; what any other error means, with a code of one's own. */
export class Temporary extends Verdict {
  override readonly name = 'Temporary'
  readonly [MARK] = 'temporary'

  constructor(message: string, options: VerdictOptions = {}) {
    super(message, options)
  }
}

/** A Temporary failure that is tried again after this wait instead of the job's backoff. */
export class RetryAfter extends Verdict {
  override readonly name = 'RetryAfter'
  readonly [MARK] = 'retry-after'
  readonly delayMs: number

  /** @param delayMs milliseconds; capped by the job's `retry.backoff.maxSeconds` */
  constructor(
    delayMs: number,
    message = 'asked to be tried again later',
    options: VerdictOptions = {},
  ) {
    super(message, options)
    this.delayMs = wait(delayMs)
  }
}

/** Nothing went wrong, it is only too early: run again later without using an attempt. */
export class Snooze extends Verdict {
  override readonly name = 'Snooze'
  readonly [MARK] = 'snooze'
  readonly delayMs: number

  /** @param delayMs milliseconds, at least a second; a job may snooze 1,000 times */
  constructor(delayMs: number, message = 'asked to be called again later') {
    super(message, {})
    this.delayMs = wait(delayMs)
  }
}

/** Why a handler's signal was aborted. */
export type AbortReason =
  /** Somebody cancelled, suspended or deleted the job. */
  | 'cancelled'
  /** The attempt ran longer than `attemptDeadlineSeconds`. */
  | 'timeout'
  /** The worker stops; the job runs again elsewhere and this uses no attempt. */
  | 'drain'
  /** Nobody believes in this attempt any more: a newer one was started, or NATS is long gone. */
  | 'lease-lost'

/** `ctx.signal.reason`. */
export class AttemptAborted extends Error {
  override readonly name = 'AttemptAborted'
  readonly reason: AbortReason

  constructor(reason: AbortReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** Null: not one of ours. Reads nothing else of the value, so a hostile one does no harm. */
export function verdictOf(thrown: unknown): VerdictKind | null {
  if (typeof thrown !== 'object' || thrown === null) return null
  try {
    const kind: unknown = Reflect.get(thrown, MARK)
    return isKind(kind) ? kind : null
  } catch {
    return null
  }
}

const KINDS: readonly VerdictKind[] = ['permanent', 'temporary', 'retry-after', 'snooze']

function isKind(kind: unknown): kind is VerdictKind {
  return KINDS.some((known) => known === kind)
}

/** Ten years: the longest wait on the wire (api/messages.ts). */
const MAX_WAIT_MS = 315_360_000_000

/** Whole milliseconds; what is no number or below zero is no wait. */
export function wait(delayMs: unknown): number {
  if (typeof delayMs !== 'number' || Number.isNaN(delayMs)) return 0
  return Math.round(Math.min(MAX_WAIT_MS, Math.max(0, delayMs)))
}
