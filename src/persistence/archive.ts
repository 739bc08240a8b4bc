/**
 * Hands what happened to jobs to the history, after it is in etcd: the end of each run, and each
 * deletion. It never holds a job up. What cannot be sent is kept for a while and sent again; of ends
 * that had to be dropped nothing is lost, because no job is deleted before its end is confirmed
 * (`reaper.ts` asks again). A deletion that had to be dropped is told as lost.
 */
import type { Cancel, Clock } from '../core/clock.ts'
import type { JobObject } from '../core/job.ts'
import { deletedEvent, endedEvent } from './archive-event.ts'
import type { History, HistoryEvent } from './ports.ts'

export interface ArchiveOptions {
  /** Null: no history is kept. */
  readonly history: History | null
  readonly clock: Clock
  readonly observer: {
    recorded(event: HistoryEvent): void
    /** It is in no history, and will not be. */
    lost(event: HistoryEvent): void
  }
}

const MAX_WAITING = 10_000
const MAX_IN_FLIGHT = 64
/** Ids that are known to be in the stream; of an older one it is asked again. */
const MAX_CONFIRMED = 50_000
const AGAIN_MS = 5_000

type Waiting = Map<string, HistoryEvent>

export class Archive {
  readonly #options: ArchiveOptions
  readonly #ends: Waiting = new Map()
  readonly #deletions: Waiting = new Map()
  readonly #confirmed = new Set<string>()
  #inFlight = 0
  #timer: Cancel | null = null
  #stopped = false

  constructor(options: ArchiveOptions) {
    this.#options = options
  }

  /** Events that wait to be sent. */
  get depth(): number {
    return this.#ends.size + this.#deletions.size + this.#inFlight
  }

  ended(object: JobObject): void {
    this.#hand(this.#ends, endedEvent(object))
  }

  deleted(object: JobObject, by: 'retention' | 'request'): void {
    this.#hand(this.#deletions, deletedEvent(object, by, this.#options.clock.now()))
  }

  /** True: its end is in the history, or none is kept. Never rejects. */
  async recorded(object: JobObject): Promise<boolean> {
    if (!this.#options.history) return true
    const event = endedEvent(object)
    if (this.#confirmed.has(event.id)) return true
    this.#ends.delete(event.id)
    return this.#send(event)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
    this.#timer = null
  }

  #hand(waiting: Waiting, event: HistoryEvent): void {
    if (!this.#options.history || this.#stopped || this.#confirmed.has(event.id)) return
    this.#keep(waiting, event)
    if (!this.#timer) this.#pump()
  }

  #keep(waiting: Waiting, event: HistoryEvent): void {
    waiting.set(event.id, event)
    if (this.#ends.size + this.#deletions.size <= MAX_WAITING) return
    const [end] = this.#ends.keys()
    const [oldest] = this.#deletions.values()
    if (end !== undefined) this.#ends.delete(end)
    else if (oldest) {
      this.#deletions.delete(oldest.id)
      this.#options.observer.lost(oldest)
    }
  }

  #pump(): void {
    while (this.#inFlight < MAX_IN_FLIGHT && !this.#stopped) {
      const waiting = this.#ends.size > 0 ? this.#ends : this.#deletions
      const [event] = waiting.values()
      if (!event) return
      waiting.delete(event.id)
      void this.#carry(waiting, event)
    }
  }

  async #carry(waiting: Waiting, event: HistoryEvent): Promise<void> {
    this.#inFlight += 1
    const stored = await this.#send(event)
    this.#inFlight -= 1
    if (this.#stopped) return
    if (!stored) {
      this.#keep(waiting, event)
      this.#timer ??= this.#options.clock.after(AGAIN_MS, () => {
        this.#timer = null
        this.#pump()
      })
    }
    if (!this.#timer) this.#pump()
  }

  async #send(event: HistoryEvent): Promise<boolean> {
    const { history, observer } = this.#options
    const stored = (await history?.record(event)) ?? false
    if (!stored || this.#confirmed.has(event.id)) return stored
    this.#confirmed.add(event.id)
    const [oldest] = this.#confirmed
    if (this.#confirmed.size > MAX_CONFIRMED && oldest !== undefined) this.#confirmed.delete(oldest)
    observer.recorded(event)
    return true
  }
}
