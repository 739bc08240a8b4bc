// Text that may be shown: bounded, one line, still text.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codePoints } from '../../../src/api/fields.ts'
import { cut, oneLine } from '../../../src/api/text.ts'

describe('cut', () => {
  it('leaves a text that fits as it is', () => {
    expect(cut('abc', 3)).toBe('abc')
  })

  it('marks what it cut', () => {
    expect(cut('abcd', 3)).toBe('ab…')
  })

  it('leaves no half of a surrogate pair', () => {
    expect(cut('a😀b', 3)).toBe('a…')
  })

  it('gives at most so many characters, and text where it got text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, max) => {
        const short = cut(text, max)
        expect(codePoints(short)).toBeLessThanOrEqual(max)
        expect(short.length).toBeLessThanOrEqual(max)
        expect(short.isWellFormed()).toBe(true)
        if (text.length <= max) expect(short).toBe(text)
      }),
    )
  })
})

describe('oneLine', () => {
  it.each([
    ['a\nb', 'a b'],
    ['a\r\n\tb', 'a b'],
    ['  a  ', 'a'],
    ['\u202eabc\u202c', 'abc'],
    ['a\u2028b\u0000c', 'a b c'],
    ['\u001b[31mred', '[31mred'],
  ])('makes of %j the text %j', (text, want) => {
    expect(oneLine(text)).toBe(want)
  })
})
