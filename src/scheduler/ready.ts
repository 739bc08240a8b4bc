/**
 * The jobs that would start if a slot were free, in one heap for each lane. A lane is what the same
 * workers can take: namespace, queue, type and asked version. So a lane without a worker never stands
 * in the way of another, and a cycle looks at heads only, however many jobs wait behind them.
 */

import { Heap } from '../core/heap.ts'
import type { JobUid } from '../core/ids.ts'
import type { JobRecord } from '../core/job.ts'
import { compareJobs } from './ordering.ts'
import type { Lane, LaneKey } from './snapshot.ts'

interface Waiting {
  readonly key: LaneKey
  readonly jobs: Heap<JobUid, JobRecord>
}

export class ReadyJobs {
  /** By namespace and queue, then by type and version. */
  readonly #queues = new Map<string, Map<string, Waiting>>()
  readonly #records = new Map<JobUid, JobRecord>()

  get size(): number {
    return this.#records.size
  }

  has(uid: JobUid): boolean {
    return this.#records.has(uid)
  }

  /** A record of the same job is replaced, also when it belongs to another lane now. */
  add(record: JobRecord): void {
    const known = this.#records.get(record.uid)
    if (known && !sameLane(known, record)) this.remove(record.uid)
    this.#records.set(record.uid, record)
    this.#laneOf(record).jobs.set(record)
  }

  /** The job's record changed. Nothing happens unless it is ready. */
  update(record: JobRecord): void {
    if (this.#records.has(record.uid)) this.add(record)
  }

  remove(uid: JobUid): void {
    const record = this.#records.get(uid)
    if (!record) return
    this.#records.delete(uid)
    const lanes = this.#queues.get(queueText(record))
    const lane = lanes?.get(laneText(record))
    if (!lanes || !lane) return
    lane.jobs.delete(uid)
    if (lane.jobs.size > 0) return
    lanes.delete(laneText(record))
    if (lanes.size === 0) this.#queues.delete(queueText(record))
  }

  /** Each lane's first `limit` jobs, in order; nothing is taken out. */
  lanes(limit: number): readonly Lane[] {
    const found: Lane[] = []
    for (const lanes of this.#queues.values()) {
      for (const { key, jobs } of lanes.values()) found.push({ ...key, heads: jobs.head(limit) })
    }
    return found
  }

  /** Ready jobs of the same queue that go before this one. Costs as much as the answer is large. */
  ahead(record: JobRecord): number {
    let count = 0
    for (const { jobs } of this.#queues.get(queueText(record))?.values() ?? []) {
      count += jobs.countBefore(record)
    }
    return count
  }

  #laneOf(record: JobRecord): Waiting {
    let lanes = this.#queues.get(queueText(record))
    if (!lanes) {
      lanes = new Map()
      this.#queues.set(queueText(record), lanes)
    }
    let lane = lanes.get(laneText(record))
    if (!lane) {
      const { namespace, queue, type, handlerVersion } = record
      lane = {
        key: { namespace, queue, type, handlerVersion },
        jobs: new Heap(
          (job) => job.uid,
          (a, b) => compareJobs(a, b) < 0,
        ),
      }
      lanes.set(laneText(record), lane)
    }
    return lane
  }
}

function sameLane(a: LaneKey, b: LaneKey): boolean {
  return queueText(a) === queueText(b) && laneText(a) === laneText(b)
}

/** Neither names nor versions hold a slash or an at sign. */
function queueText(key: Pick<LaneKey, 'namespace' | 'queue'>): string {
  return `${key.namespace}/${key.queue}`
}

function laneText(key: Pick<LaneKey, 'type' | 'handlerVersion'>): string {
  return `${key.type}@${key.handlerVersion}`
}
