/**
 * The dispatch cycle: whatever changes asks for one, and one runs at a time.
 *
 *   due jobs become ready → the round: classes with free slots, what is taken of limits and rates
 *     → decide (pure) → carry it out: start, park, close → decide again … → done
 *
 * A start is assumed in memory and published (`publisher.ts`) before the next decision, which so counts
 * its slot. A cycle looks only at the queues of classes that have free slots, however much waits
 * elsewhere, and sleeps until something changes or the next token of a rate is due.
 */
import type { Cancel, Clock, MonoMs, WallMs } from '../core/clock.ts'
import type { Hold } from '../core/hold.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import type { JobRecord, PriorityRank } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import { readySince } from '../core/order.ts'
import type { QueuePolicy } from '../core/queue-policy.ts'
import type { Metrics } from '../observability/ports.ts'
import { decide, type Start } from './decide.ts'
import { DueJobs } from './due.ts'
import { placementOf } from './placement.ts'
import type { Capacity, DispatchGate, LingeringHandlers, Standing } from './ports.ts'
import { Publisher, type PublisherOptions } from './publisher.ts'
import { Rates } from './rates.ts'
import { ReadyJobs, type Weights } from './ready.ts'
import { Round } from './snapshot.ts'
import { ReadyStanding } from './standing.ts'
import type { ReadyJob } from './strand.ts'
import { Usage } from './usage.ts'

export interface CycleOptions extends Omit<PublisherOptions, 'takenBack' | 'place'> {
  readonly ledger: Ledger
  readonly capacity: Capacity & LingeringHandlers
  readonly gate: DispatchGate
  readonly clock: Clock
  readonly metrics: Metrics
  /** Intake refuses the job, and says so by a write. */
  readonly refused: (entry: Entry) => boolean
  readonly queueHolds: (namespace: string, queue: string) => boolean
  readonly policy: (namespace: string, queue: string) => QueuePolicy
  /** By another job; null = by none. */
  readonly hold: (entry: Entry) => Hold | null
  /** Its class, or a higher one that it inherits from a job that waits for it. */
  readonly rankOf: (entry: Entry) => PriorityRank
  /** D7: not before this monotonic time. */
  readonly holdUntil: (uid: JobUid) => MonoMs
}

/** Wall clocks step; a wait is looked at again at least this often. */
const LONGEST_WAIT_MS = 10_000

export class DispatchCycle {
  readonly #options: CycleOptions
  readonly #ready: ReadyJobs
  readonly #due = new DueJobs()
  readonly #rates: Rates
  readonly #publisher: Publisher
  /** How the ready jobs stand. */
  readonly standing: Standing
  #kicked: Cancel | null = null
  #wake: Cancel | null = null
  /** For the next token of a rate that holds a job which has a free slot. */
  #rateWake: Cancel | null = null
  #stopped = false

  constructor(options: CycleOptions) {
    this.#options = options
    this.#ready = new ReadyJobs((record) => weightsOf(record, options.policy))
    this.#rates = new Rates(options)
    this.#publisher = new Publisher({
      ...options,
      place: (entry) => this.place(entry),
      takenBack: ({ record }, at) => this.#rates.takenBack(record.namespace, record.queue, at),
    })
    this.standing = new ReadyStanding({
      ...options,
      ready: this.#ready,
      rates: this.#rates,
      usage: () => this.#usage(),
    })
  }

  /** Jobs that would start if nothing held them but limits, turns and slots. */
  get ready(): number {
    return this.#ready.size
  }

  isReady(uid: JobUid): boolean {
    return this.#ready.get(uid) !== undefined
  }

  /** Jobs that wait for a time. */
  get delayed(): number {
    return this.#due.size
  }

  /** Something about the job changed: where does it belong now? */
  place(entry: Entry): void {
    const { clock, gate, refused, queueHolds, hold, holdUntil, rankOf } = this.#options
    const { record, object, uid } = entry
    const placement = placementOf({
      entry,
      leading: gate.leads(entry.shard),
      refused: refused(entry),
      queueHolds: queueHolds(record.namespace, record.queue),
      hold: hold(entry),
      holdUntil: holdUntil(uid),
      now: clock.now(),
      mono: clock.monotonic(),
    })
    if (placement.kind === 'ready') {
      this.#due.remove(uid)
      this.#ready.add({ record, rank: rankOf(entry), since: readySince(record, object.status) })
      this.kick()
      return
    }
    this.remove(uid)
    if (placement.kind !== 'due') return
    this.#due.add(uid, placement.at)
    this.#arm()
  }

  remove(uid: JobUid): void {
    this.#ready.remove(uid)
    this.#due.remove(uid)
  }

  /** The shard changed hands: what was started in it is read from the objects again. */
  forgetStarts(shard: ShardId): void {
    this.#rates.forget(shard)
  }

  /** Slots may be free, or something may be ready. Many calls make one cycle. */
  kick(): void {
    if (this.#stopped) return
    this.#kicked ??= this.#options.clock.after(0, () => {
      this.#kicked = null
      this.runOnce()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#kicked?.()
    this.#wake?.()
    this.#rateWake?.()
  }

  /** One cycle; the number of jobs that were given to a worker class. */
  runOnce(): number {
    this.#takeDue(this.#options.clock.now())
    if (!this.#options.gate.open || this.#ready.size === 0) return 0
    const round = this.#round()
    let started = 0
    let wakeAt = Number.POSITIVE_INFINITY
    for (let step = decide(round); step.kind !== 'done'; step = decide(round)) {
      if (step.kind === 'start') started += this.#start(round, step) ? 1 : 0
      else if (step.kind === 'park') this.#ready.park(step.stream)
      else {
        round.close(step.queue)
        wakeAt = Math.min(wakeAt, step.until)
      }
    }
    this.#wakeAt(wakeAt)
    return started
  }

  #round(): Round {
    const { capacity, clock, policy } = this.#options
    return new Round({
      ready: this.#ready,
      classes: capacity.classes(),
      usage: this.#usage(),
      policy,
      rateReadyAt: (namespace, queue) => this.#rates.readyAt(namespace, queue),
      now: clock.now(),
      mono: clock.monotonic(),
    })
  }

  #usage(): Usage {
    return new Usage(this.#options.ledger, this.#options.capacity)
  }

  /** False: the job has moved on since it was placed. */
  #start(round: Round, { job, queue, offer }: Start): boolean {
    const { ledger, gate } = this.#options
    const { record } = job
    const entry = ledger.get(record.uid)
    if (!entry || !gate.leads(entry.shard) || isBusy(entry) || this.#isHeld(entry)) {
      this.#ready.remove(record.uid)
      return false
    }
    const at = this.#publisher.start(entry, offer.cls)
    this.#rates.started(record.namespace, record.queue, at)
    this.#ready.started(job)
    round.started(queue, offer, job)
    this.#count(job)
    return true
  }

  /** Another job moved since this one was placed, and the look at this one is still to come. */
  #isHeld(entry: Entry): boolean {
    const { refused, hold } = this.#options
    return refused(entry) || hold(entry) !== null
  }

  #count({ record, since }: ReadyJob): void {
    const { metrics, clock } = this.#options
    const labels = { namespace: record.namespace, queue: record.queue }
    metrics.count('gopherqueue_dispatches_total', labels)
    const waited = Math.max(0, clock.now() - since) / 1000
    metrics.observe('gopherqueue_dispatch_wait_seconds', waited, labels)
  }

  #takeDue(now: WallMs): void {
    for (const uid of this.#due.takeDue(now)) {
      const entry = this.#options.ledger.get(uid)
      if (entry) this.place(entry)
    }
    this.#arm()
  }

  #arm(): void {
    this.#wake?.()
    this.#wake = null
    const next = this.#due.nextDue
    if (next === null || this.#stopped) return
    const wait = Math.min(LONGEST_WAIT_MS, Math.max(0, next - this.#options.clock.now()))
    this.#wake = this.#options.clock.after(wait, () => {
      this.#wake = null
      this.kick()
    })
  }

  #wakeAt(at: MonoMs): void {
    this.#rateWake?.()
    this.#rateWake = null
    if (at === Number.POSITIVE_INFINITY || this.#stopped) return
    const { clock } = this.#options
    this.#rateWake = clock.after(Math.ceil(at - clock.monotonic()), () => {
      this.#rateWake = null
      this.kick()
    })
  }
}

function weightsOf(record: JobRecord, policy: CycleOptions['policy']): Weights {
  const { weights, weight } = policy(record.namespace, record.queue)
  return { key: weights.get(record.fairnessKey) ?? 1, queue: weight }
}

/** D6: an attempt is open, or what closes one is being written. */
function isBusy({ attempt, facts, cancelling }: Entry): boolean {
  return attempt !== null || facts > 0 || cancelling
}
