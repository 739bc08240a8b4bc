import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanText, readJson } from '../../../src/nats/text.ts'

describe('text for people', () => {
  test.each([
    ['line ends become one space', 'a\r\n\tb', 'a b'],
    ['escape sequences lose their escape', '\u001b[31mred', '[31mred'],
    ['direction marks go', 'a\u202eb', 'a b'],
    ['half a surrogate pair becomes a mark', 'a\ud800b', 'a\ufffdb'],
    ['what is short stays', 'plain', 'plain'],
  ])('%s', (_, text, want) => {
    expect(cleanText(text, 64)).toBe(want)
  })

  test('is cut between characters, never inside one', () => {
    expect(cleanText('ééééé', 8)).toBe('éé…')
  })

  test('of any content is one bounded line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 4, max: 64 }), (text, max) => {
        const clean = cleanText(text, max)
        expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(max)
        expect(clean).not.toMatch(/[\p{Cc}\p{Cf}]/u)
        expect(clean.isWellFormed()).toBe(true)
        expect(cleanText(clean, max)).toBe(clean)
      }),
    )
  })
})

describe('JSON from outside', () => {
  test.each([
    ['half a character', Buffer.from([0x22, 0xc3, 0x22]), 'not UTF-8'],
    ['half a document', Buffer.from('{"a":'), 'not JSON'],
    ['a byte order mark', Buffer.from('\ufeff{}'), 'not JSON'],
    ['nothing', Buffer.alloc(0), 'not JSON'],
  ])('%s is named', (_, bytes, want) => {
    const read = readJson(bytes)
    expect(!read.ok && read.problem).toContain(want)
  })

  test('changes no prototype', () => {
    const read = readJson(Buffer.from('{"__proto__":{"polluted":true}}'))
    expect(read.ok).toBe(true)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})
