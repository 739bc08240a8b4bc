/**
 * Tells jobs that have waited for a while why they wait (`core/why.ts` finds the words). Only what
 * helps a person is told: a wait for free slots, for a turn, or for NATS costs no write, and neither
 * does a wait that has just begun. What is told shares the information budget, newest first.
 */
import { DEFAULT_QUEUE } from '../api/conditions.ts'
import type { Reason } from '../api/reasons.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import { isWaiting } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import { type DispatchStanding, type QueueStanding, type Waiting, whyWaiting } from '../core/why.ts'
import type { FactSink } from '../persistence/ports.ts'
import { dueAt, isUnconfirmedRestore } from './placement.ts'
import type { Capacity, ClassCapacity } from './ports.ts'

export interface HoldsOptions {
  readonly ledger: Ledger
  readonly capacity: Capacity
  readonly sink: Pick<FactSink, 'inform'>
  readonly clock: Clock
  readonly version: string
  readonly leads: (shard: ShardId) => boolean
  readonly queue: (namespace: string, name: string) => QueueStanding
  readonly dispatch: () => DispatchStanding
}

const ROUND_MS = 1_000
/** A wait is told after this time (architecture.md, rule 2). */
const AFTER_MS = 5_000
/** In one round; the budget takes 20 a second, and the newest state of each is what counts. */
const MOST_A_ROUND = 200

/** Reasons that a person, or a date, lifts. The others pass by themselves and cost no write. */
const TOLD: ReadonlySet<Reason> = new Set<Reason>([
  'Suspended',
  'RestoredUnconfirmed',
  'QueueNotFound',
  'QueuePaused',
  'QueueNotServed',
  'Delayed',
  'NoWorkers',
  'UnknownType',
])
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
    const { ledger, capacity, clock, leads } = this.#options
    const classes = classesByNamespace(capacity.classes())
    const mono = clock.monotonic()
    let told = 0
    for (const entry of ledger.entries()) {
      if (!this.#waits(entry) || !leads(entry.shard)) {
        this.#since.delete(entry.uid)
        continue
      }
      const since = this.#since.get(entry.uid) ?? mono
      this.#since.set(entry.uid, since)
      if (told < MOST_A_ROUND && this.#tell(entry, since, classes)) told += 1
    }
    for (const uid of this.#since.keys()) if (!ledger.get(uid)) this.#since.delete(uid)
    return told
  }

  #waits(entry: Entry): boolean {
    return isWaiting(entry.object.status.phase) && !entry.attempt && entry.facts === 0
  }

  #tell(entry: Entry, since: number, classes: ReadonlyMap<string, ClassCapacity[]>): boolean {
    const { clock, sink } = this.#options
    const early = clock.monotonic() - since < AFTER_MS
    if (early && !entry.record.suspend) return false
    const waiting = this.#explain(entry, classes.get(entry.object.namespace) ?? [])
    if (!waiting || !TOLD.has(waiting.reason)) return false
    if (early && !AT_ONCE.has(waiting.reason)) return false
    if (isTold(entry, waiting)) return false
    // When to look again is ours, and the time that the job waits for stands in the message: the
    // written `nextAttemptTime` is a promise that only the end of an attempt makes.
    const { until: _, ...said } = waiting
    sink.inform(entry.uid, { kind: 'waiting', ...said })
    return true
  }

  #explain(entry: Entry, classes: readonly ClassCapacity[]): Waiting | null {
    const { clock, queue, dispatch, version } = this.#options
    const { record, object } = entry
    const now = clock.now()
    const mono = clock.monotonic()
    return whyWaiting({
      record,
      status: object.status,
      restored: isUnconfirmedRestore(entry),
      queue: queue(record.namespace, record.queue || DEFAULT_QUEUE),
      dueAt: dueAt({ entry, holdUntil: 0, now, mono }),
      dispatch: dispatch(),
      classes,
      ahead: () => 0,
      now,
      mono,
      version,
    })
  }
}

/** The same reason, as serious as before, is written already. */
function isTold({ object }: Entry, waiting: Waiting): boolean {
  const { reason, phase, conditions } = object.status
  const stalled = conditions?.some((c) => c.type === 'Stalled' && c.status === 'True') ?? false
  return reason === waiting.reason && phase === waiting.phase && stalled === waiting.stalled
}

function classesByNamespace(
  classes: readonly ClassCapacity[],
): ReadonlyMap<string, ClassCapacity[]> {
  const found = new Map<string, ClassCapacity[]>()
  for (const each of classes) {
    const known = found.get(each.namespace)
    if (known) known.push(each)
    else found.set(each.namespace, [each])
  }
  return found
}
