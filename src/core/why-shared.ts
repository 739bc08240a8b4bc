/**
 * What the jobs of a queue share, and who of them comes next: concurrency, rate, slots, turns. Part of
 * `why.ts`, the last of its causes.
 */
import { handles, servesQueue } from './capacity.ts'
import { rfc3339, type WallMs } from './clock.ts'
import { type Place, placeByRate, placeByStarts, standing } from './place.ts'
import { type Held, held, type WaitFacts } from './why-facts.ts'

/**
 * What the jobs of a queue share is used up, so its place counts. For the first job of a fairness key
 * it is not jobs ahead that it waits for but the turn of its key.
 */
export function shared(facts: WaitFacts): Held | 'no' {
  const used = sharedBy(facts)
  if (!used) return 'no'
  const { namespace, queue, fairnessKey: key } = facts.record
  const place = facts.place()
  if (place.ahead > 0 || place.otherKeys === 0 || place.turnsAhead === 0)
    return tellShared(facts, used, place)
  return held('Blocked', 'Fairness', () => ({
    namespace,
    queue,
    key,
    weight: facts.policy.weights.get(key) ?? 1,
    keys: place.otherKeys,
    scarce: scarce(used),
  }))
}

/** What of a queue is used up, the first that would hold its next job. */
type Shared =
  | { readonly kind: 'concurrency'; readonly running: number; readonly limit: number }
  | {
      readonly kind: 'rate'
      readonly count: number
      readonly seconds: number
      readonly readyAt: WallMs
    }
  | { readonly kind: 'slots'; readonly slots: number }

function sharedBy(facts: WaitFacts): Shared | null {
  const { record, policy, running, rateReadyAt, classes, now } = facts
  if (running >= policy.max) return { kind: 'concurrency', running, limit: policy.max }
  if (policy.rate && rateReadyAt > now) {
    const { count, perMs } = policy.rate
    return { kind: 'rate', count, seconds: perMs / 1000, readyAt: rateReadyAt }
  }
  const able = classes?.filter(
    (each) => servesQueue(each, record) && each.handlers.some((h) => handles(h, record)),
  )
  if (!able || able.some((each) => each.free > 0)) return null
  return { kind: 'slots', slots: able.reduce((sum, each) => sum + each.slots, 0) }
}

function tellShared({ record, policy, now }: WaitFacts, used: Shared, place: Place): Held {
  const { namespace, queue } = record
  switch (used.kind) {
    case 'concurrency': {
      const { running, limit } = used
      const slots = { namespace, queue, running, limit, place: placeByStarts(place) }
      return held('Blocked', 'ConcurrencyLimit', () => slots)
    }
    case 'rate': {
      const { count, seconds, readyAt } = used
      const words = policy.rate ? placeByRate(place, policy.rate, readyAt, now) : standing(place)
      const until = rfc3339(readyAt)
      const slots = { namespace, queue, count, seconds, until, place: words }
      return { ...held('Blocked', 'RateLimited', () => slots), until: readyAt }
    }
    case 'slots':
      return held('Scheduled', 'NoFreeSlots', () => ({
        queue,
        slots: used.slots,
        place: placeByStarts(place),
      }))
  }
}

function scarce(used: Shared): string {
  switch (used.kind) {
    case 'concurrency':
      return `${used.running} jobs of the queue run, its concurrency.max is ${used.limit}`
    case 'rate':
      return `the queue starts at most ${used.count} jobs per ${used.seconds} seconds`
    case 'slots':
      return `all ${used.slots} slots of its workers are busy`
  }
}
