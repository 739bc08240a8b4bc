/**
 * Requests of the client: one for each call, with one way of failing. Reads are repeated by the
 * transport, writes never; every failure is explained (`client-errors.ts`).
 */
import { API_VERSION, type Kind } from '../api/conditions.ts'
import type { ApiError } from '../client/errors.ts'
import type { Created, NewObject } from '../client/ports.ts'
import type { JobKey } from '../core/ids.ts'
import { apiErrorOf, type Request } from './client-errors.ts'
import { badAnswer, KubeError } from './errors.ts'
import { parseExact } from './exact-json.ts'
import { isRecord, metaOf, type ObjectMeta, type RawObject } from './objects.ts'
import { collectionPath, objectPath } from './paths.ts'
import type { KubeRequests, KubeWatches } from './transport.ts'

/** What a create may take before it counts as unanswered; the next try finds out what it did. */
const CREATE_DEADLINE_MS = 15_000
const READ_DEADLINE_MS = 30_000
/** Of one object: etcd takes 1.5 MiB, the API server 3 MiB. */
export const MAX_OBJECT_BYTES = 4 * 1_048_576
/** In the managed fields of what the client creates. */
const FIELD_MANAGER = 'gopherqueue-client'

export interface ClientRequestsOptions {
  readonly transport: KubeRequests & KubeWatches
  /** For error texts: where the API server is, and where that was read. */
  readonly server: string
  readonly origin: string
}

export type Asked = Pick<Request, 'verb' | 'kind' | 'namespace' | 'name'>

type View<T> = (raw: RawObject, meta: ObjectMeta) => T

export class ClientRequests {
  readonly #options: ClientRequestsOptions

  constructor(options: ClientRequestsOptions) {
    this.#options = options
  }

  get transport(): KubeRequests & KubeWatches {
    return this.#options.transport
  }

  /** @throws ApiError, or the reason of the signal */
  async guarded<T>(
    asked: Asked,
    signal: AbortSignal | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    try {
      return await run()
    } catch (error) {
      signal?.throwIfAborted()
      throw this.explained(error, asked)
    }
  }

  explained(error: unknown, asked: Asked): ApiError {
    const { server, origin } = this.#options
    return apiErrorOf(error, { ...asked, server, origin })
  }

  async create<Spec, T>(
    kind: Kind,
    object: NewObject<Spec>,
    view: View<T>,
    signal: AbortSignal | undefined,
    { dryRun = false }: { readonly dryRun?: boolean } = {},
  ): Promise<Created<T>> {
    const { namespace, name, labels, annotations, spec } = object
    const path = collectionPath(kind, namespace)
    const asked = { verb: 'create', kind, namespace } as const
    return this.guarded(asked, signal, async () => {
      try {
        const text = await this.transport.requestText({
          verb: 'POST',
          path,
          // A field that the server does not know is an error, never dropped.
          query: {
            fieldValidation: 'Strict',
            fieldManager: FIELD_MANAGER,
            ...(dryRun ? { dryRun: 'All' } : {}),
          },
          body: {
            apiVersion: API_VERSION,
            kind,
            metadata: { namespace, name, labels, annotations },
            spec,
          },
          deadlineMs: CREATE_DEADLINE_MS,
          maxBytes: MAX_OBJECT_BYTES,
          ...(signal ? { signal } : {}),
        })
        const { raw, meta } = objectOf('POST', path, text, dryRun)
        return { kind: 'created', object: view(raw, meta) }
      } catch (error) {
        if (error instanceof KubeError && error.reason === 'AlreadyExists')
          return { kind: 'exists' }
        throw error
      }
    })
  }

  /** Null: there is no such object. */
  async patch<T>(
    kind: Kind,
    key: JobKey,
    change: unknown,
    view: View<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | null> {
    const path = objectPath(kind, key)
    return this.guarded({ verb: 'patch', kind, ...key }, signal, async () => {
      try {
        const text = await this.transport.requestText({
          verb: 'PATCH',
          path,
          query: { fieldValidation: 'Strict', fieldManager: FIELD_MANAGER },
          contentType: 'application/merge-patch+json',
          body: change,
          deadlineMs: CREATE_DEADLINE_MS,
          maxBytes: MAX_OBJECT_BYTES,
          ...(signal ? { signal } : {}),
        })
        const { raw, meta } = objectOf('PATCH', path, text)
        return view(raw, meta)
      } catch (error) {
        if (error instanceof KubeError && error.status === 404 && error.aboutObject) return null
        throw error
      }
    })
  }

  async get<T>(
    kind: Kind,
    key: JobKey,
    view: View<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | null> {
    const path = objectPath(kind, key)
    return this.guarded({ verb: 'get', kind, ...key }, signal, async () => {
      try {
        const text = await this.transport.requestText({
          verb: 'GET',
          path,
          deadlineMs: READ_DEADLINE_MS,
          maxBytes: MAX_OBJECT_BYTES,
          ...(signal ? { signal } : {}),
        })
        const { raw, meta } = objectOf('GET', path, text)
        return view(raw, meta)
      } catch (error) {
        if (error instanceof KubeError && error.status === 404 && error.aboutObject) return null
        throw error
      }
    })
  }
}

/** @param dryRun the object was not stored, so it has no version */
function objectOf(
  verb: string,
  path: string,
  text: string,
  dryRun = false,
): { raw: RawObject; meta: ObjectMeta } {
  const raw = parsedJson(verb, path, text)
  const meta = metaOf(dryRun ? versioned(raw) : raw)
  if (!meta || !isRecord(raw)) throw badAnswer({ verb, path }, 'no object')
  return { raw, meta }
}

function versioned(raw: unknown): unknown {
  if (!isRecord(raw) || !isRecord(raw.metadata)) return raw
  return { ...raw, metadata: { resourceVersion: '1', ...raw.metadata } }
}

function parsedJson(verb: string, path: string, text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    throw badAnswer({ verb, path }, 'the answer is not JSON')
  }
}
