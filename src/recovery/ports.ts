/** What recovery needs from outside, each as narrow as its use. */
import type { MonoMs } from '../core/clock.ts'
import type { Term } from '../core/epoch.ts'
import type { ClassId, JobUid, ShardId, WorkerId } from '../core/ids.ts'
import type { Beat, Control, Note, Report } from '../core/outcome.ts'

/** The Lease object `gopherqueue-shard-<k>` (protocol section 2). */
export interface ShardRecord {
  readonly shard: ShardId
  /** For compare-and-set; '' = the object does not exist. */
  readonly resourceVersion: string
  /** Identity of the process that holds it; '' = given up. */
  readonly holder: string
  readonly term: Term
  readonly floor: Term
  /** term → 16 random bytes, hex. Kept 7 days, at most 512. */
  readonly salts: Readonly<Record<string, Salt>>
}

export interface Salt {
  readonly hex: string
  /** Wall time of its making, seconds. */
  readonly madeAt: number
}

export type CasAnswer =
  | { readonly kind: 'set'; readonly record: ShardRecord }
  | { readonly kind: 'lost' }
  | { readonly kind: 'unknown'; readonly detail: string }

/** Implemented by `kube/lease.ts`. */
export interface ShardRecords {
  read(shard: ShardId): Promise<ShardRecord>
  /** Writes `next` only over the version in `next.resourceVersion`. */
  compareAndSet(next: ShardRecord): Promise<CasAnswer>
}

/** The member Lease of a process, as far as deciding needs it. */
export interface MemberLease {
  readonly identity: string
  readonly resourceVersion: string
  /** Changes with each renewal: only "unchanged for how long here" is judged, never its content. */
  readonly renewTime: string
  readonly durationSeconds: number
}

/** Implemented by `kube/lease.ts`. */
export interface MemberLeases {
  list(): Promise<readonly MemberLease[]>
  /** Creates or renews ours. False: the answer was not a success. */
  renew(identity: string): Promise<boolean>
  remove(identity: string): Promise<void>
}

/** Identity and position of a stream, to tell "same name, new stream" and a roll-back (T3). */
export interface StreamState {
  readonly created: string
  readonly lastSeq: number
}

/** A stored work message as D7 sees it. */
export interface StoredMessage {
  readonly seq: number
}

/** Implemented by `nats/streams.ts`. */
export interface Streams {
  /** Creates what is missing, verifies the rest; reports drift by throwing nothing, by logging. */
  ensure(): Promise<{ readonly work: StreamState; readonly events: StreamState }>
  /** Null: one of them is missing. */
  state(): Promise<{ readonly work: StreamState; readonly events: StreamState } | null>
  /** Deletes and creates again both streams (T3: replaced or rolled back). */
  recreate(): Promise<void>
  /** T3: deletes this shard's consumers of lower terms, creates ours. 'higher-term' = step down. */
  takeEvents(shard: ShardId, term: Term): Promise<'taken' | 'higher-term'>
  releaseEvents(shard: ShardId, term: Term): Promise<void>
  /** One durable consumer per (namespace, class); creating an existing one changes nothing. */
  ensureClass(namespace: string, cls: ClassId): Promise<void>
  removeClass(namespace: string, cls: ClassId): Promise<void>
  /** Namespaces that have messages in GQ_WORK. */
  workNamespaces(): Promise<readonly string[]>
  purgeWork(namespace: string): Promise<void>
  lastWork(namespace: string, cls: ClassId, uid: JobUid): Promise<StoredMessage | null>
  /** L3: an outcome of this job that nobody has handled yet. */
  storedEvent(shard: ShardId, namespace: string, uid: JobUid): Promise<boolean>
}

/** Implemented by `nats/control.ts`. Fire and forget: every receiver asks again by its beat. */
export interface Announcer {
  toWorker(namespace: string, worker: WorkerId, message: Control): void
  toNamespace(namespace: string, message: Control): void
}

/** State of the connection to NATS. Implemented by `nats/connect.ts`. */
export interface Link {
  readonly connected: boolean
  /** Monotonic time since when `connected` has been what it is. */
  readonly since: MonoMs
  /** Why not, in one line; '' while connected. */
  readonly problem: string
  /** Called after each change of `connected`. Returns the unsubscribe. */
  onChange(listener: () => void): () => void
}

/** One outcome as it came from the event stream; sender and job are those of its subject. */
export interface EventDelivery {
  readonly namespace: string
  readonly worker: WorkerId
  readonly uid: JobUid
  /** Null: it could not be decoded, or contradicts its subject; `problem` says how. */
  readonly report: Report | null
  readonly problem: string
  /** Only after etcd has the outcome, or when it can never be accepted (O2, O3). */
  ack(): void
  nak(delayMs: number): void
  /** Handling takes longer than expected; do not redeliver. */
  inProgress(): void
}

/** Implemented by `nats/events.ts`. */
export interface EventFeed {
  /**
   * Delivers the stored and the coming outcomes of a shard, in stream order, from the consumer that
   * `Streams.takeEvents` made. Survives reconnects. `ended` is called once when the consumer or its
   * stream is gone for good (deleted, replaced): the leader takes over again.
   */
  follow(
    shard: ShardId,
    term: Term,
    receive: (delivery: EventDelivery) => void,
    ended: (problem: string) => void,
  ): Promise<Following>
}

export interface Following {
  /** Outcomes that were stored when it began (T5). */
  readonly pending: number
  stop(): Promise<void>
}

/** Implemented by `nats/beats.ts`: core subscriptions to all namespaces, standbys included. */
export interface BeatFeed {
  beats(receive: (beat: Beat) => void): () => void
  notes(receive: (note: Note) => void): () => void
  /** A message that could not be decoded; the sender is the one of its subject. */
  rejected(
    receive: (
      sender: { namespace: string; worker: WorkerId },
      problem: string,
      kind: 'beat' | 'note',
    ) => void,
  ): () => void
}
