/**
 * Why does this job wait, from nothing but objects that anyone with the right to read them can read: the
 * job, its Queue, the jobs that it waits for, the other jobs of the queue. The facts become those of
 * `why.ts`, so it says what the operator says whenever it sees the same.
 *
 * What the operator alone knows is read where it wrote it, and named only then: workers and slots stand
 * in the Queue's status, as do reasons that hold every queue; `limits.maxObjects` stands on the jobs
 * that it holds. What stands nowhere is not guessed.
 */
import { DEFAULT_QUEUE } from '../api/conditions.ts'
import { BUILT_IN } from '../api/policies.ts'
import { MAX_TYPES } from '../api/queue.ts'
import { slotsSaid } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import type { ClassCapacity } from './capacity.ts'
import { type Explanation, explainRunning, explainStatus, explainWaiting } from './explanation.ts'
import type { Hold } from './hold.ts'
import { classId } from './ids.ts'
import { isTerminal, isWaiting, type JobObject } from './job.ts'
import { Line } from './line.ts'
import { isPaused } from './queue-pause.ts'
import { policyOf } from './queue-policy.ts'
import {
  asksForDependencies,
  dueAt,
  isUnconfirmedRestore,
  notBefore,
  type SeenObjects,
  type SeenQueue,
} from './seen.ts'
import { whyHeldAlone, whyWaiting } from './why.ts'
import type { DispatchStanding, QueueStanding, WaitFacts, WaitingJob } from './why-facts.ts'

export function explainFromObjects(seen: SeenObjects): Explanation {
  const { job, queue } = seen
  const { phase } = job.status
  if (isTerminal(phase)) return explainStatus(job)
  if (phase === 'Running') return explainRunning(job, attemptDeadlineMs(job, queue))
  return explainWaiting(job, whyWaiting(factsOf(seen)))
}

/** Need the other jobs of the queue be read? Not where something holds this one job alone. */
export function asksForOthers(seen: Omit<SeenObjects, 'others' | 'more'>): boolean {
  const facts = factsOf({ ...seen, others: [], more: false })
  if (!isWaiting(seen.job.status.phase) || whyHeldAlone(facts)) return false
  const { max, perKey, rate, maxDepth } = facts.policy
  const limited = [max, perKey, maxDepth].some(Number.isFinite) || rate !== null
  return limited || whyWaiting(facts) !== null
}

function factsOf(seen: SeenObjects): WaitFacts {
  const { job, queue, now } = seen
  const record = recordOf(job, queue)
  const policy = policyOf(queue)
  const line = new Line(seen, record, policy)
  return {
    record,
    status: job.status,
    restored: isUnconfirmedRestore(job),
    queue: queueStanding(job, queue),
    hold: dependencyHold(seen) ?? line.depthHold() ?? clusterHold(job),
    dueAt: dueAt(job),
    dispatch: dispatchOf(queue),
    classes: classesOf(queue, record),
    policy,
    running: line.running.length,
    rateReadyAt: line.rateReadyAt(),
    holders: () => line.holders(),
    keyAhead: () => line.keyAhead(),
    place: () => line.place(),
    now,
    // Nobody counted here since when something is missing: it is taken from when the job was created.
    mono: now,
    version: versionSaid(queue),
  }
}

function recordOf(
  { namespace, name, spec, creationMs }: JobObject,
  queue: SeenQueue | null,
): WaitingJob {
  const { defaults } = queue?.spec ?? {}
  return {
    namespace,
    name,
    queue: spec.queue,
    type: spec.type,
    handlerVersion: spec.handlerVersion ?? '',
    notBefore: notBefore({ spec, creationMs }),
    suspend: spec.suspend ?? false,
    concurrencyKey: spec.concurrencyKey ?? '',
    fairnessKey: spec.fairnessKey ?? '',
    retry: {
      maxAttempts: spec.retry?.maxAttempts ?? defaults?.retry?.maxAttempts ?? BUILT_IN.maxAttempts,
    },
  }
}

function attemptDeadlineMs({ spec }: JobObject, queue: SeenQueue | null): number {
  const { attemptDeadlineSeconds: queues } = queue?.spec.defaults ?? {}
  return 1000 * (spec.attemptDeadlineSeconds ?? queues ?? BUILT_IN.attemptDeadlineSeconds)
}

function queueStanding(job: JobObject, queue: SeenQueue | null): QueueStanding {
  if (!queue) {
    const isDefault = job.spec.queue === DEFAULT_QUEUE
    return isDefault ? { kind: 'open' } : { kind: 'missing', since: job.creationMs }
  }
  if (isPaused(queue)) return { kind: 'paused', queue }
  const ready = queue.status.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status !== 'False' || ready.reason !== 'NotYetSupported') return { kind: 'open' }
  const fields = notYetSupported('Queue', queue.spec)
  return { kind: 'not-served', fields: fields.length > 0 ? fields : ['(see its condition Ready)'] }
}

/** Of the operator that does not serve it. */
function versionSaid(queue: SeenQueue | null): string {
  const ready = queue?.status.conditions?.find(({ type }) => type === 'Ready')
  const [said = ''] = (ready?.message ?? '').split('; ')
  return slotsSaid('NotYetSupported', said)?.version ?? 'of unknown version'
}

function dependencyHold({ job, dependencies }: SeenObjects): Hold | null {
  if (!asksForDependencies(job)) return null
  const unmet = (job.spec.dependsOn ?? []).filter(({ name, when }) => {
    const phase = dependencies.get(name)?.status.phase
    if (phase === undefined || !isTerminal(phase)) return true
    return when !== 'Finished' && phase !== 'Completed'
  })
  const [first] = unmet
  if (!first) return null
  const phase = dependencies.get(first.name)?.status.phase ?? null
  const { name } = first
  return { kind: 'dependency', name, phase, missingSince: job.creationMs, unmet: unmet.length }
}

/** Only the operator counts the objects of the cluster; its words stand on the jobs that it holds. */
function clusterHold({ status }: JobObject): Hold | null {
  if (status.reason !== 'ClusterFull') return null
  const [said = ''] = (status.message ?? '').split('; delete finished jobs')
  const slots = slotsSaid('ClusterFull', said)
  if (!slots) return null
  return { kind: 'cluster-full', objects: Number(slots.objects), limit: Number(slots.limit) }
}

function dispatchOf(queue: SeenQueue | null): DispatchStanding {
  const told = queue?.status.conditions?.find(({ type }) => type === 'DispatchUnavailable')
  if (told?.status !== 'True') return { kind: 'open' }
  if (told.reason === 'DispatchPaused') return { kind: 'paused' }
  const cause = slotsSaid('DispatchUnavailable', told.message ?? '')?.cause ?? 'it does not answer'
  return { kind: 'unavailable', cause }
}

/** What the Queue says of its workers, as one class; null: no operator has said anything yet. */
function classesOf(queue: SeenQueue | null, record: WaitingJob): readonly ClassCapacity[] | null {
  if (!queue || queue.status.workers === undefined) return null
  const { workers, slots = 0, freeSlots = 0, types = [] } = queue.status
  if (workers === 0) return []
  // Versions are not listed, and of many types not all: nobody is told that his is missing by mistake.
  const listed = types.length < MAX_TYPES ? types : [...types, record.type]
  return [
    {
      cls: classId(''),
      namespace: queue.namespace,
      queues: new Set([queue.name]),
      handlers: listed.map((type) => ({ type, version: record.handlerVersion })),
      slots,
      free: freeSlots,
    },
  ]
}
