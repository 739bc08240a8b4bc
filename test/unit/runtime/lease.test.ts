import { describe, expect, it } from 'vitest'
import { isExpired, isTrusted, sight } from '../../../src/runtime/lease.ts'

const LEASE = 15_000

describe('a process trusts its own Lease', () => {
  it('for two thirds of its duration, counted from where the renewal began (W7)', () => {
    expect(isTrusted(1_000, 11_000, LEASE)).toBe(true)
    expect(isTrusted(1_000, 11_001, LEASE)).toBe(false)
  })

  it('never before its first renewal', () => {
    expect(isTrusted(null, 0, LEASE)).toBe(false)
  })

  it('for less time than another process waits before it takes over', () => {
    const seen = sight(undefined, 'v1', 0)
    for (let now = 0; now <= 30_000; now += 100) {
      expect(isTrusted(0, now, LEASE) && isExpired(seen, now, LEASE)).toBe(false)
    }
  })
})

describe("another process's Lease", () => {
  it('runs out when it has not changed here for a full duration', () => {
    const first = sight(undefined, 'v1', 0)
    const same = sight(first, 'v1', 14_999)
    expect(isExpired(same, 14_999, LEASE)).toBe(false)
    expect(isExpired(same, 15_000, LEASE)).toBe(true)
  })

  it('starts anew with every change, whatever times are written in it', () => {
    const renewed = sight(sight(undefined, 'v1', 0), 'v2', 14_000)
    expect(isExpired(renewed, 28_999, LEASE)).toBe(false)
    expect(isExpired(renewed, 29_000, LEASE)).toBe(true)
  })

  it('that is missing is held for a full duration too', () => {
    expect(isExpired(sight(undefined, '', 0), 14_999, LEASE)).toBe(false)
  })

  it('that was never looked for has not run out', () => {
    expect(isExpired(undefined, 99_999, LEASE)).toBe(false)
  })
})
