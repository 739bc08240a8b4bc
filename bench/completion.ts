// The one status write of a job that ends within a second of its start, computed and sent by the
// operator's own code: what the ceiling is measured with is what the operator writes.

import { NO_STOPS } from '../src/core/active-deadline.ts'
import type { WallMs } from '../src/core/clock.ts'
import { epochOf, termFloorAt } from '../src/core/epoch.ts'
import type { Fact } from '../src/core/facts.ts'
import { bootId, classDigest, workerId } from '../src/core/ids.ts'
import type { JobObject } from '../src/core/job.ts'
import { normaliser } from '../src/ingestion/normalise.ts'
import type { FailurePolicy } from '../src/persistence/ports.ts'
import { planStatus } from '../src/persistence/status.ts'
import { noopType } from './noop-job.ts'

// A worker without a pod, as the benchmarks' own is.
const place = {
  worker: workerId('5f0c7a52-3b0e-4a63-9c53-0d1f4f8f3c11'),
  boot: bootId('0123456789abcdef0123456789abcdef'),
  cls: classDigest(['default'], [{ type: noopType, version: '1' }]),
  pod: '',
  node: '',
}

const recordOf = normaliser(() => null)

const neverAsked: FailurePolicy = {
  decide: () => {
    throw new Error('a job that succeeds asks no failure policy')
  },
}

/** The status of a job that has just succeeded. @param sequence of the epoch, from 1 on */
export function completedStatus(job: JobObject, sequence: number, now: WallMs) {
  const outcome: Fact = {
    kind: 'outcome',
    epoch: epochOf(termFloorAt(now), sequence),
    attempt: 1,
    runId: '',
    place,
    outcome: { kind: 'succeeded', resultJson: null },
    startedAt: now,
    endedAt: now,
    roll: 0,
  }
  const { status } = planStatus({
    object: job,
    record: recordOf(job, Number(job.resourceVersion)),
    facts: [outcome],
    now,
    policy: neverAsked,
    stops: NO_STOPS,
  })
  if (status === null) throw new Error('a new job that succeeds must have a status to write')
  return status
}
