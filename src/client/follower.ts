/**
 * One watch and everybody who listens to it: of one job, or of all jobs of a namespace.
 *
 *   join first ─▶ FOLLOWING from the version that the subscriber knows
 *                   │  ended, with progress ──▶ FOLLOWING from the last version seen
 *                   │  expired, or twice in a row without progress
 *                   ▼
 *                 ANCHORING: look at one job, which gives a fresh version; doubt all others
 *   leave last ─▶ stopped
 *
 * A subscriber misses nothing. What happened after the version where the watch stands will still be
 * told; what happened before is doubtful unless the watch is known to have told nothing newer about
 * the job (`recent.ts`), and a doubtful subscriber is looked up after it was registered: a consistent
 * read then holds everything that was told to nobody. Nothing older than what a subscriber knows is
 * told to it.
 */
import { type Clock, type Random, sleep } from '../core/clock.ts'
import type { GopherQueueError } from '../core/errors.ts'
import type { JobKey } from '../core/ids.ts'
import { isNewer } from '../core/ledger.ts'
import { ApiError } from './errors.ts'
import type { FeedEvent, JobFeed, JobStore, JobView, Look } from './ports.ts'
import { Recent } from './recent.ts'
import { afterEnd, NO_SETBACKS, pause, REFUSALS, type StepEnd } from './resume.ts'

export interface Subscriber {
  readonly key: JobKey
  readonly uid: string
  /** Newest version that it knows. */
  readonly version: string
  /** A newer version. */
  changed(job: JobView): void
  /** The object is gone, or another has its name. `last`: its last state, null when nobody saw it. */
  gone(last: JobView | null): void
  /** Nothing more can be told: the API server refuses it for good. */
  failed(error: GopherQueueError): void
}

export interface FollowerParts {
  readonly store: Pick<JobStore, 'look'>
  readonly feed: JobFeed
  readonly clock: Clock
  readonly random: Random
}

export interface FollowerPlace {
  readonly namespace: string
  /** null = every job of the namespace. */
  readonly name: string | null
  /** Nobody listens any more; it is not used again. */
  readonly idle: () => void
}

interface Entry {
  readonly subscriber: Subscriber
  version: string
}

/** Jobs that are looked up at the same time. */
const LOOKS = 8

export class Follower {
  readonly #parts: FollowerParts
  readonly #place: FollowerPlace
  readonly #entries = new Map<string, Set<Entry>>()
  readonly #stopper = new AbortController()
  readonly #doubtful = new Set<Entry>()
  readonly #recent = new Recent()
  #looking = false
  #size = 0
  /** Everything after this version will be told; '' = not known, to be anchored. */
  #position = ''
  #progressed = false

  constructor(parts: FollowerParts, place: FollowerPlace) {
    this.#parts = parts
    this.#place = place
  }

  /** @returns how to leave; leaving twice does nothing */
  join(subscriber: Subscriber): () => void {
    const entry: Entry = { subscriber, version: subscriber.version }
    const { name } = subscriber.key
    const same = this.#entries.get(name) ?? new Set()
    this.#entries.set(name, same.add(entry))
    this.#size++
    if (this.#size === 1) {
      this.#begin(subscriber.version)
      this.#drive().catch((error) => this.#failAll(error))
    } else if (!this.#recent.isNewest(name, entry.version)) this.#doubt(entry)
    return () => this.#leave(entry)
  }

  #leave(entry: Entry): void {
    const { name } = entry.subscriber.key
    const same = this.#entries.get(name)
    if (!same?.delete(entry)) return
    this.#doubtful.delete(entry)
    if (same.size === 0) this.#entries.delete(name)
    this.#size--
    if (this.#size > 0 || this.#stopper.signal.aborted) return
    this.#stopper.abort()
    this.#place.idle()
  }

  async #drive(): Promise<void> {
    const { clock, random } = this.#parts
    const { signal } = this.#stopper
    for (let setbacks = NO_SETBACKS; !signal.aborted; ) {
      this.#progressed = false
      const end = this.#position === '' ? await this.#anchor() : await this.#follow()
      if (signal.aborted) return
      const next = afterEnd(end, this.#progressed, setbacks, random.uniform())
      if (next.kind === 'give up') return this.#failAll(next.error)
      if (next.kind === 'anchor') this.#position = ''
      setbacks = next.setbacks
      await sleep(clock, next.delayMs, signal)
    }
  }

  #begin(version: string): void {
    this.#position = version
    this.#recent.restart(version)
  }

  #follow(): Promise<StepEnd> {
    const { namespace, name } = this.#place
    return this.#parts.feed.follow({
      namespace,
      name,
      version: this.#position,
      tell: (event) => this.#take(event),
      signal: this.#stopper.signal,
    })
  }

  /** A fresh version to follow from; what was known before is doubtful. */
  async #anchor(): Promise<StepEnd> {
    const first = this.#all().next().value
    if (!first) return { kind: 'ended' }
    try {
      const look = await this.#parts.store.look(first.subscriber.key, this.#stopper.signal)
      this.#begin(look.version)
      for (const entry of this.#all()) if (entry !== first) this.#doubt(entry)
      this.#seen(first, look)
      return { kind: 'anchored' }
    } catch (error) {
      if (error instanceof ApiError) return { kind: 'failed', error }
      throw error
    }
  }

  #take(event: FeedEvent): void {
    if (this.#stopper.signal.aborted) return
    this.#progressed = true
    const version = event.kind === 'bookmark' ? event.version : event.job.resourceVersion
    if (isNewer(version, this.#position)) this.#position = version
    if (event.kind === 'bookmark') return
    const { job } = event
    this.#recent.note(job.name, version)
    for (const entry of [...(this.#entries.get(job.name) ?? [])]) {
      if (!isNewer(job.resourceVersion, entry.version)) continue
      entry.version = job.resourceVersion
      if (job.uid !== entry.subscriber.uid) this.#tellGone(entry, null)
      else if (event.kind === 'removed') this.#tellGone(entry, job)
      else entry.subscriber.changed(job)
    }
  }

  #seen(entry: Entry, { version, job }: Look): void {
    if (!this.#entries.get(entry.subscriber.key.name)?.has(entry)) return
    if (job === null || job.uid !== entry.subscriber.uid) {
      // An answer from before the object was there cannot say that it is gone.
      if (isNewer(version, entry.version)) this.#tellGone(entry, null)
    } else if (isNewer(job.resourceVersion, entry.version)) {
      entry.version = job.resourceVersion
      entry.subscriber.changed(job)
    }
  }

  #tellGone(entry: Entry, last: JobView | null): void {
    this.#leave(entry)
    entry.subscriber.gone(last)
  }

  #failAll(error: GopherQueueError): void {
    for (const entry of [...this.#all()]) this.#fail(entry, error)
  }

  #fail(entry: Entry, error: GopherQueueError): void {
    this.#leave(entry)
    entry.subscriber.failed(error)
  }

  *#all(): Generator<Entry, undefined> {
    for (const same of this.#entries.values()) yield* same
  }

  #doubt(entry: Entry): void {
    this.#doubtful.add(entry)
    if (!this.#looking) this.#settleDoubts().catch((error) => this.#failAll(error))
  }

  async #settleDoubts(): Promise<void> {
    this.#looking = true
    try {
      await this.#lookAtDoubtful()
    } finally {
      this.#looking = false
    }
  }

  async #lookAtDoubtful(): Promise<void> {
    const { clock, random } = this.#parts
    const { signal } = this.#stopper
    for (let failures = 0; this.#doubtful.size > 0 && !signal.aborted; ) {
      const batch = [...this.#doubtful].slice(0, LOOKS)
      const answers = await Promise.all(batch.map((entry) => this.#lookAt(entry)))
      const error = answers.find((answer) => answer !== null)
      failures = error ? failures + 1 : 0
      if (error?.failure === 'terminal' && failures >= REFUSALS) return this.#failAll(error)
      if (error) await sleep(clock, pause(failures, random.uniform(), error.retryAfterMs), signal)
    }
  }

  async #lookAt(entry: Entry): Promise<ApiError | null> {
    try {
      const look = await this.#parts.store.look(entry.subscriber.key, this.#stopper.signal)
      this.#doubtful.delete(entry)
      this.#seen(entry, look)
      return null
    } catch (error) {
      if (error instanceof ApiError) return error
      throw error
    }
  }
}
