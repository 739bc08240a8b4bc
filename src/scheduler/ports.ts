/** What the scheduler needs from outside, each as narrow as its use. */
import type { ClassCapacity } from '../core/capacity.ts'
import type { WallMs } from '../core/clock.ts'
import type { Dispatched, Epoch } from '../core/epoch.ts'
import type { JobKey, JobUid, ShardId } from '../core/ids.ts'
import type { JobRecord, PayloadAnswer } from '../core/job.ts'
import type { WorkItem } from '../core/outcome.ts'

export type { ClassCapacity } from '../core/capacity.ts'

export type PublishAnswer =
  | { readonly kind: 'stored' }
  /** 10077: a message of that job is in the stream and is not ours (D2). */
  | { readonly kind: 'occupied' }
  /** No PubAck on the connection it was sent on, or `duplicate` on a first publish (D3). */
  | { readonly kind: 'unknown' }
  /** Certainly not stored: no connection, no stream, no space. */
  | { readonly kind: 'unsent' }

/** Implemented by `nats/dispatch.ts`. Rules D1–D3 of the protocol. */
export interface Dispatcher {
  /** Never rejects. */
  publish(item: WorkItem): Promise<PublishAnswer>
  /** Removes the job's message, if any. Proves nothing about a start. Best effort, never rejects. */
  purge(item: Pick<WorkItem, 'namespace' | 'cls' | 'uid'>): Promise<void>
}

/** Reads a payload that is too large for the cache. Implemented by `kube/jobs.ts`. */
export interface PayloadReader {
  readPayload(key: JobKey, uid: JobUid): Promise<PayloadAnswer>
  /** Of the QueueAction that asked for this run of a job (decision 0020). */
  readActionPayload(key: JobKey, uid: string): Promise<PayloadAnswer>
}

/** Epochs of the shards that this process leads, and their nonces (S1, S2). */
export interface EpochSource {
  next(shard: ShardId): Epoch
  nonce(shard: ShardId, start: Dispatched): string
}

/** May anything start now? Implemented in `main/` from leadership, link and configuration. */
export interface DispatchGate {
  /** The shard is led, past T8. */
  leads(shard: ShardId): boolean
  /**
   * False: NATS is unreachable, the own Lease is not trusted any more (W7), or the operator is
   * configured with `dispatch: Paused`. Jobs keep their places until it opens.
   */
  readonly open: boolean
}

/** A handler that runs although its attempt is over (U1): cancelled, fenced, or of a deleted job. */
export interface Lingering extends JobKey {
  readonly uid: JobUid
  /** '' = not known: its job is gone, and its worker serves several queues. */
  readonly queue: string
  readonly concurrencyKey: string
}

/** Free slots of the connected workers. Implemented by `recovery/workers.ts`. */
export interface Capacity {
  classes(): readonly ClassCapacity[]
}

/** Implemented by `recovery/workers.ts`. */
export interface LingeringHandlers {
  /** They hold their slots, and what they hold of their queue's limits, until nobody lists them. */
  lingering(): Iterable<Lingering>
}

export interface Holder {
  readonly name: string
  readonly uid: JobUid
  /** '' = none. */
  readonly concurrencyKey: string
}

/**
 * How the ready jobs stand, for whoever explains a wait. Read only; each answer is computed when it is
 * asked for, from what the next cycle decides on.
 */
export interface Standing {
  /** Ready jobs of the same fairness key that go before this one; counting ends at `MOST_AHEAD`. */
  ahead(record: JobRecord): number
  /** Attempts that take of the queue's limits, in all or of one concurrency key. */
  holders(namespace: string, queue: string, concurrencyKey?: string): readonly Holder[]
  /** How many those are, in all. */
  running(namespace: string, queue: string): number
  /** When the queue's rate limit lets the next job start; 0 = now, or there is no limit. */
  rateReadyAt(namespace: string, queue: string): WallMs | 0
  /** How the fairness key of a job stands among the other keys of its queue. */
  turn(namespace: string, queue: string, fairnessKey: string): TurnStanding
}

export interface TurnStanding {
  readonly weight: number
  /** Other keys of the queue that have ready jobs. */
  readonly others: number
  /** Starts of those keys that come before the next one of this key, if slots come free one by one. */
  readonly ahead: number
}

/** More are not counted: a sentence that says "at least" is as good. */
export const MOST_AHEAD = 10_000
