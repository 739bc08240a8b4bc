/**
 * What QueueSchedules are told about themselves: that they were read, or which of their fields this
 * release does not serve. Pure; null = their status says so already.
 */
import type { JobCondition } from '../api/conditions.ts'
import type { Condition } from '../api/fields.ts'
import { advice, type Reason, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import type { WallMs } from '../core/clock.ts'
import { rfc3339 } from '../core/clock.ts'
import type { ScheduleObject } from '../core/resources.ts'

interface Said {
  readonly type: JobCondition
  readonly status: 'True' | 'False'
  readonly reason: Reason
  readonly message: string
}

/** The whole kind is held until a release serves it. */
export function scheduleStatus(
  schedule: ScheduleObject,
  version: string,
  now: WallMs,
): ScheduleObject['status'] | null {
  const fields = notYetSupported('QueueSchedule', schedule.spec)
  const said = fields.length > 0 ? [refusal('Stalled', 'True', fields, version)] : []
  return declare(schedule, said, now)
}

function refusal(
  type: Said['type'],
  status: Said['status'],
  fields: readonly string[],
  version: string,
): Said {
  const slots = { fields: fields.join(', '), version }
  const message = `${sentence('NotYetSupported', slots)}; ${advice('NotYetSupported', slots)}`
  return { type, status, reason: 'NotYetSupported', message: message.slice(0, 1024) }
}

function declare(
  object: ScheduleObject,
  said: readonly Said[],
  now: WallMs,
): ScheduleObject['status'] | null {
  const before = object.status.conditions ?? []
  const conditions = said.map((each) => withTime(each, before, now))
  const { observedGeneration } = object.status
  if (observedGeneration === object.generation && sameConditions(before, conditions)) return null
  const { conditions: _, ...rest } = object.status
  return {
    ...rest,
    observedGeneration: object.generation,
    ...(conditions.length > 0 ? { conditions } : {}),
  }
}

/** The time of a condition that holds already stays. */
function withTime(said: Said, before: readonly Condition[], now: WallMs): Condition {
  const old = before.find(({ type }) => type === said.type)
  if (old?.status !== said.status) return { ...said, lastTransitionTime: rfc3339(now) }
  return { ...said, lastTransitionTime: old.lastTransitionTime }
}

function sameConditions(a: readonly Condition[], b: readonly Condition[]): boolean {
  const flat = (each: Condition) => `${each.type}\n${each.status}\n${each.reason}\n${each.message}`
  return a.length === b.length && a.every((each, i) => flat(each) === flat(b[i] ?? each))
}
