// Epochs and nonces: the two numbers that fence every start (protocol S1–S4).

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Dispatched,
  epochOf,
  isLive,
  MAX_TERM,
  nonceOf,
  sameNonce,
  termFloorAt,
  termOf,
} from '../../../src/core/epoch.ts'
import { uid } from '../../builders.ts'

const terms = fc.integer({ min: 1, max: MAX_TERM })
const seqs = fc.integer({ min: 1, max: 2 ** 32 - 1 })

describe('an epoch (S1)', () => {
  it('is term × 2^32 + sequence, and a JSON number carries it exactly', () => {
    expect(epochOf(1, 1)).toBe(4_294_967_297)
    fc.assert(
      fc.property(terms, seqs, (term, seq) => {
        const epoch = epochOf(term, seq)
        expect(Number.isSafeInteger(epoch)).toBe(true)
        expect(JSON.parse(JSON.stringify(epoch))).toBe(epoch)
        expect(termOf(epoch)).toBe(term)
        expect(epoch - term * 2 ** 32).toBe(seq)
      }),
    )
  })

  it('rises with the term first, then with the sequence', () => {
    fc.assert(
      fc.property(terms, seqs, terms, seqs, (t1, s1, t2, s2) => {
        const rises = t1 < t2 || (t1 === t2 && s1 < s2)
        expect(epochOf(t1, s1) < epochOf(t2, s2)).toBe(rises)
      }),
    )
  })

  it.each([
    [0, 1],
    [MAX_TERM + 1, 1],
    [-1, 1],
    [1.5, 1],
    [1, 0],
    [1, 2 ** 32],
    [1, 1.5],
    [Number.NaN, 1],
  ])('of term %d and sequence %d is refused: it must never wrap', (term, seq) => {
    expect(() => epochOf(term, seq)).toThrow(RangeError)
  })
})

describe('the least term of a take-over (T1)', () => {
  it.each([
    [Date.UTC(2026, 0, 1), 1],
    [Date.UTC(2026, 0, 1, 1), 1],
    [Date.UTC(2026, 0, 1, 2, 59), 2],
    [Date.UTC(2027, 0, 1), 8760],
    [Date.UTC(2025, 0, 1), 1],
    [0, 1],
  ])('at %d is %d', (wall, want) => {
    expect(termFloorAt(wall)).toBe(want)
  })

  it('stays within the 21 bits for two centuries', () => {
    expect(termFloorAt(Date.UTC(2226, 0, 1))).toBeLessThan(MAX_TERM)
  })
})

describe('a nonce (S2)', () => {
  const key = Uint8Array.from({ length: 32 }, (_, n) => n)
  const salt = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
  const start: Dispatched = { uid: uid(1), epoch: epochOf(7, 1), attempt: 1, runId: '' }

  it.each<[string, Uint8Array, Partial<Dispatched>, string]>([
    ['with the installation key', key, {}, '98026b566a8f70ba8164595984266e74'],
    ['without one, as in local modes', new Uint8Array(), {}, '3d945368923a816539736da1a6597dce'],
    ['of another run', key, { runId: 'r1' }, '4ab673d8b8c61fc3a89c8281ff31838f'],
  ])('%s is HMAC-SHA-256 over salt, uid, epoch, attempt and run', (_says, with_, given, want) => {
    expect(nonceOf(with_, salt, { ...start, ...given })).toBe(want)
  })

  it('differs with every part of the start, with the salt and with the key', () => {
    const nonces = [
      nonceOf(key, salt, start),
      nonceOf(key, salt, { ...start, uid: uid(2) }),
      nonceOf(key, salt, { ...start, epoch: epochOf(7, 2) }),
      nonceOf(key, salt, { ...start, attempt: 2 }),
      nonceOf(key, salt, { ...start, runId: '1' }),
      nonceOf(key, Buffer.from('ff112233445566778899aabbccddeeff', 'hex'), start),
      nonceOf(key.toReversed(), salt, start),
    ]
    expect(new Set(nonces).size).toBe(nonces.length)
    for (const nonce of nonces) expect(nonce).toMatch(/^[0-9a-f]{32}$/)
  })

  it('never mixes up where one part ends and the next begins', () => {
    expect(nonceOf(key, salt, { ...start, attempt: 1, runId: '23' })).not.toBe(
      nonceOf(key, salt, { ...start, attempt: 12, runId: '3' }),
    )
  })

  it('is compared whole, whatever the other side wrote', () => {
    const nonce = nonceOf(key, salt, start)
    expect(sameNonce(nonce, nonce)).toBe(true)
    for (const other of ['', nonce.slice(1), `${nonce}0`, nonce.toUpperCase(), 'ü'.repeat(16)]) {
      expect(sameNonce(nonce, other)).toBe(false)
    }
  })
})

describe('a live attempt (S4)', () => {
  const recorded = epochOf(7, 5)
  const status = { epoch: recorded, terminal: false, running: false }

  it.each([
    ['above the record and of a term from the floor on', epochOf(7, 6), status, 7, true],
    ['above the record but of a term below the floor', epochOf(7, 6), status, 8, false],
    ['the recorded one while it is open', recorded, { ...status, running: true }, 8, true],
    ['the recorded one once it is closed', recorded, status, 7, false],
    ['below the record', epochOf(7, 4), { ...status, running: true }, 7, false],
    ['of a job that has ended', epochOf(7, 6), { ...status, terminal: true }, 7, false],
  ])('%s: epoch %d', (_says, epoch, of, floor, want) => {
    expect(isLive(epoch, of, floor)).toBe(want)
  })

  it('at most one published epoch is live once the floor is the own term (T6, T7)', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(terms, seqs)), terms, fc.boolean(), (starts, own, running) => {
        // Everything that was published before has a term below the own one.
        const epochs = starts.filter(([term]) => term < own).map(([t, s]) => epochOf(t, s))
        fc.pre(epochs.length > 0)
        const known = { epoch: Math.max(...epochs), terminal: false, running }
        const live = [...new Set(epochs)].filter((epoch) => isLive(epoch, known, own))
        expect(live.length).toBeLessThanOrEqual(1)
      }),
    )
  })
})
