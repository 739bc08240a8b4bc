/**
 * Deletes jobs that were finished for long enough (`retention.ts` says how long), and trims those that
 * must stay. Leaders only, and resumed by any: what is to go is worked out from the objects.
 *
 *   1. its end is in the history (`archive.ts`), confirmed by the stream
 *   2. DELETE of exactly the version that was looked at (W8)
 *
 * Bounds: eight deletions at once; 50 a second, and two more for each job that ends, so that deleting
 * keeps up with any load and a wrong clock is no landslide. The wall clock is believed with patience
 * (`core/patient-wall.ts`). While no history can be written nothing is deleted, until the cluster holds
 * more than `limits.maxFinishedObjects`: then etcd goes before the archive, and what was lost is told.
 *
 * Pressure spares what ended within the last minute: whoever waits for a job can always read its end.
 */
import type { Cancel, Clock, WallMs } from '../core/clock.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import { shardOf } from '../core/ids.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import { PatientWall } from '../core/patient-wall.ts'
import type { QueueObject } from '../core/resources.ts'
import type { DeleteAnswer, FactSink, ObjectDeleter } from './ports.ts'
import { finishedJob, retentionPolicy } from './retention.ts'
import { RetentionBook } from './retention-book.ts'

export interface ReaperObserver {
  deleted(job: JobObject): void
  /** It went without its end in the history, because the cluster was too full to wait. */
  unrecorded(job: JobObject): void
  troubled(job: JobObject, answer: DeleteAnswer): void
  /** The wall clock ran ahead: nothing goes by it for now. */
  clockJumped(byMs: number): void
}

export interface ReaperOptions {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly deleter: ObjectDeleter
  readonly sink: FactSink
  /** True: the end of the job is in the history. Never rejects. */
  readonly recorded: (job: JobObject) => Promise<boolean>
  readonly queueOf: (namespace: string, queue: string) => QueueObject | null
  /** The shard is led, and the Queues are known. */
  readonly leads: (shard: ShardId) => boolean
  /** A job that waits depends on it. */
  readonly needed: (job: JobObject) => boolean
  readonly maxFinished: number
  readonly observer: ReaperObserver
}

const MAX_IN_FLIGHT = 8
const DELETIONS_PER_SECOND = 50
const TOKENS_PER_END = 2
const MAX_TOKENS = 1_000
const MOST_TRIMS = 50
/** Looks at heads only; a step of the clock shows at the next one. */
const LONGEST_SLEEP_MS = 30_000
const SHORTEST_SLEEP_MS = 100
/** Between two looks above the limit. */
const PRESSED_MS = 1_000
const NEEDED_AGAIN_MS = 30_000
const CONFLICT_MS = 1_000
const HISTORY_AGAIN_MS = 10_000
const REFUSED_AGAIN_MS = 300_000
const SPARED_MS = 60_000
/** A pressure that was relieved is told for so long, so that the condition does not flicker. */
const PRESSURE_TOLD_MS = 600_000

export class Reaper {
  readonly #options: ReaperOptions
  readonly #book = new RetentionBook()
  readonly #wall: PatientWall
  /** Of all shards: the limit is the cluster's. */
  readonly #finished = new Set<JobUid>()
  readonly #inFlight = new Set<JobUid>()
  #tokens = DELETIONS_PER_SECOND
  #refilledAt: number
  #pausedUntil = 0
  #pressedAt: number | null = null
  #timer: Cancel | null = null
  #wakesAt = Number.POSITIVE_INFINITY
  #started = false

  constructor(options: ReaperOptions) {
    this.#options = options
    this.#wall = new PatientWall(options.clock, (by) => options.observer.clockJumped(by))
    this.#refilledAt = options.clock.monotonic()
  }

  /** Finished jobs in the cluster. */
  get finished(): number {
    return this.#finished.size
  }

  /** Jobs whose time is over and that are not gone yet. */
  get condemned(): number {
    return this.#book.condemned
  }

  /** Told on the queues; null = no pressure, now or lately. */
  get pressure(): { readonly objects: number; readonly limit: number } | null {
    const { maxFinished, clock } = this.#options
    if (this.#pressedAt === null) return null
    if (clock.monotonic() - this.#pressedAt > PRESSURE_TOLD_MS) return null
    return { objects: this.#finished.size, limit: maxFinished }
  }

  start(): void {
    this.#started = true
    this.#wake(0)
  }

  stop(): void {
    this.#started = false
    this.#timer?.()
    this.#timer = null
    this.#wakesAt = Number.POSITIVE_INFINITY
  }

  /** A version of a job was seen, whoever leads. */
  look(entry: Entry): void {
    const { uid, object, record } = entry
    const job = finishedJob(object, record)
    if (!job) {
      if (!isTerminal(object.status.phase)) this.#finished.delete(uid)
      this.#book.drop(uid)
      return
    }
    if (!this.#finished.has(uid)) {
      this.#finished.add(uid)
      this.#tokens = Math.min(MAX_TOKENS, this.#tokens + TOKENS_PER_END)
    }
    if (!this.#options.leads(entry.shard)) return
    const policy = retentionPolicy(this.#options.queueOf(job.namespace, job.queue))
    this.#book.put(job, policy, this.#wall.now())
    this.#wakeFor()
  }

  gone(uid: JobUid): void {
    this.#finished.delete(uid)
    this.#book.drop(uid)
  }

  /** Retention, or the default of a time to live, may have changed. */
  queueChanged(namespace: string, queue: string): void {
    for (const { uid, ...job } of [...this.#book.jobs()]) {
      if (job.namespace !== namespace || job.queue !== queue) continue
      const entry = this.#options.ledger.get(uid)
      if (!entry) continue
      // A condemned job is judged again, too: a longer retention spares it.
      this.#book.drop(uid)
      this.look(entry)
    }
  }

  leading(shard: ShardId): void {
    for (const entry of this.#options.ledger.ofShard(shard)) this.look(entry)
  }

  steppedDown(shard: ShardId): void {
    for (const { uid, namespace } of [...this.#book.jobs()]) {
      if (shardOf(namespace) === shard) this.#book.drop(uid)
    }
  }

  runOnce(): void {
    const now = this.#wall.now()
    this.#book.age(now)
    this.#shorten(now)
    this.#trim()
    this.#refill()
    const { clock, ledger } = this.#options
    if (clock.monotonic() < this.#pausedUntil) return
    for (const { uid } of this.#book.ready(now, 2 * MAX_IN_FLIGHT)) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT || this.#tokens < 1) return
      const entry = ledger.get(uid)
      if (entry && !this.#inFlight.has(uid)) this.#take(entry, now)
      else if (!entry) this.#book.drop(uid)
    }
  }

  /** Above the limit each process takes its share, oldest first. */
  #shorten(now: WallMs): void {
    const { maxFinished, clock } = this.#options
    const total = this.#finished.size
    if (total <= maxFinished) return
    this.#pressedAt = clock.monotonic()
    const excess = Math.ceil(((total - maxFinished) * this.#book.size) / total)
    this.#book.shorten(excess - this.#book.condemned, now - SPARED_MS, now)
  }

  #trim(): void {
    for (const uid of this.#book.takeTrims(MOST_TRIMS)) {
      void this.#options.sink.submit(uid, { kind: 'trim' })
    }
  }

  #refill(): void {
    const now = this.#options.clock.monotonic()
    const gained = ((now - this.#refilledAt) / 1000) * DELETIONS_PER_SECOND
    this.#tokens = Math.max(this.#tokens, Math.min(DELETIONS_PER_SECOND, this.#tokens + gained))
    this.#refilledAt = now
  }

  #take(entry: Entry, now: WallMs): void {
    const { needed, leads } = this.#options
    if (!leads(entry.shard)) this.#book.drop(entry.uid)
    else if (needed(entry.object)) this.#book.postpone(entry.uid, now + NEEDED_AGAIN_MS)
    else if (entry.facts > 0) this.#book.postpone(entry.uid, now + CONFLICT_MS)
    else {
      this.#tokens -= 1
      this.#inFlight.add(entry.uid)
      void this.#reap(entry).finally(() => {
        this.#inFlight.delete(entry.uid)
        if (this.#started) this.runOnce()
        this.#wakeFor()
      })
    }
  }

  async #reap(entry: Entry): Promise<void> {
    const { recorded, deleter, observer, maxFinished } = this.#options
    const { object } = entry
    const isRecorded = await recorded(object)
    if (!isRecorded && this.#finished.size <= maxFinished) {
      this.#pausedUntil = this.#options.clock.monotonic() + HISTORY_AGAIN_MS
      return
    }
    if (!this.#mayGo(entry, object)) return
    const answer = await deleter.delete('QueueJob', object)
    if (answer.kind === 'deleted') {
      if (!isRecorded) observer.unrecorded(object)
      observer.deleted(object)
    }
    this.#answered(object, answer)
  }

  /** Nothing happened to it while its end was being recorded. */
  #mayGo({ uid }: Entry, object: JobObject): boolean {
    const { ledger, leads, needed } = this.#options
    const entry = ledger.get(uid)
    return (
      this.#started &&
      entry?.object === object &&
      entry.facts === 0 &&
      leads(entry.shard) &&
      !needed(object)
    )
  }

  #answered(object: JobObject, answer: DeleteAnswer): void {
    const { observer, clock } = this.#options
    const { uid } = object
    const postpone = (ms: number) => this.#book.postpone(uid, this.#wall.now() + ms)
    switch (answer.kind) {
      case 'deleted':
      case 'gone':
        this.gone(uid)
        return
      case 'conflict':
        // The watch brings the version that won, which is judged anew.
        postpone(CONFLICT_MS)
        return
      case 'unknown':
        postpone(CONFLICT_MS)
        break
      case 'refused':
        postpone(REFUSED_AGAIN_MS)
        break
      case 'later':
        this.#pausedUntil = clock.monotonic() + answer.retryAfterMs
    }
    observer.troubled(object, answer)
  }

  #wakeFor(): void {
    const { maxFinished, clock } = this.#options
    const pressed = this.#finished.size > maxFinished
    const next = Math.min(
      this.#book.nextAt - this.#wall.now(),
      pressed ? PRESSED_MS : Number.POSITIVE_INFINITY,
    )
    const paused = this.#pausedUntil - clock.monotonic()
    this.#wake(Math.min(LONGEST_SLEEP_MS, Math.max(SHORTEST_SLEEP_MS, next, paused)))
  }

  #wake(delayMs: number): void {
    const { clock } = this.#options
    const at = clock.monotonic() + delayMs
    if (!this.#started || (this.#timer && this.#wakesAt <= at)) return
    this.#timer?.()
    this.#wakesAt = at
    this.#timer = clock.after(delayMs, () => {
      this.#timer = null
      this.runOnce()
      this.#wakeFor()
    })
  }
}
