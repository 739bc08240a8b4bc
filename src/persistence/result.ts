/**
 * A reported result on its way into a status. A worker refuses what is not JSON or too large before it
 * reports (worker/result.ts); but a worker may be written in any language, so nothing of it is
 * believed here: what would not be stored as it was meant ends the attempt as `InvalidResult`.
 */
import { MAX_RESULT_BYTES } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { depthOf } from '../core/depth.ts'
import { inexactInteger } from '../core/inexact.ts'
import type { Failure } from '../core/outcome.ts'

export type ReadResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: Failure }

/** Every program on the way to a reader recurses; Go's decoder gives up at 10,000. */
const MAX_DEPTH = 1_000

export function readResult(json: string): ReadResult {
  const bytes = Buffer.byteLength(json)
  if (bytes > MAX_RESULT_BYTES) {
    return invalid('', `it has ${bytes} bytes, the limit is ${MAX_RESULT_BYTES}`)
  }
  if (depthOf(json) > MAX_DEPTH) return invalid('', `it is nested deeper than ${MAX_DEPTH} levels`)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return invalid('', 'it is not JSON')
  }
  const path = inexactInteger(json)
  if (path === null) return { ok: true, value }
  return invalid(path, 'an integer beyond 2^53 would be rounded; return it as a string')
}

function invalid(path: string, error: string): ReadResult {
  const message = sentence('InvalidResult', { path: path === '' ? 'its top level' : path, error })
  return { ok: false, failure: { category: 'Permanent', code: 'InvalidResult', message } }
}
