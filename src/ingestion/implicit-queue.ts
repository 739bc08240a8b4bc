/**
 * `Queue/default` is never required, but a row with workers and counts helps: the operator makes it at a
 * namespace's first job that names it, once, with the label `gopherqueue.io/implicit` and nothing else.
 * Only the operator with the default controller name does (docs/decisions/0021).
 *
 * Nothing depends on it. Whoever refuses the create — a role, a quota, a policy — is told in the log
 * once, and the jobs run all the same.
 */
import { DEFAULT_CONTROLLER_NAME, DEFAULT_QUEUE, GROUP, KINDS, LABELS } from '../api/conditions.ts'
import type { Clock, MonoMs } from '../core/clock.ts'
import type { Entry } from '../core/ledger.ts'
import type { Logger } from '../observability/ports.ts'
import type { ObjectCreator } from './ports.ts'
import type { Queues } from './queues.ts'

export interface ImplicitQueuesOptions {
  readonly queues: Queues
  readonly creator: ObjectCreator
  readonly controllerName: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Nobody waits for the row. */
const AGAIN_MS = 60_000
const REFUSED_AGAIN_MS = 3_600_000
/** Names of namespaces are remembered up to this many; the oldest is asked about again. */
const MOST_NAMESPACES = 10_000
const MAX_IN_FLIGHT = 4

export class ImplicitQueues {
  readonly #options: ImplicitQueuesOptions
  /** Not again before; Infinity = it is made. */
  readonly #askedUntil = new Map<string, MonoMs>()
  readonly #told = new Set<string>()
  #inFlight = 0

  constructor(options: ImplicitQueuesOptions) {
    this.#options = options
  }

  /** A job of a led shard that is not another operator's. */
  seen({ record: { namespace, queue } }: Pick<Entry, 'record'>): void {
    const { queues, controllerName, clock } = this.#options
    if (queue !== DEFAULT_QUEUE || controllerName !== DEFAULT_CONTROLLER_NAME) return
    if (!queues.complete || queues.get(namespace, DEFAULT_QUEUE)) return
    const until = this.#askedUntil.get(namespace)
    if (until !== undefined && clock.monotonic() < until) return
    if (this.#inFlight >= MAX_IN_FLIGHT) return
    void this.#create(namespace)
  }

  /** Somebody deleted it: the next job is a first one again. */
  removed(namespace: string, queue: string): void {
    if (queue === DEFAULT_QUEUE) this.#askedUntil.delete(namespace)
  }

  async #create(namespace: string): Promise<void> {
    this.#remember(namespace, AGAIN_MS)
    this.#inFlight += 1
    const answer = await this.#options.creator.create('Queue', {
      namespace,
      name: DEFAULT_QUEUE,
      labels: { [LABELS.implicit]: 'true' },
      annotations: {},
      owner: null,
      spec: { controllerName: this.#options.controllerName },
    })
    this.#inFlight -= 1
    switch (answer.kind) {
      case 'created':
      case 'exists':
        this.#remember(namespace, Number.POSITIVE_INFINITY)
        return
      case 'terminating':
      case 'unknown':
        return
      case 'later':
        this.#remember(namespace, answer.retryAfterMs)
        return
      case 'refused':
        this.#remember(namespace, REFUSED_AGAIN_MS)
        this.#tell(namespace, answer.detail)
    }
  }

  #remember(namespace: string, forMs: number): void {
    this.#askedUntil.delete(namespace)
    this.#askedUntil.set(namespace, this.#options.clock.monotonic() + forMs)
    const [oldest] = this.#askedUntil.keys()
    if (this.#askedUntil.size > MOST_NAMESPACES && oldest) {
      this.#askedUntil.delete(oldest)
      this.#told.delete(oldest)
    }
  }

  #tell(namespace: string, detail: string): void {
    if (this.#told.has(namespace)) return
    this.#told.add(namespace)
    this.#options.logger.warn('the implicit queue could not be made; jobs run all the same', {
      namespace,
      queue: DEFAULT_QUEUE,
      err: detail,
      help: `create Queue/${DEFAULT_QUEUE} in it, or let the operator create ${KINDS.Queue.plural}.${GROUP}`,
    })
  }
}
