import { describe, expect, it } from 'vitest'
import { RateWindow } from '../../../src/runtime/rate-window.ts'

describe('a rate window', () => {
  it('counts what happened within it, for each key', () => {
    const window = new RateWindow(60_000)
    for (let n = 0; n < 30; n++) window.count('a', n * 1_000)
    window.count('b', 1_000)
    expect([window.of('a', 30_000), window.of('b', 30_000), window.of('c', 30_000)]).toEqual([
      30, 1, 0,
    ])
  })

  it('forgets step by step, and a key that counts nothing', () => {
    const window = new RateWindow(60_000)
    window.count('a', 0)
    window.count('a', 30_000)
    expect(window.of('a', 59_000)).toBe(2)
    expect(window.of('a', 61_000)).toBe(1)
    expect(window.size).toBe(1)
    expect(window.of('a', 95_000)).toBe(0)
    expect(window.size).toBe(0)
  })

  it('starts anew after a long silence', () => {
    const window = new RateWindow(60_000)
    window.count('a', 0)
    window.count('a', 10_000_000)
    expect(window.of('a', 10_000_000)).toBe(1)
  })
})
