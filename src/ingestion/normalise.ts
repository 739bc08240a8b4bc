/**
 * From what a user wrote to what the scheduler works with: a complete job record, so that nothing
 * further in ever sees an absent field (job-model.md, "Defaults").
 *
 * A value is taken from the job, else from `Queue.spec.defaults`, else from the built-in table, field
 * by field: a job that sets only `retry.maxAttempts` keeps the queue's back-off. Nothing of this is
 * stored, so a queue's changed defaults reach every job that is normalised again.
 *
 * `notBefore` holds what the spec asks for. A back-off or a snooze is not mixed in: that one stands in
 * `status.nextAttemptTime`, and the scheduler waits for the later of the two.
 */
import { PRIORITIES } from '../api/conditions.ts'
import { BUILT_IN } from '../api/policies.ts'
import type { QueueSpec } from '../api/queue.ts'
import type { QueueJobSpec } from '../api/queuejob.ts'
import type { BackoffPolicy } from '../core/backoff.ts'
import type { WallMs } from '../core/clock.ts'
import type {
  JobObject,
  JobRecord,
  PayloadRef,
  PriorityRank,
  RetryPolicy,
  RetryRule,
  Submission,
} from '../core/job.ts'
import type { Normalise } from '../core/ledger.ts'
import type { QueueObject } from '../core/resources.ts'

/** Finds the queue of a job; null = there is none (yet). */
export type QueueOf = (namespace: string, queue: string) => QueueObject | null

type Defaults = NonNullable<QueueSpec['defaults']>
type Retry = NonNullable<QueueJobSpec['retry']>
type WrittenRule = NonNullable<Retry['rules']>[number]

const SECOND = 1000

/**
 * Years that a time of a spec may lie in. The API server takes 0001 to 9999, and an offset can push
 * the latter into year 10000, which no clock here can print. Outside it the intake refuses the job.
 */
export const FIRST_YEAR = 1970
export const LAST_YEAR = 2199
const EARLIEST: WallMs = Date.UTC(FIRST_YEAR, 0, 1)
const LATEST: WallMs = Date.UTC(LAST_YEAR + 1, 0, 1) - 1

/** An RFC 3339 time that the schema let through; null = outside the years above. */
export function boundedTime(text: string): WallMs | null {
  const ms = Date.parse(text)
  return ms >= EARLIEST && ms <= LATEST ? ms : null
}

export function normaliser(queueOf: QueueOf): Normalise {
  return (object, firstSeen) =>
    recordOf(object, firstSeen, queueOf(object.namespace, object.spec.queue)?.spec.defaults ?? {})
}

function recordOf(object: JobObject, firstSeen: number, defaults: Defaults): JobRecord {
  const { spec } = object
  const submission: Submission = { creationMs: object.creationMs, firstSeen }
  const activeDeadline = spec.activeDeadlineSeconds ?? defaults.activeDeadlineSeconds
  return {
    namespace: object.namespace,
    name: object.name,
    uid: object.uid,
    queue: spec.queue,
    type: spec.type,
    handlerVersion: spec.handlerVersion ?? '',
    priority: PRIORITIES.indexOf(spec.priority) as PriorityRank,
    submission,
    notBefore: notBeforeOf(object),
    suspend: spec.suspend ?? false,
    attemptDeadlineMs:
      SECOND *
      (spec.attemptDeadlineSeconds ??
        defaults.attemptDeadlineSeconds ??
        BUILT_IN.attemptDeadlineSeconds),
    activeDeadlineMs:
      activeDeadline === undefined ? Number.POSITIVE_INFINITY : SECOND * activeDeadline,
    retry: retryOf(spec.retry ?? {}, defaults.retry ?? {}),
    crashBudget: crashBudgetOf(spec.crashBudget ?? {}, defaults.crashBudget ?? {}),
    readyWhenAccepted: spec.readiness === 'Accepted',
    payloadFrom: payloadFromOf(spec),
    runId: spec.runId ?? '',
    idempotencyKey: spec.idempotencyKey ?? '',
    dependsOn: (spec.dependsOn ?? []).map(({ name, when }) => ({
      name,
      when: when ?? 'Succeeded',
    })),
    concurrencyKey: spec.concurrencyKey ?? '',
    fairnessKey: spec.fairnessKey ?? '',
    ttlMs: ttlOf(object, defaults),
  }
}

/** CEL lets exactly one of the two through. */
function payloadFromOf({ payloadFrom }: JobObject['spec']): PayloadRef | null {
  const { configMapKeyRef, secretKeyRef } = payloadFrom ?? {}
  if (configMapKeyRef) return { kind: 'ConfigMap', ...configMapKeyRef }
  return secretKeyRef ? { kind: 'Secret', ...secretKeyRef } : null
}

/** An object that a GitOps tool manages stays unless it says itself how long. */
function ttlOf({ spec, tags }: JobObject, defaults: Defaults): number | null {
  const own = spec.ttlSecondsAfterFinished
  if (own !== undefined) return SECOND * own
  const { ttlSecondsAfterFinished: queues } = defaults
  return queues === undefined || tags.gitOps ? null : SECOND * queues
}

/** 0 = at once. A time out of bounds is taken as the nearest one within: the judge refuses it. */
function notBeforeOf({ spec, creationMs }: JobObject): WallMs {
  if (spec.startAfter !== undefined) {
    const ms = Date.parse(spec.startAfter)
    return Math.min(LATEST, Math.max(0, Number.isNaN(ms) ? 0 : ms))
  }
  return spec.delaySeconds ? creationMs + SECOND * spec.delaySeconds : 0
}

function retryOf(job: Retry, queue: Retry): RetryPolicy {
  return {
    maxAttempts: job.maxAttempts ?? queue.maxAttempts ?? BUILT_IN.maxAttempts,
    backoff: backoffOf(job.backoff ?? {}, queue.backoff ?? {}),
    rules: (job.rules ?? queue.rules ?? []).flatMap(ruleOf),
  }
}

function backoffOf(
  job: NonNullable<Retry['backoff']>,
  queue: NonNullable<Retry['backoff']>,
): BackoffPolicy {
  const built = BUILT_IN.backoff
  return {
    strategy: job.strategy ?? queue.strategy ?? built.strategy,
    initialMs: SECOND * (job.initialSeconds ?? queue.initialSeconds ?? built.initialSeconds),
    maxMs: SECOND * (job.maxSeconds ?? queue.maxSeconds ?? built.maxSeconds),
    multiplier: (job.multiplierPercent ?? queue.multiplierPercent ?? built.multiplierPercent) / 100,
    jitter: (job.jitterPercent ?? queue.jitterPercent ?? built.jitterPercent) / 100,
  }
}

/** A rule without a match cannot be stored (CEL); were one read, it would match nothing. */
function ruleOf(rule: WrittenRule): readonly RetryRule[] {
  const { action } = rule
  if (rule.category !== undefined) {
    return [{ match: { by: 'category', category: rule.category }, action }]
  }
  return rule.code === undefined ? [] : [{ match: { by: 'code', code: rule.code }, action }]
}

function crashBudgetOf(
  job: NonNullable<Defaults['crashBudget']>,
  queue: NonNullable<Defaults['crashBudget']>,
): JobRecord['crashBudget'] {
  const built = BUILT_IN.crashBudget
  return {
    max: job.max ?? queue.max ?? built.max,
    windowMs: SECOND * (job.windowSeconds ?? queue.windowSeconds ?? built.windowSeconds),
  }
}
