/**
 * The ready jobs of one lane and one fairness key, in order.
 *
 *   Strand ─▶ base class ─▶ streams by their first job ─▶ jobs by since, first seen, uid
 *
 * A stream holds the jobs of one class with one concurrency key, so that a key that is at its limit
 * takes one heap item out of the way, however many jobs it holds: a *parked* stream is not looked at
 * until its key has room.
 */
import type { JobRecord, PriorityRank } from '../core/job.ts'
import { compareInClass, comparePlaced, type Placed } from '../core/order.ts'
import { SlotHeap, type Slotted } from './slot-heap.ts'
import { type Contender, hasTurnBefore, type Turns } from './turns.ts'

/** A queue while jobs of it are ready; its name as a contender is that of the queue. */
export interface ReadyQueue extends Contender {
  readonly namespace: string
  /** By type and version. */
  readonly lanes: Map<string, ReadyLane>
  readonly keys: Map<string, FairKey>
  readonly turns: Turns<FairKey>
  /** Streams of concurrency keys that were at their limit when last looked at. */
  readonly parked: Map<string, Set<Stream>>
  size: number
}

/** What the same workers can take. */
export interface ReadyLane {
  readonly queue: ReadyQueue
  readonly type: string
  /** '' = any version. */
  readonly handlerVersion: string
  /** By fairness key. */
  readonly strands: Map<string, Strand>
  /** Those that have a stream to look at, by turn. */
  readonly open: SlotHeap<Strand>
}

/** A fairness key of a queue while jobs of it are ready. */
export interface FairKey extends Contender {
  /** In each lane that has jobs of it. */
  readonly strands: Strand[]
}

/** A ready job, and where it stands. */
export interface ReadyJob extends Placed, Slotted {
  /** The newest version: what does not change its place may be replaced. */
  record: JobRecord
  readonly stream: Stream
}

export interface Stream extends Slotted {
  readonly strand: Strand
  readonly rank: PriorityRank
  /** '' = none: never parked. */
  readonly concurrencyKey: string
  readonly jobs: SlotHeap<ReadyJob>
  parked: boolean
}

export class Strand implements Slotted {
  /** In the lane's heap of strands that have a stream to look at. */
  slot = -1
  readonly lane: ReadyLane
  readonly turn: FairKey
  readonly #classes: (SlotHeap<Stream> | undefined)[] = []
  /** By class and concurrency key; the jobs without one are `#plain`. */
  #keyed: Map<string, Stream> | null = null
  readonly #plain: (Stream | undefined)[] = []
  #streams = 0

  constructor(lane: ReadyLane, turn: FairKey) {
    this.lane = lane
    this.turn = turn
  }

  get isEmpty(): boolean {
    return this.#streams === 0
  }

  /** There is a stream that is not parked. */
  get isOpen(): boolean {
    return this.#classes.some((streams) => streams !== undefined && streams.size > 0)
  }

  add({ record, rank, since }: Placed): ReadyJob {
    const stream = this.#streamOf(rank, record.concurrencyKey)
    const job: ReadyJob = { record, rank, since, stream, slot: -1 }
    stream.jobs.add(job)
    this.#settle(stream)
    return job
  }

  remove(job: ReadyJob): void {
    const { stream } = job
    stream.jobs.remove(job)
    if (stream.jobs.size > 0) this.#settle(stream)
    else this.#drop(stream)
  }

  park(stream: Stream): void {
    stream.parked = true
    this.#classes[stream.rank]?.remove(stream)
  }

  unpark(stream: Stream): void {
    stream.parked = false
    this.#settle(stream)
  }

  /** The job that goes first of those that are not parked. */
  best(now: number, agingMs: number): ReadyJob | null {
    let best: ReadyJob | null = null
    for (const streams of this.#classes) {
      const job = streams?.first?.jobs.first
      if (job && (!best || comparePlaced(job, best, now, agingMs) < 0)) best = job
    }
    return best
  }

  /** Jobs that go before this one, parked or not: O(answer). */
  countBefore(job: Placed, now: number, agingMs: number, most: number): number {
    let count = 0
    const goesFirst = (other: ReadyJob) => comparePlaced(other, job, now, agingMs) < 0
    for (const stream of [...this.#plain, ...(this.#keyed?.values() ?? [])]) {
      if (count >= most) break
      count += stream?.jobs.countFirst(goesFirst, most - count) ?? 0
    }
    return count
  }

  #streamOf(rank: PriorityRank, concurrencyKey: string): Stream {
    const known =
      concurrencyKey === '' ? this.#plain[rank] : this.#keyed?.get(keyText(rank, concurrencyKey))
    if (known) return known
    const jobs = new SlotHeap<ReadyJob>(isBefore)
    const stream: Stream = { strand: this, rank, concurrencyKey, jobs, parked: false, slot: -1 }
    this.#streams += 1
    if (concurrencyKey === '') this.#plain[rank] = stream
    else {
      this.#keyed ??= new Map()
      this.#keyed.set(keyText(rank, concurrencyKey), stream)
    }
    return stream
  }

  #drop(stream: Stream): void {
    const { rank, concurrencyKey } = stream
    this.#streams -= 1
    this.#classes[rank]?.remove(stream)
    if (concurrencyKey === '') this.#plain[rank] = undefined
    else this.#keyed?.delete(keyText(rank, concurrencyKey))
  }

  #settle(stream: Stream): void {
    if (stream.parked) return
    let streams = this.#classes[stream.rank]
    if (!streams) {
      streams = new SlotHeap<Stream>(isHeadBefore)
      this.#classes[stream.rank] = streams
    }
    if (stream.slot < 0) streams.add(stream)
    else streams.settle(stream)
  }
}

/** Which of two strands of a lane has the turn. */
export function hasStrandTurnBefore(a: Strand, b: Strand): boolean {
  return hasTurnBefore(a.turn, b.turn)
}

function isBefore(a: ReadyJob, b: ReadyJob): boolean {
  return compareInClass(a, b) < 0
}

function isHeadBefore(a: Stream, b: Stream): boolean {
  const [first, second] = [a.jobs.first, b.jobs.first]
  return first !== undefined && second !== undefined && compareInClass(first, second) < 0
}

/** The class is one digit, so the rest is the key, whatever is in it. */
function keyText(rank: PriorityRank, concurrencyKey: string): string {
  return `${rank}${concurrencyKey}`
}
