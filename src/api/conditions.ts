/**
 * Names that are API: phases, condition types, kinds, labels, annotations (job-model.md sections 2
 * and 4, names.md). Tests, metrics, docs and manifests refer to these strings, so a change here is a
 * change for users. Reasons have a table of their own in `reasons.ts`.
 */

export const GROUP = 'gopherqueue.io'
export const VERSION = 'v1alpha1'
export const API_VERSION = `${GROUP}/${VERSION}` as const

/** The four kinds: plural is the path segment and the RBAC resource. */
export const KINDS = {
  QueueJob: { kind: 'QueueJob', plural: 'queuejobs', singular: 'queuejob', shortName: 'qj' },
  Queue: { kind: 'Queue', plural: 'queues', singular: 'queue', shortName: 'gq' },
  QueueSchedule: {
    kind: 'QueueSchedule',
    plural: 'queueschedules',
    singular: 'queueschedule',
    shortName: 'qsch',
  },
  QueueAction: {
    kind: 'QueueAction',
    plural: 'queueactions',
    singular: 'queueaction',
    shortName: 'qact',
  },
} as const
export type Kind = keyof typeof KINDS

/** `kubectl get gopherqueue` lists all four kinds. */
export const CATEGORY = 'gopherqueue'

/** A job that has not ended and has no attempt open. */
export const WAITING_PHASES = [
  'Pending',
  'Delayed',
  'Blocked',
  'Scheduled',
  'Retrying',
  'Suspended',
] as const
/** Left only by a replay, or DeadLettered → Cancelled by a discard (protocol W9). */
export const TERMINAL_PHASES = ['Completed', 'Failed', 'DeadLettered', 'Cancelled'] as const
export const PHASES = [...WAITING_PHASES, 'Running', ...TERMINAL_PHASES] as const

export type TerminalPhase = (typeof TERMINAL_PHASES)[number]
/** `status.phase` of a QueueJob. `Running` is the only phase with an open attempt (protocol S3). */
export type Phase = (typeof PHASES)[number]

/** `status.phase` of a QueueAction. */
export const ACTION_PHASES = ['Pending', 'Running', 'Completed', 'Failed'] as const
export type ActionPhase = (typeof ACTION_PHASES)[number]

export const PRIORITIES = ['Critical', 'High', 'Normal', 'Low', 'Bulk'] as const
export type Priority = (typeof PRIORITIES)[number]

/** How one attempt failed (job-model.md section 2). `Cancelled` is never matched by a retry rule. */
export const FAILURE_CATEGORIES = [
  'Temporary',
  'Permanent',
  'Timeout',
  'System',
  'Cancelled',
] as const

/**
 * Condition types of a QueueJob (and, but for Succeeded, of a QueueAction). The first three are read
 * by kstatus: Flux, Helm, Argo CD. A condition is written only when it says something.
 */
export const JOB_CONDITIONS = ['Reconciling', 'Ready', 'Stalled', 'Succeeded', 'Finished'] as const
export type JobCondition = (typeof JOB_CONDITIONS)[number]

export const QUEUE_CONDITIONS = [
  'Ready',
  'Paused',
  'NoWorkers',
  'Saturated',
  'RetentionPressure',
  'DispatchUnavailable',
] as const
export type QueueCondition = (typeof QUEUE_CONDITIONS)[number]

export const CONDITION_STATUSES = ['True', 'False', 'Unknown'] as const

/** Labels of ours. We write none onto users' objects. */
export const LABELS = {
  /** `"true"` on worker pods: the operator watches only those. */
  worker: `${GROUP}/worker`,
  /** Name of the QueueSchedule that made a job. */
  schedule: `${GROUP}/schedule`,
  /** Name of the QueueAction that made a job. */
  action: `${GROUP}/action`,
  /** `"true"` on a `Queue/default` that the operator made. */
  implicit: `${GROUP}/implicit`,
  /** `"true"` on Secrets and ConfigMaps that may be read as payload. */
  payload: `${GROUP}/payload`,
} as const

/** Annotations that users or their tools set on a QueueJob and that travel to the handler. */
export const ANNOTATIONS = {
  traceparent: `${GROUP}/traceparent`,
  tracestate: `${GROUP}/tracestate`,
  correlationId: `${GROUP}/correlation-id`,
} as const

/**
 * Random id that the client library gives a QueueJob whose name its caller chose: after a lost answer it
 * knows the object as its own. Read by nobody else.
 */
export const SUBMISSION_ANNOTATION = `${GROUP}/submission`

/** Put on every object by a restore from a backup; such a job is held `RestoredUnconfirmed`. */
export const RESTORE_LABEL = 'velero.io/restore-name'

/** How to see that a GitOps tool manages an object; `app.kubernetes.io/instance` alone does not count. */
export const GITOPS_MARKS = {
  annotation: 'argocd.argoproj.io/tracking-id',
  labels: ['kustomize.toolkit.fluxcd.io/name', 'helm.toolkit.fluxcd.io/name'],
  managedBy: { label: 'app.kubernetes.io/managed-by', value: 'Helm' },
} as const

export const FIELD_MANAGER = 'gopherqueue'
export const DEFAULT_QUEUE = 'default'
export const DEFAULT_CONTROLLER_NAME = `${GROUP}/default`
export const SYSTEM_NAMESPACE = 'gopherqueue-system'
/** Verb on `queues` that lets a ServiceAccount work for a queue. */
export const WORK_VERB = 'work'
