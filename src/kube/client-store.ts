/**
 * The client's ports on the genuine API server. Objects are read leniently (`client-views.ts`), and
 * every failure says who, what, why (`client-errors.ts`).
 */
import type {
  ActionStore,
  ActionView,
  Created,
  EvidenceStore,
  Identity,
  JobFeed,
  JobSelection,
  JobStore,
  JobView,
  Look,
  NewAction,
  NewJob,
} from '../client/ports.ts'
import type { JobKey } from '../core/ids.ts'
import { evidenceFrom } from './client-evidence.ts'
import { type FeedOptions, KubeJobFeed } from './client-feed.ts'
import { KubeObjects } from './client-objects.ts'
import { ClientRequests, type ClientRequestsOptions } from './client-requests.ts'
import { jobSelector, selectorValue } from './client-selectors.ts'
import { actionView, jobView } from './client-views.ts'
import { badAnswer, KubeError } from './errors.ts'
import { listPages } from './list-pages.ts'
import { isRecord, textAt } from './objects.ts'
import { collectionPath } from './paths.ts'

const WHO_DEADLINE_MS = 5_000
const PAGE_SIZE = 500
/** A list that expires between its pages begins again; what was told is not told twice. */
const LIST_TRIES = 5
export interface ClientStoreOptions extends ClientRequestsOptions, FeedOptions {}

export interface ClientStore {
  readonly store: JobStore
  readonly feed: JobFeed
  readonly actions: ActionStore
  readonly identity: Identity
  readonly evidence: EvidenceStore
}

export function clientStore(options: ClientStoreOptions): ClientStore {
  const requests = new ClientRequests(options)
  return {
    store: new KubeJobStore(requests),
    feed: new KubeJobFeed(requests, options),
    actions: new KubeActionStore(requests),
    identity: new KubeIdentity(options),
    evidence: evidenceFrom(new KubeObjects(requests)),
  }
}

class KubeJobStore implements JobStore {
  readonly #requests: ClientRequests

  constructor(requests: ClientRequests) {
    this.#requests = requests
  }

  create(job: NewJob, signal?: AbortSignal): Promise<Created<JobView>> {
    return this.#requests.create('QueueJob', job, jobView, signal)
  }

  get(key: JobKey, signal?: AbortSignal): Promise<JobView | null> {
    return this.#requests.get('QueueJob', key, jobView, signal)
  }

  /** A list of one: unlike a GET it also says at which version of the collection it was true. */
  async look({ namespace, name }: JobKey, signal?: AbortSignal): Promise<Look> {
    const asked = { verb: 'list', kind: 'QueueJob', namespace } as const
    return this.#requests.guarded(asked, signal, async () => {
      const path = collectionPath('QueueJob', namespace)
      const field = `metadata.name=${selectorValue(name)}`
      const pages = listPages(
        this.#requests.transport,
        path,
        { field },
        { pageSize: 1, ...(signal ? { signal } : {}) },
      )
      for await (const { items, resourceVersion } of pages) {
        const [item] = items
        return { version: resourceVersion, job: item ? jobView(item.raw, item.meta) : null }
      }
      throw badAnswer({ verb: 'GET', path }, 'the list has no page')
    })
  }

  async *list(
    namespace: string,
    selection: JobSelection,
    signal?: AbortSignal,
  ): AsyncGenerator<JobView, void, void> {
    const asked = { verb: 'list', kind: 'QueueJob', namespace } as const
    const told = new Set<string>()
    for (let tries = 1; ; tries++) {
      try {
        for await (const job of this.#pages(namespace, selection, signal)) {
          if (told.has(job.uid)) continue
          told.add(job.uid)
          yield job
        }
        return
      } catch (error) {
        signal?.throwIfAborted()
        const expired = error instanceof KubeError && error.status === 410
        if (!expired || tries === LIST_TRIES) throw this.#requests.explained(error, asked)
      }
    }
  }

  async *#pages(
    namespace: string,
    selection: JobSelection,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<JobView, void, void> {
    const pages = listPages(
      this.#requests.transport,
      collectionPath('QueueJob', namespace),
      { field: jobSelector(selection) },
      { pageSize: PAGE_SIZE, ...(signal ? { signal } : {}) },
    )
    for await (const { items } of pages) for (const { raw, meta } of items) yield jobView(raw, meta)
  }
}

class KubeActionStore implements ActionStore {
  readonly #requests: ClientRequests

  constructor(requests: ClientRequests) {
    this.#requests = requests
  }

  create(action: NewAction, signal?: AbortSignal): Promise<Created<ActionView>> {
    return this.#requests.create('QueueAction', action, actionView, signal)
  }

  get(key: JobKey, signal?: AbortSignal): Promise<ActionView | null> {
    return this.#requests.get('QueueAction', key, actionView, signal)
  }
}

class KubeIdentity implements Identity {
  readonly #options: ClientStoreOptions
  #known = ''

  constructor(options: ClientStoreOptions) {
    this.#options = options
  }

  async whoAmI(): Promise<string> {
    if (this.#known === '') this.#known = await this.#ask().catch(() => '')
    return this.#known
  }

  async #ask(): Promise<string> {
    const answer = await this.#options.transport.request({
      verb: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      deadlineMs: WHO_DEADLINE_MS,
      maxBytes: 65_536,
    })
    const status = isRecord(answer) && isRecord(answer.status) ? answer.status : {}
    return isRecord(status.userInfo) ? textAt(status.userInfo, 'username') : ''
  }
}
