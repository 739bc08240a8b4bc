// What the tests of this room are made of: one ordinary value of each kind, and messages as the
// client library would hand them over.

import {
  bootId,
  classDigest,
  jobUid,
  shardOf,
  type WorkerId,
  workerId,
} from '../../../src/core/ids.ts'
import type { Outcome, Owner, WorkItem } from '../../../src/core/outcome.ts'
import type { HeaderLines, OutgoingReport, StreamMessage } from '../../../src/nats/encode.ts'
import type { RawMessage } from '../../../src/nats/message.ts'
import type { JobSender } from '../../../src/nats/subjects.ts'

export const namespace = 'team-a'
export const worker: WorkerId = workerId('5d5e0a7e-4c5b-4b7e-9d4b-000000000001')
export const owner: Owner = { worker, boot: bootId('0a1b2c3d-e4f5-4a6b-8c7d-000000000002') }
export const uid = jobUid('7f3e0a7e-4c5b-4b7e-9d4b-00000000000a')
export const cls = classDigest(['default'], [{ type: 'email.send', version: '1' }])
export const nonce = '00112233445566778899aabbccddeeff'
export const epoch = 3 * 2 ** 32 + 7

export function workItem(changes: Partial<WorkItem> = {}): WorkItem {
  return {
    namespace,
    name: 'welcome-42',
    uid,
    cls,
    queue: 'default',
    type: 'email.send',
    handlerVersion: '1',
    epoch,
    nonce,
    attempt: 1,
    maxAttempts: 3,
    runId: '',
    timeoutMs: 1_800_000,
    traceparent: '',
    tracestate: '',
    correlationId: '',
    payloadJson: '{"to":"a@example.org"}',
    payloadFrom: null,
    ...changes,
  }
}

export function report(outcome: Outcome, changes: Partial<OutgoingReport> = {}): OutgoingReport {
  return {
    uid,
    name: 'welcome-42',
    epoch,
    nonce,
    attempt: 1,
    runId: '',
    outcome,
    startedAgoMs: 40,
    durationMs: 35,
    ...changes,
  }
}

export const sender: JobSender = { shard: shardOf(namespace), namespace, worker, uid }

export function headerBytes(lines: HeaderLines, firstLine = 'NATS/1.0'): Uint8Array {
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${firstLine}\r\n${text}\r\n`)
}

/** A stream message as its receiver reads it. */
export function received(message: StreamMessage): RawMessage {
  return {
    subject: message.subject,
    reply: '$JS.ACK.GQ.consumer.1.1.1.1.0',
    headers: headerBytes([...message.headers, ['Nats-Msg-Id', message.id]]),
    body: Buffer.from(message.body),
  }
}

/** The same message with some of its headers changed; null takes one away. */
export function withHeaders(
  message: StreamMessage,
  changes: Readonly<Record<string, string | null>>,
): RawMessage {
  const kept = message.headers.filter(([name]) => !Object.hasOwn(changes, name))
  const added = Object.entries(changes).filter((entry): entry is [string, string] => !!entry[1])
  return { ...received(message), headers: headerBytes([...kept, ...added]) }
}

export function plain(subject: string, body: string | Uint8Array): RawMessage {
  return { subject, reply: '', headers: null, body: Buffer.from(body) }
}

export function beatJson(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    v: 1,
    boot: owner.boot,
    term: 3,
    class: cls,
    queues: ['default'],
    handlers: [{ type: 'email.send', version: '1', inputDigest: 'ab12' }],
    slots: 10,
    free: 9,
    draining: false,
    running: [{ uid, name: 'welcome-42', epoch, nonce, attempt: 1, ageMs: 5, lastSignMs: 5 }],
    finished: [{ uid, name: 'welcome-41', epoch, nonce, confirmed: true }],
    ...changes,
  })
}
