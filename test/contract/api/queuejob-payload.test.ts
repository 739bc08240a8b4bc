// What becomes of a payload and of hostile input on its way through the API server (reliability.md
// section 15, rows B3, B8, B10, B13, B14, B17, B19, B20, B28): kept, changed in a known way, or refused.

import { beforeAll, describe, expect, inject, it } from 'vitest'
import { api, create, type Door, expectAccepted, type Json, openDoor, tryCreate } from './door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor('api-queuejob-payload')
})

const body = (spec: string, metadata = '{"generateName":"case-"}') =>
  `{"apiVersion":"gopherqueue.io/v1alpha1","kind":"QueueJob","metadata":${metadata},"spec":${spec}}`

/** Stores a payload as it is written; returns the spec that is read back. */
async function stored(payload: string): Promise<Json> {
  const made = await door.send('POST', door.path('queuejobs'), undefined, {
    raw: body(`{"type":"a","payload":${payload}}`),
  })
  expect(made.code, made.message).toBe(201)
  const name = String((made.body.metadata as Json).name)
  const read = await door.send('GET', door.path('queuejobs', name))
  return read.body.spec as Json
}

describe('a payload is kept as it was sent', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['an object', { to: 'a', n: 1 }],
    ['an empty object', {}],
    ['a list', [1, 'a', [true], {}]],
    ['an empty list', []],
    ['a text', 'hello'],
    ['an empty text', ''],
    ['a number', 7],
    ['zero', 0],
    ['a fraction', 0.1],
    ['true', true],
    ['false', false],
    ['nested nulls', { a: null, b: [null] }],
    ['the largest exact integer', Number.MAX_SAFE_INTEGER],
    [
      'text of every plane, composed or not',
      ['é', 'e\u0301', '😀', '\u200b', '\u202e', 'pаypal', '\u0000'],
    ],
    ['template and shell text', ['{{ .Values.x }}', '$(reboot)', '`id`', '%s', '"; DROP TABLE']],
    ['a base64 text', 'AAECAw=='],
  ]
  it.each(rows)('%s', async (_, payload) => {
    expect((await stored(JSON.stringify(payload))).payload).toEqual(payload)
  })

  it('keys that mean something to JavaScript are data (B13, B14)', async () => {
    const keys = [
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      'valueOf',
      'then',
    ]
    const payload = `{${keys.map((key) => `"${key}":{"polluted":true}`).join(',')}}`
    const spec = await stored(payload)
    expect(Object.keys(spec.payload as Json).sort()).toEqual([...keys].sort())
    expect(({} as Json).polluted).toBeUndefined()
  })
})

describe('what the API server changes on the way is known', () => {
  it('null counts as absent', async () => {
    expect(await stored('null')).not.toHaveProperty('payload')
  })

  const rows: readonly (readonly [string, string, unknown])[] = [
    ['a fraction of zero goes', '1.0', 1],
    ['an exponent is written out', '1e2', 100],
    ['a lone surrogate becomes U+FFFD', '"\\ud800"', '\ufffd'],
    ['the last of two equal keys stays', '{"a":1,"a":2}', { a: 2 }],
  ]
  it.each(rows)('%s', async (_, sent, read) => {
    expect((await stored(sent)).payload).toEqual(read)
  })

  it('an integer beyond 2^63 becomes a float, which the intake refuses', async () => {
    expect((await stored('18446744073709551616')).payload).toBe(2 ** 64)
  })
})

describe('size has three doors: the intake, etcd, the API server (B19, B20)', () => {
  const text = (bytes: number) => 'x'.repeat(bytes)
  it('128 KiB and a little more are stored: CEL cannot look into the payload, the intake refuses it', async () => {
    for (const bytes of [131_072, 131_073]) {
      expectAccepted(
        await tryCreate(door, 'queuejobs', api('QueueJob', { type: 'a', payload: text(bytes) })),
      )
    }
  })

  it('an object that etcd does not take is refused by name', async () => {
    const job = api('QueueJob', { type: 'a', payload: text(1_700_000) })
    const answer = await door.send('POST', door.path('queuejobs'), job)
    expect(answer.code).toBe(500)
    expect(answer.message).toContain('request is too large')
  })

  it('a request above 3 MiB is not read', async () => {
    const job = api('QueueJob', { type: 'a', payload: text(4 * 1_048_576) })
    const answer = await door.send('POST', door.path('queuejobs'), job)
    expect(answer.code).toBe(413)
  })

  it('annotations end at 256 KiB, which is what doubles under client-side apply', async () => {
    const job = (bytes: number) =>
      api('QueueJob', { type: 'a' }, { annotations: { 'example.org/a': text(bytes) } })
    expectAccepted(await tryCreate(door, 'queuejobs', job(262_144 - 13)))
    const answer = await tryCreate(door, 'queuejobs', job(262_144))
    expect(answer.code).toBe(422)
    expect(answer.message).toContain('metadata.annotations')
  })
})

describe('depth (B17)', () => {
  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  // Counted by hand: JSON.stringify runs out of stack here, and so would we.
  const depth = (value: unknown): number => {
    let levels = 0
    for (let at = value; typeof at === 'object' && at !== null; at = (at as Json).a) levels += 1
    return levels
  }
  it.each([100, 5_000])('%i levels are kept', async (levels) => {
    expect(depth((await stored(nested(levels))).payload)).toBe(levels)
  })
  it('12,000 levels are refused', async () => {
    const raw = body(`{"type":"a","payload":${nested(12_000)}}`)
    const answer = await tryCreate(door, 'queuejobs', {}, { raw })
    expect(answer.code).toBe(400)
    expect(answer.message).toContain('exceeded max depth')
  })
})

describe('unknown and duplicate fields (B3)', () => {
  const strict = '?dryRun=All&fieldValidation=Strict'
  const rows: readonly (readonly [string, string, string])[] = [
    ['a misspelt field of spec', '{"type":"a","payloda":1}', 'unknown field "spec.payloda"'],
    ['a misspelt field inside', '{"type":"a","retry":{"on":[]}}', 'unknown field "spec.retry.on"'],
    [
      'a misspelt field of a list entry',
      '{"type":"a","dependsOn":[{"name":"b","wen":"Finished"}]}',
      'unknown field "spec.dependsOn[0].wen"',
    ],
    ['a field twice', '{"type":"a","type":"b"}', 'duplicate field "spec.type"'],
    ['__proto__ as a field', '{"type":"a","__proto__":{"x":1}}', 'unknown field "spec.__proto__"'],
  ]
  it.each(rows)('strict: %s is refused and named', async (_, spec, words) => {
    const answer = await tryCreate(door, 'queuejobs', {}, { raw: body(spec), query: strict })
    expect(answer.code).toBe(400)
    expect(answer.message).toContain(words)
  })
  it.each(rows)('by default: %s is dropped, with a warning', async (_, spec, words) => {
    const answer = await tryCreate(door, 'queuejobs', {}, { raw: body(spec) })
    expectAccepted(answer)
    expect(answer.warnings.replaceAll('\\"', '"')).toContain(words)
    expect(JSON.stringify(answer.body.spec)).not.toMatch(/payloda|"on"|wen|__proto__/)
  })
  it('strict: a field beside spec and status is refused', async () => {
    const raw = body('{"type":"a"}').replace(/}$/, ',"extra":1}')
    const answer = await tryCreate(door, 'queuejobs', {}, { raw, query: strict })
    expect(answer.code).toBe(400)
    expect(answer.message).toContain('unknown field "extra"')
  })
})

describe('names of objects (B8, B9)', () => {
  const named = (name: string) =>
    tryCreate(door, 'queuejobs', api('QueueJob', { type: 'a' }, { name }))
  it.each(['a', 'a.b', 'x'.repeat(253)])('a job may be called %s', async (name) => {
    expectAccepted(await named(name))
  })
  it.each(['A', 'a b', 'a*', 'a>', 'a/b', '-a', 'ü', 'a\r\nb', 'x'.repeat(254)])(
    'a job may not be called %j',
    async (name) => {
      const answer = await named(name)
      expect([400, 422]).toContain(answer.code)
    },
  )
  it('generateName makes a name by create', async () => {
    expect(await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))).toMatch(
      /^case-[a-z0-9]{5}$/,
    )
  })
  it('an annotation key of JavaScript is refused (B13)', async () => {
    const job = body('{"type":"a"}', '{"name":"a","annotations":{"__proto__":"x"}}')
    const answer = await tryCreate(door, 'queuejobs', {}, { raw: job })
    expect(answer.code).toBe(422)
    expect(answer.message).toContain('metadata.annotations')
  })
})

it('the shared cluster is a genuine API server', async () => {
  const version = await door.send('GET', '/version')
  expect(String(version.body.gitVersion)).toMatch(/^v1\.(3[2-9]|[4-9]\d)\./)
  expect(inject('servers').server).toMatch(/^https:/)
})
