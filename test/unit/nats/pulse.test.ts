import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { startPulse } from '../../../src/nats/pulse.ts'

function setUp(everyMs: number) {
  const clock = new VirtualClock()
  const told: string[] = []
  const pings: (() => void)[] = []
  const stop = startPulse({
    clock,
    everyMs,
    ping: () => new Promise((resolve) => pings.push(resolve)),
    alive: (sentAt) => told.push(`alive ${sentAt}`),
    silent: () => told.push('silent'),
    dead: () => told.push('dead'),
  })
  return { clock, told, pings, stop }
}

describe('the pulse of a server', () => {
  test('counts an answer from when its ping was sent', async () => {
    const { clock, told, pings } = setUp(2_500)
    await clock.advanceAsync(2_500)
    await clock.advanceAsync(700)
    pings[0]?.()
    await clock.advanceAsync(0)
    expect(told).toEqual(['alive 2500'])
  })

  test('is silent when the next ping is due and the last is unanswered: within two intervals', async () => {
    const { clock, told } = setUp(2_500)
    await clock.advanceAsync(4_999)
    expect(told).toEqual([])
    await clock.advanceAsync(1)
    expect(told).toEqual(['silent'])
  })

  test('has one ping on the way at a time', async () => {
    const { clock, pings } = setUp(2_500)
    await clock.advanceAsync(20_000)
    expect(pings.length).toBe(1)
  })

  test('goes on after a silence that ended', async () => {
    const { clock, told, pings } = setUp(2_500)
    await clock.advanceAsync(5_000)
    pings[0]?.()
    await clock.advanceAsync(2_500)
    expect(pings.length).toBe(2)
    expect(told).toEqual(['silent', 'alive 2500'])
  })

  test.each([
    [2_500, 22_500],
    [10_000, 40_000],
  ])('every %d ms is dead after %d ms, once', async (everyMs, deadAt) => {
    const { clock, told } = setUp(everyMs)
    await clock.advanceAsync(deadAt - 1)
    expect(told).not.toContain('dead')
    await clock.advanceAsync(100_000)
    expect(told.filter((word) => word === 'dead')).toEqual(['dead'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('that is stopped says nothing more, also to an answer on the way', async () => {
    const { clock, told, pings, stop } = setUp(2_500)
    await clock.advanceAsync(2_500)
    stop()
    pings[0]?.()
    await clock.advanceAsync(60_000)
    expect(told).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })
})
