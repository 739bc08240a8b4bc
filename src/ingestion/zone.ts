/**
 * Time zones as two functions, over the zone data that the platform carries (Intl): which offset holds
 * at an instant, and at which instant a local minute comes.
 *
 *   a local time that exists       its instant
 *   one that comes twice           the first time
 *   one that is skipped            the first instant after the gap
 *
 * So later local times never come at earlier instants, which `ticks.ts` builds on.
 */
import type { WallMs } from '../core/clock.ts'
import type { LocalMs } from './cron.ts'

export interface Zone {
  /** Local time minus UTC. */
  offsetAt(instant: WallMs): number
  instantOf(local: LocalMs): WallMs
}

const MINUTE = 60_000

/** Longer than any offset, and than any step of a clock that a zone ever made. */
export const WIDEST_MS = 26 * 60 * MINUTE

const UTC: Zone = { offsetAt: () => 0, instantOf: (local) => local }

/** Null: no zone of this name is known here. Offsets such as `+01` are no names. */
export function zoneOf(name: string): Zone | null {
  if (name === 'Etc/UTC' || name === 'UTC') return UTC
  if (/^[+-]/.test(name)) return null
  const format = formatOf(name)
  return format && zoneFrom((instant) => offsetIn(format, instant))
}

function formatOf(timeZone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  } catch {
    return null
  }
}

const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/

function offsetIn(format: Intl.DateTimeFormat, instant: WallMs): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] =
    OFFSET.exec(format.format(instant)) ?? []
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  return sign === '-' ? -ms : ms
}

function zoneFrom(offsetAt: Zone['offsetAt']): Zone {
  return {
    offsetAt,
    instantOf(local) {
      const before = offsetAt(local - WIDEST_MS)
      const after = offsetAt(local + WIDEST_MS)
      if (before === after) return local - before
      // Where both are right, the offset that held before gives the earlier instant.
      for (const offset of [before, after]) {
        if (offsetAt(local - offset) === offset) return local - offset
      }
      return changeBetween(offsetAt, local - after, local - before, after)
    },
  }
}

/** The first whole minute in (from, to] with that offset; at `from` another one holds. */
function changeBetween(
  offsetAt: Zone['offsetAt'],
  from: WallMs,
  to: WallMs,
  offset: number,
): WallMs {
  let early = Math.floor(from / MINUTE)
  let late = Math.ceil(to / MINUTE)
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2)
    if (offsetAt(middle * MINUTE) === offset) late = middle
    else early = middle
  }
  return late * MINUTE
}

/** Winters and summers that anybody can look up: zone, instant, offset in minutes. */
const WELL_KNOWN = [
  ['Europe/Berlin', Date.UTC(2026, 0, 15), 60],
  ['Europe/Berlin', Date.UTC(2026, 6, 15), 120],
  ['America/New_York', Date.UTC(2026, 0, 15), -300],
  ['Australia/Lord_Howe', Date.UTC(2026, 0, 15), 660],
  ['Asia/Kathmandu', Date.UTC(2026, 0, 15), 345],
] as const

/** What is wrong with the time-zone data of this platform; '' = nothing (B48). */
export function zoneDataProblem(find: (name: string) => Zone | null = zoneOf): string {
  for (const [name, instant, minutes] of WELL_KNOWN) {
    const zone = find(name)
    if (!zone) return `the time zone ${name} is not known`
    const found = zone.offsetAt(instant) / MINUTE
    if (found !== minutes) {
      return `the time zone ${name} is ${found} minutes from UTC at ${new Date(instant).toISOString()} instead of ${minutes}`
    }
  }
  return ''
}
