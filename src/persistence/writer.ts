/**
 * The one status writer (architecture.md, rule 2; protocol section 3).
 *
 *   submit ──▶ facts of one job, in order ──▶ plan (pure) ──▶ write ─┬▶ written: settle, next
 *                    ▲                                               ├▶ conflict, unknown: read live, plan again (W3)
 *                    └──────────── facts that came meanwhile ────────┼▶ gone: settle all (W4)
 *                                                                    ├▶ refused: strip, StatusRefused, quarantine (W5)
 *                                                                    └▶ later: wait, same again
 *
 * One write in flight per job (W1), at most `maxInFlight` in all, first come first served. Facts that
 * arrive while a job waits for its turn are merged into one write.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { backoffMs } from '../core/backoff.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { FailurePolicy, Settled, StatusStore, WriteAnswer, WriteObserver } from './ports.ts'
import { strippedStatus } from './size.ts'
import { planStatus } from './status.ts'

export interface StatusWriterOptions {
  readonly store: StatusStore
  readonly ledger: Ledger
  readonly policy: FailurePolicy
  readonly observer: WriteObserver
  readonly clock: Clock
  readonly random: Random
  /** Writes in flight at once; more only queue up inside the API server. */
  readonly maxInFlight: number
  /** W7: false while this process may not lead the shard. Asked before every send. */
  readonly mayWrite: (shard: ShardId) => boolean
}

interface Pending {
  readonly fact: Fact
  readonly settle: (result: Settled) => void
}

const RETRY = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 30_000,
  multiplier: 2,
  jitter: 0.3,
} as const

type Refusals = 'none' | 'stripped' | 'reported'

export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #pending = new Map<JobUid, Pending[]>()
  readonly #turns: JobUid[] = []
  readonly #busy = new Set<JobUid>()
  readonly #quarantine = new Set<JobUid>()
  #inFlight = 0
  #written = 0
  #stopped = false
  #idle: (() => void)[] = []

  constructor(options: StatusWriterOptions) {
    this.#options = options
  }

  /** Statuses written since the start. */
  get written(): number {
    return this.#written
  }

  /** Jobs that wait for their turn or are being written. */
  get depth(): number {
    return this.#pending.size
  }

  get busy(): boolean {
    return this.#inFlight >= this.#options.maxInFlight / 2
  }

  get quarantined(): number {
    return this.#quarantine.size
  }

  /** Queues a fact. Never rejects. */
  submit(uid: JobUid, fact: Fact): Promise<Settled> {
    if (this.#stopped) return Promise.resolve('stopped')
    if (this.#quarantine.has(uid)) return Promise.resolve('quarantined')
    const entry = this.#options.ledger.get(uid)
    if (!entry) return Promise.resolve('gone')
    entry.facts++
    return new Promise((resolve) => {
      const pending: Pending = {
        fact,
        settle: (result) => {
          entry.facts--
          resolve(result)
        },
      }
      const queued = this.#pending.get(uid)
      if (queued) queued.push(pending)
      else this.#pending.set(uid, [pending])
      if (!queued && !this.#busy.has(uid)) this.#turns.push(uid)
      this.#pump()
    })
  }

  /** No new facts; resolves when what is in flight was answered, or at the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true
    if (this.#pending.size === 0 && this.#inFlight === 0) return
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(deadlineMs, resolve)
      this.#idle.push(() => {
        cancel()
        resolve()
      })
    })
  }

  #pump(): void {
    while (this.#inFlight < this.#options.maxInFlight) {
      const uid = this.#turns.shift()
      if (uid === undefined) break
      this.#inFlight++
      this.#busy.add(uid)
      void this.#serve(uid).finally(() => {
        this.#inFlight--
        this.#busy.delete(uid)
        if (this.#pending.has(uid)) this.#turns.push(uid)
        this.#pump()
        if (this.#inFlight === 0 && this.#pending.size === 0) {
          for (const done of this.#idle.splice(0)) done()
        }
      })
    }
  }

  /** Takes the job's facts through to an answer that settles them. */
  async #serve(uid: JobUid): Promise<void> {
    const batch: Pending[] = []
    let refusals: Refusals = 'none'
    for (let tries = 0; ; tries++) {
      batch.push(...this.#take(uid))
      const entry = this.#options.ledger.get(uid)
      if (!entry) return settleAll(batch, 'gone')
      if (!this.#options.mayWrite(entry.shard)) return settleAll(batch, 'stopped')
      const planned = this.#plan(entry, batch, refusals)
      if (planned === null) return
      const answer = await this.#send(entry, planned.status)
      switch (answer.kind) {
        case 'written':
          return settle(batch, planned.applied)
        case 'gone':
          this.#options.ledger.forget(uid)
          return settleAll(batch, 'gone')
        case 'refused':
          if (refusals === 'reported') {
            this.#quarantine.add(uid)
            return settleAll(batch, 'quarantined')
          }
          refusals = refusals === 'none' ? 'stripped' : 'reported'
          break
        case 'conflict':
        case 'unknown':
        case 'later': {
          const looked = await this.#lookAgain(entry, answer, tries)
          if (looked !== 'again') return settleAll(batch, looked)
        }
      }
    }
  }

  #take(uid: JobUid): Pending[] {
    const queued = this.#pending.get(uid) ?? []
    this.#pending.delete(uid)
    return queued
  }

  /** Null: nothing is left to write, and the batch is settled. */
  #plan(
    entry: Entry,
    batch: Pending[],
    refusals: Refusals,
  ): { status: QueueJobStatus; applied: readonly boolean[] } | null {
    const { object, record } = entry
    const { status, applied } = planStatus({
      object,
      record,
      facts: batch.map((pending) => pending.fact),
      now: this.#options.clock.now(),
      policy: this.#options.policy,
    })
    if (status === null) {
      settleAll(batch, 'overtaken')
      return null
    }
    if (refusals === 'none') return { status, applied }
    return {
      status: refusals === 'stripped' ? strippedStatus(status) : refusedStatus(status),
      applied,
    }
  }

  async #send(entry: Entry, next: QueueJobStatus): Promise<WriteAnswer> {
    const { store, ledger, clock, observer } = this.#options
    const { object } = entry
    const startedAt = clock.monotonic()
    const answer = await store.writeStatus(object, object.status, next)
    if (answer.kind !== 'written') {
      observer.troubled(object, answer.kind, 'detail' in answer ? answer.detail : '')
      return answer
    }
    this.#written++
    const written = { ...object, resourceVersion: answer.resourceVersion, status: next }
    ledger.observe(written, clock.monotonic())
    observer.wrote({
      object: written,
      before: object.status,
      tookMs: clock.monotonic() - startedAt,
    })
    return answer
  }

  /**
   * W3: waits where that helps, then reads live. 'stopped': this process may not write any more, and
   * so knows nothing of the write: its facts are not settled here.
   */
  async #lookAgain(
    entry: Entry,
    answer: WriteAnswer,
    tries: number,
  ): Promise<'again' | 'gone' | 'stopped'> {
    const { store, ledger, clock, random } = this.#options
    const wait =
      answer.kind === 'later'
        ? answer.retryAfterMs
        : answer.kind === 'conflict' && tries < 3
          ? 0
          : backoffMs(RETRY, tries, random.uniform())
    if (wait > 0) await this.#pause(wait)
    for (let reads = 1; this.#options.mayWrite(entry.shard); reads++) {
      const read = await store.readJob(entry.object)
      if (read.kind === 'gone') break
      if (read.kind === 'found') {
        if (read.object.uid !== entry.uid) break
        ledger.observe(read.object, clock.monotonic())
        return 'again'
      }
      await this.#pause(Math.max(read.retryAfterMs, backoffMs(RETRY, reads, random.uniform())))
    }
    if (!this.#options.mayWrite(entry.shard)) return 'stopped'
    ledger.forget(entry.uid)
    return 'gone'
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve))
  }
}

function settle(batch: readonly Pending[], applied: readonly boolean[]): void {
  batch.forEach((pending, index) => {
    pending.settle(applied[index] ? 'written' : 'overtaken')
  })
}

function settleAll(batch: readonly Pending[], result: Settled): void {
  for (const pending of batch) pending.settle(result)
}

/** W5, second step: whatever it was to be, the job now says that its status was refused. */
function refusedStatus(status: QueueJobStatus): QueueJobStatus {
  const { result: _, history: __, progress: ___, ...rest } = status
  const message = 'the API server refused the status of this job; its outcome could not be stored'
  return {
    ...rest,
    phase: 'Failed',
    reason: 'StatusRefused',
    message,
    error: { category: 'System', code: 'StatusRefused', message },
  }
}
