/**
 * The worker: pulls messages, takes them, runs their handlers, reports what became of them, obeys the
 * operator, and stops without losing anything (wire protocol, "Worker loop"; protocol section 11).
 *
 * What it promises: a handler starts only after its message was confirmed as taken, within the time
 * limits (K3); no epoch of a job is started twice here, nor an older one after a newer (K2, K4); and
 * whatever was taken ends in exactly one report, repeated until the event stream has it (K6, O7). It
 * decides nothing about retries: the operator does.
 *
 * The decisions are in `admission.ts` and `attempt.ts`, the way of one message in `serving.ts`. This
 * file joins them with the operator's words, the heartbeats, and starting and stopping.
 */
import type { Logger } from 'pino'
import type { Cancel, Clock, Random } from '../core/clock.ts'
import { termOf } from '../core/epoch.ts'
import { type BootId, type ClassId, classDigest, type ShardId, shardOf } from '../core/ids.ts'
import type { Control, WorkItem } from '../core/outcome.ts'
import { type Abort, DRAIN_SETTLE_MS } from './attempt.ts'
import { type BeatPort, BeatPoster, type Extent } from './beat-poster.ts'
import { ContactWatch } from './contact-watch.ts'
import { Epochs } from './epochs.ts'
import type { Execution } from './execution.ts'
import { Executions } from './executions.ts'
import { type BeatBasis, LISTED_CONFIRMED, type RunningBasis } from './heartbeat.ts'
import { Outbox } from './outbox.ts'
import type {
  ControlSource,
  DeliverySource,
  OutcomeSink,
  PayloadSource,
  ServerContact,
  WorkerObserver,
} from './ports.ts'
import type { Registry } from './registry.ts'
import { Serving } from './serving.ts'
import { Slots } from './slots.ts'
import type { WorkerState } from './state.ts'
import type { Redact } from './text.ts'

/** After the grace period and the settling of handlers: time for the last reports to be confirmed. */
export const LAST_REPORTS_MS = 2_000

export interface WorkerLoopOptions<Deps> {
  readonly namespace: string
  readonly queues: readonly string[]
  readonly boot: BootId
  /** For people; '' without a pod. */
  readonly pod: string
  readonly node: string
  readonly slots: number
  readonly graceMs: number
  readonly heartbeatMs: number
  readonly lostAfterMs: number
  readonly registry: Registry<Deps>
  readonly deps: Deps
  readonly jobLog: (item: WorkItem) => Logger
  readonly redact: Redact
  readonly payloads: PayloadSource | null
  /** For people: pod, or id of a worker without one. */
  readonly worker: string
  readonly source: DeliverySource
  readonly sink: OutcomeSink
  readonly control: ControlSource
  readonly contact: ServerContact
  readonly beats: BeatPort
  readonly observer: WorkerObserver
  readonly clock: Clock
  readonly random: Random
}

export class WorkerLoop<Deps> {
  readonly #o: WorkerLoopOptions<Deps>
  readonly #shard: ShardId
  readonly #cls: ClassId
  readonly #epochs = new Epochs()
  readonly #executions = new Executions()
  readonly #outbox: Outbox
  readonly #serving: Serving<Deps>
  readonly #slots: Slots
  readonly #beats: BeatPoster
  readonly #watch: ContactWatch
  readonly #stopTimers: Cancel[] = []
  #unsubscribe: (() => void) | null = null
  #stopped: Promise<void> | null = null

  constructor(options: WorkerLoopOptions<Deps>) {
    this.#o = options
    this.#shard = shardOf(options.namespace)
    this.#cls = classDigest(options.queues, options.registry.offers)
    this.#outbox = new Outbox(options)
    this.#serving = new Serving({
      ...options,
      epochs: this.#epochs,
      executions: this.#executions,
      outbox: this.#outbox,
      draining: () => this.#slots.draining,
      starting: (execution) => this.#beats.started(this.#listed(execution)),
      changed: () => this.#beats.changed(),
    })
    this.#slots = new Slots({
      ...options,
      count: options.slots,
      serve: (delivery) => this.#serving.serve(delivery),
    })
    this.#beats = new BeatPoster({
      clock: options.clock,
      port: options.beats,
      intervalMs: options.heartbeatMs,
      basis: (extent) => this.#basis(extent),
    })
    this.#watch = new ContactWatch({
      ...options,
      lost: (silentMs) => this.#lostContact(silentMs),
    })
  }

  start(): void {
    if (this.#unsubscribe || this.#stopped) return
    this.#unsubscribe = this.#o.control.subscribe((message) => this.#obey(message))
    this.#watch.start()
    // The first beat goes before the first pull: the operator sends work to workers it knows.
    this.#beats.start()
    this.#slots.start()
  }

  get cls(): ClassId {
    return this.#cls
  }

  get state(): WorkerState {
    return {
      slots: this.#slots.count,
      free: this.#slots.free,
      running: this.#executions.running().length,
      unconfirmed: this.#outbox.unconfirmed,
      abandoned: this.#serving.abandoned,
      draining: this.#slots.draining,
    }
  }

  /** Pulls nothing more; what runs may end in its own time (`ctl drain`, before scaling in). */
  drain(): void {
    if (this.#slots.draining) return
    void this.#slots.drain()
    this.#executions.handBackWaiting()
    this.#beats.now()
  }

  /**
   * Drains, waits up to the grace period for handlers, hands the rest back, and resolves when the
   * last report is confirmed or nobody can be expected to confirm it. A second call with a shorter
   * grace hurries.
   */
  stop(graceMs: number = this.#o.graceMs): Promise<void> {
    this.drain()
    const { clock } = this.#o
    this.#stopTimers.push(
      clock.after(graceMs, () => this.#executions.abortAll({ kind: 'drain' })),
      clock.after(graceMs + DRAIN_SETTLE_MS + LAST_REPORTS_MS, () => this.#outbox.close()),
    )
    this.#stopped ??= this.#finish()
    return this.#stopped
  }

  async #finish(): Promise<void> {
    await this.#slots.drain()
    for (const cancel of this.#stopTimers) cancel()
    this.#watch.stop()
    this.#unsubscribe?.()
    this.#beats.stop()
    this.#outbox.close()
  }

  /** Anything older than the announced term is a deposed leader's (protocol section 4). */
  #obey(message: Control): void {
    if (message.kind !== 'leader' && message.term < this.#epochs.announced(this.#shard)) return
    switch (message.kind) {
      case 'leader':
        this.#follow(message)
        return
      case 'cancel': {
        this.#executions.abortUpTo(message.uid, message.epochMax, abortOf(message))
        return
      }
      case 'resend':
        for (const { uid, epoch } of message.reports) void this.#outbox.resend(uid, epoch)
        return
      case 'drain':
        this.drain()
        return
    }
  }

  /** T4. */
  #follow({ shard, term, report }: Extract<Control, { kind: 'leader' }>): void {
    if (!this.#epochs.announce(shard, term) || shard !== this.#shard) return
    // They are not in the beat that answers, so this leader will not adopt them.
    this.#executions.handBackWaiting(({ item }) => termOf(item.epoch) < term)
    if (report) this.#beats.now()
    else this.#beats.changed()
  }

  #lostContact(silentMs: number): void {
    if (this.#executions.running().length > 0) this.#o.observer.lostContact(silentMs)
    this.#executions.abortAll({ kind: 'lease-lost' })
  }

  #basis(extent: Extent): BeatBasis {
    const { boot, queues, registry, pod, node } = this.#o
    return {
      boot,
      announcedTerm: this.#epochs.announced(this.#shard),
      cls: this.#cls,
      queues,
      handlers: registry.offers,
      slots: this.#slots.count,
      free: this.#slots.free,
      draining: this.#slots.draining,
      pod,
      node,
      running: this.#executions.running().map((execution) => this.#listed(execution)),
      finished: this.#outbox.finished(LISTED_CONFIRMED[extent]).map(({ key, confirmedAgoMs }) => {
        const { uid, name, epoch, nonce } = key
        return { uid, name, epoch, nonce, confirmedAgoMs }
      }),
    }
  }

  #listed({ item, startedAt, lastSign }: Execution): RunningBasis {
    const { uid, name, epoch, nonce, attempt, runId } = item
    const now = this.#o.clock.monotonic()
    const ageMs = startedAt === null ? 0 : now - startedAt
    return { uid, name, epoch, nonce, attempt, runId, ageMs, lastSignMs: now - lastSign() }
  }
}

/** K8. */
function abortOf({ reason, graceMs }: Extract<Control, { kind: 'cancel' }>): Abort {
  if (reason === 'timeout') return { kind: 'timeout' }
  return { kind: 'cancelled', why: reason, ...(graceMs === undefined ? {} : { graceMs }) }
}
