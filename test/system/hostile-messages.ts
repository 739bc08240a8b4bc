// Messages that no worker sends, for every subject that operator and worker listen to (reliability.md
// B37–B39): each is counted and changes nothing.

import type { RawNats } from './raw-nats.ts'

/** Header lines of an honest message. */
export type Lines = Readonly<Record<string, string>>

export interface HostileMessage {
  /** null = none at all. */
  readonly headers: readonly string[] | null
  readonly body?: string | Uint8Array
}

export const headerLines = (headers: Lines) =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`)

/** An honest message with headers, broken in every way in which it cannot be read. */
export function unreadable(honest: Lines): Readonly<Record<string, HostileMessage>> {
  const changed = (changes: Lines) => ({ headers: headerLines({ ...honest, ...changes }) })
  const { 'Gq-Job-Uid': _, ...withoutUid } = honest
  return {
    'no headers': { headers: null, body: '{}' },
    'no uid': { headers: headerLines(withoutUid) },
    'headers of the wrong case': { headers: headerLines(honest).map((line) => line.toLowerCase()) },
    'a header twice': { headers: [...headerLines(honest), `Gq-Epoch: ${honest['Gq-Epoch']}`] },
    'more headers than anybody reads': {
      headers: [...headerLines(honest), ...Array.from({ length: 3_000 }, (__, n) => `X-${n}: 1`)],
    },
    'a line without a name': { headers: [...headerLines(honest), 'no colon here'] },
    'bytes that are no text': {
      headers: [...headerLines(honest), 'X: \u0000\uffff\u001b[2J'],
      body: BAD,
    },
    'a later version': changed({ 'Gq-Proto': '7' }),
    'a version that is none': changed({ 'Gq-Proto': '-1' }),
    'another uid': changed({ 'Gq-Job-Uid': '00000000-0000-4000-8000-000000000000' }),
    'a uid with a wildcard': changed({ 'Gq-Job-Uid': '>' }),
    'a negative epoch': changed({ 'Gq-Epoch': '-5' }),
    'an epoch beyond 2^53': changed({ 'Gq-Epoch': '9007199254740993' }),
    'an epoch with an exponent': changed({ 'Gq-Epoch': '1e9' }),
    'a nonce that is none': changed({ 'Gq-Nonce': '__proto__' }),
    'an attempt of nought': changed({ 'Gq-Attempt': '0' }),
    'a truncated body': { headers: headerLines(honest), body: '{"a":' },
    'a body that is no UTF-8': { headers: headerLines(honest), body: BAD },
  }
}

const BAD = Uint8Array.of(0x22, 0xc3, 0x28, 0x22)

/** Bodies of beats, notes and control messages that cannot be read. */
export const BROKEN_BODIES: readonly (string | Uint8Array)[] = [
  '',
  '{"v":1',
  'null',
  '[]',
  '{"v":99}',
  '{"v":-1}',
  '{"v":1,"__proto__":{"kind":"drain"}}',
  '{"v":1,"kind":"cancel","term":-1,"uid":">","epochMax":1e300,"reason":"because"}',
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  BAD,
  'x'.repeat(900_000),
]

/** A beat that can be read, of a worker that serves nobody's queue. */
export function beatBody(running: readonly unknown[]): string {
  return JSON.stringify({
    v: 1,
    boot: 'intruder-boot',
    term: 0,
    class: 'f'.repeat(32),
    queues: ['nobodys'],
    handlers: [{ type: 'nothing' }],
    slots: 10_000,
    free: 10_000,
    running,
    finished: [],
  })
}

/** Publishes one message on each of so many subjects. */
export function publishAll(
  nats: RawNats,
  messages: Readonly<Record<string, HostileMessage>>,
  subject: (n: number) => string,
): number {
  const all = Object.values(messages)
  for (const [n, { headers, body }] of all.entries()) nats.publish(subject(n), headers, body)
  return all.length
}
