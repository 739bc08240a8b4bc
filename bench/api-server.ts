// What the benchmarks say to the API server, through the operator's own transport: a pool of
// kept-alive connections. Jobs are created with a plain POST; nothing else of a client is between.

import { API_VERSION } from '../src/api/conditions.ts'
import type { QueueJobSpecInput } from '../src/api/queuejob.ts'
import type { Clock, Random } from '../src/core/clock.ts'
import type { JobObject } from '../src/core/job.ts'
import { loadKubeConfig } from '../src/kube/config.ts'
import { decodeJob } from '../src/kube/jobs.ts'
import { isRecord, metaOf, type ObjectMeta } from '../src/kube/objects.ts'
import { collectionPath } from '../src/kube/paths.ts'
import { Reflector } from '../src/kube/reflector.ts'
import { KubeTransport } from '../src/kube/transport.ts'
import type { Logger } from '../src/observability/ports.ts'
import { readRequests, readWrites, type WriteCounts } from './api-writes.ts'

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

const unheard: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => unheard,
}

export interface JobWatch {
  /** Different jobs that were seen since it began; those of before do not count. */
  readonly seen: number
  readonly stop: () => void
}

/**
 * Watches the jobs of a namespace as the operator does, but reads nothing of them beyond who they are:
 * a benchmark must not spend the CPU that it measures. Resolves when the watch has begun. A watch that
 * the API server ends (it does so when a new CRD settles) is opened again where it ended.
 * @param phase only jobs in this phase; '' = every job
 */
export async function watchJobs(
  api: KubeTransport,
  time: Time,
  namespace: string,
  phase: string,
): Promise<JobWatch> {
  const uids = new Set<string>()
  const began = Promise.withResolvers<void>()
  const reflector = new Reflector<ObjectMeta>({
    ...time,
    transport: api,
    name: 'queuejobs',
    path: collectionPath('QueueJob', namespace),
    ...(phase === '' ? {} : { selectors: { field: `status.phase=${phase}` } }),
    decode: (_, meta) => ({ kind: 'object', object: meta }),
    watcher: {
      changed: ({ uid }) => uids.add(uid),
      unreadable: ({ uid }) => uids.add(uid),
      removed: () => undefined,
      synced: began.resolve,
    },
    logger: unheard,
  })
  reflector.start()
  await began.promise
  const before = uids.size
  return {
    get seen() {
      return uids.size - before
    },
    stop: () => reflector.stop(),
  }
}

/** Writes that the API server has taken since its start. */
export async function writesOf(api: KubeTransport): Promise<WriteCounts> {
  const call = { verb: 'GET', path: '/metrics', accept: 'text/plain' } as const
  return readWrites(await api.requestText({ ...call, maxBytes: metricsMaxBytes }))
}

/** Requests of every verb on what the operator works with, since the start of the API server. */
export async function requestsOf(api: KubeTransport): Promise<number> {
  const call = { verb: 'GET', path: '/metrics', accept: 'text/plain' } as const
  return readRequests(await api.requestText({ ...call, maxBytes: metricsMaxBytes }))
}
