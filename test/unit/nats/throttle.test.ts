import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { Throttle } from '../../../src/nats/throttle.ts'

function setUp() {
  const clock = new VirtualClock()
  return { clock, throttle: new Throttle({ clock, perSecond: 40, burst: 80 }) }
}

describe('a sender', () => {
  test('may speak a burst at once, then only at its rate', () => {
    const { clock, throttle } = setUp()
    const heard = (times: number) =>
      Array.from({ length: times }, () => throttle.admit('a')).filter(Boolean).length
    expect(heard(1_000)).toBe(80)
    clock.advance(1_000)
    expect(heard(1_000)).toBe(40)
  })

  test('pays for what it sends: less of what costs more is heard', () => {
    const { clock, throttle } = setUp()
    const heard = (times: number) =>
      Array.from({ length: times }, () => throttle.admit('a', 64)).filter(Boolean).length
    expect(heard(100)).toBe(1)
    expect(throttle.admit('a')).toBe(true)
    clock.advance(1_600)
    expect(heard(100)).toBe(1)
  })

  test('that is loud does not silence another', () => {
    const { throttle } = setUp()
    for (let i = 0; i < 1_000; i++) throttle.admit('loud')
    expect(throttle.admit('quiet')).toBe(true)
  })

  test('is never heard more than its burst and its rate together allow', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 300 }), (pauses) => {
        const { clock, throttle } = setUp()
        let heard = 0
        for (const pause of pauses) {
          clock.advance(pause)
          if (throttle.admit('a')) heard += 1
        }
        expect(heard).toBeLessThanOrEqual(80 + (clock.monotonic() * 40) / 1_000)
      }),
    )
  })
})

test('senders that have been quiet are forgotten, those that speak are not', () => {
  const { clock, throttle } = setUp()
  for (let i = 0; i < 4_000; i++) throttle.admit(`old-${i}`)
  clock.advance(10_000)
  for (let i = 0; i < 200; i++) throttle.admit(`new-${i}`)
  expect(throttle.remembered).toBeLessThanOrEqual(200)
  expect(throttle.remembered).toBeGreaterThan(100)
})
