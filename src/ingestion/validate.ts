/**
 * Is this job acceptable? The checks that the schema and CEL cannot make, as a chain: the first one
 * that objects wins, and its reason and sentence end up on the object (`Failed`, one write).
 *
 *   notServed         part of the API, not of this release: refused, never ignored
 *   payloadTooLarge   CEL cannot measure a payload
 *   payloadTooDeep    nor how deep it nests
 *   payloadInexact    an integer beyond 2^53 would reach the handler rounded
 *   timeOutOfBounds   the API server takes years from 0001 to 9999
 *
 * Only a job that waits is judged: what has started runs to its end.
 *
 * An object that the API server took but our schema cannot read is another matter: nothing can be
 * written to it, because a status is computed from the one that stands there. `unreadableNote` is what
 * its Event and the log say instead; it stays where it is until somebody deletes it or installs the
 * release that knows it.
 */
import { MAX_PAYLOAD_BYTES } from '../api/queuejob.ts'
import { type ReasonOf, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import { MAX_PAYLOAD_DEPTH } from '../core/depth.ts'
import { inexactInteger } from '../core/inexact.ts'
import type { JobObject, Payload } from '../core/job.ts'
import type { QueueObject, UnreadableObject } from '../core/resources.ts'
import { boundedTime, FIRST_YEAR, LAST_YEAR } from './normalise.ts'

export interface Refusal {
  readonly reason: ReasonOf<'Job'>
  /** At most 1,024 characters, one line; never holds a value of the payload. */
  readonly message: string
}

interface Judged {
  readonly object: JobObject
  /** Null: there is none (yet); that holds the job but refuses nothing. */
  readonly queue: QueueObject | null
  /** Of this operator, for the sentence. */
  readonly version: string
}

/** Named by what is wrong. */
type Check = (judged: Judged) => Refusal | null

const CHECKS: readonly Check[] = [
  notServed,
  payloadTooLarge,
  payloadTooDeep,
  payloadInexact,
  timeOutOfBounds,
]

export function judge(
  object: JobObject,
  queue: QueueObject | null,
  version: string,
): Refusal | null {
  for (const check of CHECKS) {
    const refusal = check({ object, queue, version })
    if (refusal) return refusal
  }
  return null
}

/** The action that held the payload of this run was deleted before it could be read (decision 0020). */
export function payloadLost(action: string): Refusal {
  const error = `it was to come from QueueAction ${action}, which was deleted; replay the job again`
  const message = sentence('InvalidPayload', { path: 'spec.payload', error })
  return { reason: 'InvalidPayload', message }
}

/** What a payload that was read only now holds against its dispatch; null = nothing. */
export function judgePayload(json: string): Refusal | null {
  return tooLarge(Buffer.byteLength(json)) ?? inexact(json)
}

function notServed({ object, version }: Judged): Refusal | null {
  const fields = notYetSupported('QueueJob', object.spec)
  if (fields.length === 0) return null
  return {
    reason: 'NotYetSupported',
    message: sentence('NotYetSupported', { fields: fields.join(', '), version }),
  }
}

/** Of a job that was replayed with another one, its own says nothing any more (decision 0020). */
function ownPayload({ status, payload }: JobObject): Payload {
  return status.payloadAction ? { kind: 'absent' } : payload
}

function payloadTooLarge({ object }: Judged): Refusal | null {
  const payload = ownPayload(object)
  switch (payload.kind) {
    case 'absent':
    case 'too-deep':
      return null
    case 'inline':
      return tooLarge(Buffer.byteLength(payload.json))
    case 'stored':
      return tooLarge(payload.bytes)
  }
}

function tooLarge(bytes: number): Refusal | null {
  if (bytes <= MAX_PAYLOAD_BYTES) return null
  return {
    reason: 'PayloadTooLarge',
    message: sentence('PayloadTooLarge', { bytes, limit: MAX_PAYLOAD_BYTES }),
  }
}

function payloadTooDeep({ object }: Judged): Refusal | null {
  if (ownPayload(object).kind !== 'too-deep') return null
  return {
    reason: 'InvalidPayload',
    message: sentence('InvalidPayload', {
      path: 'spec.payload',
      error: `it is nested deeper than ${MAX_PAYLOAD_DEPTH} levels; send it as a string`,
    }),
  }
}

/** A stored payload is looked at when it is read for the dispatch (`judgePayload`). */
function payloadInexact({ object }: Judged): Refusal | null {
  const payload = ownPayload(object)
  return payload.kind === 'inline' ? inexact(payload.json) : null
}

function inexact(json: string): Refusal | null {
  const path = inexactInteger(json)
  if (path === null) return null
  return {
    reason: 'InvalidPayload',
    message: sentence('InvalidPayload', {
      path: `spec.payload${path === '' || path.startsWith('[') ? '' : '.'}${path}`,
      error: 'an integer beyond 2^53 would be rounded on its way; send it as a string',
    }),
  }
}

function timeOutOfBounds({ object: { spec } }: Judged): Refusal | null {
  if (spec.startAfter === undefined || boundedTime(spec.startAfter) !== null) return null
  return {
    reason: 'InvalidSpec',
    message: sentence('InvalidSpec', {
      field: 'spec.startAfter',
      error: `the year must be ${FIRST_YEAR} to ${LAST_YEAR}`,
    }),
  }
}

/** What is said about an object that nothing can be written to. */
export function unreadableNote(object: UnreadableObject): Refusal {
  return {
    reason: 'InvalidSpec',
    message: sentence('InvalidSpec', {
      field: 'the object',
      error: `this release cannot read it and leaves it untouched: ${object.problem}`,
    }),
  }
}
