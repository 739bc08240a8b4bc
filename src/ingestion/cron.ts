/**
 * Cron expressions as the minutes of a calendar without time zones: the one file that knows the
 * library. `ticks.ts` says when such a minute comes in a zone.
 *
 * Five fields, or a nickname such as `@hourly`. What the library is asked for and what not: names and
 * numbers, lists, ranges and steps; `?` is `*`; `L`, `W` and `#` as it documents them; day of month
 * and day of week, when both are restricted, are joined by "or", as in every cron. No seconds, no year,
 * no `@reboot`. Its own rules for daylight saving are not used: it is given a calendar that has none.
 *
 * The search is bounded by the calendar: it gives up at the year 10000, after some milliseconds (B7).
 */
import { Cron } from 'croner'

/** A local time, as the milliseconds that it would be in UTC. */
export type LocalMs = number

export interface Calendar {
  /** The first matching minute after a local time; null = there is none. */
  next(after: LocalMs): LocalMs | null
  /** Up to `most` matching minutes before a local time, the newest first. */
  before(local: LocalMs, most: number): readonly LocalMs[]
}

export type ParsedCron =
  | { readonly ok: true; readonly calendar: Calendar }
  /** What is wrong with it, in the library's words. */
  | { readonly ok: false; readonly error: string }

export function parseCron(expression: string): ParsedCron {
  // The library takes a date, too: it would be a schedule that is over.
  if (expression.includes(':')) return { ok: false, error: 'a time is no cron expression' }
  try {
    const cron = new Cron(expression, { mode: '5-part', utcOffset: 0, paused: true })
    return {
      ok: true,
      calendar: {
        next: (after) => cron.nextRun(new Date(after))?.getTime() ?? null,
        before: (local, most) => cron.previousRuns(most, new Date(local)).map(Number),
      },
    }
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error)
    return { ok: false, error: says.replace(/^Cron\w+: /, '') }
  }
}
