/**
 * How many jobs each queue has, and who serves it, in one pass over what is in memory: what a Queue's
 * status and the gauges tell. Nothing is counted up and down, so nothing can drift.
 */
import type { Phase } from '../api/conditions.ts'
import type { ClassCapacity } from './capacity.ts'
import type { WallMs } from './clock.ts'
import type { JobKey, JobUid } from './ids.ts'
import { isWaiting } from './job.ts'
import type { Entry } from './ledger.ts'

export interface QueueCounts {
  readonly namespace: string
  readonly queue: string
  readonly waiting: number
  /** Of those: would start if a slot were free. */
  readonly ready: number
  readonly running: number
  readonly dead: number
  /** Creation of the job that waits longest; Infinity = none waits. */
  readonly oldest: WallMs
  readonly workers: number
  readonly slots: number
  readonly free: number
  /** Types that its workers handle, in order. */
  readonly types: readonly string[]
}

export interface CountSources {
  readonly jobs: Iterable<Pick<Entry, 'uid' | 'object' | 'record' | 'attempt'>>
  readonly queues: Iterable<JobKey>
  readonly workers: Iterable<{ readonly namespace: string; readonly queues: readonly string[] }>
  readonly classes: readonly ClassCapacity[]
  readonly isReady: (uid: JobUid) => boolean
}

export interface Counted {
  /** By `namespace/name`: every queue that exists, has jobs, or is served. */
  readonly queues: ReadonlyMap<string, QueueCounts>
  /** Jobs that are stored, by phase. */
  readonly phases: ReadonlyMap<Phase, number>
}

type Counting = { -readonly [K in keyof QueueCounts]: QueueCounts[K] }

export function noCounts(namespace: string, queue: string): QueueCounts {
  const none = { waiting: 0, ready: 0, running: 0, dead: 0, workers: 0, slots: 0, free: 0 }
  return { namespace, queue, ...none, oldest: Number.POSITIVE_INFINITY, types: [] }
}

export function countQueues(sources: CountSources): Counted {
  const phases = new Map<Phase, number>()
  // Two steps instead of a text for each of twenty thousand jobs.
  const found = new Map<string, Map<string, Counting>>()
  const at = (namespace: string, queue: string): Counting => {
    let queues = found.get(namespace)
    if (!queues) {
      queues = new Map()
      found.set(namespace, queues)
    }
    let counts = queues.get(queue)
    if (!counts) {
      counts = { ...noCounts(namespace, queue) }
      queues.set(queue, counts)
    }
    return counts
  }
  for (const { namespace, name } of sources.queues) at(namespace, name)
  for (const job of sources.jobs) {
    const { phase } = job.object.status
    phases.set(phase, (phases.get(phase) ?? 0) + 1)
    countJob(at(job.record.namespace, job.record.queue), job, sources.isReady)
  }
  for (const worker of sources.workers) {
    for (const queue of worker.queues) at(worker.namespace, queue).workers += 1
  }
  countClasses(sources.classes, at)
  return { queues: byKey(found), phases }
}

function byKey(found: ReadonlyMap<string, ReadonlyMap<string, Counting>>) {
  const flat = new Map<string, QueueCounts>()
  for (const queues of found.values()) {
    for (const counts of queues.values()) flat.set(`${counts.namespace}/${counts.queue}`, counts)
  }
  return flat
}

function countJob(
  counts: Counting,
  { uid, object, attempt }: Pick<Entry, 'uid' | 'object' | 'attempt'>,
  isReady: (uid: JobUid) => boolean,
): void {
  const { phase } = object.status
  if (attempt) counts.running += 1
  else if (phase === 'DeadLettered') counts.dead += 1
  else if (isWaiting(phase)) {
    counts.waiting += 1
    if (isReady(uid)) counts.ready += 1
    counts.oldest = Math.min(counts.oldest, object.creationMs)
  }
}

function countClasses(
  classes: readonly ClassCapacity[],
  at: (namespace: string, queue: string) => Counting,
): void {
  const types = new Map<Counting, Set<string>>()
  for (const each of classes) {
    for (const queue of each.queues) {
      const counts = at(each.namespace, queue)
      counts.slots += each.slots
      counts.free += each.free
      const served = types.get(counts) ?? new Set()
      for (const { type } of each.handlers) served.add(type)
      types.set(counts, served)
    }
  }
  for (const [counts, served] of types) counts.types = [...served].sort()
}
