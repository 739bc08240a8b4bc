// The one status write of a job that ends within a second of its start, exactly as the operator
// computes it (persistence/status.ts): what the ceiling is measured with must be what is written.

import { UNWRITTEN_STATUS } from '../src/api/queuejob.ts'
import { DEFAULT_BACKOFF } from '../src/core/backoff.ts'
import { epochOf, termFloorAt } from '../src/core/epoch.ts'
import { bootId, classDigest, jobUid, workerId } from '../src/core/ids.ts'
import type { JobObject, JobRecord } from '../src/core/job.ts'
import type { FailurePolicy } from '../src/persistence/ports.ts'
import { planStatus } from '../src/persistence/status.ts'
import type { CreatedJob } from './api-server.ts'
import { noopType } from './noop-job.ts'

const place = {
  worker: workerId('5f0c7a52-3b0e-4a63-9c53-0d1f4f8f3c11'),
  boot: bootId('0123456789abcdef0123456789abcdef'),
  cls: classDigest(['default'], [{ type: noopType, version: '1' }]),
  // A worker without a pod, as the benchmarks' own is.
  pod: '',
  node: '',
}

/** The merge patch of `status` that records the job as Completed. @param sequence any, from 1 on */
export function completionPatch(
  namespace: string,
  job: CreatedJob,
  sequence: number,
  now: number,
): string {
  const epoch = epochOf(termFloorAt(now), sequence)
  const object = unwritten(namespace, job)
  const { status } = planStatus({
    object,
    record: recordOf(object),
    now,
    policy: neverAsked,
    facts: [
      {
        kind: 'outcome',
        epoch,
        attempt: 1,
        runId: '',
        place,
        outcome: { kind: 'succeeded', resultJson: null },
        startedAt: now,
        endedAt: now,
        roll: 0,
      },
    ],
  })
  return JSON.stringify({
    metadata: { uid: job.uid, resourceVersion: job.resourceVersion },
    status,
  })
}

function unwritten(namespace: string, job: CreatedJob): JobObject {
  return {
    namespace,
    name: job.name,
    uid: jobUid(job.uid),
    resourceVersion: job.resourceVersion,
    generation: 1,
    creationMs: job.creationMs,
    deleting: false,
    tags: { traceparent: '', tracestate: '', correlationId: '', restored: false },
    spec: { type: noopType, queue: 'default', priority: 'Normal', readiness: 'Completed' },
    payload: { kind: 'absent' },
    status: UNWRITTEN_STATUS,
  }
}

function recordOf(object: JobObject): JobRecord {
  return {
    namespace: object.namespace,
    name: object.name,
    uid: object.uid,
    queue: 'default',
    type: noopType,
    handlerVersion: '',
    priority: 2,
    submission: { creationMs: object.creationMs, firstSeen: Number(object.resourceVersion) },
    notBefore: 0,
    suspend: false,
    attemptDeadlineMs: 1_800_000,
    activeDeadlineMs: Number.POSITIVE_INFINITY,
    retry: { maxAttempts: 3, backoff: DEFAULT_BACKOFF, rules: [] },
    crashBudget: { max: 3, windowMs: 259_200_000 },
    readyWhenAccepted: false,
    runId: '',
  }
}

const neverAsked: FailurePolicy = {
  decide: () => {
    throw new Error('a job that succeeds asks no failure policy')
  },
}
