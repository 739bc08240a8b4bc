/**
 * The whole status stays below 32 KiB. No rule in the CRD can add up bounds, so the writer holds it:
 * history loses its texts first, then its oldest entries; the result is never cut, only dropped when
 * the API server refused the status (W5).
 */
import { MAX_STATUS_BYTES, type QueueJobStatus } from '../api/queuejob.ts'

export function fitStatus(status: QueueJobStatus): QueueJobStatus {
  if (bytes(status) <= MAX_STATUS_BYTES) return status
  const { history = [], ...rest } = status
  let kept = history.map(({ message: _, ...entry }) => entry)
  while (kept.length > 0) {
    const fitting = { ...rest, history: kept }
    if (bytes(fitting) <= MAX_STATUS_BYTES) return fitting
    kept = kept.slice(1)
  }
  return rest
}

/** W5: what is left of a status that the API server refused: no result, no texts, no history. */
export function strippedStatus(status: QueueJobStatus): QueueJobStatus {
  const { result: _, history: __, progress: ___, error, ...rest } = status
  return {
    ...rest,
    message: STRIPPED,
    ...(error ? { error: { category: error.category, code: error.code } } : {}),
  }
}

const STRIPPED = 'the API server refused the whole status: result, texts and history are left out'

function bytes(status: QueueJobStatus): number {
  // Characters are a lower bound of bytes and three times them an upper one: most need no encoding.
  const text = JSON.stringify(status)
  return text.length * 3 <= MAX_STATUS_BYTES ? text.length : Buffer.byteLength(text)
}
