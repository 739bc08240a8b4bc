/**
 * The Queues as they stand: what intake and scheduler ask about the queue of a job. `default` is never
 * required; any other queue that is missing holds its jobs until it appears (resources.md). A name
 * without a Queue belongs to the operator with the default controller name, and to no other
 * (docs/decisions/0021).
 */
import { DEFAULT_CONTROLLER_NAME, DEFAULT_QUEUE } from '../api/conditions.ts'
import { notYetSupported } from '../api/served.ts'
import type { MonoMs } from '../core/clock.ts'
import type { JobKey } from '../core/ids.ts'
import { isPaused } from '../core/queue-pause.ts'
import { policyOf, type QueuePolicy } from '../core/queue-policy.ts'
import type { QueueObject } from '../core/resources.ts'

/** What a job of the queue is told, and whether it may start. */
export type QueueState =
  | { readonly kind: 'open' }
  /** Since when this process has missed it: Stalled after a minute. */
  | { readonly kind: 'missing'; readonly since: MonoMs }
  | { readonly kind: 'paused'; readonly queue: QueueObject }
  /** It uses fields that this release does not serve. */
  | { readonly kind: 'not-served'; readonly fields: readonly string[] }
  /** Another operator serves it, or nobody knows yet who does. */
  | { readonly kind: 'foreign' }

/** Any job may name a queue that is not there: more than these are not remembered. */
const MOST_MISSING = 10_000

/** Of a queue that nobody made, as `default` may be. */
const BUILT_IN = policyOf(null)

const OPEN: QueueState = { kind: 'open' }
const FOREIGN: QueueState = { kind: 'foreign' }

export class Queues {
  readonly #controllerName: string
  readonly #known = new Map<string, QueueObject>()
  readonly #states = new Map<string, QueueState>()
  /** Of each version: asked in every cycle. */
  readonly #policies = new WeakMap<QueueObject, QueuePolicy>()
  readonly #missingSince = new Map<string, MonoMs>()
  readonly #now: () => MonoMs
  #complete = false

  constructor(controllerName: string, now: () => MonoMs) {
    this.#controllerName = controllerName
    this.#now = now
  }

  get(namespace: string, name: string): QueueObject | null {
    return this.#known.get(`${namespace}/${name}`) ?? null
  }

  /**
   * Every Queue was told. Before that a name without one says nothing: its Queue may pause it, limit
   * it, or be another operator's.
   */
  synced(): void {
    this.#complete = true
  }

  get complete(): boolean {
    return this.#complete
  }

  all(): IterableIterator<QueueObject> {
    return this.#known.values()
  }

  set(queue: QueueObject): void {
    const key = `${queue.namespace}/${queue.name}`
    this.#known.set(key, queue)
    this.#states.delete(key)
    this.#missingSince.delete(key)
  }

  remove({ namespace, name }: JobKey): void {
    const key = `${namespace}/${name}`
    this.#known.delete(key)
    this.#states.delete(key)
  }

  policy(namespace: string, name: string): QueuePolicy {
    const queue = this.get(namespace, name)
    if (!queue) return BUILT_IN
    const known = this.#policies.get(queue)
    if (known) return known
    const policy = policyOf(queue)
    this.#policies.set(queue, policy)
    return policy
  }

  holds(namespace: string, name: string): boolean {
    return this.state(namespace, name).kind !== 'open'
  }

  state(namespace: string, name: string): QueueState {
    const key = `${namespace}/${name}`
    const known = this.#states.get(key)
    if (known) return known
    const state = this.#stateOf(key, name)
    if (this.#known.has(key)) this.#states.set(key, state)
    return state
  }

  #stateOf(key: string, name: string): QueueState {
    const queue = this.#known.get(key)
    if (!queue) {
      if (!this.#complete || this.#controllerName !== DEFAULT_CONTROLLER_NAME) return FOREIGN
      if (name === DEFAULT_QUEUE) return OPEN
      return { kind: 'missing', since: this.#missedSince(key) }
    }
    if (queue.spec.controllerName !== this.#controllerName) return FOREIGN
    const fields = notYetSupported('Queue', queue.spec)
    if (fields.length > 0) return { kind: 'not-served', fields }
    return isPaused(queue) ? { kind: 'paused', queue } : OPEN
  }

  #missedSince(key: string): MonoMs {
    const known = this.#missingSince.get(key)
    if (known !== undefined) return known
    const since = this.#now()
    this.#missingSince.set(key, since)
    const [oldest] = this.#missingSince.keys()
    if (this.#missingSince.size > MOST_MISSING && oldest) this.#missingSince.delete(oldest)
    return since
  }
}
