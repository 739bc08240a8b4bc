/**
 * Queue: the policy for the jobs that name it (resources.md). All of spec may change but
 * `controllerName`. No field but that one has a schema default: what is absent is filled by the
 * operator, so that a later release can tell "not said" from "said".
 */
import { z } from 'zod'
import { DEFAULT_CONTROLLER_NAME, GROUP, VERSION } from './conditions.ts'
import {
  about,
  ascii,
  atomic,
  bool,
  type CelRule,
  Conditions,
  type DeepReadonly,
  immutable,
  int,
  list,
  OBSERVED_GENERATION_RULE,
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
  ON_QUEUE,
  resources,
  retry,
  ttlSecondsAfterFinished,
} from './policies.ts'

const always = { mutable: 'always' } as const

/** Pauses that a Queue remembers. */
export const MAX_PAUSES = 20
/** Handler types that a Queue lists. */
export const MAX_TYPES = 100

const Defaults = about(
  z.object({
    attemptDeadlineSeconds: attemptDeadlineSeconds(ON_QUEUE).optional(),
    activeDeadlineSeconds: activeDeadlineSeconds(ON_QUEUE).optional(),
    retry: retry(ON_QUEUE).optional(),
    crashBudget: crashBudget(ON_QUEUE).optional(),
    ttlSecondsAfterFinished: ttlSecondsAfterFinished(ON_QUEUE, "the queue's retention").optional(),
    resources: resources(ON_QUEUE).optional(),
  }),
  {
    says: "Defaults of the jobs of this queue; a job's own value wins. A change applies to jobs that have not started.",
    default: 'none',
    ...always,
    rules: [
      {
        rule: '!has(self.attemptDeadlineSeconds) || !has(self.activeDeadlineSeconds) || self.attemptDeadlineSeconds <= self.activeDeadlineSeconds',
        message: '`attemptDeadlineSeconds` must not be greater than `activeDeadlineSeconds`',
        fieldPath: '.attemptDeadlineSeconds',
      },
    ],
  },
)

const Concurrency = about(
  z.object({
    max: int(0, 1_000_000, {
      says: 'Attempts that run at once, in all.',
      default: 'no limit',
      ...always,
    }).optional(),
    perKey: int(1, 1_000_000, {
      says: 'Attempts with one `concurrencyKey` that run at once.',
      default: 'no limit',
      ...always,
    }).optional(),
  }),
  { says: 'Limits of running attempts.', default: 'none', ...always },
)

const RateLimit = about(
  z.object({
    count: int(1, 1_000_000, { says: 'Starts per period.', default: 'none, required', ...always }),
    perSeconds: int(1, 86_400, {
      says: 'Length of the period.',
      unit: 'seconds',
      default: 'none, required',
      ...always,
    }),
    burst: int(1, 1_000_000, {
      says: 'Starts at once after a pause.',
      default: '`count`',
      ...always,
    }).optional(),
  }),
  { says: 'Token bucket of starts.', default: 'none', ...always },
)

const Fairness = about(
  z.object({
    weights: about(
      z
        .record(z.string(), int(1, 100, { says: 'Weight of one key.', default: '1', ...always }))
        .refine((weights) => Object.keys(weights).length <= 100, 'at most 100 keys'),
      {
        says: 'Weight of each `fairnessKey`.',
        default: '1 each',
        ...always,
        with: { maxProperties: 100, 'x-refined-by': 'maxProperties' },
        rules: [
          {
            rule: 'self.all(key, size(key) <= 128)',
            message: 'a fairness key must have at most 128 characters',
          },
        ],
      },
    ).optional(),
  }),
  {
    says: 'Weighted round robin between the fairness keys of the queue.',
    default: 'none',
    ...always,
  },
)

const kept = (seconds: string, fallback: number) =>
  int(0, 315_360_000, {
    says: `How long ${seconds} jobs stay.`,
    unit: 'seconds',
    default: String(fallback),
    ...always,
  }).optional()
const most = (which: string, fallback: number) =>
  int(0, 1_000_000, {
    says: `How many ${which} jobs stay; the oldest go first.`,
    unit: 'jobs',
    default: String(fallback),
    ...always,
  }).optional()

/** Values where the queue says nothing (resources.md). */
export const QUEUE_BUILT_IN = {
  weight: 1,
  agingSeconds: 300,
  idempotencyWindowSeconds: 86_400,
  retention: {
    succeededSeconds: 3600,
    failedSeconds: 86_400,
    deadLetteredSeconds: 604_800,
    maxSucceeded: 500,
    maxFailed: 500,
    maxDeadLettered: 10_000,
  },
} as const

const builtIn = QUEUE_BUILT_IN.retention
const Retention = about(
  z.object({
    succeededSeconds: kept('completed', builtIn.succeededSeconds),
    failedSeconds: kept('failed and cancelled', builtIn.failedSeconds),
    deadLetteredSeconds: kept('dead-lettered', builtIn.deadLetteredSeconds),
    maxSucceeded: most('completed', builtIn.maxSucceeded),
    maxFailed: most('failed and cancelled', builtIn.maxFailed),
    maxDeadLettered: most('dead-lettered', builtIn.maxDeadLettered),
  }),
  {
    says: 'How long finished jobs stay; a job is written to history before it is deleted.',
    default: 'the value of each field',
    ...always,
  },
)

const Autoscaling = about(
  z.object({
    scaleTargetRef: atomic(
      z.object({
        name: objectName({
          says: 'Name of a Deployment of the namespace.',
          default: 'none, required',
          ...always,
        }),
      }),
      { says: 'The worker Deployment that is scaled.', default: 'none, required', ...always },
    ),
    minReplicas: int(0, 10_000, { says: 'Fewest replicas.', default: '0', ...always }).optional(),
    maxReplicas: int(1, 10_000, { says: 'Most replicas.', default: 'none, required', ...always }),
    slotsPerReplica: int(1, 10_000, {
      says: 'Slots of one replica.',
      default: 'learnt from heartbeats',
      ...always,
    }).optional(),
    scaleDownDelaySeconds: int(0, 86_400, {
      says: 'How long a lower need must last.',
      unit: 'seconds',
      default: '300',
      ...always,
    }).optional(),
  }),
  {
    says: 'Scaling of the worker Deployment.',
    default: 'none',
    ...always,
    rules: [
      {
        rule: '!has(self.minReplicas) || self.minReplicas <= self.maxReplicas',
        messageExpression:
          "'`minReplicas` (%d) must not be greater than `maxReplicas` (%d)'.format([self.minReplicas, self.maxReplicas])",
        message: '`minReplicas` must not be greater than `maxReplicas`',
        fieldPath: '.minReplicas',
      },
    ],
  },
)

const Breaker = about(
  z.object({
    crashPercent: int(1, 100, {
      says: 'Share of starts that crash their worker.',
      unit: 'percent',
      default: 'none, required',
      ...always,
    }),
    windowSeconds: int(10, 86_400, {
      says: 'Only starts within this time count.',
      unit: 'seconds',
      default: '300',
      ...always,
    }).optional(),
    minStarts: int(1, 1_000_000, {
      says: 'Fewer starts than this in the window never open the breaker.',
      default: '10',
      ...always,
    }).optional(),
  }),
  { says: 'Pauses a type whose starts crash their workers.', default: 'none', ...always },
)

export const QueueSpec = about(
  z.object({
    controllerName: ascii(127, PATTERNS.controllerName, {
      says: 'Which operator serves the queue. Must not be changed.',
      default: DEFAULT_CONTROLLER_NAME,
      rules: [immutable('spec.controllerName', 'queue')],
    }).default(DEFAULT_CONTROLLER_NAME),
    paused: bool({
      says: 'No job of the queue starts; running attempts go on.',
      default: 'false',
      ...always,
    }).optional(),
    concurrency: Concurrency.optional(),
    rateLimit: RateLimit.optional(),
    fairness: Fairness.optional(),
    weight: int(1, 100, {
      says: 'Share between queues that the same workers serve.',
      default: String(QUEUE_BUILT_IN.weight),
      ...always,
    }).optional(),
    agingSeconds: int(0, 31_536_000, {
      says: 'A waiting job rises one priority class per interval; 0 switches it off.',
      unit: 'seconds',
      default: String(QUEUE_BUILT_IN.agingSeconds),
      ...always,
    }).optional(),
    maxDepth: int(1, 10_000_000, {
      says: 'Waiting jobs above it stay Blocked with reason QueueFull.',
      unit: 'jobs',
      default: 'no limit',
      ...always,
    }).optional(),
    defaults: Defaults.optional(),
    retention: Retention.optional(),
    idempotencyWindowSeconds: int(0, 31_536_000, {
      says: 'How long an idempotency key is remembered after its job ended.',
      unit: 'seconds',
      default: String(QUEUE_BUILT_IN.idempotencyWindowSeconds),
      ...always,
    }).optional(),
    waitObjectiveSeconds: int(1, 31_536_000, {
      says: 'A wait that is still fine; alerts compare with it.',
      unit: 'seconds',
      default: 'none',
      ...always,
    }).optional(),
    autoscaling: Autoscaling.optional(),
    breaker: Breaker.optional(),
  }),
  { says: 'What the user wants.' },
)
export type QueueSpec = DeepReadonly<z.infer<typeof QueueSpec>>
export type QueueSpecInput = DeepReadonly<z.input<typeof QueueSpec>>

const count = (says: string, unit?: string) =>
  int(0, 100_000_000, { says, ...(unit === undefined ? {} : { unit }) }).optional()

export const QueueStatus = about(
  z.object({
    observedGeneration: ObservedGeneration,
    waiting: count('Jobs that wait for any reason.', 'jobs'),
    ready: count('Waiting jobs that could start if a slot were free.', 'jobs'),
    running: count('Running attempts.', 'jobs'),
    deadLettered: count('Dead letters that are kept.', 'jobs'),
    oldestWaitingSeconds: int(0, 3_153_600_000, {
      says: 'Age of the job that has waited longest.',
      unit: 'seconds',
    }).optional(),
    oldestWaitingTime: time({
      says: 'Creation of that job. It stands still while the same job waits, so that its age costs no write.',
    }).optional(),
    workers: count('Connected workers.'),
    slots: count('Slots of all workers.'),
    freeSlots: count('Slots without an attempt.'),
    types: list(ascii(63, PATTERNS.handlerType, { says: 'One type.' }), MAX_TYPES, {
      says: 'Handler types that connected workers serve.',
    }).optional(),
    startsPerMinute: count('Starts in the last minute.'),
    paused: atomic(
      z.object({
        by: text(256, { says: 'Who paused the queue by action.' }).optional(),
        since: time({ says: 'Since when.' }).optional(),
        comment: text(256, { says: 'Why.' }).optional(),
        drain: bool({ says: 'Running attempts finish, nothing starts.' }).optional(),
      }),
      { says: 'Pause by QueueAction; `spec.paused` is another one, and either pauses.' },
    ).optional(),
    actionOrder: int(0, Number.MAX_SAFE_INTEGER, {
      says: 'Order of the last action that paused or resumed the queue; earlier ones are not taken any more.',
    }).optional(),
    pauses: list(
      atomic(
        z.object({
          startTime: time({ says: 'Begin of the pause.' }),
          endTime: time({ says: 'End of the pause; absent while it lasts.' }).optional(),
        }),
        { says: 'One pause, whoever asked for it.' },
      ),
      MAX_PAUSES,
      {
        says: 'The last pauses, oldest first: `activeDeadlineSeconds` does not count in them. Of more, the two oldest are joined with the time between them.',
      },
    ).optional(),
    conditions: Conditions.optional(),
  }),
  {
    says: 'What the system says. Written only by the operator.',
    rules: [OBSERVED_GENERATION_RULE],
    with: { 'x-kubernetes-map-type': 'atomic' },
  },
)
export type QueueStatus = DeepReadonly<z.infer<typeof QueueStatus>>

/** The name goes into subjects and `spec.queue`. */
const NAME_RULE: CelRule = {
  rule: "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
  message:
    '`metadata.name` must be a DNS label of at most 63 characters: choose a shorter name without dots',
}

const UNSEEN = { observedGeneration: -1 } as const

export const QueueRoot = about(
  z.object({ spec: QueueSpec, status: QueueStatus.default({ ...UNSEEN }).optional() }),
  { says: 'A Queue is the policy for the jobs that name it.', rules: [NAME_RULE] },
)

/** A Queue as read from the API server. */
export const Queue = z.object({
  apiVersion: z.literal(`${GROUP}/${VERSION}`),
  kind: z.literal('Queue'),
  metadata: ObjectMeta,
  spec: QueueSpec,
  status: QueueStatus.default({ ...UNSEEN }),
})
export type Queue = DeepReadonly<z.infer<typeof Queue>>
