/**
 * The place of a waiting job, in words: how many jobs go before it, who takes turns with it, and when
 * it may start. An estimate is made from evidence only, how many jobs of the queue started in the last
 * minute or when the next token of a rate limit comes; without it none is given, and it is said why.
 */
import type { WallMs } from './clock.ts'
import type { RateLimit } from './queue-policy.ts'

export interface Place {
  /** Jobs of its queue that go before it; of its fairness key, where several have jobs waiting. */
  readonly ahead: number
  /** There may be more: not all jobs were looked at. */
  readonly atLeast: boolean
  /** Other fairness keys of the queue that have jobs waiting. */
  readonly otherKeys: number
  /** Starts of those keys that come before the next one of its own. */
  readonly turnsAhead: number
  /** Starts of the queue in the last minute; null = not known. */
  readonly startsPerMinute: number | null
}

const SECOND = 1000
const MINUTE = 60 * SECOND

/** By what was started lately. */
export function placeByStarts(place: Place): string {
  const { startsPerMinute: rate } = place
  if (rate === null) return `${standing(place)}; no estimate: how many start is not known`
  if (rate === 0) {
    return `${standing(place)}; no estimate: no job of the queue started in the last minute`
  }
  const ms = (startsBefore(place) / rate) * MINUTE
  return `${standing(place)}; at ${rate} starts per minute it starts in about ${spanText(ms)}`
}

/** By the tokens of the rate limit. */
export function placeByRate(place: Place, rate: RateLimit, readyAt: WallMs, now: WallMs): string {
  const ms = readyAt - now + (startsBefore(place) - 1) * (rate.perMs / rate.count)
  return `${standing(place)}; it may start in about ${spanText(ms)}`
}

/** By nothing: what holds it says nothing about time. */
export function standing({ ahead, atLeast, otherKeys }: Place): string {
  const number = `${atLeast ? 'at least ' : ''}${ahead}`
  const jobs = ahead === 1 ? 'job' : 'jobs'
  const are = ahead === 1 ? 'is' : 'are'
  if (otherKeys === 0) {
    return ahead === 0 && !atLeast ? 'it is the next one' : `${number} ${jobs} ${are} ahead of it`
  }
  const others = otherKeys === 1 ? '1 other key takes' : `${otherKeys} other keys take`
  return `${number} ${jobs} of its fairness key ${are} ahead of it and ${others} turns with it`
}

/** Starts of the queue until this job has started: before each of its key others have their turn. */
function startsBefore({ ahead, turnsAhead }: Place): number {
  return (ahead + 1) * (turnsAhead + 1)
}

const UNITS = [
  { name: 'd', ms: 1440 * MINUTE },
  { name: 'h', ms: 60 * MINUTE },
  { name: 'min', ms: MINUTE },
  { name: 's', ms: SECOND },
] as const

/** In the largest unit that gives two or more, rounded: it is an estimate. At least a second. */
export function spanText(ms: number): string {
  const unit = UNITS.find((each) => ms >= 2 * each.ms) ?? UNITS[3]
  return `${Math.max(1, Math.round(ms / unit.ms))} ${unit.name}`
}
