/**
 * QueueJob: one unit of work. The only place where a field of it is defined; the CRD, the reference
 * pages and every TypeScript type are made from these schemas (job-model.md sections 1 and 3).
 *
 * Schema defaults exist on `queue`, `priority`, `readiness` and on the two fields of a status that
 * nobody has written yet. Everything else that is absent is filled by the intake in the order job,
 * queue, built-in, so that "the job's own value wins" can always be decided.
 */
import { z } from 'zod'
import { FAILURE_CATEGORIES, GROUP, PHASES, PRIORITIES, VERSION } from './conditions.ts'
import {
  about,
  anyJson,
  ascii,
  atomic,
  bool,
  Conditions,
  choice,
  type DeepReadonly,
  int,
  label,
  list,
  listBy,
  ObjectMeta,
  ObservedGeneration,
  objectName,
  PATTERNS,
  text,
  time,
} from './fields.ts'
import {
  activeDeadlineSeconds,
  attemptDeadlineSeconds,
  crashBudget,
  ON_JOB,
  resources,
  retry,
  ttlSecondsAfterFinished,
} from './policies.ts'
import { ROOT_RULES, SPEC_RULES, STATUS_RULES } from './queuejob-rules.ts'
import { ATTEMPT_ENDS } from './reasons.ts'

/** Serialised payload, in bytes of UTF-8. Held by the intake: CEL cannot see inside the payload. */
export const MAX_PAYLOAD_BYTES = 131_072
/** Serialised result, in bytes of UTF-8. */
export const MAX_RESULT_BYTES = 16_384
/** Serialised status. The sum of the bounds is larger, so the writer holds this one. */
export const MAX_STATUS_BYTES = 32_768
export const MAX_HISTORY = 10

const dataKeyRef = (what: string, path: string) =>
  atomic(
    z.object({
      name: objectName({
        says: `Name of the ${what}, in the namespace of the job.`,
        default: 'none, required',
        mutable: 'never',
      }),
      key: ascii(253, PATTERNS.dataKey, {
        says: `Key inside the ${what}.`,
        default: 'none, required',
        mutable: 'never',
      }),
    }),
    { says: `Key of a ${what}. Excludes \`${path}\`.`, default: 'none', mutable: 'never' },
  )

const PayloadFrom = about(
  z.object({
    configMapKeyRef: dataKeyRef('ConfigMap', 'secretKeyRef').optional(),
    secretKeyRef: dataKeyRef('Secret', 'configMapKeyRef').optional(),
  }),
  {
    says: 'Where the worker reads the input, with its own rights, instead of `payload`. The object must carry the label `gopherqueue.io/payload: "true"`.',
    default: 'none',
    frozen: 'spec.payloadFrom',
    rules: [
      {
        rule: 'has(self.configMapKeyRef) != has(self.secretKeyRef)',
        message: 'must have exactly one of `configMapKeyRef` and `secretKeyRef`',
      },
    ],
  },
)

const DependsOn = listBy(
  'name',
  about(
    z.object({
      name: objectName({
        says: 'Name of a QueueJob of the namespace.',
        default: 'none, required',
        mutable: 'never',
      }),
      when: choice(['Succeeded', 'Finished'], {
        says: 'What to wait for.',
        default: 'Succeeded',
        mutable: 'never',
      }).optional(),
    }),
    { says: 'One job to wait for.' },
  ),
  1000,
  {
    says: 'Jobs to wait for. A dependency that fails ends this job with reason DependencyFailed.',
    default: 'none',
    frozen: 'spec.dependsOn',
  },
)

const ArraySpec = about(
  z.object({
    size: int(1, 1_000_000, {
      says: 'Number of items.',
      default: 'none, required',
      mutable: 'never',
    }),
    parallelism: int(1, 100_000, {
      says: 'Items that run at the same time.',
      default: 'the concurrency of the queue',
      mutable: 'never',
    }).optional(),
    maxFailedItems: int(0, 1_000_000, {
      says: 'Failed items that are tolerated.',
      default: '0',
      mutable: 'never',
    }).optional(),
    items: list(text(256, { says: 'One item.' }), 1000, {
      says: 'One string for each item, handed to the handler beside the index.',
      default: 'none',
      mutable: 'never',
    }).optional(),
  }),
  {
    says: 'Fan-out: one object, many items; each is started with its index.',
    default: 'none',
    frozen: 'spec.array',
    rules: [
      {
        rule: '!has(self.items) || size(self.items) == self.size',
        messageExpression:
          "'`items` has %d entries but `size` is %d'.format([size(self.items), self.size])",
        message: '`items` must have `size` entries',
        fieldPath: '.items',
      },
      {
        rule: '!has(self.maxFailedItems) || self.maxFailedItems <= self.size',
        messageExpression:
          "'`maxFailedItems` (%d) must not be greater than `size` (%d)'.format([self.maxFailedItems, self.size])",
        message: '`maxFailedItems` must not be greater than `size`',
        fieldPath: '.maxFailedItems',
      },
    ],
  },
)

export const QueueJobSpec = about(
  z.object({
    queue: label({
      says: 'Queue of the same namespace.',
      default: 'default',
      frozen: 'spec.queue',
    }).default('default'),
    type: ascii(63, PATTERNS.handlerType, {
      says: 'Name of the handler, for example `email.send`.',
      default: 'none, required',
      frozen: 'spec.type',
    }),
    payload: anyJson({
      says: 'Input of the handler: any JSON of at most 128 KiB; null counts as absent. Excludes `payloadFrom`. Few keys are cheaper than many: a large payload is best sent as one JSON string.',
      default: 'none',
      mutable: 'never',
    }).optional(),
    payloadFrom: PayloadFrom.optional(),
    priority: choice(PRIORITIES, {
      says: 'Order inside the queue: priority (which rises with waiting), then submission.',
      default: 'Normal',
      mutable: 'while waiting',
    }).default('Normal'),
    startAfter: time({
      says: 'Not before this time (RFC 3339). Excludes `delaySeconds`.',
      default: 'none',
      mutable: 'while waiting',
    }).optional(),
    delaySeconds: int(0, 31_536_000, {
      says: 'Not before creation plus this time. Excludes `startAfter`.',
      unit: 'seconds',
      default: 'none',
      frozen: 'spec.delaySeconds',
    }).optional(),
    suspend: bool({
      says: 'A suspended job does not start; a running attempt is cancelled and handed back without using an attempt.',
      default: 'false',
      mutable: 'always',
    }).optional(),
    attemptDeadlineSeconds: attemptDeadlineSeconds(ON_JOB).optional(),
    activeDeadlineSeconds: activeDeadlineSeconds(ON_JOB).optional(),
    handlerVersion: ascii(63, PATTERNS.version, {
      says: 'Only workers that registered this version of the handler.',
      default: 'any version',
      mutable: 'while waiting',
    }).optional(),
    retry: retry(ON_JOB).optional(),
    crashBudget: crashBudget(ON_JOB).optional(),
    idempotencyKey: ascii(256, PATTERNS.key, {
      says: 'Unique for (namespace, type) during the idempotency window of the queue: a later job with the same key ends Completed with reason Duplicate.',
      default: 'none',
      frozen: 'spec.idempotencyKey',
    }).optional(),
    dependsOn: DependsOn.optional(),
    concurrencyKey: ascii(128, PATTERNS.key, {
      says: 'Jobs with one key are limited by `Queue.spec.concurrency.perKey`.',
      default: 'none',
      frozen: 'spec.concurrencyKey',
    }).optional(),
    fairnessKey: ascii(128, PATTERNS.key, {
      says: 'Weighted round robin between keys inside a queue.',
      default: 'none',
      frozen: 'spec.fairnessKey',
    }).optional(),
    array: ArraySpec.optional(),
    ttlSecondsAfterFinished: ttlSecondsAfterFinished(
      ON_JOB,
      "the queue's, else the queue's retention; never for objects that a GitOps tool manages",
    ).optional(),
    runId: ascii(63, PATTERNS.version, {
      says: 'Changing it on a finished job runs the job again.',
      default: 'none',
      mutable: 'always',
    }).optional(),
    readiness: choice(['Completed', 'Accepted'], {
      says: 'What the condition Ready means to GitOps tools.',
      default: 'Completed',
      frozen: 'spec.readiness',
    }).default('Completed'),
    resources: resources(ON_JOB, 'spec.resources').optional(),
  }),
  { says: 'What the user wants.', rules: SPEC_RULES },
)
export type QueueJobSpec = DeepReadonly<z.infer<typeof QueueJobSpec>>
/** What a user may send: fields with a schema default can be left out. */
export type QueueJobSpecInput = DeepReadonly<z.input<typeof QueueJobSpec>>

export const Epoch = int(0, Number.MAX_SAFE_INTEGER, {
  says: 'Fencing number: term times 2^32 plus sequence. Never falls.',
})

/** Worker of an attempt; (podUID, boot) is the owner of protocol section 2. */
export const WorkerRef = atomic(
  z.object({
    pod: text(253, { says: 'Pod name; empty for a worker without a pod.' }).optional(),
    podUID: text(64, { says: 'Pod uid, or the id that a worker without a pod chose.' }).optional(),
    boot: text(64, { says: 'Random for each start of the worker process.' }).optional(),
    node: text(253, { says: 'Node name.' }).optional(),
    class: text(64, {
      says: 'Digest of the queues and handlers that the worker serves.',
    }).optional(),
    version: text(63, { says: 'Version of the handler that ran.' }).optional(),
  }),
  { says: 'Worker of the current or last attempt.' },
)
export type WorkerRef = DeepReadonly<z.infer<typeof WorkerRef>>

const failureCategory = (says: string) => choice(FAILURE_CATEGORIES, { says })
const failureCode = (says: string) => ascii(64, PATTERNS.code, { says })

export const JobError = atomic(
  z.object({
    category: failureCategory('Failure category.'),
    code: failureCode("Reason of the table of reasons, or the handler's own code."),
    message: text(1024, {
      says: 'Text of the failure, cut and without control characters.',
    }).optional(),
  }),
  { says: 'Last failure.' },
)
export type JobError = DeepReadonly<z.infer<typeof JobError>>

export const HistoryEntry = about(
  z.object({
    number: int(1, 1_000_000, { says: 'Number of the attempt.' }),
    epoch: Epoch,
    worker: WorkerRef.optional(),
    startTime: time({ says: 'When the handler started.' }).optional(),
    endTime: time({ says: 'When the attempt ended.' }).optional(),
    category: failureCategory('Failure category; absent when the attempt did not fail.').optional(),
    code: failureCode('Failure code.').optional(),
    message: text(256, { says: 'Text of the failure, cut.' }).optional(),
    cause: choice(ATTEMPT_ENDS, {
      says: 'Why the attempt ended without a report of its handler.',
    }).optional(),
  }),
  { says: 'One attempt.' },
)
export type HistoryEntry = DeepReadonly<z.infer<typeof HistoryEntry>>

const itemCount = (says: string) => int(0, 1_000_000, { says }).optional()

const ArrayStatus = about(
  z.object({
    waiting: itemCount('Items that wait.'),
    running: itemCount('Items that run.'),
    succeeded: itemCount('Items that succeeded.'),
    failed: itemCount('Items that failed.'),
    doneThrough: int(-1, 1_000_000, {
      says: 'Every item up to this index has ended; -1: none.',
    }).optional(),
    window: ascii(
      8192,
      PATTERNS.base64,
      { says: 'Bitmap of ended items above `doneThrough`, base64.' },
      0,
    ).optional(),
    failedItems: list(
      about(
        z.object({
          index: int(0, 1_000_000, { says: 'Index of the item.' }),
          code: failureCode('Failure code.').optional(),
          message: text(256, { says: 'Text of the failure, cut.' }).optional(),
        }),
        { says: 'One failed item.' },
      ),
      20,
      { says: 'A sample of failed items.' },
    ).optional(),
  }),
  { says: 'Progress of an array job.' },
)

const budget = (max: number, says: string) => int(0, max, { says }).optional()

export const QueueJobStatus = about(
  z.object({
    observedGeneration: ObservedGeneration,
    phase: choice(PHASES, {
      says: 'Where the job stands; later versions may add phases: treat an unknown one as unknown.',
      default: 'Pending',
    }),
    reason: ascii(64, PATTERNS.camelCase, {
      says: 'Why it stands there, one word of the table of reasons.',
    }).optional(),
    message: text(1024, { says: 'The reason in one sentence, for people.' }).optional(),
    epoch: Epoch.optional(),
    attempt: budget(1_000_000, 'Number of the current or last attempt.'),
    attempts: budget(100, 'Attempts used up by failures and timeouts.'),
    crashes: budget(1_000_000, 'Attempts lost with their worker.'),
    evictions: budget(1_000_000, 'Attempts ended by an eviction.'),
    snoozes: budget(1_000_000, 'Times the handler asked to be called later.'),
    replays: budget(1_000_000, 'Times the job was run again after its end.'),
    reruns: budget(1_000_000, 'Those of `replays` that a changed `spec.runId` asked for.'),
    queuedTime: time({ says: 'When the job was accepted.' }).optional(),
    nextAttemptTime: time({ says: 'When the next attempt may start.' }).optional(),
    activeTime: time({
      says: 'From here `activeDeadlineSeconds` counts: when the job could first start, moved on by the time it was suspended.',
    }).optional(),
    suspendedTime: time({ says: 'Since when the job is suspended.' }).optional(),
    startTime: time({ says: 'Start of the current or last attempt.' }).optional(),
    completionTime: time({ says: 'End of the job.' }).optional(),
    worker: WorkerRef.optional(),
    progress: atomic(
      z.object({
        percent: int(0, 100, { says: 'Share that is done.', unit: 'percent' }).optional(),
        message: text(256, { says: 'What the handler says it is doing.' }).optional(),
      }),
      { says: 'Progress reported by the handler.' },
    ).optional(),
    result: anyJson({ says: 'Result of the handler: any JSON of at most 16 KiB.' }).optional(),
    duplicateOf: atomic(
      z.object({
        name: objectName({ says: 'Name of the first job.' }),
        uid: ascii(64, PATTERNS.uid, { says: 'Uid of the first job.' }),
      }),
      { says: 'The job that holds the same idempotency key.' },
    ).optional(),
    runId: ascii(63, PATTERNS.version, {
      says: '`spec.runId` of the run that this status is about.',
    }).optional(),
    payloadAction: atomic(
      z.object({
        name: objectName({ says: 'Name of the QueueAction.' }),
        uid: ascii(64, PATTERNS.uid, { says: 'Uid of the QueueAction.' }),
      }),
      { says: 'The action Replay whose `payload` this run gets instead of `spec.payload`.' },
    ).optional(),
    actionOrder: int(0, Number.MAX_SAFE_INTEGER, {
      says: 'Order of the last QueueAction that was applied; an older one changes nothing.',
    }).optional(),
    error: JobError.optional(),
    history: list(HistoryEntry, MAX_HISTORY, {
      says: 'The last attempts, oldest first; a first attempt that succeeded is not listed.',
    }).optional(),
    array: ArrayStatus.optional(),
    conditions: Conditions.optional(),
  }),
  {
    says: 'What the system says. Written only by the operator.',
    rules: STATUS_RULES,
    with: { 'x-kubernetes-map-type': 'atomic' },
  },
)
export type QueueJobStatus = DeepReadonly<z.infer<typeof QueueJobStatus>>

/** What the API server gives a job that nobody has written yet. */
export const UNWRITTEN_STATUS = { observedGeneration: -1, phase: 'Pending' } as const

/** Spec and status as the CRD holds them; the root object is what rules can see both in. */
export const QueueJobRoot = about(
  z.object({
    spec: QueueJobSpec,
    status: QueueJobStatus.default({ ...UNWRITTEN_STATUS }).optional(),
  }),
  {
    says: 'A QueueJob is one unit of work, or an array of up to 1,000,000 items behind one object.',
    rules: ROOT_RULES,
  },
)

/** A QueueJob as read from the API server. */
export const QueueJob = z.object({
  apiVersion: z.literal(`${GROUP}/${VERSION}`),
  kind: z.literal('QueueJob'),
  metadata: ObjectMeta,
  spec: QueueJobSpec,
  status: QueueJobStatus.default({ ...UNWRITTEN_STATUS }),
})
export type QueueJob = DeepReadonly<z.infer<typeof QueueJob>>
