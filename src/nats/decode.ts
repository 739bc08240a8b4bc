/**
 * Messages into values of the core. Pure, and total: any bytes and any headers give a value or a
 * problem in one line, never an exception (reliability B37, B38). The order is always the same: whose
 * is it (its subject), is it small enough to be looked at, is it one of ours, does every field keep
 * its bounds. A problem names the field and never quotes a value: it goes into logs.
 *
 * Header names are case-sensitive and one of ours may come once only; others are ignored, so an old
 * and a new process can meet. A higher protocol version than ours is refused with a sentence.
 */
import type { z } from 'zod'
import {
  BeatMessage,
  ConnectClaim,
  ControlMessage,
  EVENT_HEADERS,
  EventError,
  EventHeaders,
  MESSAGE_LIMITS,
  NoteMessage,
  PROTOCOL_VERSION,
  readHeaders,
  WORK_HEADERS,
  WorkHeaders,
} from '../api/messages.ts'
import type { WallMs } from '../core/clock.ts'
import { depthOf } from '../core/depth.ts'
import { bootId, classId, jobUid } from '../core/ids.ts'
import type { Beat, Control, Failure, Note, Outcome, Report, WorkItem } from '../core/outcome.ts'
import { type HeaderBlock, type RawMessage, readHeaderBlock, sizeOf } from './message.ts'
import type { JobSender, Sender, WorkAddress } from './subjects.ts'
import { cleanText, MAX_DEPTH, readJson } from './text.ts'

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string }

/** What is enough of a work message to report it `rejected`. */
export type PartialWork = Pick<WorkItem, 'uid' | 'name' | 'epoch' | 'nonce' | 'attempt' | 'runId'>

export type DecodedWork =
  | { readonly ok: true; readonly value: WorkItem }
  | { readonly ok: false; readonly problem: string; readonly partial: PartialWork | null }

/** Longest error text that goes on from here, in bytes. */
export const MAX_ERROR_BYTES = 1024

const MAX_PROBLEM = 240

const refused = (problem: string) => ({ ok: false, problem }) as const

/** @param address of the message's subject */
export function decodeWork(address: WorkAddress, message: RawMessage): DecodedWork {
  const block = headersWithin(message, MESSAGE_LIMITS.workBytes)
  if (!block.ok) return { ...block, partial: null }
  const headers = readHeaders(WORK_HEADERS, block.value.get)
  const partial = partialWork(address, headers)
  const no = (problem: string) => ({ ok: false, problem, partial }) as const
  const foreign = versionProblem(headers.proto) ?? repeatedProblem(WORK_HEADERS, block.value)
  if (foreign) return no(foreign)
  const parsed = WorkHeaders.safeParse(headers)
  if (!parsed.success) return no(headerProblem(WORK_HEADERS, headers, parsed.error))
  const { proto: _, deadline: __, item: ___, checkpoint: ____, ...fields } = parsed.data
  if (fields.uid !== address.uid) return no(`header ${WORK_HEADERS.uid} contradicts the subject`)
  if (fields.namespace !== address.namespace) {
    return no(`header ${WORK_HEADERS.namespace} contradicts the subject`)
  }
  const payload = jsonBody(message.body)
  if (!payload.ok) return no(payload.problem)
  const { contentType: _____, payloadFrom, ...rest } = fields
  return {
    ok: true,
    value: {
      ...rest,
      uid: address.uid,
      cls: address.cls,
      payloadJson: payload.value,
      payloadFrom: referenceOf(payloadFrom),
    },
  }
}

/** The schema has checked its form. */
function referenceOf(text: string): WorkItem['payloadFrom'] {
  const [kind, name, key] = text.split('/')
  if ((kind !== 'ConfigMap' && kind !== 'Secret') || !name || !key) return null
  return { kind, name, key }
}

const PartialHeaders = WorkHeaders.pick({
  uid: true,
  name: true,
  epoch: true,
  nonce: true,
  attempt: true,
  runId: true,
})

function partialWork(
  address: WorkAddress,
  headers: Readonly<Record<string, unknown>>,
): PartialWork | null {
  const parsed = PartialHeaders.safeParse(headers)
  if (!parsed.success || parsed.data.uid !== address.uid) return null
  return { ...parsed.data, uid: address.uid }
}

/** @param sender of the message's subject: who reports about which job */
export function decodeEvent(sender: JobSender, message: RawMessage): Decoded<Report> {
  const block = headersWithin(message, MESSAGE_LIMITS.eventBytes)
  if (!block.ok) return block
  const headers = readHeaders(EVENT_HEADERS, block.value.get)
  const foreign = versionProblem(headers.proto) ?? repeatedProblem(EVENT_HEADERS, block.value)
  if (foreign) return refused(foreign)
  const parsed = EventHeaders.safeParse(headers)
  if (!parsed.success) return refused(headerProblem(EVENT_HEADERS, headers, parsed.error))
  const fields = parsed.data
  if (fields.uid !== sender.uid) {
    return refused(`header ${EVENT_HEADERS.uid} contradicts the subject`)
  }
  const outcome = outcomeOf(fields, message.body)
  if (!outcome.ok) return outcome
  return {
    ok: true,
    value: {
      namespace: sender.namespace,
      name: fields.name,
      uid: sender.uid,
      owner: { worker: sender.worker, boot: bootId(fields.boot) },
      epoch: fields.epoch,
      nonce: fields.nonce,
      attempt: fields.attempt,
      runId: fields.runId,
      outcome: outcome.value,
      startedAgoMs: fields.startedAgoMs,
      durationMs: fields.durationMs,
    },
  }
}

function outcomeOf(fields: EventHeaders, body: Uint8Array): Decoded<Outcome> {
  switch (fields.outcome) {
    case 'succeeded':
      return resultOf(body)
    case 'snoozed':
      return { ok: true, value: { kind: 'snoozed', delayMs: fields.retryAfterMs ?? 0 } }
    case 'cancelled':
    case 'handed-back':
      return { ok: true, value: { kind: fields.outcome } }
    case 'failed': {
      const failure = failureOf(fields, body, 'Temporary', 'Error')
      if (!failure.ok) return failure
      const retryAfterMs = fields.retryAfterMs ?? null
      return { ok: true, value: { kind: 'failed', failure: failure.value, retryAfterMs } }
    }
    case 'timed-out':
    case 'rejected': {
      const timedOut = fields.outcome === 'timed-out'
      const failure = timedOut
        ? failureOf(fields, body, 'Timeout', 'AttemptTimeout')
        : failureOf(fields, body, 'System', 'Rejected')
      if (!failure.ok) return failure
      return { ok: true, value: { kind: fields.outcome, failure: failure.value } }
    }
  }
}

function resultOf(body: Uint8Array): Decoded<Outcome> {
  const result = jsonBody(body)
  if (!result.ok) return result
  if (result.value !== null && depthOf(result.value) > MAX_DEPTH) {
    return refused(`the result nests deeper than ${MAX_DEPTH}`)
  }
  return { ok: true, value: { kind: 'succeeded', resultJson: result.value } }
}

function failureOf(
  fields: EventHeaders,
  body: Uint8Array,
  category: Failure['category'],
  code: string,
): Decoded<Failure> {
  const read = body.length === 0 ? ({ ok: true, value: {} } as const) : readJson(body)
  if (!read.ok) return read
  const parsed = EventError.safeParse(read.value)
  if (!parsed.success) return refused(bodyProblem(parsed.error))
  return {
    ok: true,
    value: {
      category: fields.category ?? category,
      code: fields.code ?? parsed.data.code ?? code,
      message: cleanText(parsed.data.message, MAX_ERROR_BYTES),
    },
  }
}

/** Exactly the JSON text of a body; null for an absent one and for `null`, which are the same. */
function jsonBody(body: Uint8Array): Decoded<string | null> {
  if (body.length === 0) return { ok: true, value: null }
  const read = readJson(body)
  if (!read.ok) return read
  return { ok: true, value: read.value === null ? null : read.text }
}

export function decodeBeat(sender: Sender, message: RawMessage): Decoded<Beat> {
  const beat = versioned(BeatMessage, message, MESSAGE_LIMITS.beatBytes)
  if (!beat.ok) return beat
  const { v: _, boot, term, class: cls, handlers, running, finished, ...rest } = beat.value
  return {
    ok: true,
    value: {
      ...rest,
      namespace: sender.namespace,
      owner: { worker: sender.worker, boot: bootId(boot) },
      announcedTerm: term,
      cls: classId(cls),
      handlers: handlers.map(({ type, version }) => ({ type, version })),
      running: running.map(({ item: __, ...entry }) => ({ ...entry, uid: jobUid(entry.uid) })),
      finished: finished.map((entry) => ({ ...entry, uid: jobUid(entry.uid) })),
    },
  }
}

/** @param at when it came */
export function decodeNote(sender: JobSender, message: RawMessage, at: WallMs): Decoded<Note> {
  const note = versioned(NoteMessage, message, MESSAGE_LIMITS.noteBytes)
  if (!note.ok) return note
  return {
    ok: true,
    value: {
      namespace: sender.namespace,
      owner: { worker: sender.worker, boot: bootId(note.value.boot) },
      uid: sender.uid,
      epoch: note.value.epoch,
      percent: note.value.percent,
      message: cleanText(note.value.message, MAX_ERROR_BYTES),
      at,
    },
  }
}

export function decodeControl(message: RawMessage): Decoded<Control> {
  const control = versioned(ControlMessage, message, MESSAGE_LIMITS.controlBytes)
  if (!control.ok) return control
  return { ok: true, value: controlOf(control.value) }
}

function controlOf(message: ControlMessage): Control {
  switch (message.kind) {
    case 'leader':
      return {
        kind: 'leader',
        term: message.term,
        shard: message.shard,
        report: message.report,
      }
    case 'cancel':
      return {
        kind: 'cancel',
        term: message.term,
        uid: jobUid(message.uid),
        epochMax: message.epochMax,
        reason: message.reason,
        ...(message.graceMs === undefined ? {} : { graceMs: message.graceMs }),
      }
    case 'resend':
      return {
        kind: 'resend',
        term: message.term,
        reports: message.reports.map(({ uid, epoch }) => ({ uid: jobUid(uid), epoch })),
      }
    case 'drain':
      return { kind: 'drain', term: message.term }
  }
}

/** Longest user name that is looked at: 1,000 types of 126 characters, in base64url. */
const MAX_CLAIM_CHARACTERS = 262_144

/** What a worker claims in the user name of CONNECT (names.md). */
export function decodeClaim(user: string): Decoded<ConnectClaim> {
  if (user.length > MAX_CLAIM_CHARACTERS) return refused('the user name is too long')
  if (!/^[A-Za-z0-9_-]+$/.test(user)) return refused('the user name is not base64url')
  return checked(ConnectClaim, Buffer.from(user, 'base64url'))
}

/** A JSON body whose field `v` is the protocol version. Its headers are not looked at. */
function versioned<S extends z.ZodType>(
  schema: S,
  message: RawMessage,
  maxBytes: number,
): Decoded<z.output<S>> {
  if (sizeOf(message) > maxBytes) {
    return refused(`a message of ${sizeOf(message)} bytes, at most ${maxBytes} are read`)
  }
  return checked(schema, message.body)
}

function checked<S extends z.ZodType>(schema: S, body: Uint8Array): Decoded<z.output<S>> {
  const read = readJson(body)
  if (!read.ok) return read
  const foreign = versionProblem(field(read.value, 'v'))
  if (foreign) return refused(foreign)
  const parsed = schema.safeParse(read.value)
  return parsed.success ? { ok: true, value: parsed.data } : refused(bodyProblem(parsed.error))
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined
}

function headersWithin(message: RawMessage, maxBytes: number): Decoded<HeaderBlock> {
  if (sizeOf(message) > maxBytes) {
    return refused(`a message of ${sizeOf(message)} bytes, at most ${maxBytes} are read`)
  }
  const reading = readHeaderBlock(message.headers)
  return reading.ok ? { ok: true, value: reading.block } : reading
}

/** Null: ours, the one before, or not even a version, which the schema refuses by name. */
function versionProblem(version: unknown): string | null {
  const number = Number(version)
  if (!Number.isInteger(number) || number <= PROTOCOL_VERSION || number > 99) return null
  return `speaks protocol version ${number}, this process knows ${PROTOCOL_VERSION}; upgrade the operator before the workers`
}

function repeatedProblem(
  names: Readonly<Record<string, string>>,
  block: HeaderBlock,
): string | null {
  if (block.repeated.size === 0) return null
  const name = Object.values(names).find((own) => block.repeated.has(own))
  return name === undefined ? null : `header ${name} came more than once`
}

function headerProblem(
  names: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, unknown>>,
  error: z.ZodError,
): string {
  const issue = error.issues[0]
  const property = String(issue?.path[0])
  const header = names[property] ?? 'unknown'
  if (headers[property] === undefined) return `header ${header} is missing`
  return cleanText(`header ${header}: ${issue?.message}`, MAX_PROBLEM)
}

function bodyProblem(error: z.ZodError): string {
  const issue = error.issues[0]
  const path = (issue?.path ?? []).map(String).join('.') || 'the body'
  return cleanText(`${path}: ${issue?.message}`, MAX_PROBLEM)
}
