// Which existing name somebody probably meant.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearestName } from '../../../src/core/nearest.ts'

describe('nearestName', () => {
  it.each([
    ['email.sned', 'email.send', 'two letters swapped'],
    ['emial.send', 'email.send', 'swapped at another place'],
    ['email.sendd', 'email.send', 'one letter too many'],
    ['email.snd', 'email.send', 'one letter missing'],
    ['email.sent', 'email.send', 'one letter wrong'],
    ['Email.Send', 'email.send', 'capitals'],
    ['email.send', 'email.send', 'the name itself'],
  ])('finds for %s the name %s: %s', (word, want) => {
    expect(nearestName(word, ['report', 'email.send', 'invoice'])).toBe(want)
  })

  it.each([['payment'], ['x'], ['email']])('finds nothing near %s', (word) => {
    expect(nearestName(word, ['report', 'email.send', 'invoice'])).toBeNull()
  })

  it('takes the nearer of two', () => {
    expect(nearestName('mail.send', ['mail.sent.all', 'mail.bend', 'mail.sendx'])).toBe('mail.bend')
    expect(nearestName('abcdef', ['abcdxy', 'abcdex'])).toBe('abcdex')
  })

  it('takes of two equally near ones the first by name, in whatever order they come', () => {
    expect(nearestName('abcd', ['abce', 'abcf'])).toBe('abce')
    expect(nearestName('abcd', ['abcf', 'abce'])).toBe('abce')
  })

  it('finds nothing among no names', () => {
    expect(nearestName('a', [])).toBeNull()
  })

  it('finds every name through one slip', () => {
    const names = fc.string({
      minLength: 4,
      maxLength: 20,
      unit: fc.constantFrom('a', 'b', 'c', '.'),
    })
    fc.assert(
      fc.property(
        names,
        fc.nat(),
        fc.constantFrom('drop', 'double', 'change'),
        (name, at, slip) => {
          const i = at % name.length
          const inner = { drop: '', double: `${name[i]}${name[i]}`, change: '?' }[slip]
          const word = name.slice(0, i) + inner + name.slice(i + 1)
          expect(nearestName(word, [name])).toBe(name)
        },
      ),
    )
  })

  it('looks at a bounded part of hostile names', () => {
    const names = Array.from({ length: 10_000 }, (_, n) => 'x'.repeat(5000) + n)
    expect(nearestName('y'.repeat(5000), names)).toBeNull()
  })
})
