// Writes that only inform: bounded, newest first, never for ever untold.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Fact } from '../../../src/core/facts.ts'
import type { JobUid } from '../../../src/core/ids.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { type BudgetRates, Informer, refill } from '../../../src/persistence/budget.ts'
import { uid } from '../../builders.ts'
import { progress, waiting } from './facts.ts'

const RATES: BudgetRates = { perSecond: 20, share: 0.05 }

describe('refill', () => {
  const empty = { tokens: 0, at: 0, written: 0 }

  it('gives an idle writer the whole rate', () => {
    expect(refill(empty, 500, 0, false, RATES).tokens).toBe(10)
  })

  it('gives a busy writer its share of what was written', () => {
    expect(refill(empty, 1000, 200, true, RATES).tokens).toBe(10)
  })

  it('gives a busy writer never more than the rate, and one in a second at least', () => {
    expect(refill(empty, 1000, 100_000, true, RATES).tokens).toBe(20)
    expect(refill(empty, 1000, 0, true, RATES).tokens).toBe(1)
  })

  it('saves up no more than one second', () => {
    expect(refill(empty, 3_600_000, 0, false, RATES).tokens).toBe(20)
  })

  it('never exceeds the rate over any time, in however many steps it is asked', () => {
    const steps = fc.array(
      fc.record({
        ms: fc.integer({ min: 0, max: 2000 }),
        writes: fc.integer({ min: 0, max: 500 }),
        busy: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    )
    fc.assert(
      fc.property(steps, (list) => {
        let state = { tokens: RATES.perSecond, at: 0, written: 0 }
        let spent = 0
        for (const { ms, writes, busy } of list) {
          state = refill(state, state.at + ms, state.written + writes, busy, RATES)
          expect(state.tokens).toBeLessThanOrEqual(RATES.perSecond)
          const take = Math.floor(state.tokens)
          spent += take
          state = { ...state, tokens: state.tokens - take }
        }
        // One second may be saved up.
        expect(spent).toBeLessThanOrEqual(RATES.perSecond * (1 + state.at / 1000) + 1e-6)
      }),
    )
  })
})

function setup(rates = RATES) {
  const clock = new VirtualClock()
  const told: { readonly uid: JobUid; readonly fact: Fact; readonly at: number }[] = []
  const load = { written: 0, busy: false }
  const informer = new Informer({
    clock,
    rates,
    load,
    write: (uid, fact) => {
      told.push({ uid, fact, at: clock.monotonic() })
      return Promise.resolve('written')
    },
  })
  return { clock, informer, told, load, uids: () => told.map((each) => each.uid) }
}

describe('Informer', () => {
  it('tells at once while there is room', () => {
    const { clock, informer, told } = setup()
    const fact = waiting()
    informer.inform(uid(1), fact)
    clock.advance(0)
    expect(told).toEqual([{ uid: uid(1), fact, at: 0 }])
  })

  it('tells the newest job first', () => {
    const { clock, informer, uids } = setup({ perSecond: 2, share: 0.05 })
    for (const n of [1, 2, 3]) informer.inform(uid(n), waiting())
    clock.advance(0)
    expect(uids()).toEqual([uid(3), uid(2)])
    clock.advance(1000)
    expect(uids()).toEqual([uid(3), uid(2), uid(1)])
  })

  it('tells the newest state of a job only', () => {
    const { clock, informer, told } = setup()
    informer.inform(uid(1), waiting())
    informer.inform(uid(1), progress())
    clock.advance(0)
    expect(told.map(({ fact }) => fact)).toEqual([progress()])
  })

  it('does not tell what is withdrawn', () => {
    const { clock, informer, told } = setup()
    informer.inform(uid(1), waiting())
    informer.withdraw(uid(1))
    clock.advance(60_000)
    expect(told).toEqual([])
  })

  it('keeps to the rate over a minute, and tells everything in the end', () => {
    const { clock, informer, told } = setup()
    for (let n = 0; n < 1000; n++) informer.inform(uid(n), waiting())
    clock.advance(10_000)
    expect(told.length).toBeGreaterThanOrEqual(200)
    expect(told.length).toBeLessThanOrEqual(220)
    clock.advance(50_000)
    expect(told).toHaveLength(1000)
  })

  it('leaves a busy writer all but its share', () => {
    const { clock, informer, told, load } = setup()
    load.busy = true
    for (let n = 0; n < 1000; n++) informer.inform(uid(n), waiting())
    clock.advance(0)
    const before = told.length
    for (let tick = 0; tick < 100; tick++) {
      load.written += 10
      clock.advance(100)
    }
    // 1,000 writes, 5 % of them.
    expect(told.length - before).toBeGreaterThanOrEqual(45)
    expect(told.length - before).toBeLessThanOrEqual(55)
  })

  it('shares its room with whoever else asks', () => {
    const { clock, informer, told } = setup({ perSecond: 3, share: 0.05 })
    expect([1, 2, 3, 4].map(() => informer.tryTake())).toEqual([true, true, true, false])
    informer.inform(uid(1), waiting())
    clock.advance(0)
    expect(told).toEqual([])
    clock.advance(400)
    expect(told).toHaveLength(1)
  })

  it('tells nothing more once it is stopped, and leaves no timer', () => {
    const { clock, informer, told } = setup({ perSecond: 1, share: 0.05 })
    for (const n of [1, 2, 3]) informer.inform(uid(n), waiting())
    clock.advance(0)
    informer.stop()
    clock.advance(60_000)
    expect(told).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('with a rate of none holds nothing back: there is nothing to wait for', () => {
    const { clock, informer, told } = setup({ perSecond: 0, share: 0.05 })
    informer.inform(uid(1), waiting())
    clock.advance(60_000)
    expect(told).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    expect(informer.tryTake()).toBe(false)
  })

  it('arms no timer while it has nothing to tell', () => {
    const { clock, informer } = setup()
    informer.inform(uid(1), waiting())
    clock.advance(1000)
    expect(clock.pendingTimers).toBe(0)
  })
})
