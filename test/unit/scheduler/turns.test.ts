// Weighted turns (decision 0018): between fairness keys, and between queues that share workers.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Contender, Turns } from '../../../src/scheduler/turns.ts'

type Weights = Readonly<Record<string, number>>

/** Turns of named contenders, each of which can start whenever it is active. */
class Table {
  readonly turns = new Turns<Contender>()
  readonly #contenders = new Map<string, Contender>()
  readonly #weights: Weights

  constructor(names: readonly string[], weights: Weights = {}) {
    this.#weights = weights
    for (const name of names) this.enter(name)
  }

  get size(): number {
    return this.turns.size
  }

  enter(name: string): void {
    const known = this.#contenders.get(name)
    if (known && known.slot >= 0) return
    const contender = { name, weight: 1, pass: 0, order: 0, slot: -1 }
    this.#contenders.set(name, contender)
    this.turns.enter(contender, this.#weights[name] ?? 1)
  }

  leave(name: string): void {
    const contender = this.#contenders.get(name)
    if (contender && contender.slot >= 0) this.turns.leave(contender)
  }

  start(name = this.turns.first?.name ?? ''): string {
    const contender = this.#contenders.get(name)
    if (!contender) return '(nobody)'
    this.turns.started(contender, this.#weights[name] ?? 1)
    return name
  }

  /** Names of the next starts. */
  starts(count: number): readonly string[] {
    return Array.from({ length: count }, () => this.start())
  }
}

const countOf = (names: readonly string[], name: string) =>
  names.filter((each) => each === name).length

describe('row 5, fairness: turns', () => {
  it('go round where all weigh the same', () => {
    expect(new Table(['a', 'b', 'c']).starts(6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('give a weight of three three starts in a round', () => {
    expect(countOf(new Table(['a', 'b'], { a: 3 }).starts(8), 'a')).toBe(6)
  })

  it('are in proportion to the weights, within one round, while all have jobs waiting', () => {
    const anyWeights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(anyWeights, fc.integer({ min: 1, max: 2_000 }), (each, count) => {
        const weights = Object.fromEntries(each.map((weight, n) => [`key-${n}`, weight]))
        const started = new Table(Object.keys(weights), weights).starts(count)
        const all = each.reduce((sum, weight) => sum + weight, 0)
        for (const [name, weight] of Object.entries(weights)) {
          const share = (count * weight) / all
          expect(Math.abs(countOf(started, name) - share)).toBeLessThanOrEqual(weight)
        }
      }),
    )
  })

  it('come to a newcomer next, before the only one that has had all of them so far', () => {
    const table = new Table(['noisy'])
    table.starts(20)
    table.enter('quiet')
    expect(table.start()).toBe('quiet')
  })

  it('come to a newcomer after at most as many starts as keys are active, itself included', () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const step = fc.record({
      what: fc.constantFrom('start', 'start', 'start', 'enter', 'leave'),
      name: fc.constantFrom(...names),
    })
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 1, max: 100 })),
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 100 }),
        (weights, steps, weight) => {
          const table = new Table(names, { ...weights, new: weight })
          for (const { what, name } of steps) {
            if (what === 'start') table.start()
            else if (what === 'enter') table.enter(name)
            else table.leave(name)
          }
          table.enter('new')
          expect(table.starts(table.size + 1)).toContain('new')
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('are not saved up by having nothing to do', () => {
    const table = new Table(['a', 'b', 'idle'])
    table.leave('idle')
    table.starts(100)
    table.enter('idle')
    expect(countOf(table.starts(9), 'idle')).toBeLessThanOrEqual(3)
  })

  it('are not saved up by being held for long', () => {
    const table = new Table(['held', 'b'])
    for (let n = 0; n < 100; n++) table.start('b')
    expect(countOf(table.starts(10), 'held')).toBeLessThanOrEqual(6)
  })

  it('do not come more often to whoever submits one job at a time', () => {
    const table = new Table(['backlog'])
    const started: string[] = []
    for (let n = 0; n < 20; n++) {
      table.enter('single')
      started.push(table.start())
      if (started.at(-1) === 'single') table.leave('single')
    }
    expect(countOf(started, 'backlog')).toBeGreaterThanOrEqual(9)
  })

  it('do not come more often to it either where heavier ones have a backlog', () => {
    const table = new Table(['a', 'b', 'c', 'd'], { a: 3, b: 3, c: 3, d: 3 })
    const started: string[] = []
    for (let n = 0; n < 100; n++) {
      table.enter('single')
      started.push(table.start())
      if (started.at(-1) === 'single') table.leave('single')
    }
    // Its share is one in thirteen.
    expect(countOf(started, 'single')).toBeLessThanOrEqual(9)
  })

  it('come to everybody, however many keys are made up for one job each', () => {
    const table = new Table(['backlog'])
    const started: string[] = []
    for (let n = 0; n < 100; n++) {
      table.enter(`made-up-${n}`)
      started.push(table.start())
      if (started.at(-1) !== 'backlog') table.leave(started.at(-1) ?? '')
    }
    expect(countOf(started, 'backlog')).toBeGreaterThan(10)
  })

  it('are remembered of a bounded number of those that have nothing to do, and of nobody in the end', () => {
    const table = new Table(['backlog', 'another'])
    for (let n = 0; n < 5_000; n++) {
      table.enter(`key-${n}`)
      table.start(`key-${n}`)
      table.leave(`key-${n}`)
      expect(table.turns.remembered).toBeLessThanOrEqual(1_000)
    }
    table.leave('backlog')
    table.leave('another')
    expect(table.turns.remembered).toBe(0)
  })
})

describe('starts of others before the next one', () => {
  it('are what then happens', () => {
    const names = ['a', 'b', 'c']
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...names), fc.constantFrom(1, 2, 4)),
        fc.integer({ min: 0, max: 40 }),
        fc.constantFrom(...names),
        (weights, before, name) => {
          const table = new Table(names, weights)
          table.starts(before)
          const told = table.turns.startsBefore(name)
          expect(table.starts(told + 1).indexOf(name)).toBe(told)
        },
      ),
    )
  })

  it('count for a key that has nothing waiting as if it came now', () => {
    const table = new Table(['a', 'b'])
    expect(table.turns.startsBefore('new')).toBe(2)
    table.enter('new')
    expect(table.starts(3).indexOf('new')).toBe(2)
  })
})
