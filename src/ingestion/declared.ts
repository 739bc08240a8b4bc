/**
 * What Queues and QueueSchedules are told about themselves: that they were read, that they pause, or
 * which of their fields this release does not serve. Pure; null = their status says so already.
 */
import type { JobCondition, QueueCondition } from '../api/conditions.ts'
import type { Condition } from '../api/fields.ts'
import { advice, type Reason, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import type { WallMs } from '../core/clock.ts'
import { rfc3339 } from '../core/clock.ts'
import type { QueueObject, ScheduleObject } from '../core/resources.ts'

interface Said {
  readonly type: QueueCondition | JobCondition
  readonly status: 'True' | 'False'
  readonly reason: Reason
  readonly message: string
}

export function queueStatus(
  queue: QueueObject,
  version: string,
  now: WallMs,
): QueueObject['status'] | null {
  const fields = notYetSupported('Queue', queue.spec)
  const said: Said[] = []
  if (fields.length > 0) said.push(refusal('Ready', 'False', fields, version))
  if (queue.spec.paused) {
    const slots = { queue: queue.name, by: 'spec.paused', since: rfc3339(now), comment: '' }
    said.push({
      type: 'Paused',
      status: 'True',
      reason: 'QueuePaused',
      message: sentence('QueuePaused', slots),
    })
  }
  return declare(queue, said, now)
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

function declare<T extends QueueObject | ScheduleObject>(
  object: T,
  said: readonly Said[],
  now: WallMs,
): T['status'] | null {
  const before = object.status.conditions ?? []
  const conditions = said.map((each) => withTime(each, before, now))
  const { observedGeneration } = object.status
  if (observedGeneration === object.generation && sameConditions(before, conditions)) return null
  const { conditions: _, ...rest } = object.status
  return {
    ...rest,
    observedGeneration: object.generation,
    ...(conditions.length > 0 ? { conditions } : {}),
  } as T['status']
}

/** The words and the time of a condition that holds already stay. */
function withTime(said: Said, before: readonly Condition[], now: WallMs): Condition {
  const old = before.find(({ type }) => type === said.type)
  if (old?.status !== said.status) return { ...said, lastTransitionTime: rfc3339(now) }
  const message = old.reason === said.reason && said.type === 'Paused' ? old.message : said.message
  return {
    ...said,
    ...(message === undefined ? {} : { message }),
    lastTransitionTime: old.lastTransitionTime,
  }
}

function sameConditions(a: readonly Condition[], b: readonly Condition[]): boolean {
  const flat = (each: Condition) => `${each.type}\n${each.status}\n${each.reason}\n${each.message}`
  return a.length === b.length && a.every((each, i) => flat(each) === flat(b[i] ?? each))
}
