/**
 * Which changes of a job's status are worth a Kubernetes Event, and what it says.
 *
 * An Event costs a write of its own, so a job tells at most four in one run, however often it is
 * retried: why it cannot start, that it started, that it failed once, how it ended. Everything in
 * between is in the status, the log and the metrics. The decision needs no memory, so a new leader
 * decides as the old one did; a repetition within minutes is dropped where Events are sent.
 *
 *   waiting ──a Warning of the table──▶ told, unless the status warned already
 *   first attempt Running ────────────▶ told
 *   first failure, loss or hand-back ─▶ told, by its cause where a worker was lost
 *   terminal phase ───────────────────▶ told
 *
 * The text is the message of the status, which is the sentence of `api/reasons.ts`, and the advice of
 * the same row as far as its words are known: never a payload, never a result.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { advice, isReason, REASONS, type Reason, slotsOf } from '../api/reasons.ts'
import type { JobKey, JobUid } from '../core/ids.ts'
import { safeText } from './log.ts'
import type { EventNote } from './ports.ts'

/** In characters; the sender cuts to the bytes that the server takes. */
const NOTE_MAX = 1024

/** What an Event may tell of a job; a JobObject is one. */
export interface ToldJob extends JobKey {
  readonly uid: JobUid
  readonly spec: { readonly queue: string; readonly type: string }
  readonly status: QueueJobStatus
}

export interface StatusChange {
  /** As written. */
  readonly object: ToldJob
  readonly before: QueueJobStatus
}

/** The reason to tell, or null: nobody is told. */
export function tellingReason(after: QueueJobStatus, before: QueueJobStatus): Reason | null {
  if (after.phase === before.phase && after.reason === before.reason) return null
  const reason = after.reason ?? ''
  if (!isReason(reason)) return null
  if (ends(reason)) return reason
  const attempts = after.history?.length ?? 0
  if (after.phase === 'Running') return attempts === 0 && before.phase !== 'Running' ? reason : null
  const ended = attempts > (before.history?.length ?? 0)
  if (ended) return attempts === 1 ? causeOf(after, reason) : null
  return warnsOfWait(reason) && !warnsOfWait(before.reason ?? '') ? reason : null
}

/** Where a worker was lost, that says more than that the job waits for its next attempt. */
function causeOf(status: QueueJobStatus, reason: Reason): Reason {
  const cause = status.history?.at(-1)?.cause ?? ''
  return isReason(cause) ? cause : reason
}

function ends(reason: Reason): boolean {
  const { condition } = REASONS[reason]
  return condition === 'Succeeded' || condition === 'Failed'
}

/** The job waits for something that a person must do. */
function warnsOfWait(reason: string): boolean {
  if (!isReason(reason)) return false
  const { scope, event } = REASONS[reason]
  return scope === 'Job' && event === 'Warning' && !ends(reason)
}

export function eventOf({ object, before }: StatusChange): EventNote | null {
  const { status, namespace, name, uid } = object
  const reason = tellingReason(status, before)
  if (reason === null || REASONS[reason].event === null) return null
  return {
    kind: 'QueueJob',
    regarding: { namespace, name, uid },
    reason,
    action: status.phase,
    note: noteText(reason, status.message ?? '', slots(object)),
  }
}

/** What the advice of a row may ask for. */
function slots({ namespace, name, spec, status }: ToldJob): Readonly<Record<string, string>> {
  const worker = status.worker?.pod ?? status.worker?.podUID
  return {
    namespace,
    job: name,
    queue: spec.queue,
    type: spec.type,
    ...(worker === undefined ? {} : { worker }),
    ...(status.worker?.node === undefined ? {} : { node: status.worker.node }),
    ...(status.nextAttemptTime === undefined ? {} : { until: status.nextAttemptTime }),
    ...(status.duplicateOf === undefined ? {} : { first: status.duplicateOf.name }),
  }
}

/**
 * What happened, then what would change it: where somebody has to do something, all of its words are
 * known, and the message does not say it already.
 */
export function noteText(
  reason: Reason,
  message: string,
  known: Readonly<Record<string, string>>,
): string {
  const row = REASONS[reason]
  const said = message === '' ? reason : message
  const sayable =
    row.event === 'Warning' && slotsOf(row.next).every((slot) => Object.hasOwn(known, slot))
  const next = sayable ? advice(reason, known as never) : ''
  return safeText(
    next === '' || said.includes(next) ? said : `${said}. To change it: ${next}`,
    NOTE_MAX,
  )
}
