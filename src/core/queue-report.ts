/**
 * What a Queue tells about itself (resources.md): the whole status, computed from counts, and whether
 * it differs enough from the one that stands there to be worth a write. Pure.
 *
 *   Ready                True `Served`; False: it uses what this release does not serve
 *   Paused               by spec, by an action, or draining
 *   NoWorkers            jobs wait and nobody serves the queue
 *   Saturated            jobs could start, and every slot is taken or a limit of the queue is reached
 *   RetentionPressure    finished jobs go before their time (`limits.maxFinishedObjects`)
 *   DispatchUnavailable  jobs wait and nothing can start in any queue
 *
 * A condition is written only when it says something. A number that runs by itself — the age of the
 * oldest job, the starts of the last minute — is written along with something else and never alone:
 * `oldestWaitingTime` stands still while the same job waits, and a queue at rest costs no write.
 */
import type { QueueCondition } from '../api/conditions.ts'
import type { Condition } from '../api/fields.ts'
import { MAX_TYPES, type QueueStatus } from '../api/queue.ts'
import { advice, type Reason, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import { cut } from '../api/text.ts'
import { rfc3339, type WallMs } from './clock.ts'
import type { QueueCounts } from './queue-counts.ts'
import { isPaused, pauseOf, pausesAfter } from './queue-pause.ts'
import type { QueueObject } from './resources.ts'
import type { DispatchStanding } from './why.ts'

export interface QueueFacts {
  readonly counts: QueueCounts
  readonly startsPerMinute: number
  readonly dispatch: DispatchStanding
  /** The limit of the queue that holds its next job (`queue-hold.ts`); null = none does. */
  readonly limit: { readonly reason: Reason; readonly message: string } | null
  /** Finished jobs in the cluster and how many may stay; null = no pressure. */
  readonly pressure: { readonly objects: number; readonly limit: number } | null
  /** Of the operator, for sentences. */
  readonly version: string
}

interface Said {
  readonly type: QueueCondition
  readonly status: 'True' | 'False'
  readonly reason: Reason
  readonly message: string
}

export function queueStatus(queue: QueueObject, facts: QueueFacts, now: WallMs): QueueStatus {
  const { counts, startsPerMinute } = facts
  const pauses = pausesAfter(queue, now)
  const known = { ...queue, status: { ...queue.status, pauses } }
  const { oldestWaitingSeconds: _, oldestWaitingTime: __, pauses: ___, ...rest } = queue.status
  return {
    ...rest,
    observedGeneration: queue.generation,
    waiting: counts.waiting,
    ready: counts.ready,
    running: counts.running,
    deadLettered: counts.dead,
    ...oldestOf(counts, now),
    workers: counts.workers,
    slots: counts.slots,
    freeSlots: counts.free,
    types: counts.types.slice(0, MAX_TYPES),
    startsPerMinute,
    ...(pauses.length === 0 ? {} : { pauses }),
    conditions: conditionsOf(known, facts, now),
  }
}

/** A job from the future, as far as two clocks differ, has waited for no time. */
function oldestOf({ oldest }: QueueCounts, now: WallMs) {
  if (oldest === Number.POSITIVE_INFINITY) return {}
  const seconds = Math.floor(Math.max(0, now - oldest) / 1000)
  return { oldestWaitingSeconds: seconds, oldestWaitingTime: rfc3339(oldest) }
}

function conditionsOf(queue: QueueObject, facts: QueueFacts, now: WallMs): readonly Condition[] {
  const before = queue.status.conditions ?? []
  return SAYINGS.flatMap((saying) => saying(queue, facts) ?? []).map((said) => {
    const old = before.find(({ type }) => type === said.type)
    const same = old?.status === said.status
    return { ...said, lastTransitionTime: same ? old.lastTransitionTime : rfc3339(now) }
  })
}

/** Null: there is nothing to say. */
type Saying = (queue: QueueObject, facts: QueueFacts) => Said | null

const SAYINGS: readonly Saying[] = [
  ready,
  paused,
  noWorkers,
  saturated,
  retentionPressure,
  dispatchUnavailable,
]

const MESSAGE_MAX = 1024

function ready({ spec }: QueueObject, { counts, version }: QueueFacts): Said {
  const fields = notYetSupported('Queue', spec)
  if (fields.length === 0) {
    const { workers, slots, waiting } = counts
    const message = sentence('Served', { workers, slots, waiting })
    return { type: 'Ready', status: 'True', reason: 'Served', message }
  }
  const slots = { fields: fields.join(', '), version }
  const message = `${sentence('NotYetSupported', slots)}; ${advice('NotYetSupported', slots)}`
  const reason = 'NotYetSupported'
  return { type: 'Ready', status: 'False', reason, message: cut(message, MESSAGE_MAX) }
}

function paused(queue: QueueObject): Said | null {
  const pause = pauseOf(queue)
  if (!pause) return null
  const { by, since, comment, drain } = pause
  const slots = { namespace: queue.namespace, queue: queue.name, by, since }
  if (drain) return named('Paused', 'QueueDraining', sentence('QueueDraining', slots))
  const words = sentence('QueuePaused', { ...slots, comment: comment || 'no comment' })
  return named('Paused', 'QueuePaused', words)
}

function noWorkers({ namespace, name }: QueueObject, { counts }: QueueFacts): Said | null {
  if (counts.waiting === 0 || counts.workers > 0) return null
  return named('NoWorkers', 'NoWorkers', sentence('NoWorkers', { queue: name, namespace }))
}

function saturated(queue: QueueObject, { counts, limit }: QueueFacts): Said | null {
  const { workers, slots, free, ready, waiting } = counts
  if (isPaused(queue) || waiting === 0) return null
  // Holds new jobs before they are ready.
  if (limit?.reason === 'ClusterFull') return named('Saturated', limit.reason, limit.message)
  if (ready === 0) return null
  if (limit) return named('Saturated', limit.reason, limit.message)
  if (slots === 0 || free > 0) return null
  return named('Saturated', 'Saturated', sentence('Saturated', { slots, workers, waiting }))
}

function retentionPressure(_queue: QueueObject, { pressure }: QueueFacts): Said | null {
  if (!pressure) return null
  return named(
    'RetentionPressure',
    'RetentionPressure',
    sentence('RetentionPressure', { objects: pressure.objects, limit: pressure.limit }),
  )
}

/** Only where somebody waits for it: a thousand quiet queues need not be told of each reconnect. */
function dispatchUnavailable(_queue: QueueObject, { counts, dispatch }: QueueFacts): Said | null {
  if (counts.waiting === 0) return null
  switch (dispatch.kind) {
    case 'open':
      return null
    case 'paused':
      return named('DispatchUnavailable', 'DispatchPaused', sentence('DispatchPaused', {}))
    case 'unavailable': {
      const words = sentence('DispatchUnavailable', { cause: dispatch.cause })
      return named('DispatchUnavailable', 'DispatchUnavailable', words)
    }
  }
}

function named(type: QueueCondition, reason: Reason, message: string): Said {
  return { type, status: 'True', reason, message: cut(message, MESSAGE_MAX) }
}

/**
 *   nothing   not worth a write
 *   numbers   from the information budget, a queue at most every few seconds
 *   standing  what a person asked for, a pause or an edit of the spec: at once
 */
export type QueueChange = 'nothing' | 'numbers' | 'standing'

export function queueChange(before: QueueStatus, next: QueueStatus): QueueChange {
  const standing = (status: QueueStatus) =>
    JSON.stringify([
      status.observedGeneration,
      status.paused ?? null,
      status.pauses ?? [],
      heldBy(status, PERSONS),
    ])
  if (standing(before) !== standing(next)) return 'standing'
  if (before.startsPerMinute !== next.startsPerMinute && next.startsPerMinute === 0) {
    return 'numbers'
  }
  return numbers(before) === numbers(next) ? 'nothing' : 'numbers'
}

/**
 * Everything of the facts that a change of the status can come from: as long as it and the Queue are the
 * same, so is the answer of `queueChange`. A tenth of the cost, for a thousand queues that are at rest.
 */
export function factsPrint(facts: QueueFacts): string {
  const { counts, startsPerMinute, dispatch, limit, pressure, version } = facts
  const { waiting, ready, running, dead, oldest, workers, slots, free, types } = counts
  return [
    ...[waiting, ready, running, dead, oldest, workers, slots, free, types.join()],
    ...[startsPerMinute === 0, dispatch.kind, limit?.reason, pressure === null, version],
  ].join(' ')
}

/** Conditions that follow from what a person wrote. */
const PERSONS: ReadonlySet<string> = new Set(['Ready', 'Paused'])
/** Their words hold numbers that change by themselves, or come from elsewhere. */
const RESTLESS: ReadonlySet<string> = new Set([
  'Served',
  'Saturated',
  'ConcurrencyLimit',
  'RateLimited',
  'ClusterFull',
  'RetentionPressure',
  'DispatchUnavailable',
])

function heldBy({ conditions = [] }: QueueStatus, types: ReadonlySet<string> | null) {
  return conditions
    .filter(({ type }) => types === null || types.has(type))
    .map(({ type, status, reason, message = '' }) => {
      return [type, status, reason, RESTLESS.has(reason) ? '' : message]
    })
}

function numbers(status: QueueStatus): string {
  const { waiting, ready, running, deadLettered, oldestWaitingTime } = status
  const { workers, slots, freeSlots, types = [] } = status
  return JSON.stringify([
    [waiting ?? 0, ready ?? 0, running ?? 0, deadLettered ?? 0, oldestWaitingTime ?? ''],
    [workers ?? 0, slots ?? 0, freeSlots ?? 0, types],
    heldBy(status, null),
  ])
}
