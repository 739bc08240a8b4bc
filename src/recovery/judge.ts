/**
 * May this report or this listing still count? Pure; the tables of protocol sections 7 (O1–O5) and 8
 * (B1–B3). Whoever asks has taken namespace and worker from the subject and has the newest version of
 * the job that was read: "gone" means that a live read said so.
 */

import type { QueueJobStatus } from '../api/queuejob.ts'
import { type Epoch, isLive, type StatusOfEpoch, type Term, termOf } from '../core/epoch.ts'
import { isTerminal, recordedEpoch } from '../core/job.ts'
import type { Attempt } from '../core/ledger.ts'
import type { Owner } from '../core/outcome.ts'
import type { NonceCheck, ShardPhase } from './shards.ts'

export interface Claim {
  readonly epoch: Epoch
  readonly nonce: NonceCheck
  readonly owner: Owner
}

export interface Standing {
  readonly phase: ShardPhase
  readonly ownTerm: Term
  /** Read at T1 (S4). */
  readonly floorRead: Term
  readonly status: QueueJobStatus
  /** The current attempt of this leader's memory; null = none. */
  readonly current: Attempt | null
  /** This leader dispatched the job before (B3). */
  readonly dispatchedHere: boolean
}

/** Why a report is acknowledged and dropped; label of the fencing metric. */
export type Refusal = 'terminal' | 'closed' | 'superseded' | 'nonce' | 'not-live' | 'other-owner'

export type OutcomeVerdict =
  | { readonly kind: 'accept' }
  /** O3. `abort`: if its handler still runs, it is told to stop (section 8). */
  | { readonly kind: 'drop'; readonly why: Refusal }
  /** A live attempt of an earlier leader that nobody adopted: it becomes current first (B3). */
  | { readonly kind: 'adopt' }
  /** O4: a term above ours. The shard record decides whether we are deposed. */
  | { readonly kind: 'higher-term' }
  /** O5. */
  | { readonly kind: 'later' }

export function judgeOutcome(claim: Claim, standing: Standing): OutcomeVerdict {
  const refusal = refuse(claim, standing)
  if (refusal === 'higher-term') return { kind: 'higher-term' }
  if (refusal) return { kind: 'drop', why: refusal }
  const { current, phase } = standing
  if (phase === 'window') return { kind: 'accept' }
  if (phase === 'taking') return { kind: 'later' }
  if (current?.epoch === claim.epoch) return { kind: 'accept' }
  if (current === null && !standing.dispatchedHere) return { kind: 'adopt' }
  return { kind: 'later' }
}

export type ListingVerdict =
  /** B1: it is the current attempt. */
  | { readonly kind: 'renew' }
  /** T5: it becomes current, with its owner. */
  | { readonly kind: 'adopt' }
  /** B3: a late return; written as Running first. */
  | { readonly kind: 'late-return' }
  /** B2, D4: its handler is told to stop. */
  | { readonly kind: 'abort'; readonly why: Refusal }
  /** A term that this leader has not given out (T5: raise; leading: look at the shard record). */
  | { readonly kind: 'higher-term' }
  | { readonly kind: 'ignore' }

export function judgeListing(claim: Claim, standing: Standing): ListingVerdict {
  const refusal = refuse(claim, standing)
  if (refusal === 'higher-term') return { kind: 'higher-term' }
  if (refusal) return { kind: 'abort', why: refusal }
  const { current, phase } = standing
  if (current?.epoch === claim.epoch) return { kind: 'renew' }
  if (phase === 'taking') return { kind: 'ignore' }
  if (phase === 'window') return { kind: 'adopt' }
  return current === null && !standing.dispatchedHere ? { kind: 'late-return' } : { kind: 'ignore' }
}

/** What can never count, whoever asks; null = it may. */
function refuse(claim: Claim, standing: Standing): Refusal | 'higher-term' | null {
  const { status, current, ownTerm, floorRead } = standing
  const { epoch } = claim
  if (isTerminal(status.phase)) return 'terminal'
  // Before T8 this leader has given out no epoch: one of its own term comes from an etcd that was
  // restored (T5).
  const term = termOf(epoch)
  if (term > ownTerm || (term === ownTerm && standing.phase !== 'leading')) return 'higher-term'
  const recorded = recordedEpoch(status)
  if (epoch < recorded) return 'superseded'
  if (epoch === recorded && status.phase !== 'Running') return 'closed'
  if (current && epoch < current.epoch) return 'superseded'
  // A salt that is gone (somebody deleted the record) proves nothing either: fenced after T7 (T2).
  if (claim.nonce !== 'valid') return 'nonce'
  const read: StatusOfEpoch = {
    epoch: recorded,
    terminal: false,
    running: status.phase === 'Running',
  }
  if (!isLive(epoch, read, floorRead)) return 'not-live'
  const owner = current?.epoch === epoch ? current.owner : null
  if (owner && (owner.worker !== claim.owner.worker || owner.boot !== claim.owner.boot)) {
    return 'other-owner'
  }
  return null
}
