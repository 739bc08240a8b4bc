/**
 * Why does this job wait, how did it end: from the objects alone, so that the answer needs no operator
 * and no write of one (`core/why-objects.ts` finds the reason and the words).
 *
 *   the job ─ ended, running ─▶ its status says it
 *      └─ waits ─▶ its Queue, its dependencies ─ one of them holds it ─▶ that one
 *                         └─▶ the other jobs of the queue, at most `MOST_OTHERS`: limits, keys, place
 *
 * So most answers cost two or three small reads; only a job that stands in a line has the line counted.
 */
import { DEFAULT_QUEUE } from '../api/conditions.ts'
import { adviceFor } from '../api/reasons.ts'
import type { WallMs } from '../core/clock.ts'
import type { Explanation } from '../core/explanation.ts'
import type { JobKey } from '../core/ids.ts'
import { isWaiting, type JobObject } from '../core/job.ts'
import { asksForDependencies, type SeenObjects } from '../core/seen.ts'
import { asksForOthers, explainFromObjects } from '../core/why-objects.ts'
import type { EvidenceStore, JobView } from './ports.ts'

/** More are not counted: a sentence that says "at least" is as good. */
export const MOST_OTHERS = 5_000
/** Dependencies that are read at the same time. */
const READ_AT_ONCE = 8

export interface Explained extends Explanation {
  readonly uid: string
}

/** @returns null: there is no such job. @throws ForbiddenError, ApiError, or the reason of the signal */
export async function explain(
  store: EvidenceStore,
  key: JobKey,
  now: () => WallMs,
  signal?: AbortSignal,
): Promise<Explained | null> {
  const seen = await store.job(key, signal)
  if (!seen) return null
  const { view, object } = seen
  const said = object ? await explainObject(store, object, now, signal) : asWritten(view)
  return { ...said, uid: view.uid }
}

async function explainObject(
  store: EvidenceStore,
  job: JobObject,
  now: () => WallMs,
  signal: AbortSignal | undefined,
): Promise<Explanation> {
  const none = { job, queue: null, dependencies: new Map(), others: [], more: false, now: now() }
  if (!isWaiting(job.status.phase)) {
    const needed = job.status.phase === 'Running' ? await queueOf(store, job, signal) : null
    return explainFromObjects({ ...none, queue: needed })
  }
  const queue = await queueOf(store, job, signal)
  const dependencies = await dependenciesOf(store, job, signal)
  const alone: SeenObjects = { ...none, queue, dependencies, now: now() }
  if (!asksForOthers(alone)) return explainFromObjects(alone)
  const ended = queue?.spec.rateLimit !== undefined
  const key = { namespace: job.namespace, name: job.spec.queue }
  const { jobs, more } = await store.jobsOf(key, { ended, most: MOST_OTHERS }, signal)
  return explainFromObjects({ ...alone, others: jobs, more, now: now() })
}

function queueOf(store: EvidenceStore, job: JobObject, signal: AbortSignal | undefined) {
  return store.queue({ namespace: job.namespace, name: job.spec.queue || DEFAULT_QUEUE }, signal)
}

async function dependenciesOf(
  store: EvidenceStore,
  job: JobObject,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, JobObject>> {
  const found = new Map<string, JobObject>()
  const names = asksForDependencies(job) ? (job.spec.dependsOn ?? []).map(({ name }) => name) : []
  for (let from = 0; from < names.length; from += READ_AT_ONCE) {
    const some = names.slice(from, from + READ_AT_ONCE)
    const read = some.map((name) => store.job({ namespace: job.namespace, name }, signal))
    for (const each of await Promise.all(read)) {
      if (each?.object) found.set(each.object.name, each.object)
    }
  }
  return found
}

/** A later version of the API: what its operator wrote is all there is to say. */
function asWritten({ namespace, name, status }: JobView): Explanation {
  const { phase, reason, message } = status
  return {
    phase,
    reason: reason || phase,
    message: message || `the job is ${phase}; its status says no more`,
    advice: adviceFor(reason, { namespace, job: name }),
    until: 0,
  }
}
