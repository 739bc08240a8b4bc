/**
 * What is due for one open attempt, by the leader's own monotonic clock. Pure: one table of the rules
 * D5, D7, L1, L7, B5, B6 and U2 of the protocol, each with a test named after it. The rescuer carries the
 * answers out.
 */
import type { MonoMs } from '../core/clock.ts'
import type { Attempt } from '../core/ledger.ts'

/** Accepted for so long without an outcome: Running is written (D5). */
export const RECORD_RUNNING_MS = 1_000
/** Published for so long and listed by nobody: stuck (D7). */
export const STUCK_MS = 10_000
/** Listed no more, though its worker beats: ask for the outcome again (B6). */
export const RESEND_MS = 5_000
/** Beyond the attempt's deadline: tell its worker to stop (L7). */
export const OVERDUE_MS = 30_000
/** After that: close it (L7). */
export const OVERDUE_GRACE_MS = 10_000
/** A suspended attempt that does not end is closed by a fence (U2). */
export const SUSPEND_GRACE_MS = 30_000

export interface OpenAttempt {
  readonly attempt: Attempt
  readonly now: MonoMs
  /** Silence that ends a lease, ms. */
  readonly leaseMs: number
  /** NATS is unreachable, or most workers fell silent at once: no lease ends (L1). */
  readonly frozen: boolean
  /** The job's attempt deadline, ms. */
  readonly deadlineMs: number
  /** Another process speaks under the owner's id, and does not know of the attempt (B5). */
  readonly ownerEnded: boolean
  /** When the owner was last heard; null = no owner, or never. */
  readonly ownerHeardAt: MonoMs | null
  /** The class has a free slot, or no live worker at all: a message that waits there is stuck. */
  readonly couldHaveStarted: boolean
  /** When an outcome was last asked for again; null = not yet. */
  readonly resendAskedAt: MonoMs | null
  /** When its worker was told to stop because it is overdue; null = not yet. */
  readonly overdueToldAt: MonoMs | null
  /** When its worker was told to stop because the job is suspended; null = not suspended. */
  readonly suspendToldAt: MonoMs | null
}

export type Due =
  | 'record-running'
  | 'look-for-message'
  | 'ask-resend'
  | 'end-lease'
  | 'end-process'
  | 'tell-overdue'
  | 'close-overdue'
  | 'close-suspended'

/** At most one thing at a time; null = nothing. A reported attempt is only waiting for its write. */
export function dueFor(open: OpenAttempt): Due | null {
  const { attempt, now } = open
  if (attempt.reported) return null
  if (attempt.acceptedAt === null) {
    const waited = now - attempt.dispatchedAt
    return !open.frozen && waited >= STUCK_MS && open.couldHaveStarted ? 'look-for-message' : null
  }
  if (open.ownerEnded) return 'end-process'
  if (!open.frozen && now - attempt.listedAt >= open.leaseMs) return 'end-lease'
  const closing = closingDue(open, attempt.acceptedAt)
  if (closing) return closing
  if (!attempt.recorded && now - attempt.acceptedAt >= RECORD_RUNNING_MS) return 'record-running'
  return resendDue(open) ? 'ask-resend' : null
}

function closingDue(open: OpenAttempt, acceptedAt: MonoMs): Due | null {
  const { now, suspendToldAt, overdueToldAt } = open
  if (suspendToldAt !== null && now - suspendToldAt >= SUSPEND_GRACE_MS) return 'close-suspended'
  if (now - acceptedAt < open.deadlineMs + OVERDUE_MS) return null
  if (overdueToldAt === null) return 'tell-overdue'
  return now - overdueToldAt >= OVERDUE_GRACE_MS ? 'close-overdue' : null
}

/** Its owner speaks, but not of this attempt any more. */
function resendDue({ attempt, now, ownerHeardAt, resendAskedAt }: OpenAttempt): boolean {
  if (ownerHeardAt === null || ownerHeardAt <= attempt.listedAt) return false
  if (now - attempt.listedAt < RESEND_MS) return false
  return resendAskedAt === null || now - resendAskedAt >= RESEND_MS
}

/**
 * L1: when more than half of at least four workers fell silent within one lease, the fault is ours or
 * NATS's, and no lease ends by it.
 */
export function massSilence(heardAt: readonly MonoMs[], now: MonoMs, leaseMs: number): boolean {
  const known = heardAt.filter((at) => now - at < 3 * leaseMs)
  if (known.length < 4) return false
  const silent = known.filter((at) => now - at >= leaseMs).length
  return silent * 2 > known.length
}
