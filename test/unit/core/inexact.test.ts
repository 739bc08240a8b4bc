// Integers that a handler would receive as another number, and where they stand.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inexactInteger } from '../../../src/core/inexact.ts'

describe('inexactInteger', () => {
  it.each([
    ['9007199254740992', '', 'the value as a whole'],
    ['-9007199254740993', '', 'a negative one'],
    ['{"id":12345678901234567890}', 'id', 'a property'],
    ['{"a":1,"b":{"c":[0,{"d":18446744073709551615}]}}', 'b.c[1].d', 'deep inside'],
    ['[[],[1,9007199254740993]]', '[1][1]', 'in a list of lists'],
    ['{"a":{"b":1},"c":9007199254740993}', 'c', 'after an object that has ended'],
    ['{"a, [b]: \\"c\\"":9007199254740993}', 'a, [b]: "c"', 'under a key full of signs'],
    ['{ "a" : [ 1 ,\n 9007199254740993 ] }', 'a[1]', 'with white space'],
  ])('finds in %s the path %j: %s', (json, path) => {
    expect(inexactInteger(json)).toBe(path)
  })

  it.each([
    ['9007199254740991', 'the largest that is exact'],
    ['-9007199254740991', 'the smallest that is exact'],
    ['"9007199254740993"', 'text'],
    ['{"9007199254740993":1}', 'a key'],
    ['"a \\" 9007199254740993"', 'text behind an escaped quote'],
    ['"\\\\","9007199254740993"', 'text behind an escaped backslash'],
    ['0.12345678901234567890', 'a fraction'],
    ['1e+21', 'an exponent'],
    ['1234567890123456.5', 'a fraction behind sixteen digits'],
    ['null', 'nothing'],
  ])('lets %s pass: %s', (json) => {
    expect(inexactInteger(json)).toBeNull()
  })

  it('lets every value pass that JSON.parse gives back unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value)
        // What JavaScript holds already is exact by definition, unless it prints as a long integer.
        fc.pre(!/(^|[:,[])-?\d{16,}([,\]}]|$)/.test(json))
        expect(inexactInteger(json)).toBeNull()
      }),
    )
  })

  it('finds one wherever it is put into a value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.string(), (before, after, key) => {
        const text = (value: unknown) => JSON.stringify(value)
        fc.pre(!/\d{16}/.test(text([before, after, key])))
        const json = `[${text(before)},{${text(key)}:9007199254740993},${text(after)}]`
        expect(inexactInteger(json)).toBe(`[1].${key}`)
      }),
    )
  })
})
