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
 * arrive while a job waits for its turn are merged into one write. A job that waits to try again keeps
 * its place: that is how a server in trouble slows the writer down. What belonged to a shard that was
 * given up is never written, also not when the shard comes back (`abandon`, W6).
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { type ClockStops, hasActiveDeadline, NO_STOPS } from '../core/active-deadline.ts'
import { backoffMs } from '../core/backoff.ts'
import type { Clock, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { type Fact, onlyInforms } from '../core/facts.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type {
  FailurePolicy,
  ReadAnswer,
  Settled,
  StatusStore,
  WriteAnswer,
  WriteObserver,
} from './ports.ts'
import { strippedStatus } from './size.ts'
import { planRefused, planStatus } from './status.ts'

export interface StatusWriterOptions {
  readonly store: StatusStore
  readonly ledger: Ledger
  readonly policy: FailurePolicy
  /** What stops the clock of `activeDeadlineSeconds`; asked only for jobs that have one. */
  readonly stopsOf: (entry: Entry) => ClockStops
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
  /** Calling it again does nothing. */
  readonly settle: (result: Settled) => void
}

/** Facts of one job that are being taken to an answer. */
interface Batch {
  readonly uid: JobUid
  readonly facts: Pending[]
  /** Of the shard when the batch was begun; another one now means that it was given up meanwhile. */
  readonly tenure: number
  /** What the last refusal led to (W5). */
  form: 'whole' | 'stripped' | 'refused'
  /** The server's words at the last refusal. */
  detail: string
}

interface Planned {
  readonly status: QueueJobStatus
  readonly applied: readonly boolean[]
}

const RETRY = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 30_000,
  multiplier: 2,
  jitter: 0.3,
} as const
/** Conflicts that are met at once; further ones wait, so that two writers cannot chase each other. */
const QUICK_TRIES = 3

export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #pending = new Map<JobUid, Pending[]>()
  readonly #turns: JobUid[] = []
  readonly #busy = new Map<JobUid, Batch>()
  readonly #quarantine = new Set<JobUid>()
  readonly #tenures = new Map<ShardId, number>()
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
    let waiting = this.#busy.size
    for (const uid of this.#pending.keys()) if (!this.#busy.has(uid)) waiting += 1
    return waiting
  }

  get busy(): boolean {
    return this.#busy.size >= this.#options.maxInFlight / 2
  }

  /** W5: no status of the job is taken by the API server, so it must not start again either. */
  holds(uid: JobUid): boolean {
    return this.#quarantine.has(uid)
  }

  /** Jobs of which no status is taken by the API server. */
  get quarantined(): number {
    return [...this.#quarantine].filter((uid) => this.#options.ledger.get(uid)).length
  }

  get #isIdle(): boolean {
    return this.#busy.size === 0 && this.#pending.size === 0
  }

  /** Queues a fact. Never rejects. */
  submit(uid: JobUid, fact: Fact): Promise<Settled> {
    const { ledger } = this.#options
    if (this.#stopped) return Promise.resolve('stopped')
    if (!ledger.get(uid)) {
      this.#quarantine.delete(uid)
      return Promise.resolve('gone')
    }
    if (this.#quarantine.has(uid)) return Promise.resolve('quarantined')
    ledger.factQueued(uid)
    return new Promise((resolve) => {
      let open = true
      const settle = (result: Settled): void => {
        if (open) ledger.factSettled(uid)
        open = false
        resolve(result)
      }
      this.#queue(uid, { fact, settle })
    })
  }

  /** W6: the shard was given up. What waits or is under way for it is settled as stopped. */
  abandon(shard: ShardId): void {
    this.#tenures.set(shard, this.#tenureOf(shard) + 1)
    for (const uid of new Set([...this.#pending.keys(), ...this.#busy.keys()])) {
      if (this.#options.ledger.get(uid)?.shard !== shard) continue
      settleAll(this.#take(uid), 'stopped')
      settleAll(this.#busy.get(uid)?.facts ?? [], 'stopped')
    }
  }

  /**
   * No new facts; resolves when what is in flight was answered. What is still open at the deadline is
   * settled as stopped: whether it is in etcd is not known then.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true
    if (this.#isIdle) return
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(deadlineMs, resolve)
      this.#idle.push(() => {
        cancel()
        resolve()
      })
    })
    for (const uid of [...this.#pending.keys()]) settleAll(this.#take(uid), 'stopped')
    for (const batch of this.#busy.values()) settleAll(batch.facts, 'stopped')
  }

  #queue(uid: JobUid, pending: Pending): void {
    const queued = this.#pending.get(uid)
    if (queued) queued.push(pending)
    else {
      this.#pending.set(uid, [pending])
      if (!this.#busy.has(uid)) this.#turns.push(uid)
    }
    this.#pump()
  }

  #pump(): void {
    while (this.#busy.size < this.#options.maxInFlight) {
      const uid = this.#turns.shift()
      if (uid === undefined) break
      if (this.#busy.has(uid) || !this.#pending.has(uid)) continue
      const batch = this.#begin(uid)
      this.#busy.set(uid, batch)
      void this.#serve(batch).finally(() => {
        this.#busy.delete(uid)
        if (this.#pending.has(uid)) this.#turns.push(uid)
        this.#pump()
        if (this.#isIdle) for (const done of this.#idle.splice(0)) done()
      })
    }
  }

  #begin(uid: JobUid): Batch {
    const shard = this.#options.ledger.get(uid)?.shard
    const tenure = shard === undefined ? 0 : this.#tenureOf(shard)
    return { uid, facts: [], tenure, form: 'whole', detail: '' }
  }

  /** One job's failure, even of our own code, must not hold up its neighbours. */
  async #serve(batch: Batch): Promise<void> {
    try {
      await this.#carryThrough(batch)
    } catch (error) {
      const object = this.#options.ledger.get(batch.uid)?.object
      if (object) this.#options.observer.troubled(object, 'refused', describeError(error))
      this.#quarantineAll(batch)
    }
  }

  /** Takes the job's facts through to an answer that settles them. */
  async #carryThrough(batch: Batch): Promise<void> {
    for (let tries = 0; ; tries++) {
      const entry = this.#options.ledger.get(batch.uid)
      // What was handed in since the shard came back waits for a batch of its own.
      if (entry && this.#tenureOf(entry.shard) !== batch.tenure) {
        return settleAll(batch.facts, 'stopped')
      }
      batch.facts.push(...this.#take(batch.uid))
      if (!entry) return settleAll(batch.facts, 'gone')
      if (!this.#mayWrite(entry.shard, batch)) return settleAll(batch.facts, 'stopped')
      const planned = this.#plan(entry, batch)
      if (planned === 'overtaken') return settleAll(batch.facts, 'overtaken')
      if (planned === 'refused') return this.#quarantineAll(batch)
      const answer = await this.#send(entry, planned.status)
      switch (answer.kind) {
        case 'written':
          settle(batch.facts.splice(0, planned.applied.length), planned.applied)
          if (batch.facts.length === 0) return
          batch.form = 'whole'
          break
        case 'gone':
          this.#options.ledger.forget(batch.uid)
          return settleAll(batch.facts, 'gone')
        case 'refused':
          if (!this.#yieldTo(answer.detail, batch)) return
          break
        case 'conflict':
        case 'unknown':
        case 'later': {
          const looked = await this.#lookAgain(entry, answer, tries, batch)
          if (looked !== 'again') return settleAll(batch.facts, looked)
        }
      }
    }
  }

  #take(uid: JobUid): readonly Pending[] {
    const queued = this.#pending.get(uid) ?? []
    this.#pending.delete(uid)
    return queued
  }

  #tenureOf(shard: ShardId): number {
    return this.#tenures.get(shard) ?? 0
  }

  #mayWrite(shard: ShardId, batch: Batch): boolean {
    return this.#tenureOf(shard) === batch.tenure && this.#options.mayWrite(shard)
  }

  #plan(entry: Entry, batch: Batch): Planned | 'overtaken' | 'refused' {
    const { clock, policy, stopsOf } = this.#options
    const { object, record } = entry
    const now = clock.now()
    const stops = hasActiveDeadline(record) ? stopsOf(entry) : NO_STOPS
    const facts = batch.facts.map((pending) => pending.fact)
    const { status, applied } = planStatus({ object, record, facts, now, policy, stops })
    if (status === null) return 'overtaken'
    switch (batch.form) {
      case 'whole':
        return { status, applied }
      case 'stripped':
        return { status: strippedStatus(status), applied }
      case 'refused': {
        const refused = planRefused({ object, record, now, stops }, status, batch.detail)
        return refused ? { status: refused, applied } : 'refused'
      }
    }
  }

  /** W5: never unchanged again. False: the batch is settled. */
  #yieldTo(detail: string, batch: Batch): boolean {
    if (batch.facts.every(({ fact }) => onlyInforms(fact))) {
      // What nobody depends on is not worth a job's life.
      settleAll(batch.facts, 'overtaken')
      return false
    }
    if (batch.form === 'refused') {
      this.#quarantineAll(batch)
      return false
    }
    batch.form = batch.form === 'whole' ? 'stripped' : 'refused'
    batch.detail = detail
    return true
  }

  #quarantineAll(batch: Batch): void {
    this.#quarantine.add(batch.uid)
    settleAll([...batch.facts, ...this.#take(batch.uid)], 'quarantined')
  }

  async #send(entry: Entry, next: QueueJobStatus): Promise<WriteAnswer> {
    const { ledger, clock, observer } = this.#options
    const { object } = entry
    const startedAt = clock.monotonic()
    const answer = await this.#write(object, next)
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

  /** An adapter that throws says nothing about the write: it may have happened. */
  async #write(object: JobObject, next: QueueJobStatus): Promise<WriteAnswer> {
    try {
      return await this.#options.store.writeStatus(object, object.status, next)
    } catch (error) {
      return { kind: 'unknown', detail: describeError(error) }
    }
  }

  async #read(object: JobObject): Promise<ReadAnswer> {
    try {
      return await this.#options.store.readJob(object)
    } catch (error) {
      return { kind: 'later', retryAfterMs: 0, detail: describeError(error) }
    }
  }

  /**
   * W3: waits where that helps, then reads live. 'stopped': this process may not write any more, and
   * so knows nothing of the write: its facts are not settled here.
   */
  async #lookAgain(
    entry: Entry,
    answer: WriteAnswer,
    tries: number,
    batch: Batch,
  ): Promise<'again' | 'gone' | 'stopped'> {
    const { ledger, clock } = this.#options
    if (answer.kind !== 'conflict' || tries >= QUICK_TRIES) {
      await this.#pause(answer.kind === 'later' ? answer.retryAfterMs : 0, tries)
    }
    for (let reads = 0; this.#mayWrite(entry.shard, batch); reads++) {
      const read = await this.#read(entry.object)
      if (!this.#mayWrite(entry.shard, batch)) break
      if (read.kind === 'later') {
        await this.#pause(read.retryAfterMs, reads)
      } else if (read.kind === 'found' && read.object.uid === entry.uid) {
        ledger.observe(read.object, clock.monotonic())
        return 'again'
      } else {
        ledger.forget(entry.uid)
        return 'gone'
      }
    }
    return 'stopped'
  }

  /** At least as long as was asked for, and longer with each try, whatever was asked for. */
  #pause(askedMs: number, tries: number): Promise<void> {
    const { clock, random } = this.#options
    const ms = Math.max(askedMs, backoffMs(RETRY, tries + 1, random.uniform()))
    return new Promise((resolve) => void clock.after(ms, resolve))
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
