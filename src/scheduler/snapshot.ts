/**
 * What one cycle decides on: the queues that a class with a free slot serves, by turn, and beside each
 * what its limits leave. Read by `decide.ts`, moved on by the cycle between two decisions; nothing of
 * it outlives the cycle.
 */
import type { MonoMs, WallMs } from '../core/clock.ts'
import type { ClassId, HandlerKey } from '../core/ids.ts'
import type { QueuePolicy } from '../core/queue-policy.ts'
import type { ReadyJobs } from './ready.ts'
import { SlotHeap, type Slotted } from './slot-heap.ts'
import type { ReadyJob, ReadyLane, ReadyQueue } from './strand.ts'
import { hasTurnBefore } from './turns.ts'
import type { Usage } from './usage.ts'

/** What the workers of one class offer, taken together. `ClassCapacity` is one. */
export interface ClassView {
  readonly cls: ClassId
  readonly namespace: string
  readonly queues: ReadonlySet<string>
  readonly handlers: readonly HandlerKey[]
  readonly free: number
}

/** A class that had a free slot when the cycle began. */
export interface Offer {
  readonly cls: ClassId
  readonly versions: ReadonlyMap<string, ReadonlySet<string>>
  free: number
}

/** A lane, and the classes that know it. */
export interface OfferedLane {
  readonly lane: ReadyLane
  readonly offers: readonly Offer[]
}

/** A queue in this cycle. Its lanes are looked at when it has its turn, which may be never. */
export class OfferedQueue implements Slotted {
  slot = -1
  readonly queue: ReadyQueue
  readonly policy: QueuePolicy
  readonly #offers: readonly Offer[]
  #lanes: readonly OfferedLane[] | null = null

  constructor(queue: ReadyQueue, policy: QueuePolicy, offers: readonly Offer[]) {
    this.queue = queue
    this.policy = policy
    this.#offers = offers
  }

  get lanes(): readonly OfferedLane[] {
    if (this.#lanes) return this.#lanes
    const lanes: OfferedLane[] = []
    for (const lane of this.queue.lanes.values()) {
      const offers = this.#offers.filter((offer) => knows(offer, lane))
      if (offers.length > 0) lanes.push({ lane, offers })
    }
    this.#lanes = lanes
    return lanes
  }
}

export interface RoundInput {
  readonly ready: ReadyJobs
  readonly classes: readonly ClassView[]
  readonly usage: Usage
  readonly policy: (namespace: string, queue: string) => QueuePolicy
  /** When the rate limit lets the next job start; −Infinity = there is none. */
  readonly rateReadyAt: (namespace: string, queue: string) => MonoMs
  readonly now: WallMs
  readonly mono: MonoMs
}

/** What a decision sees of a round. */
export interface RoundView {
  readonly next: OfferedQueue | undefined
  /** Free slots of all classes. */
  readonly free: number
  readonly now: WallMs
  readonly mono: MonoMs
  readonly usage: Pick<Usage, 'holders'>
  readonly rateReadyAt: RoundInput['rateReadyAt']
}

export class Round implements RoundView {
  readonly now: WallMs
  readonly mono: MonoMs
  readonly usage: Usage
  readonly rateReadyAt: RoundInput['rateReadyAt']
  readonly #open = new SlotHeap<OfferedQueue>((a, b) => hasTurnBefore(a.queue, b.queue))
  #free = 0

  constructor({ ready, classes, usage, policy, rateReadyAt, now, mono }: RoundInput) {
    this.now = now
    this.mono = mono
    this.usage = usage
    this.rateReadyAt = rateReadyAt
    for (const [queue, offers] of this.#offersByQueue(ready, classes)) {
      const { namespace, name } = queue
      const rules = policy(namespace, name)
      if (queue.parked.size > 0) {
        ready.unpark(queue, (key) => usage.holders(namespace, name, key).length < rules.perKey)
      }
      this.#open.add(new OfferedQueue(queue, rules, offers))
    }
  }

  get next(): OfferedQueue | undefined {
    return this.#open.first
  }

  get free(): number {
    return this.#free
  }

  /** Nothing more of that queue starts in this round. */
  close(offered: OfferedQueue): void {
    this.#open.remove(offered)
  }

  /** The job took a slot; its queue has had its turn. */
  started(offered: OfferedQueue, offer: Offer, job: ReadyJob): void {
    offer.free -= 1
    this.#free -= 1
    this.usage.started(job.record)
    this.#open.settle(offered)
  }

  /** Classes with a free slot, by the queue with ready jobs that they serve. */
  #offersByQueue(
    ready: ReadyJobs,
    classes: readonly ClassView[],
  ): ReadonlyMap<ReadyQueue, readonly Offer[]> {
    const offers = new Map<ReadyQueue, Offer[]>()
    for (const { cls, namespace, queues, handlers, free } of classes) {
      if (free <= 0) continue
      const waiting = ready.queuesOf(namespace)
      if (!waiting) continue
      let offer: Offer | null = null
      for (const name of queues) {
        const queue = waiting.get(name)
        if (!queue) continue
        offer ??= { cls, versions: versionsByType(handlers), free }
        const others = offers.get(queue)
        if (others) others.push(offer)
        else offers.set(queue, [offer])
      }
      if (offer) this.#free += free
    }
    return offers
  }
}

function knows({ versions }: Offer, { type, handlerVersion }: ReadyLane): boolean {
  const known = versions.get(type)
  return known !== undefined && (handlerVersion === '' || known.has(handlerVersion))
}

function versionsByType(handlers: readonly HandlerKey[]): Offer['versions'] {
  const versions = new Map<string, Set<string>>()
  for (const { type, version } of handlers) {
    const known = versions.get(type)
    if (known) known.add(version)
    else versions.set(type, new Set([version]))
  }
  return versions
}
