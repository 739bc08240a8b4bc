/**
 * When a process may act as a leader, and when it may take over from another one. Pure; times are the
 * own monotonic clock's, captured here: what another process writes into its Lease is only compared
 * for equality, never believed as a time (protocol W7; reliability.md section 9).
 *
 * A Lease does not guarantee that one process leads. What makes two leaders harmless is the term in
 * each epoch (protocol W6); the rules here keep that case rare.
 */
import type { MonoMs } from '../core/clock.ts'

/** W7: the trust ends before the Lease does, and is anchored where the renewal *began*. */
export function isTrusted(renewalBeganAt: MonoMs | null, now: MonoMs, leaseMs: number): boolean {
  return renewalBeganAt !== null && now - renewalBeganAt <= (leaseMs * 2) / 3
}

/** What was last seen of another member, and since when it has not changed. */
export interface Sighting {
  readonly mark: string
  readonly since: MonoMs
}

/** A Lease that is missing or unreadable has the mark '': it is held for a full duration, too (B45). */
export function sight(before: Sighting | undefined, mark: string, now: MonoMs): Sighting {
  return before?.mark === mark ? before : { mark, since: now }
}

/** Unchanged for a full duration, as seen here: its shards may be taken. */
export function isExpired(sighting: Sighting | undefined, now: MonoMs, leaseMs: number): boolean {
  return sighting !== undefined && now - sighting.since >= leaseMs
}
