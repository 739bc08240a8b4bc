/** What the scheduler needs from outside, each as narrow as its use. */
import type { ClassCapacity } from '../core/capacity.ts'
import type { Dispatched, Epoch } from '../core/epoch.ts'
import type { JobKey, JobUid, ShardId } from '../core/ids.ts'
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

export type PayloadAnswer =
  | { readonly kind: 'found'; readonly json: string | null }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfterMs: number }

/** Reads a payload that is too large for the cache. Implemented by `kube/jobs.ts`. */
export interface PayloadReader {
  readPayload(key: JobKey, uid: JobUid): Promise<PayloadAnswer>
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

/** Free slots of the connected workers. Implemented by `recovery/workers.ts`. */
export interface Capacity {
  classes(): readonly ClassCapacity[]
}
