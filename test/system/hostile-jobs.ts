// QueueJobs that the API server takes although nobody in their right mind would send them
// (reliability.md B4–B19, B31): made from a seed, each with the state that it must come to.
//
// They are JSON text, because an integer beyond 2^53 and a key `__proto__` do not survive an object
// literal.

import { MAX_PAYLOAD_BYTES } from '../../src/api/queuejob.ts'
import type { SeededRandom } from '../../src/core/virtual-clock.ts'

export interface HostileJob {
  readonly name: string
  /** The manifest. */
  readonly json: string
  readonly want: {
    readonly phase: string
    readonly reason: string
    /** Part of its message or error. */
    readonly says?: string
    /** JSON of its result; absent: not looked at. */
    readonly result?: string
  }
}

interface Parts {
  readonly name?: string
  /** JSON of labels and annotations. */
  readonly metadata?: string
  /** JSON members of the spec, without braces. */
  readonly spec: string
  readonly want: HostileJob['want']
}

const DONE = { phase: 'Completed', reason: 'Completed' } as const

/** Names that are something else elsewhere. */
const NAMES = ['constructor', 'prototype', 'then', 'tostring', 'null', 'true', '0', '1e309', 'all']

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  '',
]

const TEXTS = [
  'e\u0301',
  '\u00e9',
  '\u202egnp.exe',
  '\u200b',
  '\ufeff',
  '\u0000',
  '\u001b[2J\u0007',
  '\r\nGq-Epoch: 1\r\n',
  '\u2028',
  '👨‍👩‍👧',
  '$(reboot)',
  '{{ .Values }}',
  "'; DROP TABLE jobs",
]

export function hostileJobs(random: SeededRandom, rounds: number): readonly HostileJob[] {
  const made: HostileJob[] = NAMES.map((name) => jobOf(name, { spec: '', want: DONE }))
  for (let round = 0; round < rounds; round++) {
    KINDS.forEach((kind, n) => {
      const parts = kind(random)
      made.push(jobOf(parts.name ?? `hostile-${round}-${n}`, parts))
    })
  }
  return made
}

function jobOf(name: string, { metadata = '', spec, want }: Parts): HostileJob {
  const meta = `"name":${JSON.stringify(name)},"namespace":"default"${metadata && `,${metadata}`}`
  const json = `{"apiVersion":"gopherqueue.io/v1alpha1","kind":"QueueJob","metadata":{${meta}},"spec":{"type":"work"${spec && `,${spec}`}}}`
  return { name, json, want }
}

type Kind = (random: SeededRandom) => Parts

const KINDS: readonly Kind[] = [
  function longName(random) {
    const name = letters(random, 253).replace(/(.{19})./g, '$1.')
    return { name, spec: '', want: DONE }
  },
  function oddPayload(random) {
    const result = oddValue(random, 4)
    return {
      spec: `"payload":{"result":${result},"__proto__":{"ms":600000},"constructor":1}`,
      want: { ...DONE, result },
    }
  },
  function largeOddPayload(random) {
    const filler = JSON.stringify(pick(random, TEXTS).repeat(2_000))
    return { spec: `"payload":{"filler":${filler},"result":${oddValue(random, 3)}}`, want: DONE }
  },
  function payloadOfAnotherShape(random) {
    const payload = pick(random, ['7', '"text"', '[]', 'true', '{"ms":"soon"}', '{"odd":"then"}'])
    return { spec: `"payload":${payload}`, want: { phase: 'Failed', reason: 'InvalidPayload' } }
  },
  function deepPayload(random) {
    const levels = 150 + whole(random, 800)
    return { spec: `"payload":{"deep":${nested(levels)}}`, want: DONE }
  },
  function deepResult(random) {
    const levels = 210 + whole(random, 700)
    const want = { phase: 'Failed', reason: 'InvalidResult', says: 'nested deeper' }
    return { spec: `"payload":{"result":${nested(levels)}}`, want }
  },
  function deeperThanAnyDecoder(random) {
    const levels = 6_000 + whole(random, 3_000)
    const want = { phase: 'Failed', reason: 'InvalidPayload', says: 'nested deeper' }
    return { spec: `"payload":${nested(levels)}`, want }
  },
  function inexactInteger(random) {
    const number = `${pick(random, ['-', ''])}9007199254740993${digits(random, 2)}`
    return {
      spec: `"payload":{"id":[${number}]}`,
      want: { phase: 'Failed', reason: 'InvalidPayload', says: 'spec.payload.id[0]' },
    }
  },
  function inexactIntegerInALargePayload(random) {
    const number = `9007199254740993${digits(random, 2)}`
    return {
      spec: `"payload":{"filler":"${'x'.repeat(5_000)}","id":${number}}`,
      want: { phase: 'Failed', reason: 'InvalidPayload', says: 'spec.payload.id' },
    }
  },
  function timeOutOfBounds(random) {
    const time = pick(random, [
      '0001-01-01T00:00:00Z',
      '1969-12-31T23:59:59Z',
      '9999-12-31T23:59:59Z',
      '9999-12-31T23:59:59-23:59',
    ])
    return {
      spec: `"startAfter":"${time}"`,
      want: { phase: 'Failed', reason: 'InvalidSpec', says: 'spec.startAfter' },
    }
  },
  function farButPossible(random) {
    const spec = pick(random, [
      '"startAfter":"2199-12-31T23:59:59.999Z"',
      '"delaySeconds":31536000',
    ])
    return { spec, want: { phase: 'Delayed', reason: 'Delayed' } }
  },
  function malformedAnnotations(random) {
    const annotations = {
      'gopherqueue.io/traceparent': pick(random, ['', '00-xyz', '0'.repeat(10_000), ...TEXTS]),
      'gopherqueue.io/tracestate': pick(random, TEXTS).repeat(300),
      'gopherqueue.io/correlation-id': pick(random, ['x'.repeat(257), ...TEXTS]),
      'gopherqueue.io/submission': pick(random, TEXTS),
    }
    return { metadata: `"annotations":${JSON.stringify(annotations)}`, spec: '', want: DONE }
  },
  function metadataAtItsLimits(random) {
    const label = [`${letters(random, 60)}.${letters(random, 190)}/${letters(random, 63)}`]
    const labels = Object.fromEntries(
      [...label, 'gopherqueue.io/action'].map((key) => [key, letters(random, 63)]),
    )
    const annotations = { 'example.com/large': pick(random, ['x', '"', '\\']).repeat(200_000) }
    const metadata = `"labels":${JSON.stringify(labels)},"annotations":${JSON.stringify(annotations)}`
    return { metadata, spec: '', want: DONE }
  },
  function restored(random) {
    const label = JSON.stringify({ 'velero.io/restore-name': pick(random, ['', 'b-1']) })
    return {
      metadata: `"labels":${label}`,
      spec: '',
      want: { phase: 'Blocked', reason: 'RestoredUnconfirmed' },
    }
  },
  function notServed(random) {
    const [path = '', spec = ''] = pick(random, [
      ['spec.array', '"array":{"size":1000000}'],
      ['spec.resources', '"resources":{"memoryMiB":1}'],
    ])
    return { spec, want: { phase: 'Failed', reason: 'NotYetSupported', says: path } }
  },
  function justTooLarge() {
    const frame = '{"text":""}'.length
    const text = 'x'.repeat(MAX_PAYLOAD_BYTES - frame + 1)
    return {
      spec: `"payload":{"text":"${text}"}`,
      want: { phase: 'Failed', reason: 'PayloadTooLarge', says: String(MAX_PAYLOAD_BYTES + 1) },
    }
  },
  function justWithin() {
    const frame = '{"text":""}'.length
    const text = 'x'.repeat(MAX_PAYLOAD_BYTES - frame)
    return { spec: `"payload":{"text":"${text}"}`, want: DONE }
  },
  function typeThatIsAProperty(random) {
    const type = pick(random, ['constructor', 'prototype', 'valueof', 'then', 'x'.repeat(63)])
    return { spec: `"type":"${type}"`, want: { phase: 'Scheduled', reason: 'UnknownType' } }
  },
  function versionThatIsAProperty(random) {
    const version = pick(random, ['constructor', 'toString', 'hasOwnProperty', 'v'.repeat(63)])
    return {
      spec: `"handlerVersion":"${version}"`,
      want: { phase: 'Scheduled', reason: 'UnknownType' },
    }
  },
  function queueThatIsAProperty(random) {
    const queue = pick(random, ['constructor', 'prototype', 'valueof', '0'])
    return { spec: `"queue":"${queue}"`, want: { phase: 'Blocked', reason: 'QueueNotFound' } }
  },
  function suspended() {
    return { spec: '"suspend":true', want: { phase: 'Suspended', reason: 'Suspended' } }
  },
]

/** JSON of a value with keys and texts that mean something elsewhere. */
function oddValue(random: SeededRandom, depth: number): string {
  if (depth === 0) return JSON.stringify(pick(random, TEXTS))
  const members = Array.from({ length: 2 }, (_, n) => {
    const key = JSON.stringify(`${pick(random, KEYS)}${n === 0 ? '' : n}`)
    return `${key}:${oddValue(random, depth - 1)}`
  })
  return random.uniform() < 0.5 ? `{${members.join(',')}}` : `[{${members.join(',')}},0.1,false]`
}

function nested(levels: number): string {
  return `${'['.repeat(levels)}${']'.repeat(levels)}`
}

function letters(random: SeededRandom, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(97 + whole(random, 26))).join('')
}

function digits(random: SeededRandom, length: number): string {
  return Array.from({ length }, () => String(whole(random, 10))).join('')
}

function whole(random: SeededRandom, below: number): number {
  return Math.floor(random.uniform() * below)
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  const picked = from[whole(random, from.length)]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}
