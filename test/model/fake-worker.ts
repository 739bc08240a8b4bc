// A worker as the operator sees one: it pulls by free slot, runs for as long as its plan says, reports
// until the stream has it, beats, and hears control messages. One line of the effect ledger a start.

import type { Cancel } from '../../src/core/clock.ts'
import {
  bootId,
  type ClassId,
  classDigest,
  type JobUid,
  shardOf,
  type WorkerId,
  workerId,
} from '../../src/core/ids.ts'
import type { Control, Outcome, Report, WorkItem } from '../../src/core/outcome.ts'
import type { VirtualClock } from '../../src/core/virtual-clock.ts'
import type { FakeNats } from './fake-nats.ts'

export interface WorkerPlan {
  readonly id?: string
  readonly slots?: number
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
  readonly runMs?: (item: WorkItem) => number
  readonly outcome?: (item: WorkItem) => Outcome
  /** Its handlers ignore what they are told. */
  readonly deaf?: boolean
}

interface Running {
  readonly item: WorkItem
  readonly startedAt: number
  end: Cancel
}

let boots = 0

export class FakeWorker {
  readonly id: WorkerId
  readonly boot = bootId(`boot-${String(++boots).padStart(8, '0')}`)
  readonly cls: ClassId
  /** `at` by the wall clock, `mono` by the one that never steps. */
  readonly starts: { uid: JobUid; name: string; epoch: number; at: number; mono: number }[] = []
  readonly #clock: VirtualClock
  readonly #nats: FakeNats
  readonly #plan: Required<Omit<WorkerPlan, 'id'>>
  readonly #running = new Map<JobUid, Running>()
  readonly #reporting = new Map<JobUid, Report>()
  /** Confirmed, and kept for whoever asks again. */
  readonly #kept = new Map<JobUid, Report>()
  #announced = 0
  #dead = false
  #frozen = false
  #pulling = 0
  #cancelPulls: (() => void)[] = []
  #beatSoon: Cancel | null = null

  constructor(clock: VirtualClock, nats: FakeNats, plan: WorkerPlan) {
    this.#clock = clock
    this.#nats = nats
    this.#plan = {
      slots: plan.slots ?? 1,
      types: plan.types ?? ['work'],
      queues: plan.queues ?? ['default'],
      runMs: plan.runMs ?? (() => 10),
      deaf: plan.deaf ?? false,
      outcome: plan.outcome ?? (() => ({ kind: 'succeeded', resultJson: null })),
    }
    this.id = workerId(plan.id ?? `worker-${boots}`)
    this.cls = classDigest(
      this.#plan.queues,
      this.#plan.types.map((type) => ({ type, version: '1' })),
    )
    nats.workersHear.set(this.id, { namespace: 'default', hear: (message) => this.#hear(message) })
    this.#beatLoop()
    this.#pull()
  }

  get running(): number {
    return this.#running.size
  }

  kill(): void {
    this.#dead = true
    this.#nats.workersHear.delete(this.id)
    for (const { end } of this.#running.values()) end()
    this.#running.clear()
    for (const cancel of this.#cancelPulls.splice(0)) cancel()
  }

  /** Beats stop, handlers go on: what a partition looks like. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  #beatLoop(): void {
    if (this.#dead) return
    this.#beat()
    this.#clock.after(5_000, () => this.#beatLoop())
  }

  #changed(): void {
    this.#beatSoon ??= this.#clock.after(50, () => {
      this.#beatSoon = null
      this.#beat()
    })
  }

  #beat(): void {
    if (this.#dead || this.#frozen) return
    const { slots, queues, types } = this.#plan
    const now = this.#clock.monotonic()
    this.#nats.beat({
      namespace: 'default',
      owner: { worker: this.id, boot: this.boot },
      announcedTerm: this.#announced,
      cls: this.cls,
      queues,
      handlers: types.map((type) => ({ type, version: '1' })),
      slots,
      free: slots - this.#running.size,
      draining: false,
      running: [...this.#running.values()].map(({ item, startedAt }) => ({
        uid: item.uid,
        name: item.name,
        epoch: item.epoch,
        nonce: item.nonce,
        attempt: item.attempt,
        runId: item.runId,
        ageMs: now - startedAt,
        lastSignMs: 0,
      })),
      finished: [...this.#reporting.values(), ...this.#kept.values()].map((report) => ({
        uid: report.uid,
        name: report.name,
        epoch: report.epoch,
        nonce: report.nonce,
        confirmed: this.#kept.has(report.uid),
      })),
      loopLagMs: 0,
      memoryBytes: 0,
      cpuMs: 0,
      pod: '',
      node: '',
    })
  }

  #pull(): void {
    if (this.#dead) return
    // Pulls that a restart of NATS swallowed are made again by the next round.
    while (this.#pulling + this.#running.size + this.#reporting.size < this.#plan.slots) {
      this.#pulling++
      let done = false
      const cancel = this.#nats.pull('default', this.cls, (item) => {
        if (done) return
        done = true
        this.#pulling--
        this.#take(item)
      })
      this.#cancelPulls.push(cancel)
      this.#clock.after(2_000, () => {
        if (done) return
        done = true
        cancel()
        this.#pulling--
        this.#pull()
      })
    }
  }

  #take(item: WorkItem): void {
    if (this.#dead) return
    const now = this.#clock.monotonic()
    const { uid, name, epoch } = item
    this.starts.push({ uid, name, epoch, at: this.#clock.now(), mono: now })
    const end = this.#clock.after(this.#plan.runMs(item), () =>
      this.#end(item, now, this.#plan.outcome(item)),
    )
    this.#running.set(item.uid, { item, startedAt: now, end })
    this.#changed()
  }

  #end(item: WorkItem, startedAt: number, outcome: Outcome): void {
    if (this.#dead) return
    this.#running.delete(item.uid)
    const report: Report = {
      namespace: item.namespace,
      name: item.name,
      uid: item.uid,
      owner: { worker: this.id, boot: this.boot },
      epoch: item.epoch,
      nonce: item.nonce,
      attempt: item.attempt,
      runId: item.runId,
      outcome,
      startedAgoMs: this.#clock.monotonic() - startedAt,
      durationMs: this.#clock.monotonic() - startedAt,
    }
    this.#reporting.set(item.uid, report)
    this.#changed()
    this.#publish(report)
  }

  #publish(report: Report): void {
    if (this.#dead) return
    if (!this.#frozen && this.#nats.report(report)) {
      this.#reporting.delete(report.uid)
      this.#kept.set(report.uid, report)
      this.#clock.after(120_000, () => void this.#kept.delete(report.uid))
      this.#pull()
      return
    }
    this.#clock.after(500, () => this.#publish(report))
  }

  #hear(message: Control): void {
    if (this.#dead || this.#frozen) return
    if (message.kind === 'leader') {
      if (message.shard !== shardOf('default') || message.term < this.#announced) return
      this.#announced = message.term
      if (message.report) this.#beat()
    } else if (message.kind === 'resend' && message.term >= this.#announced) {
      for (const { uid, epoch } of message.reports) {
        const kept = this.#kept.get(uid)
        if (kept?.epoch === epoch) this.#nats.report(kept)
      }
    } else if (message.kind === 'cancel' && message.term >= this.#announced) {
      const running = this.#running.get(message.uid)
      if (this.#plan.deaf || !running || running.item.epoch > message.epochMax) return
      running.end()
      this.#end(running.item, running.startedAt, { kind: 'cancelled' })
    }
  }
}
