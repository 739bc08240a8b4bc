/**
 * The payload of a job that names a ConfigMap or Secret instead (job-model.md, `payloadFrom`). The
 * worker reads it with its own rights, so a job can never show its submitter, or the operator, what
 * neither may see; and only where the worker's owner opted in and the object's owner labelled it.
 *
 *   not opted in, not labelled, forbidden ─▶ Permanent PayloadForbidden: no repetition helps
 *   no such object or key                 ─▶ Temporary PayloadMissing: it may be applied a moment later
 *   no answer                             ─▶ Temporary PayloadUnreachable
 *   too large, not JSON, not exact        ─▶ as for a payload inside the job
 */
import { MAX_PAYLOAD_BYTES } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { depthOf, MAX_PAYLOAD_DEPTH } from '../core/depth.ts'
import { inexactInteger } from '../core/inexact.ts'
import type { PayloadRef } from '../core/job.ts'
import type { Failure, Outcome, WorkItem } from '../core/outcome.ts'
import type { PayloadAnswer, PayloadSource } from './ports.ts'

export type PayloadRead =
  | { readonly ok: true; readonly json: string | null }
  | { readonly ok: false; readonly outcome: Outcome }

/**
 * What the handler's input is made from.
 * @param source null = this worker reads no payload by reference
 * @param worker for the sentence: pod, or id of a worker without one
 */
export async function payloadOf(
  item: WorkItem,
  source: PayloadSource | null,
  worker: string,
  signal: AbortSignal,
): Promise<PayloadRead> {
  const { payloadFrom: from } = item
  if (from === null) return { ok: true, json: item.payloadJson }
  const said = { worker, object: textOf(from) }
  if (source === null) {
    return refused(forbidden(said, 'it was not started with payloadFrom: true'))
  }
  const answer = await source.read(item.namespace, from, signal)
  return answer.kind === 'found' ? judged(answer.text) : refused(failureOf(answer, said))
}

interface Said {
  readonly worker: string
  readonly object: string
}

function failureOf(answer: Exclude<PayloadAnswer, { kind: 'found' }>, said: Said): Failure {
  const { detail: error } = answer
  switch (answer.kind) {
    case 'forbidden':
      return forbidden(said, error)
    case 'missing':
      return temporary('PayloadMissing', sentence('PayloadMissing', { ...said, error }))
    case 'unreachable':
      return temporary('PayloadUnreachable', sentence('PayloadUnreachable', { ...said, error }))
  }
}

function forbidden(said: Said, error: string): Failure {
  return permanent('PayloadForbidden', sentence('PayloadForbidden', { ...said, error }))
}

/** `null` counts as absent, as inside the job. */
function judged(text: string): PayloadRead {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_PAYLOAD_BYTES) {
    const slots = { bytes, limit: MAX_PAYLOAD_BYTES }
    return refused(permanent('PayloadTooLarge', sentence('PayloadTooLarge', slots)))
  }
  const problem = problemOf(text)
  if (problem === null) return { ok: true, json: text.trim() === 'null' ? null : text }
  const slots = { path: 'its top level', error: problem }
  return refused(permanent('InvalidPayload', sentence('InvalidPayload', slots)))
}

function problemOf(text: string): string | null {
  if (depthOf(text) > MAX_PAYLOAD_DEPTH)
    return `it is nested deeper than ${MAX_PAYLOAD_DEPTH} levels`
  try {
    JSON.parse(text)
  } catch {
    return 'the value of the key is not JSON'
  }
  const at = inexactInteger(text)
  return at === null
    ? null
    : `an integer beyond 2^53 (at "${at}") would be rounded: write it as a string`
}

function textOf({ kind, name, key }: PayloadRef): string {
  return `${kind} ${name}, key ${key}`
}

function refused(failure: Failure): PayloadRead {
  return { ok: false, outcome: { kind: 'failed', failure, retryAfterMs: null } }
}

const permanent = (code: string, message: string): Failure => ({
  category: 'Permanent',
  code,
  message,
})

const temporary = (code: string, message: string): Failure => ({
  category: 'Temporary',
  code,
  message,
})
