/**
 * Values that people type: durations (`1h30m`), times, counts, phases, labels, dependencies. Pure; a
 * mistake is a UsageError that says what would be right.
 */
import { PHASES, type Phase, PRIORITIES, type Priority } from '../api/conditions.ts'
import type { WallMs } from '../core/clock.ts'
import { nearestName } from '../core/nearest.ts'
import { UsageError } from './exit.ts'
import { msOfLocal } from './times.ts'

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

const MAX_SECONDS = 315_360_000

/** `90`, `90s`, `1h30m`, `2d`: whole seconds, of at most ten years. */
export function secondsOf(text: string): number {
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : sumOfParts(text)
  if (seconds > MAX_SECONDS) throw new UsageError('is longer than ten years (3650d)')
  return seconds
}

const DURATION = /^(?:(\d{1,10})d)?(?:(\d{1,10})h)?(?:(\d{1,10})m)?(?:(\d{1,10})s)?$/

function sumOfParts(text: string): number {
  const parts = text === '' ? null : DURATION.exec(text)
  if (!parts) throw new UsageError('is no duration', 'such as 90s, 15m, 1h30m or 2d')
  return UNITS.reduce((sum, [, unit], index) => sum + Number(parts[index + 1] ?? 0) * unit, 0)
}

/** The reverse: `5400` → `1h30m`; 0 → `0s`. */
export function durationText(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds))
  let text = ''
  for (const [name, unit] of UNITS) {
    const count = Math.floor(left / unit)
    left -= count * unit
    if (count > 0) text += `${count}${name}`
  }
  return text === '' ? '0s' : text
}

/** The two largest units, as kubectl shows ages: `3d4h`, `12m5s`, `45s`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const place = UNITS.findIndex(([, unit]) => seconds >= unit)
  const second = UNITS[place + 1]
  return durationText(second ? seconds - (seconds % second[1]) : seconds)
}

const ZONED = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i
const LOCAL = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$/

/** RFC 3339, or a date and time without a zone, which is then the one that times are shown in. */
export function timeOf(zone: string): (text: string) => WallMs {
  return (text) => {
    const ms = ZONED.test(text)
      ? Date.parse(text)
      : LOCAL.test(text)
        ? msOfLocal(text, zone)
        : Number.NaN
    if (Number.isNaN(ms)) {
      throw new UsageError(
        'is no time',
        'such as 2026-05-01T18:00, or with a zone 2026-05-01T18:00:00Z',
      )
    }
    return ms
  }
}

/** A time, or how long ago: `2h`. */
export function momentOf(now: WallMs, zone: string): (text: string) => WallMs {
  return (text) => {
    if (/^(\d+[dhms])+$/.test(text)) return now - secondsOf(text) * 1000
    return timeOf(zone)(text)
  }
}

export function countOf(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (count >= least && count <= most) return count
    throw new UsageError(`is no whole number from ${least} to ${most}`)
  }
}

/** One of a closed set, in whatever case it was typed. */
function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name.toLowerCase() === text.toLowerCase())
    if (found) return found
    const near = nearestName(text, names)
    const help = near === null ? `one of ${names.join(', ')}` : `did you mean ${near}?`
    throw new UsageError('is not known', help)
  }
}

export const phaseOf: (text: string) => Phase = oneOf(PHASES)
export const priorityOf: (text: string) => Priority = oneOf(PRIORITIES)

/** `key=value` */
export function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError('is no label', 'such as team=billing')
  return [text.slice(0, at), text.slice(at + 1)]
}

/** `a=1,b=2`: the equality that an action can select by. */
export function labelsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const pair = /^([^=!<>() ]+)==?([^=!<>() ]*)$/.exec(part.trim())
      if (!pair) {
        throw new UsageError(
          'an action selects by key=value only',
          'such as -l team=billing,tier=gold',
        )
      }
      return [pair[1] ?? '', pair[2] ?? ''] as const
    }),
  )
}

export interface DependencyText {
  readonly name: string
  readonly when?: 'Succeeded' | 'Finished'
}

const dependencyWhen = oneOf(['Succeeded', 'Finished'] as const)

/** `order-1`, `order-1:Finished` */
export function dependencyOf(text: string): DependencyText {
  const [name = '', when, ...rest] = text.split(':')
  if (name === '' || rest.length > 0) {
    throw new UsageError('is no dependency', 'such as order-1 or order-1:Finished')
  }
  return when === undefined ? { name } : { name, when: dependencyWhen(when) }
}
