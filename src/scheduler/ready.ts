/**
 * The jobs that would start if nothing held them but limits, turns and slots.
 *
 *   namespace ─▶ queues, which take turns
 *     queue   ─▶ fairness keys, which take turns
 *             ─▶ lanes: what the same workers can take (type and asked version)
 *       lane  ─▶ strands, one for each fairness key, by turn ─▶ streams ─▶ jobs (`strand.ts`)
 *
 * So a lane without a worker never stands in the way of another, a cycle looks at heads only, and
 * whatever changes costs O(log n) of what it belongs to: nothing ever looks at all waiting jobs.
 */
import type { JobUid } from '../core/ids.ts'
import type { JobRecord } from '../core/job.ts'
import type { Placed } from '../core/order.ts'
import { SlotHeap } from './slot-heap.ts'
import {
  type FairKey,
  hasStrandTurnBefore,
  type ReadyJob,
  type ReadyLane,
  type ReadyQueue,
  Strand,
  type Stream,
} from './strand.ts'
import { Turns } from './turns.ts'

/** Of the job's fairness key among the others, and of its queue among those of the namespace. */
export interface Weights {
  readonly key: number
  readonly queue: number
}

const NEWCOMER = { weight: 1, pass: 0, order: 0, slot: -1 }

interface Namespace {
  readonly queues: Map<string, ReadyQueue>
  readonly turns: Turns<ReadyQueue>
}

export class ReadyJobs {
  readonly #jobs = new Map<JobUid, ReadyJob>()
  readonly #namespaces = new Map<string, Namespace>()
  readonly #weightsOf: (record: JobRecord) => Weights

  constructor(weightsOf: (record: JobRecord) => Weights) {
    this.#weightsOf = weightsOf
  }

  get size(): number {
    return this.#jobs.size
  }

  get(uid: JobUid): ReadyJob | undefined {
    return this.#jobs.get(uid)
  }

  jobs(): IterableIterator<ReadyJob> {
    return this.#jobs.values()
  }

  /** By name; those that have ready jobs. */
  queuesOf(namespace: string): ReadonlyMap<string, ReadyQueue> | undefined {
    return this.#namespaces.get(namespace)?.queues
  }

  queue(namespace: string, queue: string): ReadyQueue | undefined {
    return this.queuesOf(namespace)?.get(queue)
  }

  /** A record of the same job is replaced, also when it belongs elsewhere now. */
  add(placed: Placed): void {
    const { record } = placed
    const known = this.#jobs.get(record.uid)
    if (known && staysAt(known, placed)) {
      known.record = record
      return
    }
    // First in, then out: a key or a queue without another job must not lose its turn by an edit.
    const queue = this.#queueOf(record)
    const strand = strandOf(laneOf(queue, record), this.#keyOf(queue, record))
    this.#jobs.set(record.uid, strand.add(placed))
    queue.size += 1
    openOrClose(strand)
    if (known) this.#takeOut(known)
  }

  remove(uid: JobUid): void {
    const job = this.#jobs.get(uid)
    if (!job) return
    this.#jobs.delete(uid)
    this.#takeOut(job)
  }

  /** Its concurrency key is at its limit: not looked at until `unpark`. */
  park(stream: Stream): void {
    if (stream.parked) return
    const { strand, concurrencyKey } = stream
    const { parked } = strand.lane.queue
    strand.park(stream)
    openOrClose(strand)
    const others = parked.get(concurrencyKey)
    if (others) others.add(stream)
    else parked.set(concurrencyKey, new Set([stream]))
  }

  /** Lets the streams of keys that have room be looked at again. */
  unpark(queue: ReadyQueue, hasRoom: (concurrencyKey: string) => boolean): void {
    for (const [concurrencyKey, streams] of queue.parked) {
      if (!hasRoom(concurrencyKey)) continue
      queue.parked.delete(concurrencyKey)
      for (const stream of streams) {
        stream.strand.unpark(stream)
        openOrClose(stream.strand)
      }
    }
  }

  /** The job was given to a worker class: its key and its queue have had their turns. */
  started(job: ReadyJob): void {
    const { turn, lane } = job.stream.strand
    const { queue } = lane
    const weights = this.#weightsOf(job.record)
    queue.turns.started(turn, weights.key)
    for (const strand of turn.strands) strand.lane.open.settle(strand)
    this.#namespaces.get(queue.namespace)?.turns.started(queue, weights.queue)
    this.remove(job.record.uid)
  }

  #takeOut(job: ReadyJob): void {
    const { strand } = job.stream
    const { lane, turn } = strand
    const { queue } = lane
    strand.remove(job)
    if (job.stream.parked && job.stream.jobs.size === 0) forgetParked(queue, job.stream)
    openOrClose(strand)
    if (strand.isEmpty) {
      lane.strands.delete(turn.name)
      turn.strands.splice(turn.strands.indexOf(strand), 1)
      if (lane.strands.size === 0) queue.lanes.delete(laneText(lane))
      if (turn.strands.length === 0) {
        queue.turns.leave(turn)
        queue.keys.delete(turn.name)
      }
    }
    queue.size -= 1
    if (queue.size === 0) this.#dropQueue(queue)
  }

  #dropQueue(queue: ReadyQueue): void {
    const namespace = this.#namespaces.get(queue.namespace)
    namespace?.turns.leave(queue)
    namespace?.queues.delete(queue.name)
    if (namespace?.queues.size === 0) this.#namespaces.delete(queue.namespace)
  }

  #queueOf(record: JobRecord): ReadyQueue {
    const { namespace: of, queue: name } = record
    let namespace = this.#namespaces.get(of)
    if (!namespace) {
      namespace = { queues: new Map(), turns: new Turns() }
      this.#namespaces.set(of, namespace)
    }
    const known = namespace.queues.get(name)
    if (known) return known
    const queue: ReadyQueue = {
      namespace: of,
      name,
      lanes: new Map(),
      keys: new Map(),
      turns: new Turns(),
      parked: new Map(),
      size: 0,
      ...NEWCOMER,
    }
    namespace.queues.set(name, queue)
    namespace.turns.enter(queue, this.#weightsOf(record).queue)
    return queue
  }

  #keyOf({ keys, turns }: ReadyQueue, record: JobRecord): FairKey {
    const { fairnessKey: name } = record
    const known = keys.get(name)
    if (known) return known
    const key: FairKey = { name, strands: [], ...NEWCOMER }
    keys.set(name, key)
    turns.enter(key, this.#weightsOf(record).key)
    return key
  }
}

function laneOf(queue: ReadyQueue, record: JobRecord): ReadyLane {
  const { type, handlerVersion } = record
  const known = queue.lanes.get(laneText(record))
  if (known) return known
  const open = new SlotHeap<Strand>(hasStrandTurnBefore)
  const lane: ReadyLane = { queue, type, handlerVersion, strands: new Map(), open }
  queue.lanes.set(laneText(record), lane)
  return lane
}

function strandOf(lane: ReadyLane, key: FairKey): Strand {
  const known = lane.strands.get(key.name)
  if (known) return known
  const strand = new Strand(lane, key)
  lane.strands.set(key.name, strand)
  key.strands.push(strand)
  return strand
}

/** A strand stands in its lane's heap while it has a stream to look at. */
function openOrClose(strand: Strand): void {
  const { open } = strand.lane
  if (!strand.isOpen) open.remove(strand)
  else if (strand.slot < 0) open.add(strand)
}

function forgetParked({ parked }: ReadyQueue, stream: Stream): void {
  const streams = parked.get(stream.concurrencyKey)
  streams?.delete(stream)
  if (streams?.size === 0) parked.delete(stream.concurrencyKey)
}

function staysAt(known: ReadyJob, { record, rank, since }: Placed): boolean {
  const before = known.record
  return (
    known.rank === rank &&
    known.since === since &&
    before.submission.firstSeen === record.submission.firstSeen &&
    before.namespace === record.namespace &&
    before.queue === record.queue &&
    before.type === record.type &&
    before.handlerVersion === record.handlerVersion &&
    before.fairnessKey === record.fairnessKey &&
    before.concurrencyKey === record.concurrencyKey
  )
}

/** Neither types nor versions hold an at sign. */
function laneText(key: { readonly type: string; readonly handlerVersion: string }): string {
  return `${key.type}@${key.handlerVersion}`
}
