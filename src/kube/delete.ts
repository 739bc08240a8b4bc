/**
 * Deletes exactly the object that was looked at: its uid and its version are preconditions (protocol
 * W8), so a job that was edited, replayed or created again meanwhile stays (implements `ObjectDeleter`
 * of persistence).
 */
import type { Kind } from '../api/conditions.ts'
import { describeError } from '../core/errors.ts'
import type { DeleteAnswer, ObjectDeleter } from '../persistence/ports.ts'
import { KubeError } from './errors.ts'
import { objectPath } from './paths.ts'
import {
  comeBackAfter,
  ONLY_METADATA,
  type StatusTarget,
  WRITE_DEADLINE_MS,
} from './status-write.ts'
import type { KubeRequests } from './transport.ts'

export class KubeObjectDeleter implements ObjectDeleter {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  async delete(kind: Kind, target: StatusTarget): Promise<DeleteAnswer> {
    const { uid, resourceVersion } = target
    try {
      await this.#requests.request({
        verb: 'DELETE',
        path: objectPath(kind, target),
        query: { timeout: `${WRITE_DEADLINE_MS / 1000}s` },
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          preconditions: { uid, resourceVersion },
          propagationPolicy: 'Background',
        },
        accept: ONLY_METADATA,
        deadlineMs: WRITE_DEADLINE_MS,
      })
      return { kind: 'deleted' }
    } catch (error) {
      return deleteAnswerOf(error)
    }
  }
}

/** What a deletion that failed means. */
export function deleteAnswerOf(error: unknown): DeleteAnswer {
  if (!(error instanceof KubeError)) return { kind: 'unknown', detail: describeError(error) }
  const { status, message: detail } = error
  if (status === 404 && error.aboutObject) return { kind: 'gone' }
  if (status === 409) return { kind: 'conflict' }
  if (status === 400 || status === 403 || status === 422) {
    return { kind: 'refused', status, detail }
  }
  if (error.outcomeKnown) return { kind: 'later', retryAfterMs: comeBackAfter(error), detail }
  return { kind: 'unknown', detail }
}
