/**
 * What an action does to one job, judged on the newest version that was read (resources.md, protocol
 * section 10). Pure. The job's own write decides in the end: it carries the order, and a job that moved
 * on meanwhile takes nothing; then it is judged again.
 */
import type { Phase } from '../api/conditions.ts'
import { type ReasonOf, sentence } from '../api/reasons.ts'
import type { ActRequest } from '../core/facts.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import { MAX_ACTION_REPLAYS, replaysByAction } from '../core/replays.ts'
import type { ActionObject } from '../core/resources.ts'
import { isUnconfirmedRestore } from '../core/seen.ts'

/** How it went with one target. */
export type TargetOutcome =
  /** `note`: what else a person should know; '' = nothing. */
  | { readonly kind: 'done'; readonly note: string }
  /** It needed no change. */
  | { readonly kind: 'skipped'; readonly note: string }
  | {
      readonly kind: 'failed'
      readonly reason: ReasonOf<'Action' | 'Job'>
      readonly message: string
    }
  /** Not now: the same target again after this time. */
  | { readonly kind: 'later'; readonly afterMs: number }

export type JobDecision = TargetOutcome | { readonly kind: 'act'; readonly request: ActRequest }

export const DONE: TargetOutcome = { kind: 'done', note: '' }
export const skipped = (note: string): TargetOutcome => ({ kind: 'skipped', note })

export function decideJob(action: ActionObject, order: number, job: JobObject): JobDecision {
  const taken = job.status.actionOrder ?? 0
  if (taken === order) return DONE
  if (taken > order) return skipped('a later action was applied first')
  if (job.deleting) return skipped('the target is being deleted')
  const asked = {
    order,
    action: action.name,
    by: action.spec.requestedBy ?? '',
    comment: action.spec.comment ?? '',
  }
  switch (action.spec.action) {
    case 'Cancel':
      return isTerminal(job.status.phase)
        ? ended(job)
        : { kind: 'act', request: { kind: 'cancel', ...asked } }
    case 'Retry':
      return waitsToTryAgain(job) ?? { kind: 'act', request: { kind: 'retry-now', ...asked } }
    case 'Replay':
      return (
        notReplayed(job) ?? {
          kind: 'act',
          request: { kind: 'replay', ...asked, payload: payloadOf(action) },
        }
      )
    case 'Discard':
      return job.status.phase === 'DeadLettered' || isUnconfirmed(job)
        ? { kind: 'act', request: { kind: 'discard', ...asked } }
        : skipped(`it is ${job.status.phase}, neither a dead letter nor held after a restore`)
    case 'Resume':
      return isUnconfirmed(job)
        ? { kind: 'act', request: { kind: 'confirm', ...asked } }
        : skipped('it is not held after a restore')
    default:
      return skipped(`${action.spec.action} is not for a job`)
  }
}

function ended({ status: { phase } }: JobObject): TargetOutcome {
  return skipped(`the target had ended before: ${phase}`)
}

/** A back-off and a snooze are the two waits that the end of an attempt promises. */
function waitsToTryAgain(job: JobObject): TargetOutcome | null {
  const { phase, nextAttemptTime } = job.status
  if (isTerminal(phase)) return skipped(`the target had ended: ${phase}; Replay runs it again`)
  if (phase === 'Running') return skipped('the target runs already')
  return nextAttemptTime === undefined
    ? skipped('it waits for no retry: neither a back-off nor a snooze')
    : null
}

const REPLAYED: ReadonlySet<Phase> = new Set<Phase>(['Failed', 'DeadLettered', 'Cancelled'])

function notReplayed(job: JobObject): TargetOutcome | null {
  const { phase } = job.status
  if (!isTerminal(phase)) return skipped(`the target has not ended: ${phase}`)
  if (!REPLAYED.has(phase)) {
    return skipped(`the target has succeeded: ${phase}; a changed spec.runId runs it again`)
  }
  const replays = replaysByAction(job.status)
  if (replays < MAX_ACTION_REPLAYS) return null
  const slots = { job: job.name, replays, limit: MAX_ACTION_REPLAYS }
  return { kind: 'failed', reason: 'ReplayLimit', message: sentence('ReplayLimit', slots) }
}

/** Held after a restore (job-model.md section 5). */
function isUnconfirmed(job: JobObject): boolean {
  return isUnconfirmedRestore(job) && !isTerminal(job.status.phase)
}

function payloadOf({ name, uid, payload }: ActionObject): { name: string; uid: string } | null {
  return payload.kind === 'absent' ? null : { name, uid }
}
