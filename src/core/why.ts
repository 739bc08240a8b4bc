/**
 * Why does this job wait? One answer from plain facts, in the order in which the causes hold a job:
 *
 *   suspended → restored → queue missing, paused, not served → another job (dependency, full queue,
 *     full cluster) → a time → dispatch stopped → no workers → unknown type
 *     → its concurrency key → what its queue shares: concurrency, rate, slots, turns
 *     → (nothing: it starts now)
 *
 * The cause that is named is the first that would still hold the job if all later ones were lifted, so
 * lifting it is never in vain. There is exactly one. Whoever asks gives the facts that he has: the
 * operator those that it decides by (`scheduler/holds.ts`), a client those that it can read from the
 * objects (`why-objects.ts`). A fact that nobody knows is absent and names no cause, so a sentence is
 * true also where no operator runs.
 */
import { STALLED_AFTER_SECONDS } from '../api/reasons.ts'
import { handles, servesQueue } from './capacity.ts'
import { type MonoMs, rfc3339 } from './clock.ts'
import type { HandlerKey } from './ids.ts'
import { isWaiting } from './job.ts'
import { nearestName } from './nearest.ts'
import { type PausedQueue, pauseOf } from './queue-pause.ts'
import {
  type Held,
  held,
  type OwnFacts,
  type WaitFacts,
  type Waiting,
  waitingOf,
} from './why-facts.ts'
import { shared } from './why-shared.ts'

export type { DispatchStanding, WaitFacts, Waiting } from './why-facts.ts'

/** Null: nothing holds it, or it does not wait. */
export function whyWaiting(facts: WaitFacts): Waiting | null {
  const found = firstOf(facts, [...OWN_CAUSES, shared])
  return found && waitingOf(found)
}

/**
 * The same without what all jobs of a queue share, which is told on the queue (`queue-hold.ts`): no
 * place is counted, so it can be asked for every job of a long queue.
 */
export function whyHeldAlone(facts: OwnFacts): Held | null {
  return firstOf(facts, OWN_CAUSES)
}

function firstOf<F extends OwnFacts>(
  facts: F,
  causes: readonly ((facts: F) => Held | null | 'no')[],
): Held | null {
  if (!isWaiting(facts.status.phase)) return null
  for (const cause of causes) {
    const found = cause(facts)
    if (found !== 'no') return found
  }
  return null
}

/** 'no': it does not hold the job. Null: it does, but there is nothing to say about it here. */
type Cause = (facts: OwnFacts) => Held | null | 'no'

const OWN_CAUSES: readonly Cause[] = [
  suspended,
  restored,
  queueHolds,
  otherJobs,
  notYetDue,
  dispatchStopped,
  noWorkers,
  unknownType,
  keyTaken,
]

function suspended({ record }: OwnFacts): Held | 'no' {
  if (!record.suspend) return 'no'
  return held('Suspended', 'Suspended', () => ({ namespace: record.namespace, job: record.name }))
}

function restored({ restored, record }: OwnFacts): Held | 'no' {
  if (!restored) return 'no'
  return held('Blocked', 'RestoredUnconfirmed', () => ({
    namespace: record.namespace,
    job: record.name,
  }))
}

function queueHolds(facts: OwnFacts): Held | null | 'no' {
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
      return paused(facts, standing.queue)
    case 'not-served': {
      const slots = { namespace, queue, fields: standing.fields.join(', '), version: facts.version }
      return { ...held('Blocked', 'QueueNotServed', () => slots), stalled: true }
    }
  }
}

/** Who paused it, since when and why, as far as the Queue says so. */
function paused({ record }: OwnFacts, pausedQueue: PausedQueue): Held {
  const { namespace, queue } = record
  const { by = 'spec.paused', since = '', comment = '', drain = false } = pauseOf(pausedQueue) ?? {}
  const slots = { namespace, queue, by, since: since || 'an unknown time' }
  if (drain) return held('Blocked', 'QueueDraining', () => slots)
  return held('Blocked', 'QueuePaused', () => ({ ...slots, comment: comment || 'no comment' }))
}

/** A queue may come a moment later than its jobs: a minute of grace before it is an error. */
function missing(facts: OwnFacts, since: MonoMs): Held {
  const { namespace, queue } = facts.record
  return patient(
    facts,
    since,
    held('Blocked', 'QueueNotFound', () => ({ namespace, queue })),
  )
}

function patient({ now, mono }: OwnFacts, since: MonoMs, found: Held): Held {
  const left = since + STALLED_AFTER_SECONDS * 1000 - mono
  return { ...found, stalled: left <= 0, until: left > 0 ? now + left : 0 }
}

function otherJobs(facts: OwnFacts): Held | 'no' {
  const { hold, record } = facts
  const { namespace, queue } = record
  switch (hold?.kind) {
    case undefined:
      return 'no'
    case 'dependency': {
      const { name: dependency, phase, unmet, missingSince } = hold
      const slots = { namespace, dependency, unmet, phase: phase ?? 'not there' }
      const found = held('Blocked', 'WaitingForDependency', () => slots)
      return phase === null ? patient(facts, missingSince, found) : found
    }
    case 'queue-full':
      return held('Blocked', 'QueueFull', () => ({ ...hold, namespace, queue }))
    case 'cluster-full':
      return held('Blocked', 'ClusterFull', () => hold)
  }
}

function notYetDue({ dueAt, now, status, record }: OwnFacts): Held | 'no' {
  if (dueAt <= now) return 'no'
  const until = rfc3339(dueAt)
  const { namespace, name: job } = record
  const { error } = status
  if (status.phase === 'Retrying' && error && dueAt > record.notBefore) {
    const found = held('Retrying', 'BackingOff', () => ({
      namespace,
      job,
      attempt: status.attempt ?? status.attempts ?? 1,
      max: record.retry.maxAttempts,
      code: error.code,
      error: error.message ?? '',
      until,
    }))
    return { ...found, until: dueAt }
  }
  return { ...held('Delayed', 'Delayed', () => ({ until })), until: dueAt }
}

function dispatchStopped({ dispatch }: OwnFacts): Held | 'no' {
  switch (dispatch.kind) {
    case 'open':
      return 'no'
    case 'paused':
      return held('Scheduled', 'DispatchPaused', () => ({}))
    case 'unavailable':
      return held('Scheduled', 'DispatchUnavailable', () => ({ cause: dispatch.cause }))
  }
}

function noWorkers({ record, classes }: OwnFacts): Held | 'no' {
  const { namespace, queue } = record
  if (!classes || classes.some((each) => servesQueue(each, record))) return 'no'
  return held('Scheduled', 'NoWorkers', () => ({ namespace, queue }))
}

/** So many types are listed; the sentence is cut in any case. */
const LISTED_TYPES = 20

function unknownType({ record, classes }: OwnFacts): Held | 'no' {
  if (!classes) return 'no'
  const offered = classes.filter((each) => servesQueue(each, record)).flatMap((c) => c.handlers)
  if (offered.some((handler) => handles(handler, record))) return 'no'
  return held('Scheduled', 'UnknownType', () => {
    const { queue, handlerVersion: version } = record
    // The version is named only where it is what is missing.
    const name = (handler: HandlerKey) =>
      version === '' ? handler.type : `${handler.type}@${handler.version}`
    const type = name({ type: record.type, version })
    const served = [...new Set(offered.map(name))].sort()
    const nearest = nearestName(type, served) ?? '(none)'
    return { queue, type, nearest, served: listed(served, LISTED_TYPES) }
  })
}

/** So many holders are named. */
const NAMED_HOLDERS = 5

function keyTaken({ record, policy, holders, keyAhead }: OwnFacts): Held | 'no' {
  const { namespace, queue, concurrencyKey: key } = record
  const { perKey: limit } = policy
  if (key === '' || limit === Number.POSITIVE_INFINITY) return 'no'
  const found = holders()
  if (found.length < limit) return 'no'
  return held('Blocked', 'KeyLimit', () => {
    const names = listed(found.toSorted(), NAMED_HOLDERS)
    return { namespace, queue, key, limit, holders: names, ahead: keyAhead() }
  })
}

function listed(names: readonly string[], most: number): string {
  const more = names.length - most
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
