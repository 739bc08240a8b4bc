// What a handler returns → one result or one well-formed failure (reliability B35; sdk.md).

import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { MAX_RESULT_BYTES } from '../../../src/api/queuejob.ts'
import { defineJob } from '../../../src/core/definition.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { lossOf } from '../../../src/worker/json.ts'
import { inputOf, outcomeOfValue } from '../../../src/worker/result.ts'

function jobOf(output: z.ZodType, input: z.ZodType = z.unknown()) {
  return defineJob({ type: 'a', version: '1', input, output })
}

const anything = jobOf(z.unknown())

const circular: Record<string, unknown> = { name: 'a' }
circular.self = { again: [circular] }

const invalid = (path: string, problem: string) => ({ path, problem })

describe('a returned value that is JSON', () => {
  const rows: Record<string, [unknown, string | null]> = {
    'nothing is no result': [undefined, null],
    'null is no result': [null, null],
    'a string': ['ok', '"ok"'],
    'zero, false and an empty text are results': [[0, false, ''], '[0,false,""]'],
    'an object keeps the order of its keys': [{ b: 1, a: [2] }, '{"b":1,"a":[2]}'],
    'a property that is undefined is dropped': [{ a: 1, b: undefined }, '{"a":1}'],
    'a Date is its ISO text': [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    'a URL is its text': [new URL('http://a.example/x'), '"http://a.example/x"'],
    'what has a toJSON is what that says': [{ toJSON: () => ({ v: 1 }) }, '{"v":1}'],
    'an instance of a class is its properties': [
      new (class {
        x = 1
      })(),
      '{"x":1}',
    ],
    'a key named __proto__ is a key': [
      JSON.parse('{"__proto__":{"a":1}}'),
      '{"__proto__":{"a":1}}',
    ],
    'one object in two places is no cycle': [
      (() => {
        const shared = { v: 1 }
        return [shared, shared]
      })(),
      '[{"v":1},{"v":1}]',
    ],
  }
  it.each(Object.entries(rows))('%s', (_, [value, resultJson]) => {
    expect(outcomeOfValue(anything, value)).toEqual({ kind: 'succeeded', resultJson })
  })

  it('of exactly the limit is a result, one byte more is not', () => {
    const fits = 'x'.repeat(MAX_RESULT_BYTES - 2)
    expect(outcomeOfValue(anything, fits)).toMatchObject({ kind: 'succeeded' })
    expect(messageOf(outcomeOfValue(anything, `${fits}x`))).toContain('16385 bytes')
    expect(messageOf(outcomeOfValue(anything, 'ä'.repeat(8_192)))).toContain('16386 bytes')
  })
})

describe('a returned value that is not', () => {
  const rows: Record<string, [unknown, { path: string; problem: string }]> = {
    'a function': [() => 1, invalid('', 'is a function')],
    'a symbol inside': [{ s: Symbol('x') }, invalid('s', 'is a symbol')],
    'a BigInt': [{ rows: [{ id: 2n ** 64n }] }, invalid('rows[0].id', 'is a BigInt')],
    NaN: [{ a: { b: Number.NaN } }, invalid('a.b', 'is NaN')],
    Infinity: [[1, -1 / 0], invalid('[1]', 'is -Infinity')],
    'a hole in a list': [{ list: [1, undefined, 3] }, invalid('list[1]', 'is undefined')],
    'an invalid Date': [{ at: new Date(Number.NaN) }, invalid('at', 'is NaN')],
    'a Map': [{ m: new Map([['a', 1]]) }, invalid('m', 'is a Map')],
    'a Set': [new Set([1]), invalid('', 'is a Set')],
    'a stream': [{ body: Readable.from(['x']) }, invalid('body', 'is a stream')],
    'a web stream': [new ReadableStream(), invalid('', 'is a stream')],
    'a promise inside': [{ p: Promise.resolve(1) }, invalid('p', 'nobody awaited')],
    'a Buffer': [{ b: Buffer.from('x') }, invalid('b', 'is binary data')],
    'a typed array': [new Float64Array(2), invalid('', 'is binary data')],
    'an Error': [{ e: new Error('no') }, invalid('e', 'is an Error; throw it')],
    'a RegExp': [{ r: /x/ }, invalid('r', 'is a RegExp')],
    'itself inside itself': [circular, invalid('self.again[0]', 'refers back to itself')],
    'a getter that throws': [
      {
        get x() {
          throw new Error('not today')
        },
      },
      invalid('', 'cannot be read: not today'),
    ],
    'a hostile toJSON': [
      {
        toJSON() {
          throw null
        },
      },
      invalid('', 'cannot be read'),
    ],
    'half of a surrogate pair': ['\ud800', invalid('', 'half of a surrogate pair')],
    'an integer beyond 2^53': [{ n: 2 ** 60 }, invalid('n', 'beyond 2^53')],
  }
  it.each(Object.entries(rows))('%s: Permanent InvalidResult with its path', (_, [value, want]) => {
    const outcome = outcomeOfValue(anything, value)
    expect(outcome).toMatchObject({
      kind: 'failed',
      failure: { category: 'Permanent', code: 'InvalidResult' },
      retryAfterMs: null,
    })
    expect(messageOf(outcome)).toContain(want.problem)
    expect(messageOf(outcome)).toContain(` at ${want.path === '' ? 'its top level' : want.path}: `)
  })

  it('a value of a gigabyte is refused without being written down', () => {
    // The same 1 MiB text a thousand times: JSON.stringify would build all of it.
    const text = 'x'.repeat(1_048_576)
    const outcome = outcomeOfValue(
      anything,
      Array.from({ length: 1_000 }, () => text),
    )
    expect(messageOf(outcome)).toContain(`is larger than ${MAX_RESULT_BYTES} bytes`)
  })

  it('a single text of many megabytes is refused without being written down', () => {
    const outcome = outcomeOfValue(anything, 'x'.repeat(50_000_000))
    expect(messageOf(outcome)).toContain(`is larger than ${MAX_RESULT_BYTES} bytes`)
  })

  it('a value without end is refused', () => {
    const endless: object = new Proxy(
      {},
      {
        ownKeys: () => ['x'],
        get: (_, key) => (key === 'x' ? endless : undefined),
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
      },
    )
    expect(outcomeOfValue(anything, endless)).toMatchObject({ kind: 'failed' })
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(messageOf(outcomeOfValue(anything, deep))).toContain('nested deeper than 200 levels')
  })
})

describe('a returned value and its schema', () => {
  const job = jobOf(z.object({ id: z.string(), tags: z.array(z.string()).default([]) }))

  it('that fits travels as it was given: defaults are the receiver’s', () => {
    expect(outcomeOfValue(job, { id: 'x' })).toEqual({
      kind: 'succeeded',
      resultJson: '{"id":"x"}',
    })
  })

  it('that does not fit is a Permanent InvalidResult with the path', () => {
    expect(messageOf(outcomeOfValue(job, { id: 'x', tags: ['a', 7] }))).toContain(' at tags[1]: ')
    expect(messageOf(outcomeOfValue(job, undefined))).toContain(' at its top level: ')
  })

  it('a Date where the schema wants a Date is refused: the receiver would get a text', () => {
    expect(outcomeOfValue(jobOf(z.date()), new Date())).toMatchObject({ kind: 'failed' })
  })

  it('no value fits a job without a result', () => {
    expect(outcomeOfValue(jobOf(z.void()), undefined)).toEqual({
      kind: 'succeeded',
      resultJson: null,
    })
    expect(outcomeOfValue(jobOf(z.void()), 1)).toMatchObject({ kind: 'failed' })
  })
})

describe('the payload', () => {
  const job = jobOf(z.unknown(), z.object({ to: z.email(), copies: z.int().default(1) }))

  it('that fits reaches the handler parsed, defaults and all', () => {
    const read = inputOf(job, '{"to":"a@b.example"}')
    expect(read).toEqual({ ok: true, input: { to: 'a@b.example', copies: 1 } })
  })

  it.each([
    ['{"to":"nobody"}', 'to'],
    ['{"to":"a@b.example","copies":"two"}', 'copies'],
    ['[]', 'its top level'],
    ['{"to":', 'its top level'],
    [null, 'its top level'],
  ])('%s is a Permanent InvalidPayload at %s', (payload, path) => {
    const read = inputOf(job, payload)
    if (read.ok) throw new Error('was accepted')
    expect(read.outcome).toMatchObject({
      kind: 'failed',
      failure: { category: 'Permanent', code: 'InvalidPayload' },
    })
    expect(messageOf(read.outcome)).toContain(` at ${path}: `)
  })

  it('may have travelled as one JSON string', () => {
    const read = inputOf(job, JSON.stringify('{"to":"a@b.example"}'))
    expect(read).toMatchObject({ ok: true, input: { to: 'a@b.example' } })
  })

  it('no payload fits a job without an input', () => {
    expect(inputOf(jobOf(z.unknown(), z.void()), null)).toEqual({ ok: true, input: undefined })
  })
})

describe('any value at all', () => {
  it('is a result that reads back as the same JSON, or a failure with a short line', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), (value) => {
        const outcome = outcomeOfValue(anything, value)
        if (outcome.kind === 'succeeded') {
          const want: unknown = JSON.parse(JSON.stringify(value) ?? 'null')
          expect(JSON.parse(outcome.resultJson ?? 'null')).toEqual(want)
        } else {
          expect(messageOf(outcome)).toMatch(/^[^\p{Cc}\p{Cf}]{1,1024}$/u)
        }
      }),
    )
  })

  it('that is JSON already loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(lossOf(value, 1_000_000)).toBeNull()
      }),
    )
  })
})

function messageOf(outcome: Outcome): string {
  if (outcome.kind !== 'failed') throw new Error(`is ${outcome.kind}`)
  return outcome.failure.message
}
