/**
 * What is read to find out why a job waits, from the genuine API server: the job, its Queue, the other
 * jobs of the queue. Decoded as the operator does; what this version cannot read is left out, for
 * the client may be older than the operator.
 */
import { QueueSpec, QueueStatus } from '../api/queue.ts'
import type { EvidenceStore, SeenJob, SeenJobs } from '../client/ports.ts'
import type { JobKey } from '../core/ids.ts'
import { type JobObject, TERMINAL_PHASES } from '../core/job.ts'
import type { SeenQueue } from '../core/seen.ts'
import type { ClientRequests } from './client-requests.ts'
import { selectorValue } from './client-selectors.ts'
import { jobView } from './client-views.ts'
import { KubeError } from './errors.ts'
import { decodeJob } from './jobs.ts'
import { listPages } from './list-pages.ts'
import type { ObjectMeta, RawObject } from './objects.ts'
import { collectionPath } from './paths.ts'

const PAGE_SIZE = 500
/** A list that expires between its pages begins again. */
const LIST_TRIES = 3

export class KubeEvidence implements EvidenceStore {
  readonly #requests: ClientRequests

  constructor(requests: ClientRequests) {
    this.#requests = requests
  }

  job(key: JobKey, signal?: AbortSignal): Promise<SeenJob | null> {
    return this.#requests.get('QueueJob', key, seenJob, signal)
  }

  queue(key: JobKey, signal?: AbortSignal): Promise<SeenQueue | null> {
    return this.#requests.get('Queue', key, seenQueue, signal)
  }

  async jobsOf(
    { namespace, name }: JobKey,
    { ended, most }: { readonly ended: boolean; readonly most: number },
    signal?: AbortSignal,
  ): Promise<SeenJobs> {
    const asked = { verb: 'list', kind: 'QueueJob', namespace } as const
    const field = [`spec.queue=${selectorValue(name)}`, ...(ended ? [] : NOT_ENDED)].join(',')
    return this.#requests.guarded(asked, signal, async () => {
      for (let tries = 1; ; tries++) {
        try {
          return await this.#jobs(namespace, field, most, signal)
        } catch (error) {
          const expired = error instanceof KubeError && error.status === 410
          if (!expired || tries === LIST_TRIES) throw error
        }
      }
    })
  }

  async #jobs(
    namespace: string,
    field: string,
    most: number,
    signal: AbortSignal | undefined,
  ): Promise<SeenJobs> {
    const jobs: JobObject[] = []
    const pages = listPages(
      this.#requests.transport,
      collectionPath('QueueJob', namespace),
      { field },
      { pageSize: PAGE_SIZE, ...(signal ? { signal } : {}) },
    )
    for await (const { items } of pages) {
      for (const { raw, meta } of items) {
        if (jobs.length === most) return { jobs, more: true }
        const decoded = decodeJob(raw, meta)
        if (decoded.kind === 'object') jobs.push(decoded.object)
      }
    }
    return { jobs, more: false }
  }
}

const NOT_ENDED = [...TERMINAL_PHASES].map((phase) => `status.phase!=${phase}`)

function seenJob(raw: RawObject, meta: ObjectMeta): SeenJob {
  const decoded = decodeJob(raw, meta)
  const object = decoded.kind === 'object' ? decoded.object : null
  return { view: jobView(raw, meta), object }
}

/** A part that cannot be read counts as one that says nothing. */
function seenQueue(raw: RawObject, { namespace, name }: ObjectMeta): SeenQueue {
  const spec = QueueSpec.safeParse(raw.spec ?? {})
  const status = QueueStatus.safeParse(raw.status ?? {})
  return {
    namespace,
    name,
    spec: spec.success ? spec.data : QueueSpec.parse({}),
    status: status.success ? status.data : { observedGeneration: -1 },
  }
}
