/**
 * One conditional write of a complete status (protocol W1), for any of our kinds, and what the API
 * server's answers to it mean (W3–W5, reliability.md section 10).
 *
 * A PUT on the status subresource, without spec: the server takes nothing but `status` from it and
 * keeps everything else, field ownership included. Against a merge patch, seen on a genuine server:
 * the uid is a precondition (a patch ignores it), a null inside a result stays (a patch drops it), and
 * a job with a large payload costs a sixth less.
 *
 * The answer is asked for as metadata only: the one thing read from it is the new version, and a job
 * may carry 128 KiB of payload.
 */
import { API_VERSION, FIELD_MANAGER, type Kind } from '../api/conditions.ts'
import { describeError } from '../core/errors.ts'
import type { JobKey } from '../core/ids.ts'
import type { WriteAnswer } from '../persistence/ports.ts'
import { KubeError } from './errors.ts'
import { textOf } from './exact-json.ts'
import { isRecord, isVersion } from './objects.ts'
import { statusPath } from './paths.ts'
import type { KubeCall, KubeRequests } from './transport.ts'

/** The version that a status was computed from. */
export interface StatusTarget extends JobKey {
  readonly uid: string
  readonly resourceVersion: string
}

/** Metadata without the object. */
export const ONLY_METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'

/**
 * A leader acts for 10 s after its last renewal and its successor waits for 15 (W7): a write that it
 * sent at the end must not land after that. The server is told, too, and gives up with us.
 */
export const WRITE_DEADLINE_MS = 4_000

/** Never rejects. */
export async function putStatus(
  requests: KubeRequests,
  kind: Kind,
  target: StatusTarget,
  status: unknown,
): Promise<WriteAnswer> {
  const { namespace, name, uid, resourceVersion } = target
  const metadata = { namespace, name, uid, resourceVersion }
  const body = textOf({ apiVersion: API_VERSION, kind, metadata, status })
  if (body === null) return { kind: 'refused', status: 422, detail: 'status: nested too deeply' }
  const call: KubeCall = {
    verb: 'PUT',
    path: statusPath(kind, target),
    query: { fieldManager: FIELD_MANAGER, timeout: `${WRITE_DEADLINE_MS / 1000}s` },
    body,
    accept: ONLY_METADATA,
    deadlineMs: WRITE_DEADLINE_MS,
  }
  try {
    return written(await requests.request(call))
  } catch (error) {
    return writeAnswerOf(error)
  }
}

function written(answer: unknown): WriteAnswer {
  const meta = isRecord(answer) ? answer.metadata : undefined
  const version = isRecord(meta) ? meta.resourceVersion : undefined
  return isVersion(version)
    ? { kind: 'written', resourceVersion: version }
    : { kind: 'unknown', detail: 'the answer to a status write has no version' }
}

/** When the server does not say. */
const FORBIDDEN_MS = 5_000
const BUSY_MS = 1_000

/** What a failed write means. 409 says nothing about the uid: the live read that follows does (W4). */
export function writeAnswerOf(error: unknown): WriteAnswer {
  if (!(error instanceof KubeError)) return { kind: 'unknown', detail: describeError(error) }
  const { status, message: detail } = error
  if (status === 404 && error.aboutObject) return { kind: 'gone' }
  if (status === 409) return { kind: 'conflict' }
  if (error.reason === 'RequestEntityTooLarge') return { kind: 'refused', status: 413, detail }
  if (status === 400 || status === 422) return { kind: 'refused', status, detail }
  if (error.outcomeKnown) return { kind: 'later', retryAfterMs: comeBackAfter(error), detail }
  return { kind: 'unknown', detail }
}

/** Time until a call that certainly changed nothing is worth another try. */
export function comeBackAfter(error: KubeError): number {
  if (error.retryAfterMs > 0) return error.retryAfterMs
  return error.status === 429 || error.status === 0 ? BUSY_MS : FORBIDDEN_MS
}
