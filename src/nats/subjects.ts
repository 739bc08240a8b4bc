/**
 * Subjects read back into who and what. Namespace, worker and job of a message are those of its own
 * subject and of nothing else (wire protocol): not of a header, a body, or the subscription on which
 * it came. A worker can have its deliveries sent to any subject, so a stray copy may arrive anywhere;
 * a subject that is not of the expected form in every token is therefore no address at all (B40).
 */
import { PATTERNS } from '../api/fields.ts'
import {
  type ClassId,
  classId,
  type JobUid,
  jobUid,
  type ShardId,
  shardOf,
  type WorkerId,
  workerId,
} from '../core/ids.ts'

/** What the streams store and what the operator subscribes to. */
export const filters = {
  work: 'gq.v1.work.>',
  events: 'gq.v1.event.>',
  beats: 'gq.v1.beat.*.*.*',
  notes: 'gq.v1.note.*.*.*.*',
  history: 'gq.v1.history.>',
} as const

export interface WorkAddress {
  readonly namespace: string
  readonly cls: ClassId
  readonly uid: JobUid
}

/** A worker and its namespace. The shard in the subject is the namespace's, or it is no address. */
export interface Sender {
  readonly shard: ShardId
  readonly namespace: string
  readonly worker: WorkerId
}

export interface JobSender extends Sender {
  readonly uid: JobUid
}

const CLASS = /^[0-9a-f]{32}$/

export function workAddress(subject: string): WorkAddress | null {
  const [namespace, cls, uid, more] = tokensAfter('gq.v1.work.', subject)
  if (!isLabel(namespace) || !isUid(uid) || cls === undefined || !CLASS.test(cls)) return null
  return more === undefined ? { namespace, cls: classId(cls), uid: jobUid(uid) } : null
}

export function eventSender(subject: string): JobSender | null {
  return jobSender('gq.v1.event.', subject)
}

export function noteSender(subject: string): JobSender | null {
  return jobSender('gq.v1.note.', subject)
}

export function beatSender(subject: string): Sender | null {
  const tokens = tokensAfter('gq.v1.beat.', subject)
  return tokens.length === 3 ? senderOf(tokens) : null
}

function jobSender(prefix: string, subject: string): JobSender | null {
  const tokens = tokensAfter(prefix, subject)
  const sender = senderOf(tokens)
  const uid = tokens[3]
  if (!sender || tokens.length !== 4 || !isUid(uid)) return null
  return { ...sender, uid: jobUid(uid) }
}

function senderOf([shard, namespace, worker]: readonly string[]): Sender | null {
  if (!isLabel(namespace) || !isUid(worker)) return null
  const own = shardOf(namespace)
  return shard === String(own) ? { shard: own, namespace, worker: workerId(worker) } : null
}

function tokensAfter(prefix: string, subject: string): readonly string[] {
  return subject.startsWith(prefix) ? subject.slice(prefix.length).split('.', 6) : []
}

function isLabel(token: string | undefined): token is string {
  return token !== undefined && token.length <= 63 && PATTERNS.label.test(token)
}

function isUid(token: string | undefined): token is string {
  return token !== undefined && token.length <= 64 && PATTERNS.uid.test(token)
}
