/**
 * Which watch a waiting job is followed on. A few jobs of a namespace have a watch each, which tells
 * about that job only; more share one on the whole namespace. So one wait costs nothing while ten
 * thousand other jobs change, and a thousand waits cost one connection.
 */
import type { JobKey } from '../core/ids.ts'
import { Follower, type FollowerParts, type Subscriber } from './follower.ts'

/** Watches on single jobs, for each namespace. */
export const NAMED_WATCHES = 8

interface Namespace {
  readonly named: Map<string, Follower>
  shared: Follower | null
}

export class Feeds {
  readonly #parts: FollowerParts
  readonly #namespaces = new Map<string, Namespace>()

  constructor(parts: FollowerParts) {
    this.#parts = parts
  }

  /** @returns how to leave */
  subscribe(subscriber: Subscriber): () => void {
    return this.#followerFor(subscriber.key).join(subscriber)
  }

  #followerFor({ namespace, name }: JobKey): Follower {
    const place = this.#namespaces.get(namespace) ?? { named: new Map(), shared: null }
    this.#namespaces.set(namespace, place)
    const existing = place.named.get(name) ?? place.shared
    if (existing) return existing
    return place.named.size < NAMED_WATCHES
      ? this.#openNamed(place, namespace, name)
      : this.#openShared(place, namespace)
  }

  #openNamed(place: Namespace, namespace: string, name: string): Follower {
    const idle = () => {
      place.named.delete(name)
      this.#forget(place, namespace)
    }
    const follower = new Follower(this.#parts, { namespace, name, idle })
    place.named.set(name, follower)
    return follower
  }

  #openShared(place: Namespace, namespace: string): Follower {
    const idle = () => {
      place.shared = null
      this.#forget(place, namespace)
    }
    place.shared = new Follower(this.#parts, { namespace, name: null, idle })
    return place.shared
  }

  #forget(place: Namespace, namespace: string): void {
    if (place.named.size === 0 && place.shared === null) this.#namespaces.delete(namespace)
  }
}
