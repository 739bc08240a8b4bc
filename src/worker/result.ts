/**
 * What goes into a handler and what comes out of it, judged by the schemas of its job definition
 * (sdk.md). A payload that does not fit is a Permanent `InvalidPayload`, a returned value that is not
 * JSON, not small or not what was promised a Permanent `InvalidResult`: repeating helps neither.
 */
import { MAX_RESULT_BYTES } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { type JobDefinition, payloadFromWire, type Received, toWire } from '../core/definition.ts'
import type { Outcome } from '../core/outcome.ts'
import { lossOf } from './json.ts'

export type InputAnswer<D extends JobDefinition> =
  | { readonly ok: true; readonly input: Received<D> }
  | { readonly ok: false; readonly outcome: Outcome }

/** @param payloadJson the payload as it travelled, or null when the job has none */
export function inputOf<D extends JobDefinition>(
  definition: D,
  payloadJson: string | null,
): InputAnswer<D> {
  let payload: unknown
  try {
    payload = payloadJson === null ? null : JSON.parse(payloadJson)
  } catch {
    return { ok: false, outcome: invalid('InvalidPayload', '', 'it is not JSON') }
  }
  const read = payloadFromWire(definition.input, payload)
  if (read.ok) return { ok: true, input: read.value as Received<D> }
  return { ok: false, outcome: invalid('InvalidPayload', read.path, read.problem) }
}

export function outcomeOfValue(definition: JobDefinition, value: unknown): Outcome {
  const loss = lossOf(value, MAX_RESULT_BYTES)
  if (loss) return invalid('InvalidResult', loss.path, loss.problem)
  const sent = toWire(definition.output, value)
  if (!sent.ok) return invalid('InvalidResult', sent.path, sent.problem)
  const bytes = sent.json === null ? 0 : Buffer.byteLength(sent.json)
  if (bytes > MAX_RESULT_BYTES) {
    const problem = `it has ${bytes} bytes as JSON, the limit is ${MAX_RESULT_BYTES}`
    return invalid('InvalidResult', '', problem)
  }
  return { kind: 'succeeded', resultJson: sent.json }
}

/** Paths and problems come from schemas and keys, never from values: nothing to redact. */
function invalid(code: 'InvalidPayload' | 'InvalidResult', path: string, error: string): Outcome {
  const message = sentence(code, { path: path === '' ? 'its top level' : path, error })
  return { kind: 'failed', failure: { category: 'Permanent', code, message }, retryAfterMs: null }
}
