/**
 * docs/protocol/: the JSON Schema of every message as it is on the wire, and test vectors for what
 * each side computes by itself. A worker in any language is written against these files.
 */
import { z } from 'zod'
import {
  BeatMessage,
  ConnectClaim,
  ControlMessage,
  EVENT_HEADERS,
  EventError,
  EventHeaders,
  NoteMessage,
  WORK_HEADERS,
  WorkHeaders,
} from '../api/messages.ts'
import { classDigest, shardOf } from '../core/ids.ts'
import type { Output } from './generate.ts'

type Json = Readonly<Record<string, unknown>>

function wire(schema: z.ZodType, title: string): Json {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', reused: 'inline' }) as Json
  return { $schema, title, ...rest }
}

/** Headers under the names that they have on the wire. */
function headers(schema: z.ZodType, names: Readonly<Record<string, string>>, title: string): Json {
  const json = wire(schema, title)
  const rename = (key: string) => names[key] ?? key
  const properties = json.properties as Json
  return {
    ...json,
    properties: Object.fromEntries(Object.entries(properties).map(([k, v]) => [rename(k), v])),
    required: (json.required as readonly string[]).map(rename),
  }
}

const NAMESPACES = ['default', 'kube-system', 'a', 'team-mail', 'shop', 'x'.repeat(63)]

const OFFERS = [
  { queues: ['default'], handlers: [{ type: 'email.send', version: '1' }] },
  {
    queues: ['mail', 'default'],
    handlers: [
      { type: 'report', version: '' },
      { type: 'email.send', version: '2.0.1' },
    ],
  },
  { queues: ['default'], handlers: [] },
]

function vectors(): Json {
  return {
    shard: {
      rule: 'FNV-1a, 32 bits, over the UTF-8 bytes of the namespace, modulo 16',
      cases: NAMESPACES.map((namespace) => ({ namespace, shard: shardOf(namespace) })),
    },
    class: {
      rule: 'first 32 hex digits of SHA-256 over the lines `queue <name>` and `type <type>@<version>`, sorted by code unit and joined by a line feed',
      cases: OFFERS.map((offer) => ({
        ...offer,
        class: classDigest(offer.queues, offer.handlers),
      })),
    },
  }
}

export function protocolFiles(): readonly Output[] {
  const schemas: readonly (readonly [string, Json])[] = [
    ['work-headers', headers(WorkHeaders, WORK_HEADERS, 'Headers of a work message')],
    ['event-headers', headers(EventHeaders, EVENT_HEADERS, 'Headers of an event message')],
    ['event-error', wire(EventError, 'Body of an event message that reports a failure')],
    ['beat', wire(BeatMessage, 'Heartbeat')],
    ['note', wire(NoteMessage, 'Progress')],
    ['ctl', wire(ControlMessage, 'Control message')],
    ['connect', wire(ConnectClaim, 'What a worker claims when it connects')],
  ]
  const print = (value: Json) => `${JSON.stringify(value, null, 2)}\n`
  return [
    ...schemas.map(([name, schema]) => ({
      path: `docs/protocol/${name}.schema.json`,
      content: print(schema),
    })),
    { path: 'docs/protocol/vectors.json', content: print(vectors()) },
  ]
}
