// Whether a watch may have told something newer about a job than what somebody knows.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Recent } from '../../../src/client/recent.ts'

describe('what was told lately', () => {
  it('is everything since the start', () => {
    const recent = new Recent()
    recent.restart('100')
    recent.note('a', '105')
    expect(recent.isNewest('a', '105')).toBe(true)
    expect(recent.isNewest('a', '104')).toBe(false)
    expect(recent.isNewest('b', '101')).toBe(true)
    expect(recent.isNewest('b', '99')).toBe(false)
  })

  it('says nothing about what happened before a restart', () => {
    const recent = new Recent()
    recent.restart('100')
    recent.note('a', '105')
    recent.restart('200')
    expect(recent.isNewest('a', '105')).toBe(false)
    expect(recent.isNewest('a', '200')).toBe(true)
  })

  it('is never wrongly sure, however little it remembers', () => {
    const event = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), step: fc.nat(3) })
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        (events, max) => {
          const recent = new Recent(max)
          recent.restart('9')
          const told = new Map<string, number>()
          let version = 9
          for (const { name, step } of events) {
            version += 1 + step
            told.set(name, version)
            recent.note(name, String(version))
          }
          for (const name of ['a', 'b', 'c', 'd', 'e']) {
            for (let known = 9; known <= version + 1; known++) {
              const newest = (told.get(name) ?? 0) <= known
              if (recent.isNewest(name, String(known))) expect(newest).toBe(true)
              // It forgets only when it is full.
              if (told.size <= max) expect(recent.isNewest(name, String(known))).toBe(newest)
            }
          }
        },
      ),
    )
  })
})
