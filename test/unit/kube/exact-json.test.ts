// Integers beyond 2^53 keep their digits, and everything else is what JSON.parse says.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExact } from '../../../src/kube/exact-json.ts'

const again = (text: string): string => JSON.stringify(parseExact(text))

describe('numbers', () => {
  it.each([
    '{"a":9007199254740993}',
    '{"a":-9007199254740993}',
    '{"a":12345678901234567890}',
    '[9007199254740993,1,9007199254740995]',
    '{"a":{"b":[{"c":18446744073709551615}]}}',
    '{"a":123456789012345678901234567890123456789012345678901234567890}',
  ])('%s comes out with the same digits', (text) => {
    expect(again(text)).toBe(text)
    // The reason for this file: JSON alone changes it.
    expect(JSON.stringify(JSON.parse(text))).not.toBe(text)
  })

  it.each([
    ['{"a":9007199254740991}', 9007199254740991],
    ['{"a":-9007199254740991}', -9007199254740991],
    ['{"a":1234567890123456}', 1234567890123456],
    ['{"a":0.1234567890123456789}', 0.12345678901234568],
    ['{"a":1.7976931348623157e308}', Number.MAX_VALUE],
  ])('%s is an ordinary number', (text, number) => {
    expect(parseExact(text)).toEqual({ a: number })
  })

  it('digits in a string stay a string, also right after a colon', () => {
    const text = '{"a":"x:9007199254740993","b":":9007199254740993,"}'
    expect(parseExact(text)).toEqual(JSON.parse(text))
  })
})

describe('any value', () => {
  it('is what JSON.parse says when its numbers are exact', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        const exact = JSON.stringify(JSON.parse(text)) === text
        fc.pre(exact)
        expect(again(text)).toBe(text)
      }),
    )
  })

  it('keeps every digit of every integer, wherever it stands', () => {
    const digits = fc
      .bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
      .map((value) => value.toString())
    const { json } = fc.letrec<{ json: string }>((tie) => ({
      json: fc.oneof(
        { depthSize: 'small' },
        digits,
        fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
        fc
          .uniqueArray(fc.constantFrom('a', 'b', '__proto__', 'constructor', 'x y'))
          .chain((keys) =>
            fc
              .tuple(...keys.map(() => tie('json')))
              .map((values) => `{${keys.map((k, i) => `"${k}":${values[i]}`).join(',')}}`),
          ),
      ),
    }))
    // A bare number has no neighbour that the scan looks for; objects of the API are never bare.
    fc.assert(
      fc.property(json, (text) => {
        expect(again(`[${text}]`)).toBe(`[${text}]`)
      }),
    )
  })
})

describe('hostile text', () => {
  it('keys such as __proto__ are data and change no prototype', () => {
    const value = parseExact('{"__proto__":{"polluted":9007199254740993},"a":9007199254740993}')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it.each(['', '{', '{"a":}', '{"a":9007199254740993', 'NaN'])('%j is refused', (text) => {
    expect(() => parseExact(text)).toThrow(SyntaxError)
  })

  it('thousands of levels beside a long number are read: one object never hides its neighbours', () => {
    const deep = `${'['.repeat(9_000)}${']'.repeat(9_000)}`
    const value = parseExact(`{"deep":${deep},"other":"kept","long":9007199254740993}`) as {
      other: string
      long: unknown
    }
    expect(value.other).toBe('kept')
    expect(Number.isSafeInteger(Number(JSON.stringify(value.long)))).toBe(false)
  })
})
