import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arrivals, dueAt, dueBy, runOpenLoop } from '../../../bench/open-loop.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'

const rates = fc.record({
  perSecond: fc.integer({ min: 1, max: 500 }),
  seconds: fc.integer({ min: 1, max: 20 }),
})

describe('the schedule of an open loop', () => {
  it('has as many arrivals as rate times duration', () => {
    expect(arrivals({ perSecond: 50, seconds: 60 })).toBe(3000)
  })

  it('spaces them evenly, the first at the start', () => {
    const rate = { perSecond: 100, seconds: 1 }
    expect([0, 1, 2, 99].map((index) => dueAt(rate, index))).toEqual([0, 10, 20, 990])
  })

  it('says for every moment which arrivals are due', () => {
    fc.assert(
      fc.property(rates, fc.nat({ max: 20_000 }), (rate, elapsedMs) => {
        const due = dueBy(rate, elapsedMs)
        if (due < arrivals(rate)) expect(dueAt(rate, due)).toBeGreaterThan(elapsedMs)
        if (due > 0) expect(dueAt(rate, due - 1)).toBeLessThanOrEqual(elapsedMs + 1e-6)
      }),
    )
  })
})

describe('an open loop', () => {
  it('sends every arrival once, in order, never before it is due', async () => {
    await fc.assert(
      fc.asyncProperty(rates, async (rate) => {
        const clock = new VirtualClock()
        const sentAt: number[] = []
        const run = runOpenLoop(rate, clock, (index) => {
          expect(index).toBe(sentAt.length)
          sentAt.push(clock.monotonic())
        })
        await clock.advanceAsync(rate.seconds * 1000)
        expect(await run).toMatchObject({ sent: arrivals(rate) })
        for (const [index, at] of sentAt.entries()) {
          expect(at).toBeGreaterThanOrEqual(dueAt(rate, index) - 1e-6)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('sends what has become due at once when it was held up, and says how late it was', async () => {
    const clock = new VirtualClock()
    const sentAt: number[] = []
    const run = runOpenLoop({ perSecond: 10, seconds: 1 }, clock, (index) => {
      // Sending the third holds the process up for 350 ms.
      if (index === 2) clock.advance(350)
      sentAt.push(clock.monotonic())
    })
    await clock.advanceAsync(2000)
    expect(sentAt).toEqual([0, 100, 550, 550, 550, 550, 600, 700, 800, 900])
    expect(await run).toEqual({ sent: 10, latestMs: 250 })
  })

  it('ends at once when it is told to', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const run = runOpenLoop(
      { perSecond: 10, seconds: 60 },
      clock,
      (index) => index === 4 && stop.abort(),
      stop.signal,
    )
    await clock.advanceAsync(1000)
    expect((await run).sent).toBe(5)
    expect(clock.pendingTimers).toBe(0)
  })
})
