// The table in the header of src/api/structural.ts, row by row: what is rewritten, what is dropped
// because something else says it, and what is refused with its path, since dropping it would leave the
// API server accepting what we refuse.

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { about, anyJson, ascii, int, list, TEMPLATE, text, time } from '../../../src/api/fields.ts'
import { isYamlWord, structural } from '../../../src/api/structural.ts'

const says = { says: 'A field.' }
const word = ascii(5, /^[a-z]+$/, says)
const field = (schema: z.ZodType) =>
  (structural(z.object({ a: schema })).properties as Record<string, Record<string, unknown>>).a

describe('what has an equal is rewritten', () => {
  it('an object keeps its properties and loses `additionalProperties: false`', () => {
    for (const object of [z.object({ a: word }), z.strictObject({ a: word })]) {
      expect(Object.keys(structural(object)).sort()).toEqual(['properties', 'required', 'type'])
    }
  })
  it('an integer gets the format that its bounds allow', () => {
    expect(field(int(0, 2_147_483_647, says))).toMatchObject({ type: 'integer', format: 'int32' })
    expect(field(int(0, 2_147_483_648, says))).toMatchObject({ type: 'integer', format: 'int64' })
    expect(field(int(-2_147_483_649, 0, says))).toMatchObject({ format: 'int64' })
  })
  it('a pattern is kept, beside date-time it goes', () => {
    expect(field(word)).toMatchObject({ pattern: '^[a-z]+$', minLength: 1, maxLength: 5 })
    expect(field(time(says))).not.toHaveProperty('pattern')
    expect(field(time(says))).toMatchObject({ format: 'date-time', maxLength: 35 })
  })
  it('a set of values gets the length of its longest, for the cost of rules', () => {
    expect(field(z.enum(['a', 'abc']))).toEqual({
      type: 'string',
      enum: ['a', 'abc'],
      maxLength: 3,
    })
  })
  it('a default makes a field optional', () => {
    const { required, properties } = structural(z.object({ a: word.default('b'), c: word }))
    expect(required).toEqual(['c'])
    expect(properties).toMatchObject({ a: { default: 'b' } })
  })
  it('a refinement that a keyword says is kept as the keyword', () => {
    expect(field(text(7, says))).toMatchObject({ maxLength: 7 })
  })
  it('any JSON has no type', () => {
    expect(field(anyJson(says))).toEqual({
      description: 'A field.',
      'x-kubernetes-preserve-unknown-fields': true,
    })
  })
  it('readonly goes', () => {
    expect(field(word.readonly())).not.toHaveProperty('readOnly')
  })
  it('keywords stand in one order, so that the same schema gives the same bytes', () => {
    const one = structural(z.object({ a: word, b: int(0, 1, says) }))
    expect(JSON.stringify(one)).toBe(
      JSON.stringify(structural(z.object({ a: word, b: int(0, 1, says) }))),
    )
    expect(Object.keys(field(word) ?? {})).toEqual([
      'type',
      'description',
      'minLength',
      'maxLength',
      'pattern',
    ])
  })
})

describe('in a template nothing has a past', () => {
  const frozen = about(z.string().max(5), { says: 'A field.', frozen: 'spec.a' })
  const both = about(z.string().max(5), {
    says: 'B.',
    frozen: 'spec.b',
    rules: [{ rule: 'self != "x"', message: 'no x' }],
  })
  const schema = z.object({
    inner: about(z.object({ a: frozen, b: both }), { says: 'T.', with: { [TEMPLATE]: true } }),
  })
  type Properties = Record<string, Record<string, unknown>>
  const { inner } = structural(schema).properties as Properties
  const { a, b } = (inner?.properties ?? {}) as Properties
  it('rules on oldSelf go, others stay', () => {
    expect(a).not.toHaveProperty('x-kubernetes-validations')
    expect(b).toMatchObject({ 'x-kubernetes-validations': [{ rule: 'self != "x"' }] })
  })
  it('and everything may change at any time', () => {
    expect(a?.description).toBe('A field. May be changed at any time.')
  })
  it('outside of it they stay', () => {
    expect(field(frozen)).toMatchObject({
      'x-kubernetes-validations': [{ rule: 'self == oldSelf' }],
    })
  })
})

describe('what a structural schema cannot say is refused with its path', () => {
  const many = (schema: z.ZodType) => list(schema, 3, says)
  const map = z.record(z.string(), word)
  const rows: readonly (readonly [string, z.ZodType, string])[] = [
    ['a union', z.union([word, int(0, 1, says)]), '.a: `anyOf`'],
    ['a nullable', word.nullable(), '.a: '],
    ['a tuple', z.tuple([word]), '.a'],
    ['a loose object', z.looseObject({}), '.a: an open object'],
    ['anything', z.unknown(), '.a: type null'],
    ['a number with fractions', z.number(), '.a: type "number"'],
    ['an integer without bounds', z.int(), '.a: an integer without'],
    ['a string without a length', z.string(), '.a: a string without `maxLength`'],
    ['a list without a length', z.array(word), '.a: a list without `maxItems`'],
    ['a list that says not how it merges', z.array(word).max(3), '.a: a list without a list type'],
    [
      'a map without a size',
      map.meta({ 'x-kubernetes-validations': [{ rule: 'true', message: 'm' }] }),
      '.a: a map without `maxProperties`',
    ],
    [
      'a map without a rule on its keys',
      map.meta({ maxProperties: 3 }),
      '.a: a map without a rule on its keys',
    ],
    [
      'a refinement that nothing says',
      word.refine(() => true),
      '.a: a refinement without a rule or keyword',
    ],
    [
      'look-around in a pattern',
      z
        .string()
        .max(5)
        .regex(/^(?!x)/),
      '.a: a pattern with look-around',
    ],
    [
      'look-behind in a pattern',
      z
        .string()
        .max(5)
        .regex(/(?<=x)a/),
      '.a: a pattern with look-around',
    ],
    ['a format that the server does not know', z.email().max(50), '.a: format'],
    [
      'a value that YAML reads as a boolean',
      z.enum(['on', 'auto']),
      '.a: YAML 1.1 reads the value on',
    ],
    ['a list item', many(z.string()), '.a[]: a string without'],
    ['a field of a list item', many(z.object({ b: z.string() })), '.a[].b: a string without'],
    ['an unknown keyword', word.meta({ 'x-mine': 1 }), 'keyword `x-mine` is unknown'],
  ]
  it.each(rows)('%s', (_, schema, words) => {
    expect(() => structural(z.object({ a: schema }))).toThrow(words)
  })

  it.each(['on', 'On', 'off', 'yes', 'NO', 'y', 'n', 'true', 'False', 'null', '~'])(
    'a key %s, which YAML 1.1 reads as something else',
    (key) => {
      expect(isYamlWord(key)).toBe(true)
      expect(() => structural(z.object({ [key]: word }))).toThrow(
        'YAML 1.1 reads this key as a boolean',
      )
    },
  )

  it.each([
    ['a date', z.date()],
    ['a bigint', z.bigint()],
    ['a set', z.set(word)],
    ['a transform as a type', z.object({ a: z.custom<string>() })],
  ])('%s', (_, schema) => {
    expect(() => structural(z.object({ a: schema }))).toThrow()
  })

  it('recursion', () => {
    interface Tree {
      readonly child?: Tree | undefined
    }
    const tree: z.ZodType<Tree> = z.object({
      get child() {
        return tree.optional()
      },
    })
    expect(() => structural(tree)).toThrow()
  })

  it('the path begins where the caller says', () => {
    expect(() => structural(z.object({ a: z.string() }), 'spec')).toThrow(
      'spec.a: a string without',
    )
  })
})
