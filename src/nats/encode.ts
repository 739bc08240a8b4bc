/**
 * Values of the core into messages: the other direction of `decode.ts`, and the one place that makes
 * message ids. An id carries the nonce, because JetStream de-duplicates per stream whatever the
 * subject: an id that anybody can guess would let any publisher hide another's outcome (protocol,
 * section 4).
 *
 * What is too large for the wire is cut or replaced here by a rule without memory, so a repeated
 * report is the same report (O7) and none is too large to be published for ever.
 */
import { PATTERNS } from '../api/fields.ts'
import {
  type BeatMessage,
  type ConnectClaim,
  EVENT_HEADERS,
  MESSAGE_LIMITS,
  PROTOCOL_VERSION,
  WORK_HEADERS,
  writeHeaders,
} from '../api/messages.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import { shardOf, subjects } from '../core/ids.ts'
import type { Control, Failure, Outcome, Owner, Report, WorkItem } from '../core/outcome.ts'
import { cleanText } from './text.ts'

export type HeaderLines = readonly (readonly [string, string])[]

/** A message on its way into a stream. */
export interface StreamMessage {
  readonly subject: string
  /** `Nats-Msg-Id`. */
  readonly id: string
  /** Without the id. */
  readonly headers: HeaderLines
  readonly body: string
}

/** Longest error text that is sent, in bytes; the operator keeps the first KiB. */
const MAX_MESSAGE_BYTES = 4096
/** Largest result that is sent, in bytes: with its headers it stays below the stream's limit. */
const MAX_RESULT_BYTES = MESSAGE_LIMITS.eventBytes - 4096
const MAX_NOTE_CHARACTERS = 512

/** @param now for the deadline that people read */
export function encodeWork(item: WorkItem, now: WallMs): StreamMessage {
  const { namespace, cls, uid, epoch, nonce, payloadJson } = item
  return {
    subject: subjects.work(namespace, cls, uid),
    id: workMessageId(item),
    headers: writeHeaders(WORK_HEADERS, {
      ...opaqueHeaders(item),
      proto: PROTOCOL_VERSION,
      uid,
      name: item.name,
      namespace,
      queue: item.queue,
      type: item.type,
      handlerVersion: item.handlerVersion,
      epoch,
      nonce,
      attempt: item.attempt,
      maxAttempts: item.maxAttempts,
      runId: item.runId,
      timeoutMs: item.timeoutMs,
      deadline: deadline(now + item.timeoutMs),
      contentType: payloadJson === null ? '' : 'application/json',
      payloadFrom: referenceText(item.payloadFrom),
    }),
    body: payloadJson ?? '',
  }
}

function referenceText(from: WorkItem['payloadFrom']): string {
  return from === null ? '' : `${from.kind}/${from.name}/${from.key}`
}

/** The last day that RFC 3339 can name. */
const LAST_TIME = Date.UTC(9999, 11, 31)

function deadline(at: WallMs): string {
  return at > LAST_TIME ? '' : rfc3339(at)
}

export function workMessageId(item: Pick<WorkItem, 'uid' | 'epoch' | 'nonce'>): string {
  return `${item.uid}.${item.epoch}.${item.nonce}`
}

/** Users' own texts: passed on as they came, or, where they would break the header, not at all. */
function opaqueHeaders(item: WorkItem) {
  const visible = (value: string, max: number) =>
    value.length <= max && /^[ -~]*$/.test(value) ? value.trim() : ''
  return {
    correlationId: visible(item.correlationId, 256),
    traceparent: visible(item.traceparent, 128),
    tracestate: visible(item.tracestate, 512),
  }
}

/** Where a report comes from. */
export interface ReportOrigin {
  readonly namespace: string
  readonly owner: Owner
}

export type OutgoingReport = Omit<Report, 'owner' | 'namespace'>

/** @param resend 0 for the first publication, n when `ctl resend` asked for it the nth time */
export function encodeEvent(
  report: OutgoingReport,
  origin: ReportOrigin,
  resend: number,
): StreamMessage {
  const { owner, namespace } = origin
  const outcome = sendable(report.outcome)
  return {
    subject: subjects.event(shardOf(namespace), namespace, owner.worker, report.uid),
    id: eventMessageId(report, owner, resend),
    headers: writeHeaders(EVENT_HEADERS, {
      proto: PROTOCOL_VERSION,
      uid: report.uid,
      name: report.name,
      epoch: report.epoch,
      nonce: report.nonce,
      attempt: report.attempt,
      runId: report.runId,
      boot: owner.boot,
      startedAgoMs: whole(report.startedAgoMs),
      durationMs: whole(report.durationMs),
      outcome: outcome.kind,
      ...outcomeHeaders(outcome),
    }),
    body: outcomeBody(outcome),
  }
}

export function eventMessageId(report: OutgoingReport, owner: Owner, resend: number): string {
  const id = `${workMessageId(report)}.${owner.boot.slice(0, 8)}.end`
  return resend === 0 ? id : `${id}.r${resend}`
}

function sendable(outcome: Outcome): Outcome {
  if (outcome.kind !== 'succeeded' || outcome.resultJson === null) return outcome
  const bytes = Buffer.byteLength(outcome.resultJson)
  if (bytes <= MAX_RESULT_BYTES) return outcome
  return {
    kind: 'failed',
    failure: {
      category: 'Permanent',
      code: 'InvalidResult',
      message: `the result has ${bytes} bytes, a report can carry ${MAX_RESULT_BYTES}; store it elsewhere and return a reference`,
    },
    retryAfterMs: null,
  }
}

function outcomeHeaders(outcome: Outcome) {
  switch (outcome.kind) {
    case 'failed': {
      const { category } = outcome.failure
      const code = sendableCode(outcome.failure)
      const wait = outcome.retryAfterMs
      return wait === null ? { category, code } : { category, code, retryAfterMs: whole(wait) }
    }
    case 'timed-out':
    case 'rejected':
      return { category: outcome.failure.category, code: sendableCode(outcome.failure) }
    case 'snoozed':
      return { retryAfterMs: whole(outcome.delayMs) }
    case 'succeeded':
    case 'cancelled':
    case 'handed-back':
      return {}
  }
}

/** A code becomes a header, a metric label and a reason: what is none is not let out. */
function sendableCode({ code }: Failure): string {
  return code.length <= 64 && PATTERNS.code.test(code) ? code : 'Error'
}

/** Longest wait or duration on the wire: ten years. */
const LONGEST_MS = 315_360_000_000

function whole(ms: number): number {
  return Math.min(LONGEST_MS, Math.max(0, Math.round(ms)))
}

function outcomeBody(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'succeeded':
      return outcome.resultJson ?? ''
    case 'failed':
    case 'timed-out':
    case 'rejected':
      return errorBody(outcome.failure)
    case 'snoozed':
    case 'cancelled':
    case 'handed-back':
      return ''
  }
}

function errorBody(failure: Failure): string {
  return JSON.stringify({
    code: sendableCode(failure),
    message: cleanText(failure.message, MAX_MESSAGE_BYTES),
  })
}

/**
 * A beat as JSON, or null when it is too large for one message: a list of attempts must not be cut,
 * because an attempt that is not listed is lost. Reports confirmed long ago are left out first.
 * @param maxBytes what the server takes
 */
export function encodeBeat(beat: BeatMessage, maxBytes: number): string | null {
  const limit = Math.min(maxBytes, MESSAGE_LIMITS.beatBytes)
  const whole = JSON.stringify(beat)
  if (Buffer.byteLength(whole) <= limit) return whole
  const needed = { ...beat, finished: beat.finished.filter((entry) => !entry.confirmed) }
  const least = JSON.stringify(needed)
  return Buffer.byteLength(least) <= limit ? least : null
}

export function encodeNote(
  attempt: Pick<WorkItem, 'epoch' | 'nonce'>,
  owner: Owner,
  percent: number,
  message: string,
): string {
  return JSON.stringify({
    v: PROTOCOL_VERSION,
    boot: owner.boot,
    epoch: attempt.epoch,
    nonce: attempt.nonce,
    percent: Math.min(100, Math.max(0, Math.round(percent))) || 0,
    message: cleanText(message, MAX_NOTE_CHARACTERS),
  })
}

/** One message, or several when a resend asks for more reports than one may name. */
export function encodeControl(control: Control): readonly string[] {
  if (control.kind !== 'resend') return [JSON.stringify({ v: PROTOCOL_VERSION, ...control })]
  const messages: string[] = []
  for (let from = 0; from < control.reports.length; from += MESSAGE_LIMITS.resendReports) {
    const reports = control.reports.slice(from, from + MESSAGE_LIMITS.resendReports)
    messages.push(JSON.stringify({ v: PROTOCOL_VERSION, ...control, reports }))
  }
  return messages
}

/** The user name of CONNECT (names.md). */
export function encodeClaim(claim: ConnectClaim): string {
  return Buffer.from(JSON.stringify(claim)).toString('base64url')
}
