/** What the scheduler needs from outside, each as narrow as its use. */
import type { Epoch } from '../core/epoch.ts'
import type { JobKey, JobUid } from '../core/ids.ts'
import type { WorkItem } from '../core/outcome.ts'

export type PublishAnswer =
  | { readonly kind: 'stored' }
  /** 10077: a message of that job is in the stream and is not ours (D2). */
  | { readonly kind: 'occupied' }
  /** No PubAck on the connection it was sent on, or `duplicate` on a first publish (D3). */
  | { readonly kind: 'unknown' }
  /** Not sent at all: no connection. */
  | { readonly kind: 'unsent' }

/** Implemented by `nats/dispatch.ts`. Rules D1–D3 of the protocol. */
export interface Dispatcher {
  publish(item: WorkItem): Promise<PublishAnswer>
  /** Removes the job's message, if any. Proves nothing about a start. */
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

/** Hands out epochs of the shard that this leader leads, and their nonces (S1, S2). */
export interface EpochSource {
  next(): Epoch
  nonce(uid: JobUid, epoch: Epoch, attempt: number, runId: string): string
}
