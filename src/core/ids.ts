/**
 * Who is who: branded ids, and every name that is derived from another one. One function decides
 * each identity, so that dispatch and recovery, operator and worker agree (names.md, wire protocol).
 */
import { createHash } from 'node:crypto'

declare const brand: unique symbol
type Branded<T, B extends string> = T & { readonly [brand]: B }

/** `metadata.uid` of a QueueJob: the identity of a job everywhere (protocol U5). */
export type JobUid = Branded<string, 'JobUid'>
/** Pod UID of a worker, or the UUID that a worker without a pod chose at start. */
export type WorkerId = Branded<string, 'WorkerId'>
/** Random for each start of a worker process: tells two lives of one pod apart (protocol B5). */
export type BootId = Branded<string, 'BootId'>
/** First 32 hex digits of a digest over what a worker serves. */
export type ClassId = Branded<string, 'ClassId'>
/** 0 … SHARDS − 1. */
export type ShardId = Branded<number, 'ShardId'>

export const SHARDS = 16

export const jobUid = (value: string): JobUid => value as JobUid
export const workerId = (value: string): WorkerId => value as WorkerId
export const bootId = (value: string): BootId => value as BootId
export const classId = (value: string): ClassId => value as ClassId

/** Every shard, in order. */
export const allShards: readonly ShardId[] = Array.from({ length: SHARDS }, (_, k) => k as ShardId)

/** FNV-1a, 32 bits, over the UTF-8 bytes. Test vectors: docs/protocol/vectors.json. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text, 'utf8')) {
    hash ^= byte
    hash = Math.imul(hash, 0x01000193) >>> 0
  }
  return hash
}

/** The shard that owns a namespace; computed alike by operator and worker. */
export function shardOf(namespace: string): ShardId {
  return (fnv1a32(namespace) % SHARDS) as ShardId
}

export interface HandlerKey {
  readonly type: string
  readonly version: string
}

/**
 * A worker class: the digest of the queues and the handlers that a worker offers. Workers of one
 * class are interchangeable, so a job goes to a class, never to a worker.
 */
export function classDigest(queues: readonly string[], handlers: readonly HandlerKey[]): ClassId {
  const lines = [
    ...queues.map((name) => `queue ${name}`),
    ...handlers.map((handler) => `type ${handler.type}@${handler.version}`),
  ].sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32) as ClassId
}

export interface JobKey {
  readonly namespace: string
  readonly name: string
}

/** `namespace/name`, as kubectl writes it. */
export function keyText(key: JobKey): string {
  return `${key.namespace}/${key.name}`
}

/** Subjects of the wire protocol. Tokens come from DNS labels, UIDs and digests only (B9). */
export const subjects = {
  work: (namespace: string, cls: ClassId, uid: JobUid) => `gq.v1.work.${namespace}.${cls}.${uid}`,
  workOfClass: (namespace: string, cls: ClassId) => `gq.v1.work.${namespace}.${cls}.>`,
  workOfNamespace: (namespace: string) => `gq.v1.work.${namespace}.>`,
  event: (shard: ShardId, namespace: string, worker: WorkerId, uid: JobUid) =>
    `gq.v1.event.${shard}.${namespace}.${worker}.${uid}`,
  eventsOfShard: (shard: ShardId) => `gq.v1.event.${shard}.>`,
  eventsOfJob: (shard: ShardId, namespace: string, uid: JobUid) =>
    `gq.v1.event.${shard}.${namespace}.*.${uid}`,
  beat: (shard: ShardId, namespace: string, worker: WorkerId) =>
    `gq.v1.beat.${shard}.${namespace}.${worker}`,
  note: (shard: ShardId, namespace: string, worker: WorkerId, uid: JobUid) =>
    `gq.v1.note.${shard}.${namespace}.${worker}.${uid}`,
  history: (namespace: string, uid: JobUid) => `gq.v1.history.${namespace}.${uid}`,
  control: (namespace: string, worker: WorkerId) => `gq.v1.ctl.${namespace}.${worker}`,
  controlAll: (namespace: string) => `gq.v1.ctl.${namespace}.all`,
} as const

/** Streams of the wire protocol; acknowledgement subjects and permissions carry their names. */
export const streamNames = {
  work: 'GQ_WORK',
  events: 'GQ_EVENTS',
  history: 'GQ_HISTORY',
} as const

/** What the inboxes of a worker begin with: the one prefix that it may subscribe below. */
export function inboxPrefix(worker: WorkerId): string {
  return `_INBOX_${worker}`
}

/** Durable consumer of one worker class in GQ_WORK. */
export function classConsumer(namespace: string, cls: ClassId): string {
  return `${namespace}_${cls}`
}

/** Durable consumer of one shard and term in GQ_EVENTS (protocol T3). */
export function eventConsumer(shard: ShardId, term: number): string {
  return `shard${shard}-t${term}`
}
