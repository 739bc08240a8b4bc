/**
 * Tells jobs that have waited for a while why they wait (`core/why.ts` finds the words). Only what
 * holds this one job is told on it: what holds a whole queue (`core/queue-hold.ts`) stands on the
 * Queue, once, and a wait that has just begun costs nothing. What is told shares the information
 * budget, newest first.
 *
 * A round looks at every waiting job, so it asks little for each: nothing is sorted or counted, what
 * all jobs of a queue have in common is found once, and so is whether workers handle a type.
 */
import { DEFAULT_QUEUE } from '../api/conditions.ts'
import type { Reason } from '../api/reasons.ts'
import { type ClassCapacity, handles, servesQueue } from '../core/capacity.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Hold } from '../core/hold.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import { isWaiting, type JobRecord } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import { ON_QUEUE } from '../core/queue-hold.ts'
import type { QueuePolicy } from '../core/queue-policy.ts'
import { whyHeldAlone } from '../core/why.ts'
import {
  type DispatchStanding,
  type Held,
  type QueueStanding,
  statusMessage,
} from '../core/why-facts.ts'
import type { FactSink } from '../persistence/ports.ts'
import { dueAt, isUnconfirmedRestore } from './placement.ts'
import type { Capacity, Holder, Standing } from './ports.ts'

export interface HoldsOptions {
  readonly ledger: Ledger
  readonly capacity: Capacity
  readonly sink: Pick<FactSink, 'inform'>
  readonly clock: Clock
  readonly version: string
  readonly leads: (shard: ShardId) => boolean
  readonly queue: (namespace: string, name: string) => QueueStanding
  readonly policy: (namespace: string, name: string) => QueuePolicy
  /** By another job; null = by none. */
  readonly hold: (entry: Entry) => Hold | null
  readonly standing: Pick<Standing, 'holders'>
  readonly dispatch: () => DispatchStanding
}

const ROUND_MS = 1_000
/** A wait is told after this time (architecture.md, rule 2). */
const AFTER_MS = 5_000
/** In one round; the budget takes 20 a second, and the newest state of each is what counts. */
const MOST_A_ROUND = 200

/** What the user asked for shows at once. */
const AT_ONCE: ReadonlySet<Reason> = new Set<Reason>(['Suspended'])

export class Holds {
  readonly #options: HoldsOptions
  /** Since when a job of this process waits, as seen here. */
  readonly #since = new Map<JobUid, number>()
  #timer: Cancel | null = null

  constructor(options: HoldsOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer ??= this.#options.clock.after(ROUND_MS, () => {
      this.#timer = null
      this.runOnce()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.()
    this.#timer = null
  }

  /** Looks at every waiting job; the number of those that were told something. */
  runOnce(): number {
    const { ledger, clock, leads } = this.#options
    const round = new Round(this.#options)
    const mono = clock.monotonic()
    let told = 0
    for (const entry of ledger.entries()) {
      if (!waits(entry) || !leads(entry.shard)) {
        this.#since.delete(entry.uid)
        continue
      }
      const since = this.#since.get(entry.uid) ?? mono
      if (since === mono) this.#since.set(entry.uid, mono)
      if (told < MOST_A_ROUND && this.#tell(entry, mono - since < AFTER_MS, round)) told += 1
    }
    for (const uid of this.#since.keys()) if (!ledger.get(uid)) this.#since.delete(uid)
    return told
  }

  #tell(entry: Entry, early: boolean, round: Round): boolean {
    if (early && !entry.record.suspend) return false
    const waiting = round.explain(entry)
    if (!waiting || ON_QUEUE.has(waiting.reason)) return false
    if (early && !AT_ONCE.has(waiting.reason)) return false
    if (isTold(entry, waiting)) return false
    // When to look again is ours, and the time that the job waits for stands in the message: the
    // written `nextAttemptTime` is a promise that only the end of an attempt makes.
    const { phase, reason, stalled } = waiting
    const message = statusMessage(waiting)
    this.#options.sink.inform(entry.uid, { kind: 'waiting', phase, reason, message, stalled })
    return true
  }
}

function waits(entry: Entry): boolean {
  return isWaiting(entry.object.status.phase) && !entry.attempt && entry.facts === 0
}

/** The same reason, as serious as before, is written already. */
function isTold({ object }: Entry, waiting: Held): boolean {
  const { reason, phase, conditions } = object.status
  const stalled = conditions?.some((c) => c.type === 'Stalled' && c.status === 'True') ?? false
  return reason === waiting.reason && phase === waiting.phase && stalled === waiting.stalled
}

/** What one round has found out about a queue. */
interface QueueInRound {
  readonly standing: QueueStanding
  readonly policy: QueuePolicy
  readonly classes: readonly ClassCapacity[]
  /** By type and asked version. */
  readonly handled: Map<string, boolean>
  /** Names by concurrency key; null = nobody has asked yet. */
  holders: ReadonlyMap<string, readonly string[]> | null
}

/** One look at all jobs; the world stands still during it. */
class Round {
  readonly #options: HoldsOptions
  readonly #classes: readonly ClassCapacity[]
  readonly #dispatch: DispatchStanding
  readonly #namespaces = new Map<string, Map<string, QueueInRound>>()
  #keyed: ReadonlyMap<string, readonly number[]> | null = null
  readonly #now: number
  readonly #mono: number

  constructor(options: HoldsOptions) {
    this.#options = options
    this.#classes = options.capacity.classes()
    this.#dispatch = options.dispatch()
    this.#now = options.clock.now()
    this.#mono = options.clock.monotonic()
  }

  explain(entry: Entry): Held | null {
    const { record, object } = entry
    const queue = this.#queueOf(record)
    const now = this.#now
    const mono = this.#mono
    return whyHeldAlone({
      record,
      status: object.status,
      restored: isUnconfirmedRestore(entry),
      queue: queue.standing,
      hold: this.#options.hold(entry),
      dueAt: dueAt({ entry, holdUntil: 0, now, mono }),
      dispatch: this.#dispatch,
      classes: isHandled(queue, record) ? null : queue.classes,
      policy: queue.policy,
      holders: () => this.#holders(queue, record),
      keyAhead: () => this.#keyAhead(record),
      running: 0,
      rateReadyAt: 0,
      now,
      mono,
      version: this.#options.version,
    })
  }

  #queueOf({ namespace, queue: named }: JobRecord): QueueInRound {
    const name = named || DEFAULT_QUEUE
    let queues = this.#namespaces.get(namespace)
    if (!queues) {
      queues = new Map()
      this.#namespaces.set(namespace, queues)
    }
    const known = queues.get(name)
    if (known) return known
    const { queue, policy } = this.#options
    const found: QueueInRound = {
      standing: queue(namespace, name),
      policy: policy(namespace, name),
      classes: this.#classes.filter((each) => servesQueue(each, { namespace, queue: name })),
      handled: new Map(),
      holders: null,
    }
    queues.set(name, found)
    return found
  }

  #holders(queue: QueueInRound, record: JobRecord): readonly string[] {
    queue.holders ??= namesByKey(this.#options.standing.holders(record.namespace, record.queue))
    return queue.holders.get(record.concurrencyKey) ?? []
  }

  #keyAhead(record: JobRecord): number {
    this.#keyed ??= keyedJobs(this.#options.ledger)
    const order = this.#keyed.get(keyText(record)) ?? []
    return countBelow(order, record.submission.firstSeen)
  }
}

function namesByKey(holders: readonly Holder[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const { name, concurrencyKey } of holders) {
    const known = found.get(concurrencyKey)
    if (known) known.push(name)
    else found.set(concurrencyKey, [name])
  }
  return found
}

/** By key: the order of submission of the jobs that wait with it, ascending. */
function keyedJobs(ledger: Ledger): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  for (const entry of ledger.entries()) {
    if (entry.record.concurrencyKey === '' || !waits(entry)) continue
    const key = keyText(entry.record)
    const known = found.get(key)
    if (known) known.push(entry.firstSeen)
    else found.set(key, [entry.firstSeen])
  }
  for (const order of found.values()) order.sort((a, b) => a - b)
  return found
}

function keyText({ namespace, queue, concurrencyKey }: JobRecord): string {
  return `${namespace}/${queue}/${concurrencyKey}`
}

/** How many of the ascending numbers are below it. */
function countBelow(order: readonly number[], limit: number): number {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((order[middle] ?? limit) < limit) low = middle + 1
    else high = middle
  }
  return low
}

function isHandled({ classes, handled }: QueueInRound, record: JobRecord): boolean {
  const key = `${record.type}@${record.handlerVersion}`
  const known = handled.get(key)
  if (known !== undefined) return known
  const found = classes.some((each) => each.handlers.some((handler) => handles(handler, record)))
  handled.set(key, found)
  return found
}
