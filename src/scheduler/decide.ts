/**
 * Who starts next, and in which worker class. Pure: it reads the round and changes nothing; the cycle
 * carries the answer out and asks again, until it is `done`.
 *
 *   the queue whose turn it is, of those that a class with a free slot serves
 *     at its concurrency limit, or without a token of its rate: closed for this round
 *     the fairness key whose turn it is, of those with a job that such a class knows
 *       its job that goes first of all (core/order.ts)
 *         its concurrency key is full: the stream is parked, and everybody is asked again
 *         else it starts in the roomiest class that knows it; ties go to the smaller id
 *     none: closed for this round
 *
 * Promises: no class is given more jobs than it has free slots; no limit is passed; and when it is
 * done, no job waits that a free slot, the limits and the rate would let start.
 */

import type { MonoMs } from '../core/clock.ts'
import { comparePlaced, compareText } from '../core/order.ts'
import type { Offer, OfferedLane, OfferedQueue, RoundView } from './snapshot.ts'
import type { ReadyJob, Strand, Stream } from './strand.ts'
import { hasTurnBefore } from './turns.ts'

export interface Start {
  readonly kind: 'start'
  readonly queue: OfferedQueue
  readonly job: ReadyJob
  readonly offer: Offer
}

export type Step =
  | Start
  | { readonly kind: 'park'; readonly stream: Stream }
  | {
      readonly kind: 'close'
      readonly queue: OfferedQueue
      readonly why: 'ConcurrencyLimit' | 'RateLimited' | 'Nothing'
      /** When to look again by oneself; Infinity = something else will have to change. */
      readonly until: MonoMs
    }
  | { readonly kind: 'done' }

const NEVER = Number.POSITIVE_INFINITY

export function decide(round: RoundView): Step {
  const open = round.next
  if (!open || round.free <= 0) return { kind: 'done' }
  const { policy, queue } = open
  const { namespace, name } = queue
  if (policy.max !== NEVER && round.usage.holders(namespace, name).length >= policy.max) {
    return { kind: 'close', queue: open, why: 'ConcurrencyLimit', until: NEVER }
  }
  const readyAt = policy.rate ? round.rateReadyAt(namespace, name) : round.mono
  if (readyAt > round.mono)
    return { kind: 'close', queue: open, why: 'RateLimited', until: readyAt }
  const found = firstJob(open, round)
  if (!found) return { kind: 'close', queue: open, why: 'Nothing', until: NEVER }
  const { job, offer } = found
  if (isKeyFull(job, open, round)) return { kind: 'park', stream: job.stream }
  return { kind: 'start', queue: open, job, offer }
}

function isKeyFull({ stream }: ReadyJob, { queue, policy }: OfferedQueue, round: RoundView) {
  const { concurrencyKey } = stream
  if (concurrencyKey === '' || policy.perKey === NEVER) return false
  return round.usage.holders(queue.namespace, queue.name, concurrencyKey).length >= policy.perKey
}

interface Found {
  readonly job: ReadyJob
  readonly offer: Offer
}

function firstJob({ lanes, policy }: OfferedQueue, { now }: RoundView): Found | null {
  const turn = firstStrand(lanes)?.turn
  if (!turn) return null
  let found: Found | null = null
  for (const { lane, offers } of lanes) {
    const job = lane.strands.get(turn.name)?.best(now, policy.agingMs)
    if (!job || (found && comparePlaced(found.job, job, now, policy.agingMs) < 0)) continue
    const offer = roomiest(offers)
    if (offer) found = { job, offer }
  }
  return found
}

/** Of the key whose turn it is, in any lane that has a free slot. */
function firstStrand(lanes: readonly OfferedLane[]): Strand | null {
  let first: Strand | null = null
  for (const { lane, offers } of lanes) {
    const strand = lane.open.first
    if (!strand || !offers.some(({ free }) => free > 0)) continue
    if (!first || hasTurnBefore(strand.turn, first.turn)) first = strand
  }
  return first
}

function roomiest(offers: readonly Offer[]): Offer | null {
  let best: Offer | null = null
  for (const each of offers) {
    if (each.free <= 0) continue
    if (!best || each.free > best.free || (each.free === best.free && isFirst(each, best))) {
      best = each
    }
  }
  return best
}

function isFirst(a: Offer, b: Offer): boolean {
  return compareText(a.cls, b.cls) < 0
}
