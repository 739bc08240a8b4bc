// What the benchmarks say to the API server, through the operator's own transport: a pool of
// kept-alive connections. Jobs are created with a plain POST; nothing else of a client is between.

import { API_VERSION } from '../src/api/conditions.ts'
import type { QueueJobSpecInput } from '../src/api/queuejob.ts'
import type { Clock, Random } from '../src/core/clock.ts'
import type { JobObject } from '../src/core/job.ts'
import { loadKubeConfig } from '../src/kube/config.ts'
import { decodeJob } from '../src/kube/jobs.ts'
import { isRecord, metaOf } from '../src/kube/objects.ts'
import { collectionPath } from '../src/kube/paths.ts'
import { KubeTransport } from '../src/kube/transport.ts'
import { readWrites, type WriteCounts } from './api-writes.ts'

/** Requests in flight at once; as many as the operator's own writer has. */
export const connections = 32

const metricsMaxBytes = 64 * 1_048_576

export interface Time {
  readonly clock: Clock
  readonly random: Random
}

export async function connectTo(kubeconfig: string, time: Time): Promise<KubeTransport> {
  const access = await loadKubeConfig({ clock: time.clock, env: {}, path: kubeconfig })
  return new KubeTransport({ ...time, access, version: 'bench', program: 'bench', connections })
}

export async function createJob(
  api: KubeTransport,
  namespace: string,
  name: string,
  spec: QueueJobSpecInput,
): Promise<JobObject> {
  const body = { apiVersion: API_VERSION, kind: 'QueueJob', metadata: { name }, spec }
  const raw = await api.request({ verb: 'POST', path: collectionPath('QueueJob', namespace), body })
  const meta = metaOf(raw)
  const decoded = meta !== null && isRecord(raw) ? decodeJob(raw, meta) : undefined
  if (decoded?.kind === 'object') return decoded.object
  throw new Error(`the API server answered the creation of ${namespace}/${name} with no QueueJob`)
}

/**
 * Watches the jobs of a namespace from now on and calls `seen` for each event, without reading what is
 * in it: a benchmark must not spend the CPU that it measures. Resolves when the watch is open, with
 * what ends it.
 * @param fieldSelector `status.phase=Completed`; '' = every job
 */
export async function countEvents(
  api: KubeTransport,
  namespace: string,
  fieldSelector: string,
  seen: () => void,
): Promise<() => void> {
  const path = collectionPath('QueueJob', namespace)
  const list = await api.request({ verb: 'GET', path, query: { limit: 1 } })
  const version = metaOfList(list)
  const query = {
    watch: 'true',
    resourceVersion: version,
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  }
  const stop = new AbortController()
  const events = await api.watch(path, query, stop.signal)
  events.on('data', (chunk: Buffer) => {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) seen()
  })
  // A watch that ends shows as events that do not come: whoever waits for them has a deadline.
  events.on('error', () => undefined)
  return () => stop.abort()
}

function metaOfList(list: unknown): string {
  const meta = isRecord(list) && isRecord(list.metadata) ? list.metadata.resourceVersion : undefined
  if (typeof meta === 'string') return meta
  throw new Error('the API server answered a list without a version')
}

/** Writes that the API server has taken since its start. */
export async function writesOf(api: KubeTransport): Promise<WriteCounts> {
  const call = { verb: 'GET', path: '/metrics', accept: 'text/plain' } as const
  return readWrites(await api.requestText({ ...call, maxBytes: metricsMaxBytes }))
}
