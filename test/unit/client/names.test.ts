// Names that the client makes are names that Kubernetes takes.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameFrom, prefixOfType, submissionId } from '../../../src/client/names.ts'
import { SeededRandom } from '../../../src/core/virtual-clock.ts'

/** As the API server checks object names: labels of letters, digits and dashes between dots. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const TYPE = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/

describe('a name made by the client', () => {
  it('is the type with dots as dashes and ten random signs', () => {
    const name = nameFrom(prefixOfType('email.send'), new SeededRandom(1))
    expect(name).toMatch(/^email-send-[bcdfghjklmnpqrstvwxz2456789]{10}$/)
  })

  it('is valid for every type that a job can have', () => {
    fc.assert(
      fc.property(fc.stringMatching(TYPE), fc.integer(), (type, seed) => {
        const name = nameFrom(prefixOfType(type), new SeededRandom(seed))
        expect(name).toMatch(SUBDOMAIN)
        expect(name.length).toBeLessThanOrEqual(253)
      }),
    )
  })

  it('is valid for every job that an action can name, also the longest', () => {
    for (const job of ['a', 'a.b', `${'x'.repeat(234)}.${'y'.repeat(18)}`, 'x'.repeat(253)]) {
      const name = nameFrom(`cancel-${job}`, new SeededRandom(1))
      expect(name).toMatch(SUBDOMAIN)
      expect(name.length).toBeLessThanOrEqual(253)
    }
  })

  it('is another one each time, and favours no sign', () => {
    const random = new SeededRandom(3)
    const names = Array.from({ length: 20_000 }, () => nameFrom('a', random))
    expect(new Set(names).size).toBe(names.length)
    const counts = new Map<string, number>()
    for (const sign of names.map((name) => name.slice(2)).join('')) {
      counts.set(sign, (counts.get(sign) ?? 0) + 1)
    }
    const even = (names.length * 10) / 27
    expect(counts.size).toBe(27)
    const worst = Math.max(...[...counts.values()].map((count) => Math.abs(count - even)))
    expect(worst).toBeLessThan(even * 0.04)
  })

  it('goes with a mark of 128 bits where others may choose the same name', () => {
    expect(submissionId(new SeededRandom(1))).toMatch(/^[0-9a-f]{32}$/)
  })
})
