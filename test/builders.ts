/**
 * Objects for tests: each builder gives a whole, valid value that says nothing special, and takes what
 * the test is about. So a test shows only what matters to it.
 */
import type { z } from 'zod'
import type { QueueSpecInput } from '../src/api/queue.ts'
import { QueueSpec } from '../src/api/queue.ts'
import { QueueActionSpec } from '../src/api/queueaction.ts'
import type { QueueJobSpecInput, QueueJobStatus } from '../src/api/queuejob.ts'
import { QueueJobSpec, UNWRITTEN_STATUS } from '../src/api/queuejob.ts'
import { QueueScheduleSpec } from '../src/api/queueschedule.ts'
import type { WallMs } from '../src/core/clock.ts'
import { epochOf } from '../src/core/epoch.ts'
import type { WorkerPlace } from '../src/core/facts.ts'
import {
  bootId,
  type ClassId,
  classDigest,
  type HandlerKey,
  type JobUid,
  jobUid,
  shardOf,
  type WorkerId,
  workerId,
} from '../src/core/ids.ts'
import type { JobObject, JobRecord, JobTags } from '../src/core/job.ts'
import type { Attempt, Entry } from '../src/core/ledger.ts'
import type {
  Beat,
  Failure,
  FinishedAttempt,
  Outcome,
  Owner,
  Report,
  RunningAttempt,
} from '../src/core/outcome.ts'
import type { ActionObject, QueueObject, ScheduleObject } from '../src/core/resources.ts'
import { normaliser } from '../src/ingestion/normalise.ts'
import type { ClassCapacity } from '../src/scheduler/ports.ts'

/** A moment that every builder agrees on: a Friday noon, whole seconds. */
export const NOON: WallMs = Date.UTC(2026, 4, 1, 12)

export const NAMESPACE = 'mail'
export const QUEUE = 'outbox'
export const TYPE = 'email.send'
export const HANDLERS: readonly HandlerKey[] = [{ type: TYPE, version: '1' }]
export const CLASS: ClassId = classDigest([QUEUE], HANDLERS)

/** Epoch `seq` of the term that tests lead in. */
export const TERM = 7
export const epoch = (seq: number, term = TERM): number => epochOf(term, seq)

/** A uid that reads as a number: uid(1) sorts before uid(2). */
export function uid(n: number): JobUid {
  return jobUid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)
}

const NO_TAGS: JobTags = {
  traceparent: '',
  tracestate: '',
  correlationId: '',
  restored: false,
  gitOps: false,
  schedule: '',
}

/** A job as the API server has it: created, never written. */
export function aJob(
  given: Partial<Omit<JobObject, 'spec' | 'status' | 'tags'>> & {
    readonly spec?: Partial<Omit<QueueJobSpecInput, 'payload'>>
    readonly status?: Partial<QueueJobStatus>
    readonly tags?: Partial<JobTags>
  } = {},
): JobObject {
  const { spec, status, tags, ...rest } = given
  const { payload: _, ...parsed } = QueueJobSpec.parse({ queue: QUEUE, type: TYPE, ...spec })
  return {
    namespace: NAMESPACE,
    name: 'welcome',
    uid: uid(1),
    resourceVersion: '1000',
    generation: 1,
    creationMs: NOON,
    deleting: false,
    tags: { ...NO_TAGS, ...tags },
    spec: parsed as JobObject['spec'],
    payload: { kind: 'absent' },
    status: { ...UNWRITTEN_STATUS, ...status },
    ...rest,
  }
}

/** The next version of an object: a higher resourceVersion, and what the test changes. */
export function newer<T extends { readonly resourceVersion: string }>(
  object: T,
  changes: Partial<T> = {},
): T {
  return { ...object, resourceVersion: String(Number(object.resourceVersion) + 1), ...changes }
}

/** What intake makes of a job that says nothing, in a queue that says nothing. */
export function aRecord(given: Partial<JobRecord> = {}): JobRecord {
  const object = aJob()
  return { ...normaliser(() => null)(object, Number(object.resourceVersion)), ...given }
}

/** `n`-th of several jobs that were created in the same second, in that order. */
export function aSubmittedRecord(n: number, given: Partial<JobRecord> = {}): JobRecord {
  return aRecord({
    uid: uid(n),
    name: `job-${n}`,
    submission: { creationMs: NOON, firstSeen: 1000 + n },
    ...given,
  })
}

/** An entry of the ledger, for functions that take one; a real one comes from a Ledger. */
export function anEntry(given: Partial<Entry> = {}): Entry {
  const object = given.object ?? aJob()
  const firstSeen = given.firstSeen ?? Number(object.resourceVersion)
  return {
    uid: object.uid,
    shard: shardOf(object.namespace),
    object,
    record: normaliser(() => null)(object, firstSeen),
    attempt: null,
    dispatchedHere: false,
    firstSeen,
    facts: 0,
    cancelling: false,
    ...given,
  }
}

export const WORKER: WorkerId = workerId('aaaaaaaa-0000-4000-8000-000000000001')

export function anOwner(given: Partial<Owner> = {}): Owner {
  return { worker: WORKER, boot: bootId('boot-0001'), ...given }
}

/** Dispatched at monotonic 0 and taken at once by `anOwner()`. */
export function anAttempt(given: Partial<Attempt> = {}): Attempt {
  return {
    epoch: epoch(1),
    attempt: 1,
    runId: '',
    cls: CLASS,
    dispatchedAt: 0,
    pubAcked: true,
    owner: anOwner(),
    acceptedAt: 0,
    startedAt: NOON,
    listedAt: 0,
    reported: false,
    recorded: false,
    ...given,
  }
}

export function aPlace(given: Partial<WorkerPlace> = {}): WorkerPlace {
  return { ...anOwner(), cls: CLASS, pod: 'mailer-0', node: 'node-a', ...given }
}

export function aFailure(given: Partial<Failure> = {}): Failure {
  return { category: 'Temporary', code: 'SmtpBusy', message: 'the server said 421', ...given }
}

export const SUCCEEDED: Outcome = { kind: 'succeeded', resultJson: null }

export const NONCE = 'ab'.repeat(16)

export function aReport(given: Partial<Report> = {}): Report {
  return {
    namespace: NAMESPACE,
    name: 'welcome',
    uid: uid(1),
    owner: anOwner(),
    epoch: epoch(1),
    nonce: NONCE,
    attempt: 1,
    runId: '',
    outcome: SUCCEEDED,
    startedAgoMs: 200,
    durationMs: 150,
    ...given,
  }
}

export function aRunningAttempt(given: Partial<RunningAttempt> = {}): RunningAttempt {
  return {
    uid: uid(1),
    name: 'welcome',
    epoch: epoch(1),
    nonce: NONCE,
    attempt: 1,
    runId: '',
    ageMs: 100,
    lastSignMs: 100,
    ...given,
  }
}

export function aFinishedAttempt(given: Partial<FinishedAttempt> = {}): FinishedAttempt {
  return {
    uid: uid(1),
    name: 'welcome',
    epoch: epoch(1),
    nonce: NONCE,
    confirmed: true,
    ...given,
  }
}

/** Ten slots, nothing running. */
export function aBeat(given: Partial<Beat> = {}): Beat {
  return {
    namespace: NAMESPACE,
    owner: anOwner(),
    announcedTerm: TERM,
    cls: CLASS,
    queues: [QUEUE],
    handlers: HANDLERS,
    slots: 10,
    free: 10,
    draining: false,
    running: [],
    finished: [],
    loopLagMs: 0,
    memoryBytes: 0,
    cpuMs: 0,
    pod: 'mailer-0',
    node: 'node-a',
    ...given,
  }
}

/** Ten free slots for the jobs of `aJob()`. */
export function aClass(given: Partial<ClassCapacity> = {}): ClassCapacity {
  return {
    cls: CLASS,
    namespace: NAMESPACE,
    queues: new Set([QUEUE]),
    handlers: HANDLERS,
    slots: 10,
    free: 10,
    ...given,
  }
}

export function aQueue(
  given: Partial<Omit<QueueObject, 'spec'>> & { readonly spec?: QueueSpecInput } = {},
): QueueObject {
  const { spec, ...rest } = given
  return {
    namespace: NAMESPACE,
    name: QUEUE,
    uid: 'bbbbbbbb-0000-4000-8000-000000000001',
    resourceVersion: '900',
    generation: 1,
    creationMs: NOON,
    deleting: false,
    spec: QueueSpec.parse(spec ?? {}),
    status: { observedGeneration: -1 },
    ...rest,
  }
}

/** Cancels `aJob()` by name. */
export function anAction(
  given: Partial<Omit<ActionObject, 'spec'>> & {
    readonly spec?: Partial<ActionObject['spec']>
  } = {},
): ActionObject {
  const { spec, ...rest } = given
  return {
    namespace: NAMESPACE,
    name: 'stop-it',
    uid: 'cccccccc-0000-4000-8000-000000000001',
    resourceVersion: '2000',
    generation: 1,
    creationMs: NOON,
    deleting: false,
    spec: QueueActionSpec.parse({
      action: 'Cancel',
      target: { kind: 'QueueJob', name: 'welcome' },
      ...spec,
    }),
    payload: { kind: 'absent' },
    status: { observedGeneration: -1, phase: 'Pending' },
    ...rest,
  }
}

/** Every hour, in UTC. */
export function aSchedule(
  given: Partial<Omit<ScheduleObject, 'spec'>> & {
    readonly spec?: Partial<z.input<typeof QueueScheduleSpec>>
  } = {},
): ScheduleObject {
  const { spec, ...rest } = given
  return {
    namespace: NAMESPACE,
    name: 'report',
    uid: 'dddddddd-0000-4000-8000-000000000001',
    resourceVersion: '3000',
    generation: 1,
    creationMs: NOON,
    deleting: false,
    spec: QueueScheduleSpec.parse({
      schedule: '0 * * * *',
      template: { spec: { queue: QUEUE, type: TYPE } },
      ...spec,
    }),
    status: { observedGeneration: -1 },
    ...rest,
  }
}
