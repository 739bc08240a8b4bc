/**
 * What a QueueSchedule is told about itself: one whole status from what a look found and did. Pure;
 * null = its status says so already. A condition is written only when it says something, so a schedule
 * that works has none.
 */
import type { Condition } from '../api/fields.ts'
import { cut } from '../api/text.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import type { ScheduleObject } from '../core/resources.ts'
import { expressionOf, type Trouble } from './schedule.ts'

export interface Looked {
  /** The first tick that is not dealt with; null = there is none. */
  readonly cursor: WallMs | null
  /** The newest tick whose job was made, now or before; null = none is known of. */
  readonly lastTick: WallMs | null
  /** Ticks that make no job, in this look. */
  readonly missed: number
  /** Names of the jobs that have not ended. */
  readonly active: readonly string[]
  /** 'as-before': nothing was tried, so what troubled it before does still. */
  readonly trouble: Trouble | null | 'as-before'
}

type Status = ScheduleObject['status']

export interface StatusChange {
  readonly status: Status
  /** Nothing depends on it: it may wait for the information budget. */
  readonly onlyInforms: boolean
}

const MOST_ACTIVE = 50
const MOST_MISSED = 1_000_000_000
const MESSAGE_MAX = 1024

export function changeAfter(
  schedule: ScheduleObject,
  looked: Looked,
  now: WallMs,
): StatusChange | null {
  const { status: before, generation } = schedule
  const { conditions: _, active: __, nextTickTime: ___, ...rest } = before
  const missed = Math.min(MOST_MISSED, (before.missed ?? 0) + looked.missed)
  const active = [...looked.active].sort().slice(0, MOST_ACTIVE)
  const conditions = conditionsAfter(schedule, looked.trouble, now)
  const lastTick = laterOf(before.lastTickTime, looked.lastTick)
  const status: Status = {
    ...rest,
    observedGeneration: generation,
    observedSchedule: cut(expressionOf(schedule), 321),
    ...(lastTick === null ? {} : { lastTickTime: lastTick }),
    ...(looked.cursor === null ? {} : { nextTickTime: rfc3339(looked.cursor) }),
    ...(missed === 0 ? {} : { missed }),
    ...(active.length === 0 ? {} : { active }),
    ...(conditions.length === 0 ? {} : { conditions }),
  }
  if (isSame(before, status)) return null
  return { status, onlyInforms: isSame({ ...before, active: [] }, { ...status, active: [] }) }
}

/** A clock that was put back makes no earlier tick the last one. */
function laterOf(before: string | undefined, made: WallMs | null): string | null {
  if (made === null) return before ?? null
  return rfc3339(before === undefined ? made : Math.max(Date.parse(before), made))
}

/** What a job that was made, or an edit, would have lifted. */
const LASTING = new Set(['TemplateRefused', 'NameTaken'])

function conditionsAfter(
  { status, generation }: ScheduleObject,
  trouble: Looked['trouble'],
  now: WallMs,
): readonly Condition[] {
  const before = status.conditions ?? []
  if (trouble === 'as-before') {
    const same = status.observedGeneration === generation
    return same ? before.filter(({ reason }) => LASTING.has(reason)) : []
  }
  if (trouble === null) return []
  const { type, reason, message } = trouble
  const old = before.find((each) => each.type === type)
  const lastTransitionTime = old?.status === 'True' ? old.lastTransitionTime : rfc3339(now)
  return [{ type, status: 'True', reason, message: cut(message, MESSAGE_MAX), lastTransitionTime }]
}

/** By value: lists and records keep the order in which they were written. */
function isSame(a: Status, b: Status): boolean {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof Status)[]
  return keys.every((key) => JSON.stringify(a[key]) === JSON.stringify(b[key]))
}
