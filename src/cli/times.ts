/**
 * Times for people: `2026-05-01 14:00:00 +02:00`, in one zone, with the offset that holds at that
 * moment, so that a line of a terminal can be compared with a log. Pure: the zone is an argument.
 */
import type { WallMs } from '../core/clock.ts'

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  formats.set(zone, format)
  return format
}

/** What a clock on the wall of that zone shows, as if it were UTC. */
function wallOf(ms: WallMs, zone: string): number {
  const parts = new Map<string, number>(
    formatOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const part = (name: string) => parts.get(name) ?? 0
  return Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
}

const MINUTE = 60_000

function offsetOf(ms: WallMs, zone: string): number {
  return Math.round((wallOf(ms, zone) - Math.floor(ms / 1000) * 1000) / MINUTE) * MINUTE
}

export function timeText(ms: WallMs, zone: string): string {
  if (!Number.isFinite(new Date(ms).getTime())) return '(no time)'
  const offset = offsetOf(ms, zone)
  const wall = new Date(ms + offset).toISOString()
  return `${wall.slice(0, 10)} ${wall.slice(11, 19)} ${zone === 'UTC' ? 'UTC' : offsetText(offset)}`
}

function offsetText(offset: number): string {
  const minutes = Math.abs(offset) / MINUTE
  const pair = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${pair(minutes / 60)}:${pair(minutes % 60)}`
}

/**
 * The moment at which a clock of the zone shows this; NaN when it is no time. Of an hour that comes
 * twice the first, of one that is left out the time by the offset before it.
 */
export function msOfLocal(text: string, zone: string): WallMs {
  const wall = Date.parse(`${text.replace(' ', 'T')}${text.length === 10 ? 'T00:00' : ''}Z`)
  if (Number.isNaN(wall)) return Number.NaN
  // Both offsets that can hold around that moment, the earlier result first.
  const tries = [wall - offsetOf(wall - 86_400_000, zone), wall - offsetOf(wall + 86_400_000, zone)]
  const fits = tries.filter((ms) => wallOf(ms, zone) === wall).sort((a, b) => a - b)
  return fits[0] ?? tries[0] ?? Number.NaN
}
