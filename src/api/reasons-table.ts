/**
 * The rows of the closed table of reasons, as data: `reasons.ts` reads them, nothing else does.
 *
 * `says` is the sentence that people see on the object, in the Event and in `gq why`: who, what, why.
 * `next` is the command or the line that would change it. Words in braces are slots; both texts of
 * one row are filled from the same slots. The sentences are kept in a golden file and reviewed as
 * prose (reasons.md).
 */

export type ReasonScope =
  /** The phase of a QueueJob. */
  | 'Job'
  /** The end of one attempt: history, failure code, metric; never the phase of a job. */
  | 'Attempt'
  | 'Action'
  | 'Schedule'
  | 'Queue'
  /** The object is gone: history event and cancel only. */
  | 'Gone'

/** What a reason does to the conditions of its object (job-model.md section 4). */
export type ConditionEffect =
  /** Nothing is written for it. */
  | 'None'
  | 'Reconciling'
  /** Reconciling for `STALLED_AFTER_SECONDS`, then Stalled. */
  | 'ReconcilingThenStalled'
  /** Stalled at once: nothing but a person's change of another object lifts it. */
  | 'Stalled'
  /** Ready only: suspended on purpose is a healthy state. */
  | 'Ready'
  /** Ready, Succeeded, Finished. */
  | 'Succeeded'
  /** Stalled, Finished, Succeeded=False. */
  | 'Failed'
  /** A condition of a Queue that carries the name of the reason. */
  | 'Named'

export interface ReasonInput {
  readonly scope: ReasonScope
  readonly phase: string | null
  readonly condition: ConditionEffect
  readonly category: 'Temporary' | 'Permanent' | 'Timeout' | 'System' | 'Cancelled' | null
  readonly event: 'Normal' | 'Warning' | null
  readonly exitCode: number
  readonly says: string
  readonly next: string
}

const waiting = {
  scope: 'Job',
  condition: 'Reconciling',
  category: null,
  event: null,
  exitCode: 2,
} as const
const scheduled = { ...waiting, phase: 'Scheduled' } as const
const blocked = { ...waiting, phase: 'Blocked' } as const
const failed = {
  scope: 'Job',
  phase: 'Failed',
  condition: 'Failed',
  category: 'Permanent',
  event: 'Warning',
  exitCode: 1,
} as const
const deadLettered = {
  scope: 'Job',
  phase: 'DeadLettered',
  condition: 'Failed',
  category: null,
  event: 'Warning',
  exitCode: 1,
} as const
const cancelled = {
  scope: 'Job',
  phase: 'Cancelled',
  condition: 'Failed',
  category: 'Cancelled',
  event: 'Normal',
  exitCode: 3,
} as const
const attempt = {
  scope: 'Attempt',
  phase: null,
  condition: 'None',
  category: 'System',
  event: 'Warning',
  exitCode: 1,
} as const
const action = {
  scope: 'Action',
  phase: 'Failed',
  condition: 'Failed',
  category: null,
  event: 'Warning',
  exitCode: 1,
} as const
const schedule = {
  scope: 'Schedule',
  phase: null,
  condition: 'Stalled',
  category: null,
  event: 'Warning',
  exitCode: 1,
} as const
const queue = {
  scope: 'Queue',
  phase: null,
  condition: 'Named',
  category: null,
  event: null,
  exitCode: 0,
} as const

const replay = 'to run it again when the cause is gone: gq replay {job} -n {namespace}'
const replayOrDiscard = `${replay}; to give it up: gq discard {job} -n {namespace}`

/** Waiting: nothing wrong, or something that a person or time lifts. */
const WAITING_ROWS = {
  Pending: {
    ...waiting,
    phase: 'Pending',
    condition: 'None',
    says: 'the job is stored and waits; nothing is known that would hold it',
    next: 'nothing: it starts as soon as a worker has a free slot; if it stays so, see whether an operator runs: kubectl get deployments -A -l app.kubernetes.io/name=gopherqueue',
  },
  NoWorkers: {
    ...scheduled,
    event: 'Warning',
    says: 'no connected worker serves queue {queue} in namespace {namespace}',
    next: 'start a worker with GOPHERQUEUE_QUEUES={queue} in namespace {namespace}, connected to the NATS server of the operator',
  },
  UnknownType: {
    ...scheduled,
    event: 'Warning',
    says: 'workers serve queue {queue}, but none handles type {type}; nearest type served: {nearest}; served: {served}',
    next: 'deploy a worker that registers a handler for {type}, or delete the job and create it with a type that is served',
  },
  NoFreeSlots: {
    ...scheduled,
    says: 'all {slots} slots of the workers of queue {queue} are busy; {place}',
    next: 'wait, add workers to queue {queue}, or raise GOPHERQUEUE_SLOTS',
  },
  DispatchUnavailable: {
    ...scheduled,
    says: 'the operator cannot reach NATS ({cause}); jobs are kept and nothing starts until it is back',
    next: 'bring NATS back or correct GOPHERQUEUE_NATS_URL of the operator; nothing has to be submitted again',
  },
  DispatchPaused: {
    ...scheduled,
    says: 'the operator is configured with dispatch: Paused; nothing starts in any queue',
    next: 'set dispatch: Running in the configuration of the operator, which reads it again by itself',
  },
  QueuePaused: {
    ...blocked,
    says: 'queue {queue} is paused by {by} since {since}: {comment}',
    next: 'gq queue resume {queue} -n {namespace}; a pause by spec.paused is lifted there: kubectl -n {namespace} patch gq {queue} --type=merge -p \'{"spec":{"paused":null}}\'',
  },
  QueueDraining: {
    ...blocked,
    says: 'queue {queue} is being drained by {by} since {since}; running attempts finish, nothing starts',
    next: 'gq queue resume {queue} -n {namespace}',
  },
  QueueFull: {
    ...blocked,
    says: 'queue {queue} has {waiting} waiting jobs, its maxDepth is {limit}',
    next: 'wait until jobs have started, or raise spec.maxDepth: kubectl -n {namespace} edit gq {queue}',
  },
  QueueNotFound: {
    ...blocked,
    condition: 'ReconcilingThenStalled',
    event: 'Warning',
    says: 'there is no Queue {queue} in namespace {namespace}',
    next: 'create it (kind Queue, metadata.name: {queue}); the job starts when it appears',
  },
  QueueNotServed: {
    ...blocked,
    condition: 'Stalled',
    event: 'Warning',
    says: 'queue {queue} uses {fields}, which this release of the operator ({version}) does not serve; its jobs are held',
    next: 'remove {fields} from queue {queue} in namespace {namespace}, or install a release that serves it',
  },
  BreakerOpen: {
    ...blocked,
    event: 'Warning',
    says: 'type {type} is paused in queue {queue}: {crashed} of {starts} starts crashed their worker; it closes at {until}',
    next: 'look at the logs of the crashed workers of {type}, deploy a corrected one, or wait until {until}',
  },
  ConcurrencyLimit: {
    ...blocked,
    says: 'queue {queue} runs {running} jobs, its concurrency.max is {limit}; {place}',
    next: 'wait, or raise spec.concurrency.max: kubectl -n {namespace} edit gq {queue}',
  },
  KeyLimit: {
    ...blocked,
    says: 'concurrency key {key} is held by {holders}; queue {queue} allows {limit} at once; jobs with the key ahead of this one: {ahead}',
    next: 'wait for {holders}, or raise spec.concurrency.perKey: kubectl -n {namespace} edit gq {queue}',
  },
  RateLimited: {
    ...blocked,
    says: 'queue {queue} starts at most {count} jobs per {seconds} seconds, the next one at {until}; {place}',
    next: 'wait, or raise spec.rateLimit: kubectl -n {namespace} edit gq {queue}',
  },
  Fairness: {
    ...blocked,
    says: 'the job is the next one of fairness key {key} (weight {weight}), and {keys} other keys of queue {queue} that have jobs waiting take turns with it; {scarce}',
    next: 'wait, or raise the weight of {key} in spec.fairness.weights: kubectl -n {namespace} edit gq {queue}',
  },
  WaitingForDependency: {
    ...blocked,
    condition: 'ReconcilingThenStalled',
    says: 'waits for job {dependency}, which is {phase}; dependencies not met: {unmet}',
    next: 'see why it has not ended: gq why {dependency} -n {namespace}; one that does not exist must be created',
  },
  RestoredUnconfirmed: {
    ...blocked,
    event: 'Warning',
    says: 'the job came back from a backup without its status; running it could repeat finished work',
    next: 'to run it: gq confirm {job} -n {namespace}; to give it up: gq discard {job} -n {namespace}',
  },
  ClusterFull: {
    ...blocked,
    says: 'the cluster holds {objects} jobs, limits.maxObjects is {limit}; new jobs are held',
    next: 'delete finished jobs, shorten the retention of the queues, or raise limits.maxObjects of the operator',
  },
  Delayed: {
    ...waiting,
    phase: 'Delayed',
    says: 'not before {until}',
    next: 'wait until {until}, or set an earlier spec.startAfter while the job waits',
  },
  BackingOff: {
    ...waiting,
    phase: 'Retrying',
    event: 'Normal',
    says: 'attempt {attempt} of {max} failed with {code}: {error}; next attempt at {until}',
    next: 'wait until {until}, or try again now: gq retry {job} -n {namespace}; the attempts so far: kubectl -n {namespace} get qj {job} -o jsonpath={.status.history}',
  },
  Requeued: {
    ...scheduled,
    says: 'the last start used no attempt ({cause}); the job waits for a free slot',
    next: 'nothing: it starts again by itself',
  },
  Replayed: {
    ...scheduled,
    event: 'Normal',
    says: 'the job had ended and runs again, as {by} asked',
    next: 'nothing: it starts as soon as a worker has a free slot',
  },
  Suspended: {
    ...waiting,
    phase: 'Suspended',
    condition: 'Ready',
    says: 'spec.suspend is true',
    next: 'set it to false: kubectl -n {namespace} patch qj {job} --type=merge -p \'{"spec":{"suspend":false}}\'',
  },
  Running: {
    ...waiting,
    phase: 'Running',
    event: 'Normal',
    says: 'attempt {attempt} runs on worker {worker} since {since}, at most until {deadline}',
    next: 'wait: gq wait {job} -n {namespace}; to stop it: gq cancel {job} -n {namespace}',
  },
} as const satisfies Record<string, ReasonInput>

/** The end of a job. */
const ENDED_ROWS = {
  Completed: {
    scope: 'Job',
    phase: 'Completed',
    condition: 'Succeeded',
    category: null,
    event: 'Normal',
    exitCode: 0,
    says: 'the handler succeeded in attempt {attempt} after {duration}',
    next: 'nothing; the result: kubectl -n {namespace} get qj {job} -o jsonpath={.status.result}',
  },
  Duplicate: {
    scope: 'Job',
    phase: 'Completed',
    condition: 'Succeeded',
    category: null,
    event: 'Normal',
    exitCode: 0,
    says: 'job {first} holds the same idempotency key; this job was not run',
    next: 'see the first job: kubectl -n {namespace} get qj {first}',
  },
  Cancelled: {
    ...cancelled,
    says: 'cancelled by {by}: {comment}',
    next: replay,
  },
  Discarded: {
    ...cancelled,
    says: 'discarded by {by}: {comment}',
    next: replay,
  },
  Deleted: {
    scope: 'Gone',
    phase: null,
    condition: 'None',
    category: 'Cancelled',
    event: null,
    exitCode: 4,
    says: 'job {job} in namespace {namespace} was deleted before it had ended; a running attempt is cancelled and its outcome dropped',
    next: 'create it again if it is still wanted',
  },
  DependencyFailed: {
    ...failed,
    says: 'dependency {dependency} ended {phase}; the chain is {chain}',
    next: 'see why: gq why {dependency} -n {namespace}; when it has succeeded, run this job again: gq replay {job} -n {namespace}',
  },
  DependencyDeleted: {
    ...failed,
    says: 'dependency {dependency} was deleted before it had finished',
    next: 'create {dependency} again and then gq replay {job} -n {namespace}, or create the job without this dependency',
  },
  DependencyCycle: {
    ...failed,
    says: 'the dependencies form a cycle or are deeper than 100: {chain}',
    next: 'delete one job of the chain and create it without the dependency that closes the cycle',
  },
  PermanentFailure: {
    ...failed,
    says: 'attempt {attempt} failed for good with {code}: {error}',
    next: replay,
  },
  InvalidPayload: {
    ...failed,
    says: 'the payload does not fit the input of the handler at {path}: {error}',
    next: 'replay it with a payload that fits: gq replay {job} -n {namespace} --payload @FILE; or deploy a handler that accepts it and replay the job as it is',
  },
  InvalidResult: {
    ...failed,
    says: 'the value that the handler returned is not a valid result at {path}: {error}',
    next: 'correct the handler (a result is JSON of at most 16 KiB: store larger ones yourself and return a reference), then gq replay {job} -n {namespace}',
  },
  PayloadTooLarge: {
    ...failed,
    says: 'spec.payload has {bytes} bytes as JSON, the limit is {limit}',
    next: 'store the data elsewhere, put a reference into the payload, and create the job again',
  },
  PayloadForbidden: {
    ...failed,
    says: 'worker {worker} may not read {object} as payload: {error}',
    next: 'label the object gopherqueue.io/payload: "true", let the worker read it, and set payloadFrom: true on the worker; then gq replay {job} -n {namespace}',
  },
  InvalidSpec: {
    ...failed,
    says: '{field} is not valid: {error}',
    next: 'delete the job and create it with a corrected {field}',
  },
  NotYetSupported: {
    ...failed,
    says: '{fields}: part of the API, but not served by this release of the operator ({version})',
    next: 'delete the object and create it without {fields}, or install a release that serves it',
  },
  StatusRefused: {
    ...failed,
    says: 'the API server refused the status of this job: {error}',
    next: 'see the log of the operator for code StatusRefused; result and message were cut',
  },
  AttemptsExhausted: {
    ...deadLettered,
    says: 'all {max} attempts failed; the last one with {code}: {error}',
    next: replayOrDiscard,
  },
  DeadLetterRule: {
    ...deadLettered,
    says: 'attempt {attempt} failed with {code}, which spec.retry.rules makes a dead letter: {error}',
    next: replayOrDiscard,
  },
  ActiveDeadlineExceeded: {
    ...deadLettered,
    category: 'Timeout',
    says: 'the job had {seconds} seconds (activeDeadlineSeconds) from the moment it could start and did not end in time',
    next: 'see why it waited or ran so long; to run it again: gq replay {job} -n {namespace}; a new job can have a longer activeDeadlineSeconds',
  },
  SnoozeLimit: {
    ...deadLettered,
    says: 'the handler asked {snoozes} times to be called later, the limit is {limit}',
    next: 'snooze longer in the handler; to run it again: gq replay {job} -n {namespace}; to give it up: gq discard {job} -n {namespace}',
  },
  CrashBudgetExceeded: {
    ...deadLettered,
    category: 'System',
    says: 'the job lost its worker {crashes} times, crashBudget.max is {max}; the last time {cause} on {worker}',
    next: replayOrDiscard,
  },
} as const satisfies Record<string, ReasonInput>

/** How one attempt ended when its handler did not report an end of its own. */
const ATTEMPT_ROWS = {
  AttemptTimeout: {
    ...attempt,
    category: 'Timeout',
    says: 'attempt {attempt} ran longer than {seconds} seconds (attemptDeadlineSeconds) and was aborted',
    next: 'raise spec.attemptDeadlineSeconds or make the handler faster; handlers get an AbortSignal',
  },
  PayloadMissing: {
    ...attempt,
    category: 'Temporary',
    says: 'worker {worker} found no {object}: {error}',
    next: 'create it in the namespace of the job, labelled gopherqueue.io/payload: "true"; the job is tried again',
  },
  PayloadUnreachable: {
    ...attempt,
    category: 'Temporary',
    says: 'worker {worker} could not read {object}: {error}',
    next: 'see why the worker does not reach the API server; the job is tried again',
  },
  WorkerOOMKilled: {
    ...attempt,
    says: 'worker {worker} was killed because it used more memory than its limit',
    next: 'raise the memory limit of the worker, or lower GOPHERQUEUE_SLOTS',
  },
  WorkerEvicted: {
    ...attempt,
    event: 'Normal',
    says: 'worker {worker} was evicted from node {node}',
    next: 'nothing: an eviction uses no attempt and the job runs again',
  },
  WorkerDeleted: {
    ...attempt,
    event: 'Normal',
    says: 'the pod of worker {worker} was deleted while the attempt ran',
    next: 'give the pods a grace period as long as the attempts (terminationGracePeriodSeconds)',
  },
  NodeLost: {
    ...attempt,
    says: 'node {node} with worker {worker} is gone or out of service',
    next: 'nothing: the job runs again on another node',
  },
  WorkerCrashed: {
    ...attempt,
    says: 'the process of worker {worker} ended without handing the attempt back',
    next: 'look at the log of the worker before its end: kubectl -n {namespace} logs {worker} --previous',
  },
  WorkerHung: {
    ...attempt,
    says: 'the handler gave no sign of life after its deadline on worker {worker}',
    next: 'make the handler stop when its AbortSignal fires',
  },
  LeaseLost: {
    ...attempt,
    says: 'worker {worker} has not been heard for {seconds} seconds',
    next: 'look at the worker and at its connection to NATS',
  },
  HandedBack: {
    ...attempt,
    category: null,
    event: 'Normal',
    says: 'worker {worker} handed the attempt back because it stops',
    next: 'nothing: it uses no attempt and the job runs again',
  },
} as const satisfies Record<string, ReasonInput>

/** Reasons of the other kinds. */
const OTHER_ROWS = {
  TooManyTargets: {
    ...action,
    says: '{count} objects match, maxTargets is {limit}; nothing was changed',
    next: 'narrow the selector or raise spec.maxTargets in a new action',
  },
  TargetNotFound: {
    ...action,
    exitCode: 4,
    says: 'there is no {kind} {name} in namespace {namespace}',
    next: 'see what there is: kubectl -n {namespace} get {kind}',
  },
  TargetMismatch: {
    ...action,
    exitCode: 4,
    says: '{kind} {name} now has uid {found}, the action names uid {wanted}',
    next: 'create a new action for the object that is there now, or none',
  },
  ActionRunning: {
    ...action,
    phase: 'Running',
    condition: 'Reconciling',
    event: null,
    exitCode: 2,
    says: '{action} is being carried out; targets: {matched}',
    next: 'wait; deleting the action stops it',
  },
  ActionDone: {
    ...action,
    phase: 'Completed',
    condition: 'Succeeded',
    event: 'Normal',
    exitCode: 0,
    says: '{action}: {done} of {matched} targets were changed, {skipped} needed no change',
    next: 'nothing',
  },
  DryRun: {
    ...action,
    phase: 'Completed',
    condition: 'Succeeded',
    event: 'Normal',
    exitCode: 0,
    says: 'dry run of {action}: {matched} targets match, maxTargets is {limit}; nothing was changed',
    next: 'create it again without spec.dryRun',
  },
  TargetsFailed: {
    ...action,
    says: '{action}: {failed} of {matched} targets could not be changed, {done} were, {skipped} needed no change; the first: {target}, {error}',
    next: 'see which and why: kubectl -n {namespace} get qact {name} -o jsonpath={.status.failures}',
  },
  ReplayLimit: {
    ...action,
    says: 'job {job} was replayed {replays} times by actions, the limit is {limit}',
    next: 'find out why it keeps failing; a changed spec.runId runs it again and does not count',
  },
  TargetRefused: {
    ...action,
    says: 'the API server or the operator refused it for {target}: {error}',
    next: 'do what the message asks for, then create the action again',
  },
  ActionsUnguarded: {
    ...action,
    exitCode: 77,
    says: 'the ValidatingAdmissionPolicy gopherqueue-actions is missing, so nobody checked who may {action}; the operator does not act',
    next: 'kubectl apply -f policies/queueactions.yaml, then create the action again',
  },
  NeverFires: {
    ...schedule,
    says: 'schedule "{schedule}" has no next time: {error}',
    next: 'correct spec.schedule',
  },
  TemplateRefused: {
    ...schedule,
    says: 'the API server does not take the job {job} of this schedule: {error}',
    next: 'correct spec.template, or what the message names; the tick is made up for as spec.catchUp says',
  },
  NameTaken: {
    ...schedule,
    says: 'the tick at {since} made no job: QueueJob {job} is there and does not belong to this schedule',
    next: 'delete QueueJob {job}, or give the schedule another name',
  },
  Served: {
    ...queue,
    says: '{workers} workers with {slots} slots serve the queue; {waiting} jobs wait',
    next: 'nothing',
  },
  Saturated: {
    ...queue,
    says: 'all {slots} slots of {workers} workers are busy and {waiting} jobs wait',
    next: 'add workers or slots if the wait is too long',
  },
  RetentionPressure: {
    ...queue,
    event: 'Warning',
    says: '{objects} finished jobs are kept, limits.maxFinishedObjects is {limit}; retention is shortened evenly',
    next: 'shorten spec.retention of the queues or raise limits.maxFinishedObjects of the operator',
  },
  ControllerNameTaken: {
    ...queue,
    event: 'Warning',
    says: 'another operator serves controller name {controller}; this one does not act on the queue',
    next: 'give one of the operators another --controller-name',
  },
} as const satisfies Record<string, ReasonInput>

export const ROWS = { ...WAITING_ROWS, ...ENDED_ROWS, ...ATTEMPT_ROWS, ...OTHER_ROWS } as const

/** Causes that `status.history[].cause` can name. */
export const ATTEMPT_ENDS = [
  'AttemptTimeout',
  'WorkerOOMKilled',
  'WorkerEvicted',
  'WorkerDeleted',
  'NodeLost',
  'WorkerCrashed',
  'WorkerHung',
  'LeaseLost',
  'HandedBack',
] as const satisfies readonly (keyof typeof ATTEMPT_ROWS)[]
