/**
 * Every metric of operator and worker, as data: name, kind, labels, buckets, help. `http/metrics.ts`
 * registers these rows and no others, `docs/metrics.md` is made from them, and a test finds every
 * `gopherqueue_…` that the code counts in this table. To add one, add a row.
 *
 * Rules (O1–O3, names.md):
 * - base units (seconds, bytes), unit at the end of the name, `_total` on counters;
 * - labels are closed sets, but for namespace, queue, type and shard; a value outside its set is
 *   counted as `other`, so that no user's text becomes a series; `type` stands on counters only;
 * - at most 50 series for one queue, which a test counts; with `metricsPerQueue: false` namespace and
 *   queue are left empty, and the numbers are those of all queues together;
 * - a row is ALPHA until a release calls it STABLE; from then on it is not renamed or removed without
 *   the deprecation policy.
 */
import { PHASES } from '../api/conditions.ts'
import { ACTIONS } from '../api/queueaction.ts'
import { REASON_NAMES } from '../api/reasons.ts'

/** 1 ms … 1 h: dispatches take milliseconds, attempts up to hours, and one set compares them. */
export const SECONDS_BUCKETS = [
  0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600,
] as const

/** Stands for every value that is not in the set of its label. */
export const OTHER = 'other'

export interface LabelRow {
  readonly says: string
  /** Every value it may have; null: names that users choose. */
  readonly values: readonly string[] | null
}

const named = (says: string): LabelRow => ({ says, values: null })
const oneOf = (says: string, values: readonly string[]): LabelRow => ({ says, values })

/** Sets that differ from metric to metric are named `label:metric`, without the prefix. */
export const LABELS = {
  namespace: named('Namespace of the job.'),
  queue: named('Queue of the job.'),
  type: named('Type of the job.'),
  shard: named('Number of the shard.'),
  version: named('Version of the program.'),
  node: named('Version of Node.js.'),
  phase: oneOf('Phase of the job.', PHASES),
  reason: oneOf("A reason of docs/reasons.md; other: a handler's own code.", REASON_NAMES),
  outcome: oneOf('How the attempt ended, as the worker reports it.', [
    'succeeded',
    'failed',
    'timed-out',
    'snoozed',
    'cancelled',
    'handed-back',
    'rejected',
  ]),
  verb: oneOf('HTTP method.', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  code: oneOf('HTTP status by class; none: no answer.', ['2xx', '3xx', '4xx', '5xx', 'none']),
  controller: oneOf('What is looked at.', ['queue', 'queueaction', 'queueschedule']),
  'kind:objects_unreadable_total': oneOf('Kind of the object.', [
    'QueueJob',
    'Queue',
    'QueueAction',
    'QueueSchedule',
    'Pod',
  ]),
  'kind:refused_total': oneOf('What was refused.', ['outcome', 'listing', 'note']),
  'reason:refused_total': oneOf('The rule that refused it (docs: dispatch protocol, O3 and B2).', [
    'terminal',
    'closed',
    'superseded',
    'nonce',
    'not-live',
    'other-owner',
    'gone',
  ]),
  'kind:messages_rejected_total': oneOf('Kind of the message.', [
    'event',
    'beat',
    'note',
    'work',
    'ctl',
  ]),
  'kind:status_writes_total': oneOf('protocol: a step of a job; information: only tells.', [
    'protocol',
    'information',
  ]),
  'result:status_writes_total': oneOf('What the API server answered.', [
    'written',
    'conflict',
    'gone',
    'refused',
    'later',
    'unknown',
  ]),
  'result:queue_status_writes_total': oneOf('What the API server answered.', [
    'written',
    'conflict',
    'gone',
    'refused',
    'later',
    'unknown',
  ]),
  'result:history_events_total': oneOf('What became of the event.', [
    'recorded',
    'lost',
    'skipped',
  ]),
  'result:information_total': oneOf('Whether the budget had room.', ['taken', 'refused']),
  use: oneOf('What is told.', ['queue', 'action', 'schedule', 'event']),
  limit: oneOf('The setting.', ['maxObjects', 'maxFinishedObjects']),
  'result:schedule_ticks_total': oneOf('Whether the tick made a job.', ['made', 'missed']),
  'result:reconciles_total': oneOf('What the look led to.', ['done', 'requeue', 'failed']),
  action: oneOf('What the QueueAction asks for.', ACTIONS),
  'result:action_targets_total': oneOf('What came of the target.', ['done', 'skipped', 'failed']),
  'result:config_reloads_total': oneOf('Whether the changed file was taken.', ['taken', 'refused']),
} as const satisfies Record<string, LabelRow>

export type MetricProgram = 'operator' | 'worker'

export interface MetricInput {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  readonly programs: readonly MetricProgram[]
  readonly stability: 'ALPHA' | 'STABLE'
  /** What a gauge of each queue says about all of them when `metricsPerQueue` is false. */
  readonly together: 'sum' | 'max'
}

const OPERATOR = ['operator'] as const
const WORKER = ['worker'] as const
const BOTH = ['operator', 'worker'] as const
const PER_QUEUE = ['namespace', 'queue'] as const

function row(
  kind: MetricInput['kind'],
  programs: readonly MetricProgram[],
  help: string,
  labels: readonly string[] = [],
): MetricInput {
  return { kind, programs, help, labels, stability: 'ALPHA', together: 'sum' }
}

/** The way of a job through the operator. */
const JOB_ROWS = {
  gopherqueue_jobs_seen_total: row(
    'counter',
    OPERATOR,
    'Jobs that the operator saw for the first time since its start.',
  ),
  gopherqueue_jobs_finished_total: row(
    'counter',
    OPERATOR,
    'Jobs that reached a terminal phase, by phase and reason.',
    [...PER_QUEUE, 'phase', 'reason'],
  ),
  gopherqueue_dispatches_total: row(
    'counter',
    OPERATOR,
    'Attempts that were published to workers.',
    PER_QUEUE,
  ),
  gopherqueue_dispatch_wait_seconds: row(
    'histogram',
    OPERATOR,
    'From the moment a job may start (its creation, its start time) to its publish; creation times have a grain of one second.',
    PER_QUEUE,
  ),
  gopherqueue_start_wait_seconds: row(
    'histogram',
    OPERATOR,
    'From the moment a job may start to the start of its handler, where its worker told it.',
  ),
  gopherqueue_attempts_ended_total: row(
    'counter',
    OPERATOR,
    'Attempts whose end is recorded, by reason; Completed: the handler succeeded.',
    ['namespace', 'type', 'reason'],
  ),
  gopherqueue_attempt_run_seconds: row(
    'histogram',
    OPERATOR,
    'Run time of the handler in attempts whose end is recorded.',
    PER_QUEUE,
  ),
  gopherqueue_attempts_lost_total: row(
    'counter',
    OPERATOR,
    'Attempts that ended without a report, by the cause of the loss.',
    ['reason'],
  ),
  gopherqueue_attempts_stuck_total: row(
    'counter',
    OPERATOR,
    'Attempts that were published and that no worker took (protocol D7).',
  ),
} as const satisfies Record<string, MetricInput>

/** Each queue, at the time of the scrape. */
const QUEUE_ROWS = {
  gopherqueue_queue_waiting_jobs: row('gauge', OPERATOR, 'Jobs that wait in the queue.', PER_QUEUE),
  gopherqueue_queue_running_jobs: row('gauge', OPERATOR, 'Jobs with an open attempt.', PER_QUEUE),
  gopherqueue_queue_dead_lettered_jobs: row(
    'gauge',
    OPERATOR,
    'Jobs in phase DeadLettered that are still stored.',
    PER_QUEUE,
  ),
  gopherqueue_queue_oldest_waiting_seconds: {
    ...row(
      'gauge',
      OPERATOR,
      'How long the job that waits longest has been waiting; 0: none waits.',
      PER_QUEUE,
    ),
    together: 'max',
  },
  gopherqueue_queue_wait_objective_seconds: {
    ...row(
      'gauge',
      OPERATOR,
      'Wait that is still fine (spec.waitObjectiveSeconds), where the queue says one: compare the oldest wait with it.',
      PER_QUEUE,
    ),
    together: 'max',
  },
  gopherqueue_queue_workers: row(
    'gauge',
    OPERATOR,
    'Connected workers that serve the queue.',
    PER_QUEUE,
  ),
  gopherqueue_queue_slots: row('gauge', OPERATOR, 'Slots of those workers.', PER_QUEUE),
  gopherqueue_queue_free_slots: row(
    'gauge',
    OPERATOR,
    'Slots of those workers that are free.',
    PER_QUEUE,
  ),
} as const satisfies Record<string, MetricInput>

/** What comes in and does not count. */
const DOOR_ROWS = {
  gopherqueue_beats_total: row('counter', OPERATOR, 'Heartbeats of workers that were read.'),
  gopherqueue_messages_rejected_total: row(
    'counter',
    BOTH,
    'Messages that could not be read or contradict their subject.',
    ['kind'],
  ),
  gopherqueue_refused_total: row(
    'counter',
    OPERATOR,
    'Outcomes and listings that the fence refused, by rule.',
    ['kind', 'reason'],
  ),
  gopherqueue_objects_unreadable_total: row(
    'counter',
    OPERATOR,
    'Versions of objects that were left out because they could not be read.',
    ['kind'],
  ),
} as const satisfies Record<string, MetricInput>

/** Kubernetes, NATS, leadership, memory. */
const OPERATOR_ROWS = {
  gopherqueue_status_writes_total: row(
    'counter',
    OPERATOR,
    'Status writes of QueueJobs, by kind and answer.',
    ['kind', 'result'],
  ),
  gopherqueue_status_write_seconds: row(
    'histogram',
    OPERATOR,
    'Time of one status write that went through.',
  ),
  gopherqueue_status_writer_depth: row(
    'gauge',
    OPERATOR,
    'Jobs with facts that wait for their status write.',
  ),
  gopherqueue_status_writer_quarantined: row(
    'gauge',
    OPERATOR,
    'Jobs whose status the API server refuses in every form (protocol W5).',
  ),
  gopherqueue_api_requests_total: row(
    'counter',
    OPERATOR,
    'Requests to the API server, each try by itself.',
    ['verb', 'code'],
  ),
  gopherqueue_api_request_seconds: row(
    'histogram',
    OPERATOR,
    'Time of one request to the API server.',
    ['verb'],
  ),
  gopherqueue_shard_leading: row('gauge', OPERATOR, '1: this process leads the shard.', ['shard']),
  gopherqueue_shard_term: row(
    'gauge',
    OPERATOR,
    'Term in which this process leads the shard; 0: it does not.',
    ['shard'],
  ),
  gopherqueue_schedule_ticks_total: row(
    'counter',
    OPERATOR,
    'Ticks of QueueSchedules, by what became of them.',
    ['result'],
  ),
  gopherqueue_queue_status_writes_total: row(
    'counter',
    OPERATOR,
    'Status writes of Queues, by answer.',
    ['result'],
  ),
  gopherqueue_objects: row(
    'gauge',
    OPERATOR,
    'Jobs that are stored in the cluster, by phase; limits.maxFinishedObjects and limits.maxObjects bound them.',
    ['phase'],
  ),
  gopherqueue_objects_bytes: row(
    'gauge',
    OPERATOR,
    'Estimate of what those jobs take in etcd, in bytes.',
  ),
  gopherqueue_limit_objects: row(
    'gauge',
    OPERATOR,
    'The limits of the operator on objects: limits.maxObjects and limits.maxFinishedObjects.',
    ['limit'],
  ),
  gopherqueue_information_tokens: row(
    'gauge',
    OPERATOR,
    'Writes that only inform which the budget would allow now; 0 for long: less is told than could be.',
  ),
  gopherqueue_information_total: row(
    'counter',
    OPERATOR,
    'Writes that only inform, by what they are for and whether the budget had room; waiting reasons of jobs are in gopherqueue_status_writes_total.',
    ['use', 'result'],
  ),
  gopherqueue_jobs_deleted_total: row(
    'counter',
    OPERATOR,
    'Finished jobs that retention deleted.',
    PER_QUEUE,
  ),
  gopherqueue_retention_due_jobs: row(
    'gauge',
    OPERATOR,
    'Finished jobs whose time is over and that are not deleted yet.',
  ),
  gopherqueue_retention_pressure: row(
    'gauge',
    OPERATOR,
    '1: more jobs are finished than limits.maxFinishedObjects, now or in the last ten minutes; retention is shortened.',
  ),
  gopherqueue_history_depth: row(
    'gauge',
    OPERATOR,
    'Events that wait to be stored in the history.',
  ),
  gopherqueue_history_events_total: row(
    'counter',
    OPERATOR,
    'Events of the history; lost: of a deletion, dropped; skipped: a job was deleted without its end in the history, because the cluster was too full to wait.',
    ['result'],
  ),
  gopherqueue_ledger_jobs: row('gauge', OPERATOR, 'Jobs that the operator holds in memory.'),
  gopherqueue_ledger_open_attempts: row('gauge', OPERATOR, 'Attempts that are open.'),
  gopherqueue_actions_ended_total: row(
    'counter',
    OPERATOR,
    'QueueActions that have ended, by action and reason.',
    ['action', 'reason'],
  ),
  gopherqueue_action_targets_total: row(
    'counter',
    OPERATOR,
    'Targets that QueueActions worked on.',
    ['action', 'result'],
  ),
  gopherqueue_action_targets_left: row(
    'gauge',
    OPERATOR,
    'Targets that the QueueActions under way have still to work on.',
  ),
  gopherqueue_reconciles_total: row(
    'counter',
    OPERATOR,
    'Looks at queues, actions and schedules, by result.',
    ['controller', 'result'],
  ),
  gopherqueue_reconcile_seconds: row('histogram', OPERATOR, 'Time of one look.', ['controller']),
  gopherqueue_reconcile_depth: row('gauge', OPERATOR, 'Keys that wait for a look.', ['controller']),
} as const satisfies Record<string, MetricInput>

const WORKER_ROWS = {
  gopherqueue_worker_slots: row('gauge', WORKER, 'Slots of this worker.'),
  gopherqueue_worker_free_slots: row('gauge', WORKER, 'Slots of this worker that are free.'),
  gopherqueue_worker_unconfirmed_outcomes: row(
    'gauge',
    WORKER,
    'Outcomes of this worker that the event stream has not confirmed; they are sent again.',
  ),
  gopherqueue_worker_abandoned_handlers: row(
    'gauge',
    WORKER,
    'Handlers that ignored their signal and still run; their outcome was reported without them.',
  ),
  gopherqueue_worker_attempts_total: row(
    'counter',
    WORKER,
    'Attempts that this worker reported, by outcome.',
    ['queue', 'type', 'outcome'],
  ),
  gopherqueue_worker_attempt_seconds: row(
    'histogram',
    WORKER,
    'Run time of the handler in those attempts.',
    ['queue'],
  ),
} as const satisfies Record<string, MetricInput>

/** The process itself. */
const PROCESS_ROWS = {
  gopherqueue_build_info: row('gauge', BOTH, 'Always 1; the labels say what runs.', [
    'version',
    'node',
  ]),
  gopherqueue_nats_connected: row('gauge', BOTH, '1: the connection to NATS is up.'),
  gopherqueue_event_loop_lag_seconds: row(
    'histogram',
    BOTH,
    'How late timers fire because the event loop is busy.',
  ),
  gopherqueue_config_reloads_total: row(
    'counter',
    BOTH,
    'Changes of the configuration file that were noticed.',
    ['result'],
  ),
  gopherqueue_log_lines_dropped_total: row(
    'counter',
    BOTH,
    'Log lines that were lost because nobody read them.',
  ),
} as const satisfies Record<string, MetricInput>

export const METRICS = {
  ...JOB_ROWS,
  ...QUEUE_ROWS,
  ...DOOR_ROWS,
  ...OPERATOR_ROWS,
  ...WORKER_ROWS,
  ...PROCESS_ROWS,
} as const

export type MetricName = keyof typeof METRICS

export interface MetricRow extends MetricInput {
  readonly name: MetricName
  /** For histograms; in seconds. */
  readonly buckets: readonly number[] | null
}

export const METRIC_ROWS: readonly MetricRow[] = Object.entries(METRICS).map(([name, input]) => ({
  ...input,
  name: name as MetricName,
  buckets: input.kind === 'histogram' ? SECONDS_BUCKETS : null,
}))

export function metricsOf(program: MetricProgram): readonly MetricRow[] {
  return METRIC_ROWS.filter(({ programs }) => programs.includes(program))
}

/** What a label of a metric may hold. @throws RangeError for a label that the table does not have */
export function labelOf(name: string, label: string): LabelRow {
  const rows: Readonly<Record<string, LabelRow>> = LABELS
  const found = rows[`${label}:${name.replace('gopherqueue_', '')}`] ?? rows[label]
  if (!found) throw new RangeError(`label ${label} of metric ${name} is not in the table`)
  return found
}

/** A status code of HTTP as the label `code`; 0 = no answer. */
export function codeClass(status: number): string {
  return status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
}
