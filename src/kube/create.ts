/**
 * Objects that the operator makes itself: a namespace's `Queue/default`, and the jobs of schedules.
 * Their names are derived from what they are made for, so that a create whose answer was lost may
 * simply be sent again: the second one finds the first (implements `ObjectCreator` of ingestion).
 */
import { API_VERSION, FIELD_MANAGER } from '../api/conditions.ts'
import { describeError } from '../core/errors.ts'
import type { CreateAnswer, NewObject, ObjectCreator, SpecOf } from '../ingestion/ports.ts'
import { KubeError } from './errors.ts'
import { textOf } from './exact-json.ts'
import { isRecord, isVersion } from './objects.ts'
import { collectionPath } from './paths.ts'
import { comeBackAfter, ONLY_METADATA, WRITE_DEADLINE_MS } from './status-write.ts'
import type { KubeCall, KubeRequests } from './transport.ts'

export class KubeObjectCreator implements ObjectCreator {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  async create<K extends keyof SpecOf>(kind: K, object: NewObject<K>): Promise<CreateAnswer> {
    const body = textOf(manifestOf(kind, object))
    if (body === null) return { kind: 'refused', status: 422, detail: 'spec: nested too deeply' }
    const call: KubeCall = {
      verb: 'POST',
      path: collectionPath(kind, object.namespace),
      query: {
        fieldManager: FIELD_MANAGER,
        // A field that the server does not know is an error, never dropped.
        fieldValidation: 'Strict',
        timeout: `${WRITE_DEADLINE_MS / 1000}s`,
      },
      body,
      accept: ONLY_METADATA,
      deadlineMs: WRITE_DEADLINE_MS,
    }
    try {
      return createdOf(await this.#requests.request(call))
    } catch (error) {
      return createAnswerOf(error)
    }
  }
}

function manifestOf<K extends keyof SpecOf>(kind: K, object: NewObject<K>) {
  const { namespace, name, labels, annotations, owner, spec } = object
  const owners = owner && [{ apiVersion: API_VERSION, ...owner, controller: true }]
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      namespace,
      name,
      labels,
      annotations,
      ...(owners ? { ownerReferences: owners } : {}),
    },
    spec,
  }
}

function createdOf(answer: unknown): CreateAnswer {
  const meta = isRecord(answer) && isRecord(answer.metadata) ? answer.metadata : {}
  const { uid, resourceVersion } = meta
  return typeof uid === 'string' && isVersion(resourceVersion)
    ? { kind: 'created', uid, resourceVersion }
    : { kind: 'unknown', detail: 'the answer to a create has no uid or no version' }
}

/** What a create that failed means. */
export function createAnswerOf(error: unknown): CreateAnswer {
  if (!(error instanceof KubeError)) return { kind: 'unknown', detail: describeError(error) }
  const { status, reason, message: detail, fields } = error
  if (reason === 'AlreadyExists') return { kind: 'exists' }
  if (fields.some((each) => each.reason === 'NamespaceTerminating')) return { kind: 'terminating' }
  // The namespace: the path itself is known, or nothing of ours was watched.
  if (status === 404 && error.aboutObject) return { kind: 'terminating' }
  if (status === 400 || status === 403 || status === 413 || status === 422) {
    return { kind: 'refused', status, detail }
  }
  if (error.outcomeKnown) return { kind: 'later', retryAfterMs: comeBackAfter(error), detail }
  return { kind: 'unknown', detail }
}
