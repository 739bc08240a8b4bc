// The building blocks of every schema: fixed words in a fixed order, and counting as the server counts.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  about,
  ascii,
  choice,
  codePoints,
  int,
  PATTERNS,
  templateDescription,
  text,
  time,
} from '../../../src/api/fields.ts'

const meta = (schema: z.ZodType) => schema.meta() as Record<string, unknown>

describe('a description', () => {
  it('says meaning, unit, default and mutability, in this order', () => {
    const field = int(1, 5, {
      says: 'How long.',
      unit: 'seconds',
      default: '3',
      mutable: 'while waiting',
    })
    expect(meta(field).description).toBe(
      'How long. Unit: seconds. Default: 3. May be changed while the job waits.',
    )
  })
  it.each([
    ['never', 'A. Must not be changed.'],
    ['while waiting', 'A. May be changed while the job waits.'],
    ['always', 'A. May be changed at any time.'],
    ['system', 'A.'],
    ['inherited', 'A.'],
  ] as const)('of a field that changes %s', (mutable, description) => {
    expect(meta(about(z.string(), { says: 'A.', mutable })).description).toBe(description)
  })
  it('a frozen field says so and has the rule that names it', () => {
    expect(meta(about(z.string(), { says: 'A.', frozen: 'spec.a', mutable: 'always' }))).toEqual({
      description: 'A. Must not be changed.',
      'x-kubernetes-validations': [
        {
          rule: 'self == oldSelf',
          message: '`spec.a` must not be changed: delete the job and create it again',
          reason: 'FieldValueForbidden',
        },
      ],
    })
  })
  it('in a template everything may change', () => {
    for (const words of ['Must not be changed.', 'May be changed while the job waits.']) {
      expect(templateDescription(`A. ${words}`)).toBe('A. May be changed at any time.')
    }
  })
})

describe('text is counted in code points, as the API server counts', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 2],
    ['😀', 1],
    ['👨‍👩‍👧', 5],
    ['\ud800', 1],
  ])('%j has %i', (value, count) => {
    expect(codePoints(value)).toBe(count)
  })
  it('takes up to its bound and not one more, whatever the characters', () => {
    const eight = text(8, { says: 'A.' })
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (value) => {
        expect(eight.safeParse(value).success).toBe([...value].length <= 8)
      }),
    )
  })
})

describe('a time is RFC 3339 with a day that exists', () => {
  const ok = (value: string) => time({ says: 'A.' }).safeParse(value).success
  it('every instant that Date can write is taken, in any zone', () => {
    const date = fc.date({
      min: new Date('0001-01-01'),
      max: new Date('9999-12-31'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(date, fc.constantFrom('Z', '+01:00', '-23:59'), (at, zone) => {
        expect(ok(at.toISOString().replace('Z', zone))).toBe(true)
      }),
    )
  })
  it('a day is taken exactly when the calendar has it', () => {
    const part = (max: number) => fc.integer({ min: 1, max }).map((n) => String(n).padStart(2, '0'))
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 9999 }), part(12), part(31), (year, month, day) => {
        const exists = new Date(`${year}-${month}-${day}T00:00:00Z`)
        const same = !Number.isNaN(exists.getTime()) && exists.getUTCDate() === Number(day)
        expect(ok(`${year}-${month}-${day}T00:00:00Z`)).toBe(same)
      }),
    )
  })
})

describe('patterns', () => {
  it('are anchored at both ends and free of look-around', () => {
    for (const pattern of Object.values(PATTERNS)) {
      expect(pattern.source).toMatch(/^\^.*\$$/)
      expect(pattern.source).not.toMatch(/\(\?[=!<]/)
      expect(pattern.flags).toBe('')
    }
  })
  it('take no line break and, but for text made of it, nothing beyond ASCII', () => {
    for (const pattern of Object.values(PATTERNS)) {
      for (const bad of ['a\nb', 'a\n', '\r', 'é', '\u202e', '\u0000', '😀'])
        expect(pattern.test(bad)).toBe(false)
    }
  })
  it('need linear time: a hostile text of 10,000 characters is judged at once (B21)', () => {
    const hostile = [
      'a'.repeat(10_000),
      `${'a-'.repeat(5_000)}!`,
      `${'.'.repeat(9_999)}a`,
      ' '.repeat(10_000),
    ]
    const steps = Object.values(PATTERNS).flatMap((pattern) =>
      hostile.map((value) => pattern.test(`${value}\n`)),
    )
    expect(steps).not.toContain(true)
  })
  it('what goes into a subject has no dot, star or blank', () => {
    for (const bad of ['a.b', 'a*', '>', 'a b', '']) expect(PATTERNS.label.test(bad)).toBe(false)
  })
})

it('a choice knows its longest value, so that rules on it have a bound', () => {
  expect(meta(choice(['a', 'abcd'], { says: 'A.' })).maxLength).toBe(4)
})

it('an identifier has a least and a greatest length', () => {
  const id = ascii(3, /^a+$/, { says: 'A.' })
  expect(['', 'a', 'aaa', 'aaaa'].map((value) => id.safeParse(value).success)).toEqual([
    false,
    true,
    true,
    false,
  ])
})
