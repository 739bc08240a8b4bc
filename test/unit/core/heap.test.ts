// The heap against a sorted list that does the same slowly.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from '../../../src/core/heap.ts'

interface Item {
  readonly key: number
  readonly rank: number
}

const before = (a: Item, b: Item) => a.rank < b.rank || (a.rank === b.rank && a.key < b.key)
const aHeap = () => new Heap<number, Item>(({ key }) => key, before)

/** What a heap holds, as a map from key to item. */
type Model = Map<number, Item>
const sorted = (model: Model) => [...model.values()].sort((a, b) => (before(a, b) ? -1 : 1))

class Put implements fc.Command<Model, Heap<number, Item>> {
  readonly item: Item
  constructor(item: Item) {
    this.item = item
  }
  check = () => true
  run(model: Model, heap: Heap<number, Item>): void {
    model.set(this.item.key, this.item)
    heap.set(this.item)
    agree(model, heap)
  }
  toString = () => `set(${this.item.key}, rank ${this.item.rank})`
}

class Take implements fc.Command<Model, Heap<number, Item>> {
  readonly key: number
  constructor(key: number) {
    this.key = key
  }
  check = () => true
  run(model: Model, heap: Heap<number, Item>): void {
    expect(heap.delete(this.key)).toEqual(model.get(this.key))
    model.delete(this.key)
    agree(model, heap)
  }
  toString = () => `delete(${this.key})`
}

function agree(model: Model, heap: Heap<number, Item>): void {
  const order = sorted(model)
  expect(heap.size).toBe(order.length)
  expect(heap.first).toEqual(order[0])
  for (const limit of [0, 1, 3, order.length, order.length + 5]) {
    expect(heap.head(limit)).toEqual(order.slice(0, limit))
  }
  for (const key of [0, 3, 7]) {
    expect(heap.has(key)).toBe(model.has(key))
  }
}

describe('Heap', () => {
  it('gives what a sorted list gives, whatever is put in, moved and taken out', () => {
    const keys = fc.integer({ min: 0, max: 9 })
    const commands = fc.commands(
      [
        fc.record({ key: keys, rank: fc.integer({ min: 0, max: 5 }) }).map((item) => new Put(item)),
        keys.map((key) => new Take(key)),
      ],
      { maxCommands: 60 },
    )
    fc.assert(
      fc.property(commands, (steps) => {
        fc.modelRun(() => ({ model: new Map() as Model, real: aHeap() }), steps)
      }),
    )
  })

  it('looks at about as many items as it is asked for, not at all of them', () => {
    let compared = 0
    const heap = new Heap<number, Item>(
      ({ key }) => key,
      (a, b) => {
        compared += 1
        return before(a, b)
      },
    )
    for (let key = 0; key < 100_000; key++) heap.set({ key, rank: (key * 7919) % 100_003 })
    compared = 0
    expect(heap.head(10)).toHaveLength(10)
    heap.delete(50_000)
    heap.set({ key: 50_000, rank: -1 })
    expect(heap.first?.key).toBe(50_000)
    expect(compared).toBeLessThan(500)
  })
})
