/**
 * What is read to find out why a job waits: the job, its Queue, the other jobs of the queue. Decoded as
 * the operator does; what this version cannot read is left out, for the client may be older than the
 * operator.
 */
import { QueueSpec, QueueStatus } from '../api/queue.ts'
import type { EvidenceStore, SeenJob, SeenJobs } from '../client/ports.ts'
import type { JobKey } from '../core/ids.ts'
import { type JobObject, TERMINAL_PHASES } from '../core/job.ts'
import type { SeenQueue } from '../core/seen.ts'
import type { StoredObject } from './client-objects.ts'
import { selectorValue } from './client-selectors.ts'
import { jobView } from './client-views.ts'
import { decodeJob } from './jobs.ts'

/** `KubeObjects` is one. */
interface Objects {
  get(kind: 'QueueJob' | 'Queue', key: JobKey, signal?: AbortSignal): Promise<StoredObject | null>
  pages(
    kind: 'QueueJob',
    namespace: string,
    selectors: { readonly field?: string },
    signal?: AbortSignal,
  ): AsyncIterable<readonly StoredObject[]>
}

export function evidenceFrom(objects: Objects): EvidenceStore {
  return {
    async job(key, signal) {
      const found = await objects.get('QueueJob', key, signal)
      return found ? seenJob(found) : null
    },
    async queue(key, signal) {
      const found = await objects.get('Queue', key, signal)
      return found ? seenQueue(found) : null
    },
    jobsOf: (queue, options, signal) => jobsOf(objects, queue, options, signal),
  }
}

const NOT_ENDED = [...TERMINAL_PHASES].map((phase) => `status.phase!=${phase}`)

async function jobsOf(
  objects: Objects,
  { namespace, name }: JobKey,
  { ended, most }: { readonly ended: boolean; readonly most: number },
  signal: AbortSignal | undefined,
): Promise<SeenJobs> {
  const field = [`spec.queue=${selectorValue(name)}`, ...(ended ? [] : NOT_ENDED)].join(',')
  const jobs: JobObject[] = []
  for await (const page of objects.pages('QueueJob', namespace, { field }, signal)) {
    for (const { raw, meta } of page) {
      if (jobs.length === most) return { jobs, more: true }
      const decoded = decodeJob(raw, meta)
      if (decoded.kind === 'object') jobs.push(decoded.object)
    }
  }
  return { jobs, more: false }
}

function seenJob({ raw, meta }: StoredObject): SeenJob {
  const decoded = decodeJob(raw, meta)
  const object = decoded.kind === 'object' ? decoded.object : null
  return { view: jobView(raw, meta), object }
}

/** A part that cannot be read counts as one that says nothing. */
function seenQueue({ raw, meta: { namespace, name } }: StoredObject): SeenQueue {
  const spec = QueueSpec.safeParse(raw.spec ?? {})
  const status = QueueStatus.safeParse(raw.status ?? {})
  return {
    namespace,
    name,
    spec: spec.success ? spec.data : QueueSpec.parse({}),
    status: status.success ? status.data : { observedGeneration: -1 },
  }
}
