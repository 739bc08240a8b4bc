/**
 * Kubernetes Events about our objects (events.k8s.io/v1): best effort, within the information budget,
 * never in the way of anything.
 *
 *   emit ──▶ told of this object and reason within 10 min? ─ yes ─▶ dropped, counted
 *               └─ no ─▶ bounded queue ──budget has room──▶ one POST at a time; a failed one is dropped
 *
 * An Event is a hint for people: the status says the same and stays. So nothing is repeated, and when
 * more happens than may be told, the oldest goes untold, and what warns of nothing first.
 */
import { API_VERSION } from '../api/conditions.ts'
import { REASONS } from '../api/reasons.ts'
import type { Cancel, Clock, MonoMs, Random } from '../core/clock.ts'
import { rfc3339Micro } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { EventNote, EventSink, Logger } from '../observability/ports.ts'
import { plain } from './errors.ts'
import type { KubeRequests } from './transport.ts'

export interface EventsOptions {
  readonly requests: KubeRequests
  /** Who reports: identity of this process. */
  readonly instance: string
  /** True = one write was taken from the information budget. */
  readonly tryTake: () => boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface EventCounts {
  readonly sent: number
  /** Told before, no room, or refused by the server. */
  readonly dropped: number
}

/** The same reason about the same object is told once in this time. */
const REPEAT_MS = 600_000
const MAX_WAITING = 256
const MAX_REMEMBERED = 10_000
/** When the budget is empty. */
const LOOK_MS = 500
const DEADLINE_MS = 5_000

/** In bytes of UTF-8, as the server counts. */
const NOTE_MAX = 1_024
const FIELD_MAX = 128

export class KubeEvents implements EventSink {
  readonly #options: EventsOptions
  readonly #waiting: EventNote[] = []
  /** `uid/reason` → when it was told; oldest first. */
  readonly #told = new Map<string, MonoMs>()
  #timer: Cancel | null = null
  #sending = false
  #stopped = false
  #sent = 0
  #dropped = 0

  constructor(options: EventsOptions) {
    this.#options = options
  }

  get counts(): EventCounts {
    return { sent: this.#sent, dropped: this.#dropped }
  }

  emit(note: EventNote): void {
    if (this.#stopped || REASONS[note.reason].event === null) return
    if (!this.#isNews(note)) {
      this.#dropped++
      return
    }
    this.#waiting.push(note)
    if (this.#waiting.length > MAX_WAITING) this.#dropOne()
    this.#pump()
  }

  /** What waits goes untold. */
  stop(): void {
    this.#stopped = true
    this.#timer?.()
    this.#waiting.length = 0
  }

  /** The oldest of those that warn of nothing, else the oldest. It may be told another time. */
  #dropOne(): void {
    const harmless = this.#waiting.findIndex(({ reason }) => REASONS[reason].event === 'Normal')
    const [gone] = this.#waiting.splice(Math.max(0, harmless), 1)
    if (gone) this.#told.delete(keyOf(gone))
    this.#dropped++
  }

  #isNews(note: EventNote): boolean {
    const now = this.#options.clock.monotonic()
    const key = keyOf(note)
    const before = this.#told.get(key)
    if (before !== undefined && now - before < REPEAT_MS) return false
    this.#told.delete(key)
    this.#told.set(key, now)
    for (const [oldest, at] of this.#told) {
      if (this.#told.size <= MAX_REMEMBERED && now - at < REPEAT_MS) break
      this.#told.delete(oldest)
    }
    return true
  }

  #pump(): void {
    if (this.#sending || this.#timer || this.#stopped || this.#waiting.length === 0) return
    if (!this.#options.tryTake()) {
      this.#timer = this.#options.clock.after(LOOK_MS, () => {
        this.#timer = null
        this.#pump()
      })
      return
    }
    const note = this.#waiting.shift()
    if (!note) return
    this.#sending = true
    void this.#send(note).finally(() => {
      this.#sending = false
      this.#pump()
    })
  }

  async #send(note: EventNote): Promise<void> {
    const { requests, logger } = this.#options
    const { namespace, name } = note.regarding
    try {
      await requests.request({
        verb: 'POST',
        path: `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`,
        body: this.#eventOf(note),
        deadlineMs: DEADLINE_MS,
      })
      this.#sent++
    } catch (error) {
      this.#dropped++
      logger.debug('an Event was not written', { namespace, job: name, err: describeError(error) })
    }
  }

  #eventOf(note: EventNote): unknown {
    const { clock, random, instance } = this.#options
    const { namespace, name, uid } = note.regarding
    const suffix = Buffer.from(random.bytes(8)).toString('hex')
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: `${eventNameHead(name)}.${suffix}` },
      eventTime: rfc3339Micro(clock.now()),
      reportingController: 'gopherqueue.io/operator',
      reportingInstance: instance.slice(0, FIELD_MAX),
      type: REASONS[note.reason].event,
      reason: note.reason,
      action: note.action.slice(0, FIELD_MAX),
      note: cutBytes(plain(note.note, NOTE_MAX), NOTE_MAX),
      regarding: { apiVersion: API_VERSION, kind: note.kind, namespace, name, uid },
    }
  }
}

function keyOf({ regarding, reason }: EventNote): string {
  return `${regarding.uid}/${reason}`
}

/** The name of the object, cut so that a dot and a suffix fit behind it (B8). */
function eventNameHead(name: string): string {
  return name.slice(0, 230).replace(/[^a-z0-9]+$/, '')
}

/** At most `max` bytes, without half a character at the end. */
function cutBytes(text: string, max: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= max) return text
  // A stream may end inside a character: the decoder keeps that part back.
  return new TextDecoder().decode(bytes.subarray(0, max), { stream: true })
}
