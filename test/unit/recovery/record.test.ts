// The next version of a shard record (protocol T1, T2, T7), and how long a salt is kept: as long as an
// outcome of its term can still arrive.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TERM } from '../../../src/core/epoch.ts'
import type { ShardId } from '../../../src/core/ids.ts'
import type { Salt, ShardRecord } from '../../../src/recovery/ports.ts'
import { claimed, floored, prunedSalts, raised, released } from '../../../src/recovery/record.ts'

const DAY = 86_400
/** 1 May 2026: 2,880 hours after the first term there can be. */
const NOW = Date.UTC(2026, 4, 1)
const SECONDS = NOW / 1000
const HEX = 'ab'.repeat(16)

const salt = (madeAt: number): Salt => ({ hex: HEX, madeAt })

const record = (more: Partial<ShardRecord> = {}): ShardRecord => ({
  shard: 3 as ShardId,
  resourceVersion: '42',
  holder: 'old',
  term: 5_000,
  floor: 4_999,
  salts: { '5000': salt(SECONDS - 60) },
  ...more,
})

describe('a claim (T1)', () => {
  it('has a higher term, a new salt and the same floor, on the version that was read', () => {
    expect(claimed(record(), 'me', HEX, NOW)).toEqual({
      ...record(),
      holder: 'me',
      term: 5_001,
      salts: { '5000': salt(SECONDS - 60), '5001': salt(SECONDS) },
    })
  })

  it('of a record that was lost begins at the hours since 2026, above what it may have been', () => {
    expect(claimed(record({ term: 0, salts: {} }), 'me', HEX, NOW).term).toBe(2_880)
  })

  it('beyond the last term is refused, with what to do', () => {
    expect(() => raised(record(), MAX_TERM + 1, HEX, NOW)).toThrow(
      /delete Lease gopherqueue-shard-3/,
    )
  })

  it('any claim rises, also when the clock steps back', () => {
    fc.assert(
      fc.property(fc.nat(MAX_TERM - 1), fc.integer({ min: -1e9, max: 2e12 }), (term, now) => {
        const next = claimed(record({ term, salts: {} }), 'me', HEX, now)
        expect(next.term).toBeGreaterThan(term)
        expect(Object.keys(next.salts)).toContain(String(next.term))
      }),
    )
  })
})

it('the floor becomes the term (T7), and a record that is given up keeps both', () => {
  expect(floored(record())).toEqual(record({ floor: 5_000 }))
  expect(released(record())).toEqual(record({ holder: '' }))
})

describe('salts', () => {
  const kept = (salts: Record<string, Salt>) => Object.keys(prunedSalts(salts, SECONDS))

  it('of a leader that led for a month is kept when the next one claims: its outcomes are under way', () => {
    const month = record({ salts: { '5000': salt(SECONDS - 30 * DAY) } })
    expect(Object.keys(claimed(month, 'me', HEX, NOW).salts)).toEqual(['5000', '5001'])
  })

  it('are kept for seven days after their term ended', () => {
    const salts = {
      '1': salt(SECONDS - 40 * DAY),
      // Ended when term 3 began, eight days ago.
      '2': salt(SECONDS - 30 * DAY),
      // Ended when term 4 began, six days ago.
      '3': salt(SECONDS - 8 * DAY),
      '4': salt(SECONDS - 6 * DAY),
    }
    expect(kept(salts)).toEqual(['3', '4'])
  })

  it('are at most 512, the newest', () => {
    const many = Array.from({ length: 600 }, (_, n) => [String(n + 1), salt(SECONDS)] as const)
    const left = kept(Object.fromEntries(many))
    expect(left).toHaveLength(512)
    expect(left).toContain('600')
    expect(left).not.toContain('88')
  })

  it('the newest always stays, and the one before it while the newest is young', () => {
    const age = fc.integer({ min: -DAY, max: 60 * DAY })
    fc.assert(
      fc.property(
        fc.dictionary(fc.integer({ min: 1, max: 999 }).map(String), age, { minKeys: 2 }),
        (ages) => {
          const salts = Object.fromEntries(
            Object.entries(ages).map(([term, seconds]) => [term, salt(SECONDS - seconds)]),
          )
          const [newest = '', before = ''] = Object.keys(salts).sort(
            (a, b) => Number(b) - Number(a),
          )
          const left = kept(salts)
          expect(left).toContain(newest)
          expect(left.includes(before)).toBe((ages[newest] ?? 0) < 7 * DAY)
        },
      ),
    )
  })
})
