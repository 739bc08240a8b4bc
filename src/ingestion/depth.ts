/**
 * How many may wait: `Queue.spec.maxDepth`, and `limits.maxObjects` of the operator. Jobs above a limit
 * are held, never refused: which ones is a function of the objects, for it is always the same first
 * ones in order of submission that keep their places.
 *
 *   queue     of the jobs that wait in it, all but the first `maxDepth` are held
 *   cluster   as many jobs as stand above `maxObjects`, the newest of those that never started
 *
 * Two kinds of jobs are never held, but count: one that has started, because its attempts are under way,
 * and one that another job waits for, because the two might else wait for each other for ever.
 *
 * Each limit keeps two heaps, the last of those inside on top of one and the first of those outside on
 * top of the other: a change costs O(log n), and names only the jobs that cross the border.
 */
import { Heap } from '../core/heap.ts'
import type { Hold } from '../core/hold.ts'
import type { JobUid } from '../core/ids.ts'
import { isWaiting } from '../core/job.ts'
import type { Entry } from '../core/ledger.ts'
import { hasStarted } from '../core/started.ts'
import { isSubmittedBefore } from './submission.ts'

export interface DepthOptions {
  /** Infinity = none. */
  readonly maxDepth: (namespace: string, queue: string) => number
  readonly maxObjects: number
  /** Jobs in the cluster, ended ones too. */
  readonly objects: () => number
  readonly isNeeded: (entry: Entry) => boolean
  /** It is held now, or is not any more. */
  readonly touched: (entry: Entry) => void
}

export class Depths {
  readonly #options: DepthOptions
  /** Only of queues that have a limit. */
  readonly #queues = new Map<string, Places>()
  readonly #cluster: Places

  constructor(options: DepthOptions) {
    this.#options = options
    this.#cluster = new Places(options.touched)
  }

  /** Also when a job became needed, or is not any more. */
  changed(entry: Entry): void {
    const { maxDepth, isNeeded } = this.#options
    const { namespace, queue } = entry.record
    const place = placeOf(entry, isNeeded(entry))
    this.#cluster.set(entry, place)
    this.#boundCluster()
    const limit = maxDepth(namespace, queue)
    if (Number.isFinite(limit)) this.#placesOf(namespace, queue).set(entry, place)
  }

  removed(entry: Entry): void {
    const { namespace, queue } = entry.record
    this.#cluster.set(entry, 'none')
    this.#boundCluster()
    this.#queues.get(`${namespace}/${queue}`)?.set(entry, 'none')
  }

  /** The limit of a queue may have changed. @param jobs those of the queue */
  queueChanged(namespace: string, queue: string, jobs: Iterable<Entry>): void {
    const { maxDepth, isNeeded } = this.#options
    const limit = maxDepth(namespace, queue)
    const key = `${namespace}/${queue}`
    const known = this.#queues.get(key)
    if (!Number.isFinite(limit)) this.#queues.delete(key)
    else if (known) known.limit = limit
    else {
      const places = this.#placesOf(namespace, queue)
      for (const entry of jobs) places.set(entry, placeOf(entry, isNeeded(entry)))
    }
  }

  holdOf(entry: Entry): Hold | null {
    const { namespace, queue } = entry.record
    const places = this.#queues.get(`${namespace}/${queue}`)
    if (places?.isOutside(entry)) {
      return { kind: 'queue-full', waiting: places.size, limit: places.limit }
    }
    if (!this.#cluster.isOutside(entry)) return null
    const { objects, maxObjects } = this.#options
    return { kind: 'cluster-full', objects: objects(), limit: maxObjects }
  }

  /** Of those that may be held, as many stay outside as there are objects too many. */
  #boundCluster(): void {
    const { objects, maxObjects } = this.#options
    const excess = Math.max(0, objects() - maxObjects)
    this.#cluster.limit =
      excess === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#cluster.size - excess)
  }

  #placesOf(namespace: string, queue: string): Places {
    const key = `${namespace}/${queue}`
    const known = this.#queues.get(key)
    if (known) return known
    const places = new Places(this.#options.touched)
    places.limit = this.#options.maxDepth(namespace, queue)
    this.#queues.set(key, places)
    return places
  }
}

type Place = 'none' | 'kept' | 'bounded'

/** `kept`: it counts and is never held. */
function placeOf(entry: Entry, needed: boolean): Place {
  if (!isWaiting(entry.object.status.phase) || entry.attempt) return 'none'
  return needed || hasStarted(entry) ? 'kept' : 'bounded'
}

/** The first `limit` jobs in order of submission are inside; those that are kept come before all. */
class Places {
  readonly #kept = new Set<JobUid>()
  readonly #inside = new Heap<JobUid, Entry>(uidOf, (a, b) => isSubmittedBefore(b, a))
  readonly #outside = new Heap<JobUid, Entry>(uidOf, isSubmittedBefore)
  readonly #touched: (entry: Entry) => void
  #limit = Number.POSITIVE_INFINITY

  constructor(touched: (entry: Entry) => void) {
    this.#touched = touched
  }

  get size(): number {
    return this.#kept.size + this.#inside.size + this.#outside.size
  }

  get limit(): number {
    return this.#limit
  }

  set limit(limit: number) {
    this.#limit = limit
    this.#settle()
  }

  isOutside({ uid }: Entry): boolean {
    return this.#outside.has(uid)
  }

  set(entry: Entry, place: Place): void {
    if (this.#placeOf(entry) === place) return
    const wasOutside = this.#outside.delete(entry.uid) !== undefined
    this.#inside.delete(entry.uid)
    this.#kept.delete(entry.uid)
    if (place === 'kept') this.#kept.add(entry.uid)
    else if (place === 'bounded') this.#enter(entry)
    this.#settle()
    if (wasOutside !== this.isOutside(entry)) this.#touched(entry)
  }

  #placeOf({ uid }: Entry): Place {
    if (this.#kept.has(uid)) return 'kept'
    return this.#inside.has(uid) || this.#outside.has(uid) ? 'bounded' : 'none'
  }

  /** Every one inside was submitted before every one outside. */
  #enter(entry: Entry): void {
    const first = this.#outside.first
    if (first && isSubmittedBefore(first, entry)) this.#outside.set(entry)
    else this.#inside.set(entry)
  }

  #settle(): void {
    const room = Math.max(0, this.#limit - this.#kept.size)
    while (this.#inside.size > room) this.#move(this.#inside, this.#outside)
    while (this.#inside.size < room && this.#outside.size > 0)
      this.#move(this.#outside, this.#inside)
  }

  #move(from: Heap<JobUid, Entry>, to: Heap<JobUid, Entry>): void {
    const { first } = from
    if (!first) return
    from.delete(first.uid)
    to.set(first)
    this.#touched(first)
  }
}

function uidOf({ uid }: Entry): JobUid {
  return uid
}
