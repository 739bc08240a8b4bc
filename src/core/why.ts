/**
 * Why does this job wait? One answer from plain facts, in the order in which the causes hold a job:
 *
 *   suspended → restored → queue missing, paused, not served → a time
 *     → dispatch stopped → no workers → unknown type → no free slots → (nothing: it starts now)
 *
 * The cause that is named is the first that would still hold the job if all later ones were lifted, so
 * lifting it is never in vain. The scheduler holds jobs by the same facts (`placement.ts`,
 * `decide.ts`); this file only finds the words, for `status.reason`, Events and `gq why`.
 */
import type { Phase } from '../api/conditions.ts'
import type { QueueJobStatus } from '../api/queuejob.ts'
import {
  type AdviceSlots,
  advice,
  type Reason,
  type SentenceSlots,
  STALLED_AFTER_SECONDS,
  sentence,
} from '../api/reasons.ts'
import { cut } from '../api/text.ts'
import { type ClassCapacity, handles, servesQueue } from './capacity.ts'
import { type MonoMs, rfc3339, type WallMs } from './clock.ts'
import { isWaiting, type JobRecord } from './job.ts'
import { nearestName } from './nearest.ts'
import type { QueueObject } from './resources.ts'

/** How the queue of the job stands. */
export type QueueStanding =
  | { readonly kind: 'open' }
  /** Since when it has been missed; never for `default`. */
  | { readonly kind: 'missing'; readonly since: MonoMs }
  | { readonly kind: 'paused'; readonly queue: QueueObject }
  /** It uses fields that this release does not serve. */
  | { readonly kind: 'not-served'; readonly fields: readonly string[] }
  /** Another operator serves it, and says why its jobs wait. */
  | { readonly kind: 'foreign' }

export type DispatchStanding =
  | { readonly kind: 'open' }
  /** The operator's own switch. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'unavailable'; readonly cause: string }

export interface WaitFacts {
  readonly record: JobRecord
  readonly status: QueueJobStatus
  /** A backup tool put it back and nothing of it was ever written. */
  readonly restored: boolean
  readonly queue: QueueStanding
  /** The later of what the spec, a back-off and a snooze say; 0 = at once. */
  readonly dueAt: WallMs
  readonly dispatch: DispatchStanding
  /** All classes of the job's namespace, or of every one. */
  readonly classes: readonly ClassCapacity[]
  /** Jobs of the queue that go before this one. Asked only when it is told. */
  readonly ahead: () => number
  readonly now: WallMs
  readonly mono: MonoMs
  /** Of this operator, for sentences. */
  readonly version: string
}

export interface Waiting {
  readonly phase: 'Scheduled' | 'Delayed' | 'Blocked' | 'Suspended' | 'Retrying'
  readonly reason: Reason
  /** At most 1,024 characters. */
  readonly message: string
  /** Only a person can lift it: Stalled instead of Reconciling. */
  readonly stalled: boolean
  /** When to look again; 0 = when something changes. */
  readonly until: WallMs
}

/** Null: nothing holds it, or it does not wait. */
export function whyWaiting(facts: WaitFacts): Waiting | null {
  if (!isWaiting(facts.status.phase)) return null
  for (const cause of CAUSES) {
    const found = cause(facts)
    if (found !== 'no') return found
  }
  return null
}

/** 'no': it does not hold the job. Null: it does, but there is nothing to say about it here. */
type Cause = (facts: WaitFacts) => Waiting | null | 'no'

const CAUSES: readonly Cause[] = [
  suspended,
  restored,
  queueHolds,
  notYetDue,
  dispatchStopped,
  noWorkers,
  unknownType,
  noFreeSlots,
]

function suspended({ record }: WaitFacts): Waiting | 'no' {
  if (!record.suspend) return 'no'
  return told('Suspended', 'Suspended', { namespace: record.namespace, job: record.name })
}

function restored({ restored, record }: WaitFacts): Waiting | 'no' {
  if (!restored) return 'no'
  return told('Blocked', 'RestoredUnconfirmed', { namespace: record.namespace, job: record.name })
}

function queueHolds(facts: WaitFacts): Waiting | null | 'no' {
  const { queue: standing, record } = facts
  const { namespace, queue } = record
  switch (standing.kind) {
    case 'open':
      return 'no'
    case 'foreign':
      return null
    case 'missing':
      return missing(facts, standing.since)
    case 'paused':
      return told('Blocked', 'QueuePaused', { namespace, queue, ...pauseOf(standing.queue) })
    case 'not-served': {
      const slots = { namespace, queue, fields: standing.fields.join(', '), version: facts.version }
      return { ...told('Blocked', 'QueueNotServed', slots), stalled: true }
    }
  }
}

/** A queue may come a moment later than its jobs: a minute of grace before it is an error. */
function missing({ record, now, mono }: WaitFacts, since: MonoMs): Waiting {
  const { namespace, queue } = record
  const left = since + STALLED_AFTER_SECONDS * 1000 - mono
  return {
    ...told('Blocked', 'QueueNotFound', { namespace, queue }),
    stalled: left <= 0,
    until: left > 0 ? now + left : 0,
  }
}

/** Who paused it and since when, as far as the Queue says so. */
function pauseOf({ status }: QueueObject) {
  const { paused, conditions } = status
  const since = conditions?.find(({ type }) => type === 'Paused')?.lastTransitionTime
  return {
    by: paused?.by ?? 'spec.paused',
    since: paused?.since ?? since ?? 'an unknown time',
    comment: paused?.comment ?? 'no comment',
  }
}

function notYetDue({ dueAt, now, status, record }: WaitFacts): Waiting | 'no' {
  if (dueAt <= now) return 'no'
  const until = rfc3339(dueAt)
  const { error } = status
  if (status.phase === 'Retrying' && error && dueAt > record.notBefore) {
    const message = sentence('BackingOff', {
      attempt: status.attempt ?? status.attempts ?? 1,
      max: record.retry.maxAttempts,
      code: error.code,
      error: error.message ?? '',
      until,
    })
    return { phase: 'Retrying', reason: 'BackingOff', message, stalled: false, until: dueAt }
  }
  const message = sentence('Delayed', { until })
  return { phase: 'Delayed', reason: 'Delayed', message, stalled: false, until: dueAt }
}

function dispatchStopped({ dispatch }: WaitFacts): Waiting | 'no' {
  switch (dispatch.kind) {
    case 'open':
      return 'no'
    case 'paused':
      return told('Scheduled', 'DispatchPaused', {})
    case 'unavailable':
      return told('Scheduled', 'DispatchUnavailable', { cause: dispatch.cause })
  }
}

function noWorkers({ record, classes }: WaitFacts): Waiting | 'no' {
  const { namespace, queue } = record
  if (classes.some((each) => servesQueue(each, record))) return 'no'
  return told('Scheduled', 'NoWorkers', { namespace, queue })
}

/** So many types are listed; the sentence is cut in any case. */
const LISTED_TYPES = 20

function unknownType({ record, classes }: WaitFacts): Waiting | 'no' {
  const offered = classes.filter((each) => servesQueue(each, record)).flatMap((c) => c.handlers)
  if (offered.some((handler) => handles(handler, record))) return 'no'
  const { queue, handlerVersion } = record
  // The version is named only where it is what is missing.
  const name = (handler: { readonly type: string; readonly version: string }) =>
    handlerVersion === '' ? handler.type : `${handler.type}@${handler.version}`
  const type = name({ type: record.type, version: handlerVersion })
  const served = [...new Set(offered.map(name))].sort()
  const more = served.length - LISTED_TYPES
  return told('Scheduled', 'UnknownType', {
    queue,
    type,
    nearest: nearestName(type, served) ?? '(none)',
    served: `${served.slice(0, LISTED_TYPES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  })
}

function noFreeSlots({ record, classes, ahead }: WaitFacts): Waiting | 'no' {
  const able = classes.filter(
    (each) => servesQueue(each, record) && each.handlers.some((h) => handles(h, record)),
  )
  if (able.some((each) => each.free > 0)) return 'no'
  const slots = able.reduce((sum, each) => sum + each.slots, 0)
  return told('Scheduled', 'NoFreeSlots', { queue: record.queue, slots, ahead: ahead() })
}

const MESSAGE_MAX = 1024

/** The sentence, and what would change it. */
function told<R extends Reason>(
  phase: Waiting['phase'] & Phase,
  reason: R,
  slots: SentenceSlots<R> & AdviceSlots<R>,
): Waiting {
  const message = `${sentence(reason, slots)}; ${advice(reason, slots)}`
  return { phase, reason, message: cut(message, MESSAGE_MAX), stalled: false, until: 0 }
}
