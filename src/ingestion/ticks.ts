/**
 * The ticks of a schedule: the instants at which the local minutes come that its expression names
 * (resources.md, QueueSchedule). Pure, but for the zone data of the platform.
 *
 * The rule for daylight saving is one for every expression, whether it names a minute of the day or
 * every quarter of an hour: each local minute has at most one tick.
 *
 *   skipped      its tick is at the first instant after the gap; several of them, or one that is
 *                named itself, are one tick there
 *   repeated     its tick is the first time. So the day of 25 hours has 24 ticks of `0 * * * *`, and
 *                two of them are two hours apart; who needs every real hour leaves the zone at UTC
 *
 * Every search ends: by the calendar (`cron.ts`), by the length of a fold, or by the number asked for.
 */
import type { WallMs } from '../core/clock.ts'
import { type Calendar, parseCron } from './cron.ts'
import { WIDEST_MS, type Zone, zoneOf } from './zone.ts'

export const DEFAULT_ZONE = 'Etc/UTC'

export interface Ticks {
  /** The first tick after an instant; null = never again. */
  next(after: WallMs): WallMs | null
  /** The newest ticks in (after, until], at most `most` of them, the oldest first. */
  newest(after: WallMs, until: WallMs, most: number): readonly WallMs[]
}

export type TicksAnswer =
  | { readonly ok: true; readonly ticks: Ticks }
  | {
      readonly ok: false
      readonly field: 'spec.schedule' | 'spec.timeZone'
      readonly error: string
    }

export function ticksOf(expression: string, zoneName: string): TicksAnswer {
  const cron = parseCron(expression)
  if (!cron.ok) return { ok: false, field: 'spec.schedule', error: cron.error }
  const zone = zoneOf(zoneName)
  if (!zone) {
    const error = `no time zone ${zoneName} is known; names are those of the IANA, such as Europe/Berlin`
    return { ok: false, field: 'spec.timeZone', error }
  }
  return { ok: true, ticks: ticksIn(cron.calendar, zone) }
}

function ticksIn(calendar: Calendar, zone: Zone): Ticks {
  return {
    next(after) {
      // No local time up to the one that is shown now has its instant later than now.
      let local: number | null = after + zone.offsetAt(after)
      for (;;) {
        local = calendar.next(local)
        if (local === null) return null
        const at = zone.instantOf(local)
        if (at > after) return at
      }
    },
    newest: (after, until, most) => newest(calendar, zone, { after, until, most }),
  }
}

const MINUTE = 60_000
/** Local minutes that are asked for at once. */
const BATCH = 256

function newest(
  calendar: Calendar,
  zone: Zone,
  { after, until, most }: { after: WallMs; until: WallMs; most: number },
): readonly WallMs[] {
  const found: WallMs[] = []
  // Shortly after a fold the clock shows less than it did: the largest local time counts.
  const shown = until + Math.max(zone.offsetAt(until), zone.offsetAt(until - WIDEST_MS))
  let before = Math.floor(shown / MINUTE) * MINUTE + MINUTE
  while (found.length < most) {
    const batch = calendar.before(before, Math.min(BATCH, most - found.length + 1))
    for (const local of batch) {
      const at = zone.instantOf(local)
      if (at <= after || found.length === most) return found.reverse()
      if (at <= until && at !== found.at(-1)) found.push(at)
      before = local
    }
    if (batch.length === 0) break
  }
  return found.reverse()
}

/** Expressions are few and looked at every few seconds: the newest ones stay parsed. */
export class ParsedTicks {
  readonly #known = new Map<string, TicksAnswer>()
  readonly #most: number

  constructor(most = 10_000) {
    this.#most = most
  }

  of(expression: string, zone: string): TicksAnswer {
    const key = `${expression} ${zone}`
    const known = this.#known.get(key)
    if (known) return known
    const answer = ticksOf(expression, zone)
    this.#known.set(key, answer)
    const [oldest] = this.#known.keys()
    if (this.#known.size > this.#most && oldest !== undefined) this.#known.delete(oldest)
    return answer
  }
}
