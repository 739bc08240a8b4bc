/**
 * Where a job belongs now: nowhere (it runs, has ended, or its write is under way), held by something
 * that an event will lift, waiting for a time, or ready. Pure; the guard of protocol section 6.
 */
import type { MonoMs, WallMs } from '../core/clock.ts'
import type { Hold } from '../core/hold.ts'
import { isWaiting } from '../core/job.ts'
import type { Entry } from '../core/ledger.ts'
import { nextAttempt } from '../core/order.ts'

export type Placement =
  | { readonly kind: 'none' }
  /** A change of the job, of its queue or of what it waits for places it anew. */
  | { readonly kind: 'held' }
  | { readonly kind: 'due'; readonly at: WallMs }
  | { readonly kind: 'ready' }

export interface PlacementInput {
  readonly entry: Entry
  /** The shard is led, past T8. */
  readonly leading: boolean
  /** Intake refuses the job, and says so by a write. */
  readonly refused: boolean
  /** The queue is missing, paused, or not served. */
  readonly queueHolds: boolean
  /** Another job holds it; null = none does. */
  readonly hold: Hold | null
  /** D7: not before this monotonic time; 0 = at once. */
  readonly holdUntil: MonoMs
  readonly now: WallMs
  readonly mono: MonoMs
}

const NONE: Placement = { kind: 'none' }
const HELD: Placement = { kind: 'held' }

export function placementOf(input: PlacementInput): Placement {
  const { entry } = input
  const { object, record } = entry
  if (!input.leading || input.refused) return NONE
  if (!isWaiting(object.status.phase) || object.deleting) return NONE
  if (entry.attempt || entry.facts > 0 || entry.cancelling) return NONE
  if (record.suspend || input.queueHolds || input.hold) return HELD
  if (isUnconfirmedRestore(entry)) return HELD
  const at = dueAt(input)
  return at > input.now ? { kind: 'due', at } : { kind: 'ready' }
}

/** A backup tool put it back and nothing of it was ever written: it may have run (job-model section 5). */
export function isUnconfirmedRestore({ object }: Entry): boolean {
  return object.tags.restored && (object.status.epoch ?? 0) === 0
}

/** The latest of what the spec says, of the back-off that was written, and of the hold of D7. */
export function dueAt({
  entry,
  holdUntil,
  now,
  mono,
}: Pick<PlacementInput, 'entry' | 'holdUntil' | 'now' | 'mono'>): WallMs {
  const held = holdUntil > mono ? now + (holdUntil - mono) : 0
  return Math.max(entry.record.notBefore, nextAttempt(entry.object.status), held)
}
