// Many jobs in many queues, the limits of those queues, and the worker classes that serve them: what the
// scheduler's benchmark runs on.

import { QueueSpec } from '../src/api/queue.ts'
import { QueueJobSpec, UNWRITTEN_STATUS } from '../src/api/queuejob.ts'
import type { ClassCapacity } from '../src/core/capacity.ts'
import { classDigest, jobUid } from '../src/core/ids.ts'
import type { JobObject } from '../src/core/job.ts'

export const slotsOfClass = 16
/** A class serves as many at most. */
const queuesOfClass = 16
const queuesOfNamespace = 96
const types = ['email.send', 'report.make', 'image.resize']
const priorities = ['Critical', 'High', 'Normal', 'Low', 'Bulk'] as const
const fairnessKeys = 5
const concurrencyKeys = 10

export function limits(weight: number) {
  return {
    spec: QueueSpec.parse({
      concurrency: { max: 12, perKey: 2 },
      rateLimit: { count: 1_000_000, perSeconds: 1 },
      fairness: { weights: { 'tenant-1': 3, 'tenant-2': 2 } },
      weight,
    }),
  }
}

export function classesOf(queues: number): (ClassCapacity & { free: number })[] {
  const handlers = types.map((type) => ({ type, version: '1' }))
  return Array.from({ length: Math.ceil(queues / queuesOfClass) }, (_, n) => {
    const first = n * queuesOfClass
    const count = Math.min(queuesOfClass, queues - first)
    const names = Array.from({ length: count }, (_, k) => `q${first + k}`)
    return {
      cls: classDigest(names, handlers),
      namespace: namespaceOf(first),
      queues: new Set(names),
      handlers,
      slots: slotsOfClass,
      free: slotsOfClass,
    }
  })
}

const namespaceOf = (queue: number) => `tenant-${Math.floor(queue / queuesOfNamespace)}`

export function* waitingJobs(jobs: number, queues: number, withKeys: boolean): Iterable<JobObject> {
  for (let n = 0; n < jobs; n++) yield waitingJob(n, queues, withKeys)
}

/** As it comes from the API server: the text of each field is its own. */
function waitingJob(n: number, queues: number, withKeys: boolean): JobObject {
  const queue = n % queues
  // Not in step with the queues, or each would have one type, one class and one key.
  const spread = Math.floor(n / queues)
  const spec = {
    queue: `q${queue}`,
    type: types[spread % types.length] ?? '',
    priority: priorities[spread % priorities.length] ?? 'Normal',
    ...(withKeys
      ? {
          concurrencyKey: `customer-${(spread * 7) % concurrencyKeys}`,
          fairnessKey: `tenant-${spread % fairnessKeys}`,
        }
      : {}),
  }
  return {
    namespace: namespaceOf(queue),
    name: `job-${n}`,
    uid: jobUid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`),
    resourceVersion: String(1_000_000 + n),
    generation: 1,
    creationMs: 1_700_000_000_000 + 1_000 * Math.floor(n / 100),
    deleting: false,
    tags: noTags,
    spec: parseSpec(JSON.stringify(spec)),
    payload: { kind: 'inline', json: `{"n":${n}}` },
    status: UNWRITTEN_STATUS,
  }
}

const noTags: JobObject['tags'] = {
  traceparent: '',
  tracestate: '',
  correlationId: '',
  restored: false,
  gitOps: false,
  schedule: '',
}

function parseSpec(json: string): JobObject['spec'] {
  const { payload: _, ...spec } = QueueJobSpec.parse(JSON.parse(json))
  return spec
}
