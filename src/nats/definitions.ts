/**
 * The streams and consumers of the wire protocol, as data, and how what a server has is compared with
 * it. Created and verified by the operator, never by hand (wire protocol, "Streams and consumers").
 */
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { MESSAGE_LIMITS } from '../api/messages.ts'
import type { Term } from '../core/epoch.ts'
import {
  type ClassId,
  classConsumer,
  eventConsumer,
  type ShardId,
  streamNames,
  subjects,
} from '../core/ids.ts'
import { filters } from './subjects.ts'

const seconds = (count: number) => count * 1_000_000_000
const minutes = (count: number) => seconds(60 * count)
const hours = (count: number) => minutes(60 * count)
const days = (count: number) => hours(24 * count)

/** Metadata key of the random identity that tells "same name, new stream" apart. */
export const IDENTITY_KEY = 'gopherqueue.io/identity'

/** A work message is repeated under its id for at most this long (D3). */
export const WORK_REPEAT_MS = 30_000

/** Of one event of the history: a whole status has 32 KiB, a spec without its payload as much. */
export const MAX_HISTORY_BYTES = 131_072

/** Every field that is ours to decide. Metadata is added when a stream is made. */
export type StreamDefinition = Pick<
  StreamConfig,
  | 'name'
  | 'description'
  | 'subjects'
  | 'retention'
  | 'storage'
  | 'discard'
  | 'discard_new_per_subject'
  | 'max_msgs_per_subject'
  | 'max_msgs'
  | 'max_bytes'
  | 'max_age'
  | 'max_msg_size'
  | 'max_consumers'
  | 'duplicate_window'
  | 'num_replicas'
  | 'allow_direct'
  | 'deny_delete'
  | 'deny_purge'
  | 'allow_rollup_hdrs'
>

export interface StreamSizes {
  readonly replicas: number
  readonly eventsMaxBytes: number
}

export function workStream({ replicas }: StreamSizes): StreamDefinition {
  return {
    ...common(replicas),
    name: streamNames.work,
    description: 'GopherQueue: jobs on their way to workers',
    subjects: [filters.work],
    // One message per job: a second one is refused with 10077 (D2).
    max_msgs_per_subject: 1,
    discard_new_per_subject: true,
    max_bytes: -1,
    // A safety net: what nobody pulled for so long is void anyway.
    max_age: hours(1),
    max_msg_size: MESSAGE_LIMITS.workBytes,
    // One consumer per class; the server's own limit would be 1,000, and -1 counts as unset.
    max_consumers: 100_000,
    // Twice the time of the last repetition. Each id costs the server memory for so long.
    duplicate_window: (2 * WORK_REPEAT_MS * seconds(1)) / 1000,
  }
}

export function eventStream({ replicas, eventsMaxBytes }: StreamSizes): StreamDefinition {
  return {
    ...common(replicas),
    name: streamNames.events,
    description: 'GopherQueue: outcomes on their way to the operator',
    subjects: [filters.events],
    max_msgs_per_subject: 4,
    discard_new_per_subject: false,
    max_bytes: eventsMaxBytes,
    max_age: days(7),
    max_msg_size: MESSAGE_LIMITS.eventBytes,
    // One per shard, and room for take-overs.
    max_consumers: 256,
    duplicate_window: minutes(10),
  }
}

export interface HistorySizes {
  readonly replicas: number
  readonly historyMaxBytes: number
  readonly historyMaxAgeSeconds: number
}

/** For whoever reads along: nothing here consumes it, and what is too old or too much goes. */
export function historyStream(sizes: HistorySizes): StreamDefinition {
  return {
    ...common(sizes.replicas),
    name: streamNames.history,
    description: 'GopherQueue: what became of jobs, for audit and archive',
    subjects: [filters.history],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: -1,
    discard_new_per_subject: false,
    max_bytes: sizes.historyMaxBytes,
    max_age: seconds(sizes.historyMaxAgeSeconds),
    max_msg_size: MAX_HISTORY_BYTES,
    max_consumers: 256,
    duplicate_window: Math.min(minutes(10), seconds(sizes.historyMaxAgeSeconds)),
  }
}

function common(replicas: number) {
  return {
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: -1,
    num_replicas: replicas,
    // Read through the leader of the stream only: a replica may not have the last message yet (D7).
    allow_direct: false,
    deny_delete: false,
    deny_purge: false,
    allow_rollup_hdrs: false,
  }
}

export interface Difference {
  readonly field: string
  readonly has: string
  readonly wants: string
}

/** Fields in which what is there differs from what is wanted. Absent counts as zero, false or none. */
export function differences(
  has: Readonly<Record<string, unknown>>,
  wants: Readonly<Record<string, unknown>>,
): readonly Difference[] {
  return Object.entries(wants)
    .map(([field, want]) => ({ field, has: shown(has[field], want), wants: shown(want, want) }))
    .filter((difference) => difference.has !== difference.wants)
}

function shown(value: unknown, like: unknown): string {
  return JSON.stringify(value ?? emptyLike(like))
}

function emptyLike(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return 0
    case 'boolean':
      return false
    default:
      return ''
  }
}

const pull = {
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  max_deliver: -1,
  ack_wait: seconds(30),
} as const

/** Workers of one class pull from it, one message for each free slot. */
export function classConsumerConfig(namespace: string, cls: ClassId): ConsumerConfig {
  return {
    ...pull,
    durable_name: classConsumer(namespace, cls),
    filter_subject: subjects.workOfClass(namespace, cls),
    max_ack_pending: 10_000,
    // Not editable later; with the default of 512 a large class would spin on refusals.
    max_waiting: 10_000,
  }
}

/** T3: one per shard and term. A work-queue stream refuses two consumers of one shard. */
export function eventConsumerConfig(shard: ShardId, term: Term): ConsumerConfig {
  return {
    ...pull,
    durable_name: eventConsumer(shard, term),
    filter_subject: subjects.eventsOfShard(shard),
    max_ack_pending: 10_000,
    max_waiting: 64,
  }
}

/** The term in the name of an event consumer of this shard; null: another shard's, or not ours. */
export function termOfConsumer(shard: ShardId, name: string): Term | null {
  const match = /^shard([0-9]+)-t([0-9]+)$/.exec(name)
  return match && Number(match[1]) === shard ? Number(match[2]) : null
}
