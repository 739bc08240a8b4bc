// What a job definition refuses, and what may cross the wire as JSON.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  defineJob,
  fromWire,
  payloadFromWire,
  payloadToWire,
  toWire,
} from '../../../src/core/definition.ts'
import { GopherQueueError } from '../../../src/core/errors.ts'

const schemas = { input: z.object({ to: z.string() }), output: z.object({ id: z.string() }) }

function refusal(run: () => unknown): GopherQueueError {
  try {
    run()
  } catch (error) {
    if (error instanceof GopherQueueError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('a definition', () => {
  it('keeps type, version and both schemas, and cannot be changed', () => {
    const job = defineJob({ type: 'email.send', version: '1', ...schemas })
    expect(job).toEqual({ type: 'email.send', version: '1', ...schemas })
    expect(Object.isFrozen(job)).toBe(true)
  })

  it.each(['a', 'email.send', 'a-b.c2', '0', 'x'.repeat(63)])('takes the type %s', (type) => {
    expect(defineJob({ type, version: '1', ...schemas }).type).toBe(type)
  })

  it.each(['', 'Email', 'email send', '.a', 'a.', '-a', 'a_b', 'ä', 'x'.repeat(64), 'a\n'])(
    'refuses the type %j and says what is allowed',
    (type) => {
      const error = refusal(() => defineJob({ type, version: '1', ...schemas }))
      expect(error.code).toBe('InvalidDefinition')
      expect(error.message).toContain('type')
      expect(error.help).toContain('"email.send"')
    },
  )

  it.each(['', ' 1', '1 ', '_1', '1_', 'v/1', 'x'.repeat(64)])('refuses version %j', (version) => {
    const error = refusal(() => defineJob({ type: 'a', version, ...schemas }))
    expect(error).toMatchObject({ code: 'InvalidDefinition' })
    expect(error.message).toContain('version')
  })

  it('refuses what a caller without types may hand over', () => {
    const loose = defineJob as (fields: unknown) => unknown
    expect(refusal(() => loose({ type: 7, version: '1', ...schemas })).message).toContain(
      '(number)',
    )
    expect(refusal(() => loose({ type: 'a', version: '1', input: {} })).help).toContain('z.void()')
    expect(refusal(() => loose({ type: 'a', version: '1', input: z.string() })).message).toContain(
      'output of "a"',
    )
  })
})

describe('a value that is sent', () => {
  const anything = z.unknown()

  it('travels as given: defaults and transforms are for the receiver', () => {
    const schema = z.object({ at: z.coerce.date(), n: z.number().default(3) })
    const sent = toWire(schema, { at: new Date(0) })
    expect(sent).toEqual({ ok: true, json: '{"at":"1970-01-01T00:00:00.000Z"}' })
    const got = sent.ok && sent.json !== null && fromWire(schema, JSON.parse(sent.json))
    expect(got).toEqual({ ok: true, value: { at: new Date(0), n: 3 } })
  })

  it.each([
    ['a Date where the schema wants a Date', z.object({ at: z.date() }), { at: new Date() }, 'at'],
    ['a NaN', z.object({ n: z.number() }), { n: Number.NaN }, 'n'],
    ['a missing field', z.object({ a: z.object({ b: z.string() }) }), { a: {} }, 'a.b'],
    ['a wrong item', z.array(z.object({ to: z.string() })), [{ to: 'x' }, { to: 1 }], '[1].to'],
    ['an integer that the server would round', anything, { a: [2 ** 53] }, 'a[0]'],
    ['half of a surrogate pair', anything, { a: { b: '\ud800' } }, 'a.b'],
    ['half of a surrogate pair in a key', anything, { 'k\udc00': 1 }, 'k\udc00'],
    ['a BigInt', anything, { a: 1n }, ''],
    ['a circle', anything, circle(), ''],
    ['nesting without end', anything, nested(2_000), ''],
    ['a check that throws', z.string().refine(thrower), 'x', ''],
    ['a check that is asynchronous', z.string().refine(async () => true), 'x', ''],
  ])('is refused with its path: %s', (_, schema, value, path) => {
    const sent = toWire(schema, value)
    expect(sent).toMatchObject({ ok: false, path })
    expect(!sent.ok && sent.problem.length).toBeGreaterThan(5)
  })

  it('may be absent, and null is the same as absent', () => {
    for (const schema of [z.void(), z.undefined(), z.null(), z.string().optional(), anything]) {
      const value = schema.safeParse(undefined).success ? undefined : null
      expect(toWire(schema, value)).toEqual({ ok: true, json: null })
    }
    expect(fromWire(z.null(), undefined)).toEqual({ ok: true, value: null })
    expect(fromWire(z.void(), null)).toEqual({ ok: true, value: undefined })
    expect(fromWire(z.string(), null)).toMatchObject({ ok: false, path: '' })
  })

  it('arrives as the same JSON, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const sent = toWire(anything, value)
        fc.pre(sent.ok)
        const arrived = sent.ok && sent.json !== null ? JSON.parse(sent.json) : null
        expect(arrived).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('changes no prototype, whatever its keys', () => {
    const value = JSON.parse('{"__proto__":{"polluted":1},"constructor":2}')
    const sent = toWire(anything, value)
    expect(sent).toEqual({ ok: true, json: '{"__proto__":{"polluted":1},"constructor":2}' })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('a payload sent as one string', () => {
  const schema = z.object({
    rows: z.array(z.object({ n: z.number() })),
    tag: z.string().optional(),
  })
  const value = { rows: [{ n: 1 }, { n: 2 }] }

  it('is one JSON string on the way and the value for the handler', () => {
    const sent = payloadToWire(schema, value, true)
    expect(sent).toEqual({ ok: true, json: JSON.stringify(JSON.stringify(value)) })
    expect(payloadFromWire(schema, JSON.stringify(value))).toEqual({ ok: true, value })
  })

  it('is told apart from a payload that is a string by itself', () => {
    expect(payloadFromWire(z.string(), '{"a":1}')).toEqual({ ok: true, value: '{"a":1}' })
    for (const takesStrings of [z.string(), z.unknown(), z.union([z.string(), schema])]) {
      const sent = payloadToWire(takesStrings, 'text', true)
      expect(sent).toMatchObject({ ok: false, problem: expect.stringContaining('one string') })
    }
  })

  it('is refused with the path inside it, or as a whole when it is no JSON', () => {
    expect(payloadFromWire(schema, '{"rows":[{"n":"x"}]}')).toMatchObject({ path: 'rows[0].n' })
    expect(payloadFromWire(schema, '{"rows":')).toMatchObject({ ok: false, path: '' })
    expect(payloadToWire(schema, { rows: 1 }, true)).toMatchObject({ ok: false, path: 'rows' })
  })

  it('stays no value when there is none', () => {
    expect(payloadToWire(z.void(), undefined, true)).toEqual({ ok: true, json: null })
  })
})

function circle(): unknown {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

function thrower(): boolean {
  throw new Error('by a bug of the caller')
}
