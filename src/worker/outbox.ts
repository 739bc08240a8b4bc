/**
 * Outcomes on their way to the event stream (protocol K6). A report is repeated with its one message
 * id until the stream has confirmed it, however long NATS is away: an outcome that is lost here runs
 * the job again. Confirmed ones are kept for two minutes, because a stream can lose what it confirmed
 * and the next leader then asks again (`ctl resend`).
 */
import { type BackoffPolicy, backoffMs } from '../core/backoff.ts'
import { type Clock, type MonoMs, type Random, sleep } from '../core/clock.ts'
import type { Epoch } from '../core/epoch.ts'
import type { JobUid } from '../core/ids.ts'
import type { Outcome } from '../core/outcome.ts'
import type { OutcomeSink, ReportKey, WorkerObserver } from './ports.ts'

export const KEEP_MS = 120_000
/** Confirmed outcomes that are kept at most; a worker that ends more in two minutes keeps fewer. */
export const KEEP_MAX = 10_000
/** Of their results; a pod with little memory must not die of what it has already reported. */
export const KEEP_BYTES = 32 * 1_048_576
/** An outage lasts seconds or minutes: soon at first, then every few seconds. */
const REPEAT: BackoffPolicy = {
  strategy: 'Exponential',
  initialMs: 250,
  maxMs: 5_000,
  multiplier: 2,
  jitter: 0.2,
}
/** Tries for one `ctl resend`; the operator asks again when it still misses the outcome. */
const RESEND_TRIES = 5

export interface Ended {
  readonly outcome: Outcome
  /** Null: the handler never started. */
  readonly startedAt: MonoMs | null
  readonly endedAt: MonoMs
}

interface Entry {
  readonly key: ReportKey
  readonly ended: Ended
  confirmedAt: MonoMs | null
  resends: number
  resending: boolean
}

export interface FinishedReport {
  readonly key: ReportKey
  /** Null: not confirmed yet. */
  readonly confirmedAgoMs: number | null
}

export class Outbox {
  readonly #sink: OutcomeSink
  readonly #clock: Clock
  readonly #random: Random
  readonly #observer: Pick<WorkerObserver, 'unconfirmed'>
  /** In the order of ending. */
  readonly #entries = new Map<string, Entry>()
  readonly #closed = new AbortController()
  #unconfirmed = 0
  /** Length of all results that are kept, in characters. */
  #kept = 0

  constructor(options: {
    readonly sink: OutcomeSink
    readonly clock: Clock
    readonly random: Random
    readonly observer: Pick<WorkerObserver, 'unconfirmed'>
  }) {
    this.#sink = options.sink
    this.#clock = options.clock
    this.#random = options.random
    this.#observer = options.observer
  }

  /** Reports that the stream has not confirmed. */
  get unconfirmed(): number {
    return this.#unconfirmed
  }

  /**
   * Resolves true once the stream has the report; false only when the outbox was closed before.
   * A second report of an attempt is ignored: its outcome was decided once (O7).
   */
  async report(key: ReportKey, ended: Ended): Promise<boolean> {
    const id = idOf(key.uid, key.epoch)
    if (this.#entries.has(id)) return false
    const entry: Entry = { key, ended, confirmedAt: null, resends: 0, resending: false }
    this.#entries.set(id, entry)
    this.#unconfirmed += 1
    this.#kept += lengthOf(ended.outcome)
    const done = await this.#repeat(entry, 0, Number.POSITIVE_INFINITY)
    if (done) this.#unconfirmed -= 1
    return done
  }

  /** `ctl resend`: once more, with an id of its own; nothing when it is still on its way. */
  async resend(uid: JobUid, epoch: Epoch): Promise<void> {
    const entry = this.#entries.get(idOf(uid, epoch))
    if (!entry || entry.confirmedAt === null || entry.resending) return
    entry.resending = true
    entry.resends += 1
    await this.#repeat(entry, entry.resends, RESEND_TRIES)
    entry.resending = false
  }

  /** All that is unconfirmed, and the newest confirmed ones; in the order of ending. */
  finished(confirmedAtMost: number): readonly FinishedReport[] {
    this.#forgetOld()
    const now = this.#clock.monotonic()
    let surplus = this.#entries.size - this.#unconfirmed - confirmedAtMost
    const listed: FinishedReport[] = []
    for (const { key, confirmedAt } of this.#entries.values()) {
      if (confirmedAt !== null && surplus-- > 0) continue
      listed.push({ key, confirmedAgoMs: confirmedAt === null ? null : now - confirmedAt })
    }
    return listed
  }

  /** Nothing is repeated any more; what waits for a confirmation resolves false. */
  close(): void {
    this.#closed.abort()
  }

  async #repeat(entry: Entry, resend: number, tries: number): Promise<boolean> {
    for (let failures = 1; failures <= tries && !this.#closed.signal.aborted; failures++) {
      if (await this.#publish(entry, resend)) {
        entry.confirmedAt = this.#clock.monotonic()
        this.#forgetOld()
        return true
      }
      this.#observer.unconfirmed(entry.key, failures)
      const pauseMs = backoffMs(REPEAT, failures, this.#random.uniform())
      await sleep(this.#clock, pauseMs, this.#closed.signal)
    }
    return false
  }

  async #publish({ key, ended }: Entry, resend: number): Promise<boolean> {
    const { outcome, startedAt, endedAt } = ended
    const now = this.#clock.monotonic()
    try {
      return await this.#sink.publish(
        {
          uid: key.uid,
          name: key.name,
          epoch: key.epoch,
          nonce: key.nonce,
          attempt: key.attempt,
          runId: key.runId,
          outcome,
          startedAgoMs: startedAt === null ? 0 : Math.round(now - startedAt),
          durationMs: startedAt === null ? 0 : Math.round(endedAt - startedAt),
        },
        resend,
      )
    } catch {
      return false
    }
  }

  /** Confirmed ones only, oldest first: those that are old, and as many as are too many. */
  #forgetOld(): void {
    const before = this.#clock.monotonic() - KEEP_MS
    for (const [id, { confirmedAt, ended }] of this.#entries) {
      if (confirmedAt === null) continue
      const tooMany = this.#entries.size > KEEP_MAX || this.#kept > KEEP_BYTES
      if (!tooMany && confirmedAt > before) break
      this.#entries.delete(id)
      this.#kept -= lengthOf(ended.outcome)
    }
  }
}

function lengthOf(outcome: Outcome): number {
  return outcome.kind === 'succeeded' ? (outcome.resultJson?.length ?? 0) : 0
}

function idOf(uid: JobUid, epoch: Epoch): string {
  return `${uid}.${epoch}`
}
