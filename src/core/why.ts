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
import { isWaiting } from './job.ts'
import { nearestName } from './nearest.ts'
import { type PausedQueue, pauseOf } from './queue-pause.ts'
import { type OwnFacts, told, type WaitFacts, type Waiting } from './why-facts.ts'
import { shared } from './why-shared.ts'

export type { DispatchStanding, QueueStanding, WaitFacts, Waiting } from './why-facts.ts'

/** Null: nothing holds it, or it does not wait. */
export function whyWaiting(facts: WaitFacts): Waiting | null {
  return firstOf(facts, [...OWN_CAUSES, shared])
}

/**
 * The same without what all jobs of a queue share, which is told on the queue (`queue-hold.ts`): no
 * place is counted, so it can be asked for every job of a long queue.
 */
export function whyHeldAlone(facts: Omit<WaitFacts, 'place'>): Waiting | null {
  return firstOf(facts, OWN_CAUSES)
}

function firstOf<F extends OwnFacts>(
  facts: F,
  causes: readonly ((facts: F) => Waiting | null | 'no')[],
): Waiting | null {
  if (!isWaiting(facts.status.phase)) return null
  for (const cause of causes) {
    const found = cause(facts)
    if (found !== 'no') return found
  }
  return null
}

/** 'no': it does not hold the job. Null: it does, but there is nothing to say about it here. */
type Cause = (facts: OwnFacts) => Waiting | null | 'no'

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

function suspended({ record }: OwnFacts): Waiting | 'no' {
  if (!record.suspend) return 'no'
  return told('Suspended', 'Suspended', { namespace: record.namespace, job: record.name })
}

function restored({ restored, record }: OwnFacts): Waiting | 'no' {
  if (!restored) return 'no'
  return told('Blocked', 'RestoredUnconfirmed', { namespace: record.namespace, job: record.name })
}

function queueHolds(facts: OwnFacts): Waiting | null | 'no' {
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
      return { ...told('Blocked', 'QueueNotServed', slots), stalled: true }
    }
  }
}

/** Who paused it, since when and why, as far as the Queue says so. */
function paused({ record }: OwnFacts, pausedQueue: PausedQueue): Waiting {
  const { namespace, queue } = record
  const { by = 'spec.paused', since = '', comment = '', drain = false } = pauseOf(pausedQueue) ?? {}
  const slots = { namespace, queue, by, since: since || 'an unknown time' }
  if (drain) return told('Blocked', 'QueueDraining', slots)
  return told('Blocked', 'QueuePaused', { ...slots, comment: comment || 'no comment' })
}

/** A queue may come a moment later than its jobs: a minute of grace before it is an error. */
function missing(facts: OwnFacts, since: MonoMs): Waiting {
  const { namespace, queue } = facts.record
  return patient(facts, since, told('Blocked', 'QueueNotFound', { namespace, queue }))
}

function patient({ now, mono }: OwnFacts, since: MonoMs, waiting: Waiting): Waiting {
  const left = since + STALLED_AFTER_SECONDS * 1000 - mono
  return { ...waiting, stalled: left <= 0, until: left > 0 ? now + left : 0 }
}

function otherJobs(facts: OwnFacts): Waiting | 'no' {
  const { hold, record } = facts
  const { namespace, queue } = record
  switch (hold?.kind) {
    case undefined:
      return 'no'
    case 'dependency': {
      const { name: dependency, phase, unmet, missingSince } = hold
      const slots = { namespace, dependency, unmet, phase: phase ?? 'not there' }
      const waiting = told('Blocked', 'WaitingForDependency', slots)
      return phase === null ? patient(facts, missingSince, waiting) : waiting
    }
    case 'queue-full':
      return told('Blocked', 'QueueFull', { ...hold, namespace, queue })
    case 'cluster-full':
      return told('Blocked', 'ClusterFull', hold)
  }
}

function notYetDue({ dueAt, now, status, record }: OwnFacts): Waiting | 'no' {
  if (dueAt <= now) return 'no'
  const until = rfc3339(dueAt)
  const { namespace, name: job } = record
  const { error } = status
  if (status.phase === 'Retrying' && error && dueAt > record.notBefore) {
    const waiting = told('Retrying', 'BackingOff', {
      namespace,
      job,
      attempt: status.attempt ?? status.attempts ?? 1,
      max: record.retry.maxAttempts,
      code: error.code,
      error: error.message ?? '',
      until,
    })
    return { ...waiting, until: dueAt }
  }
  return { ...told('Delayed', 'Delayed', { until }), until: dueAt }
}

function dispatchStopped({ dispatch }: OwnFacts): Waiting | 'no' {
  switch (dispatch.kind) {
    case 'open':
      return 'no'
    case 'paused':
      return told('Scheduled', 'DispatchPaused', {})
    case 'unavailable':
      return told('Scheduled', 'DispatchUnavailable', { cause: dispatch.cause })
  }
}

function noWorkers({ record, classes }: OwnFacts): Waiting | 'no' {
  const { namespace, queue } = record
  if (!classes || classes.some((each) => servesQueue(each, record))) return 'no'
  return told('Scheduled', 'NoWorkers', { namespace, queue })
}

/** So many types are listed; the sentence is cut in any case. */
const LISTED_TYPES = 20

function unknownType({ record, classes }: OwnFacts): Waiting | 'no' {
  if (!classes) return 'no'
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

/** So many holders are named. */
const NAMED_HOLDERS = 5

function keyTaken({ record, policy, holders, keyAhead }: OwnFacts): Waiting | 'no' {
  const { namespace, queue, concurrencyKey: key } = record
  const { perKey: limit } = policy
  if (key === '' || limit === Number.POSITIVE_INFINITY) return 'no'
  const found = holders()
  if (found.length < limit) return 'no'
  const more = found.length - NAMED_HOLDERS
  const names = found.toSorted().slice(0, NAMED_HOLDERS).join(', ')
  return told('Blocked', 'KeyLimit', {
    namespace,
    queue,
    key,
    limit,
    holders: more > 0 ? `${names} and ${more} more` : names,
    ahead: keyAhead(),
  })
}
