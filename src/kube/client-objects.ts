/**
 * Objects of the four kinds as they are stored, for who shows or exports them (`gq`): read leniently,
 * listed page by page without holding more than one page, every failure explained (`client-errors.ts`).
 */
import type { Kind } from '../api/conditions.ts'
import type { Created, NewObject } from '../client/ports.ts'
import type { JobKey } from '../core/ids.ts'
import type { ClientRequests } from './client-requests.ts'
import { KubeError } from './errors.ts'
import { type ListedItem, listPages, type Selectors } from './list-pages.ts'
import type { ObjectMeta, RawObject } from './objects.ts'
import { collectionPath } from './paths.ts'

export interface StoredObject {
  readonly kind: Kind
  readonly meta: ObjectMeta
  readonly raw: RawObject
}

const PAGE_SIZE = 500
/** A list that expires between its pages begins again behind the last object that was told. */
const LIST_TRIES = 5

export class KubeObjects {
  readonly #requests: ClientRequests

  constructor(requests: ClientRequests) {
    this.#requests = requests
  }

  get(kind: Kind, key: JobKey, signal?: AbortSignal): Promise<StoredObject | null> {
    return this.#requests.get(kind, key, stored(kind), signal)
  }

  /** Sent once: whether it may be repeated is decided by `client/create.ts`. */
  create(
    kind: Kind,
    object: NewObject<unknown>,
    options: { readonly dryRun?: boolean },
    signal?: AbortSignal,
  ): Promise<Created<StoredObject>> {
    return this.#requests.create(kind, object, stored(kind), signal, options)
  }

  /** A merge patch; null: there is no such object. */
  patch(
    kind: Kind,
    key: JobKey,
    change: unknown,
    signal?: AbortSignal,
  ): Promise<StoredObject | null> {
    return this.#requests.patch(kind, key, change, stored(kind), signal)
  }

  /** @param namespace '' = all namespaces */
  async *pages(
    kind: Kind,
    namespace: string,
    selectors: Selectors,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly StoredObject[], void, void> {
    const asked = { verb: 'list', kind, namespace } as const
    let last = ''
    for (let tries = 1; ; tries++) {
      const told = last
      try {
        for await (const { items } of this.#list(kind, namespace, selectors, signal)) {
          const fresh = tries === 1 ? items : items.filter(({ meta }) => placeOf(meta) > told)
          if (fresh.length === 0) continue
          yield fresh.map(({ raw, meta }) => stored(kind)(raw, meta))
          last = fresh.reduce((place, { meta }) => greater(place, placeOf(meta)), last)
        }
        return
      } catch (error) {
        signal?.throwIfAborted()
        const expired = error instanceof KubeError && error.status === 410
        if (!expired || tries === LIST_TRIES) throw this.#requests.explained(error, asked)
      }
    }
  }

  #list(kind: Kind, namespace: string, selectors: Selectors, signal: AbortSignal | undefined) {
    return listPages(this.#requests.transport, collectionPath(kind, namespace), selectors, {
      pageSize: PAGE_SIZE,
      ...(signal ? { signal } : {}),
    })
  }
}

const stored =
  (kind: Kind) =>
  (raw: RawObject, meta: ObjectMeta): StoredObject => ({ kind, meta, raw })

/** The API server lists in the order of its keys. */
const placeOf = ({ namespace, name }: ListedItem['meta']): string => `${namespace}/${name}`

const greater = (a: string, b: string): string => (a > b ? a : b)
