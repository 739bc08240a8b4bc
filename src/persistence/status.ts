/**
 * From facts to the one status that is written (protocol W2).
 *
 * `planStatus` is pure: the newest object, the queued facts in order, the time → the complete next
 * status, or nothing. Each fact carries its own guard, so computing again after a conflict on a
 * newer object settles what has been overtaken: a fact that is already contained, or that comes too
 * late, changes nothing. Equal input gives equal bytes.
 */

import type { QueueJobStatus } from '../api/queuejob.ts'
import { type Reason, sentence } from '../api/reasons.ts'
import { cut } from '../api/text.ts'
import { type ClockStops, clockOf } from '../core/active-deadline.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import { conditionsOf, mergeConditions } from '../core/conditions.ts'
import type { Fact } from '../core/facts.ts'
import {
  isTerminal,
  isWaiting,
  type JobObject,
  type JobRecord,
  recordedEpoch,
} from '../core/job.ts'
import {
  applyConfirm,
  applyDiscard,
  applyDuplicate,
  applyReplay,
  applyRetryNow,
  applyTrim,
} from './acts.ts'
import { applyCancel, applyExpired, applyLost, applyOverdue, applyStuck } from './endings.ts'
import { applyOutcome, waitingAgain } from './outcomes.ts'
import type { FailurePolicy } from './ports.ts'
import { fitStatus } from './size.ts'
import { runIdOf, type Step, type StepContext, workerOf } from './step.ts'

export interface StatusInput {
  readonly object: JobObject
  readonly record: JobRecord
  readonly facts: readonly Fact[]
  readonly now: WallMs
  readonly policy: FailurePolicy
  /** What stops the clock of `activeDeadlineSeconds`, beside the job itself. */
  readonly stops: ClockStops
}

export interface StatusPlan {
  /** Null: nothing to write. */
  readonly status: QueueJobStatus | null
  /**
   * For each fact: did it change the status, or has the world overtaken it? Fewer than there are facts:
   * the others belong into a write of their own. An end and what happens to the job after it, such as
   * a replay, are two writes, so that every end stands in etcd once, and for others to see.
   */
  readonly applied: readonly boolean[]
}

export function planStatus(input: StatusInput): StatusPlan {
  const context: StepContext = { record: input.record, policy: input.policy, now: input.now }
  const before = input.object.status
  let status = before
  let stalled: boolean | null = null
  const applied: boolean[] = []
  for (const fact of input.facts) {
    const step = apply(status, fact, context)
    if (step && isTerminal(status.phase) !== isTerminal(before.phase)) break
    applied.push(step !== null)
    if (!step) continue
    status = step.status
    stalled = step.stalled ?? false
  }
  if (!applied.includes(true)) return { status: null, applied }
  const level = atLevel(status, context)
  if (level !== status) stalled = false
  const next = complete(input, level, stalled ?? isStalled(before))
  return { status: sameStatus(before, next) ? null : next, applied }
}

function apply(status: QueueJobStatus, fact: Fact, context: StepContext): Step {
  switch (fact.kind) {
    case 'seen':
      return { status, stalled: isStalled(status) }
    case 'refused':
      return applyRefused(status, fact, context)
    case 'waiting':
      return applyWaiting(status, fact, context)
    case 'running':
      return applyRunning(status, fact)
    case 'progress':
      return applyProgress(status, fact)
    case 'outcome':
      return applyOutcome(status, fact, context)
    case 'lost':
      return applyLost(status, fact, context)
    case 'overdue':
      return applyOverdue(status, fact, context)
    case 'stuck':
      return applyStuck(status, fact, context)
    case 'cancel':
      return applyCancel(status, fact, context)
    case 'expired':
      return applyExpired(status, fact, context)
    case 'discard':
      return applyDiscard(status, fact, context)
    case 'replay':
    case 'rerun':
      return applyReplay(status, fact, context)
    case 'retry-now':
      return applyRetryNow(status, fact, context)
    case 'confirm':
      return applyConfirm(status, fact, context)
    case 'duplicate':
      return applyDuplicate(status, fact, context)
    case 'trim':
      return applyTrim(status)
  }
}

/**
 * U2: suspension is a level. Every write of a job that waits says so, whatever it was for: an edit, a
 * failure of the attempt that was to end. A back-off that still runs goes on meanwhile.
 */
function atLevel(status: QueueJobStatus, { record, now }: StepContext): QueueJobStatus {
  if (!isWaiting(status.phase) || record.suspend === (status.phase === 'Suspended')) return status
  const { nextAttemptTime, ...rest } = status
  return {
    ...rest,
    ...waitingAgain(record, 'it was resumed'),
    ...(stillRuns(nextAttemptTime, now) ? { nextAttemptTime } : {}),
  }
}

function stillRuns(nextAttemptTime: string | undefined, now: WallMs): boolean {
  return nextAttemptTime !== undefined && Date.parse(nextAttemptTime) > now
}

function applyRefused(
  status: QueueJobStatus,
  fact: Extract<Fact, { kind: 'refused' }>,
  { now, record }: StepContext,
): Step {
  if (isTerminal(status.phase) || status.phase === 'Running') return null
  const { nextAttemptTime: _, runId: __, ...rest } = status
  return {
    status: {
      ...rest,
      ...runIdOf(record.runId),
      phase: 'Failed',
      reason: fact.reason,
      message: fact.message,
      completionTime: rfc3339(now),
      error: { category: 'Permanent', code: fact.reason, message: fact.message },
    },
  }
}

/**
 * Never over a phase that says more: an open attempt, or an end. A back-off or a snooze that still runs
 * is kept, whatever else is told meanwhile: `nextAttemptTime` is a promise that only the end of an
 * attempt makes, and a wait of the spec, which can be edited, is not mixed in.
 */
function applyWaiting(
  status: QueueJobStatus,
  fact: Extract<Fact, { kind: 'waiting' }>,
  { now, record }: StepContext,
): Step {
  if (!isWaiting(status.phase)) return null
  // Suspended or resumed since it was told.
  if (record.suspend !== (fact.phase === 'Suspended')) return null
  const { nextAttemptTime, ...rest } = status
  const next: QueueJobStatus = {
    ...rest,
    phase: fact.phase,
    reason: fact.reason,
    message: fact.message,
    ...(stillRuns(nextAttemptTime, now) ? { nextAttemptTime } : {}),
  }
  return { status: next, stalled: fact.stalled }
}

/** D5, T6. Overtaken when the epoch is recorded already or a newer one is. */
function applyRunning(status: QueueJobStatus, fact: Extract<Fact, { kind: 'running' }>): Step {
  if (isTerminal(status.phase) || fact.epoch <= recordedEpoch(status)) return null
  const {
    nextAttemptTime: _,
    completionTime: __,
    progress: ___,
    message: ____,
    runId: _____,
    ...rest
  } = status
  return {
    status: {
      ...rest,
      phase: 'Running',
      reason: 'Running' satisfies Reason,
      epoch: fact.epoch,
      attempt: fact.attempt,
      startTime: rfc3339(fact.startedAt),
      worker: workerOf(fact.place),
      ...runIdOf(fact.runId),
    },
  }
}

/** What `status.progress.message` holds; a note may be longer. */
const MAX_PROGRESS_MESSAGE = 256

function applyProgress(status: QueueJobStatus, fact: Extract<Fact, { kind: 'progress' }>): Step {
  if (status.phase !== 'Running' || recordedEpoch(status) !== fact.epoch) return null
  return {
    status: {
      ...status,
      progress: { percent: fact.percent, message: cut(fact.message, MAX_PROGRESS_MESSAGE) },
    },
  }
}

/**
 * W5, second step: no form of the planned status was taken. What is written instead is what the server
 * took last, with the planned epoch, so that the attempt is closed, and the end `StatusRefused`. Null:
 * the job has ended before, and nothing of an end may be overwritten (W9).
 */
export function planRefused(
  input: Omit<StatusInput, 'facts' | 'policy'>,
  planned: QueueJobStatus,
  detail: string,
): QueueJobStatus | null {
  const { status: before } = input.object
  if (isTerminal(before.phase)) return null
  const { progress: _, nextAttemptTime: __, ...rest } = before
  const message = sentence('StatusRefused', { error: detail })
  const status: QueueJobStatus = {
    ...rest,
    // Of the run that ends here: an end that named another one would ask to be run again (U3).
    ...runIdOf(planned.runId ?? input.record.runId),
    ...(planned.epoch === undefined ? {} : { epoch: planned.epoch }),
    phase: 'Failed',
    reason: 'StatusRefused',
    message,
    completionTime: rfc3339(input.now),
    error: { category: 'System', code: 'StatusRefused', message },
  }
  return complete(input, status, false)
}

function complete(
  input: Omit<StatusInput, 'facts' | 'policy'>,
  status: QueueJobStatus,
  stalled: boolean,
): QueueJobStatus {
  const conditions = mergeConditions(
    input.object.status.conditions,
    saidBy(status, input.record, stalled),
    status.reason ?? status.phase,
    input.now,
  )
  const queuedTime = status.queuedTime ?? rfc3339(input.object.creationMs)
  const { conditions: _, activeTime: __, suspendedTime: ___, ...rest } = status
  return fitStatus({
    ...rest,
    ...clockOf(input.record, status, input.stops, input.now),
    observedGeneration: input.object.generation,
    queuedTime,
    ...(conditions.length > 0 ? { conditions } : {}),
  } as QueueJobStatus)
}

/** `readiness: Accepted`: Ready as soon as the queue took the job (job-model.md section 1). */
function saidBy(status: QueueJobStatus, record: JobRecord, stalled: boolean) {
  const said = conditionsOf(status.phase, stalled)
  if (!record.readyWhenAccepted || isTerminal(status.phase) || stalled) return said
  return [{ type: 'Ready', status: 'True' } as const]
}

function isStalled(status: QueueJobStatus): boolean {
  return status.conditions?.some((c) => c.type === 'Stalled' && c.status === 'True') ?? false
}

/** Statuses are plain JSON with a stable key order as far as it matters: compare canonically. */
export function sameStatus(a: QueueJobStatus, b: QueueJobStatus): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  )
}
