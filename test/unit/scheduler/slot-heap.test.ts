import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlotHeap, type Slotted } from '../../../src/scheduler/slot-heap.ts'

interface Item extends Slotted {
  readonly id: number
  value: number
}

const before = (a: Item, b: Item) => a.value < b.value || (a.value === b.value && a.id < b.id)

describe('SlotHeap', () => {
  it('gives the first of what was added and not removed, after every step', () => {
    const step = fc.record({
      what: fc.constantFrom('add', 'remove', 'settle'),
      id: fc.integer({ min: 0, max: 15 }),
      value: fc.integer({ min: 0, max: 9 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const heap = new SlotHeap<Item>(before)
        const items = new Map<number, Item>()
        for (const { what, id, value } of steps) {
          const known = items.get(id)
          if (what === 'add' && !known) {
            const item = { id, value, slot: -1 }
            items.set(id, item)
            heap.add(item)
          } else if (what === 'remove' && known) {
            heap.remove(known)
            items.delete(id)
            expect(known.slot).toBe(-1)
          } else if (what === 'settle' && known) {
            known.value = value
            heap.settle(known)
          }
          const sorted = [...items.values()].sort((a, b) => (before(a, b) ? -1 : 1))
          expect(heap.first).toBe(sorted[0])
          expect(heap.size).toBe(sorted.length)
          expect(heap.countFirst((item) => item.value < value, 1_000)).toBe(
            sorted.filter((item) => item.value < value).length,
          )
        }
      }),
    )
  })

  it('leaves alone what it does not hold', () => {
    const heap = new SlotHeap<Item>(before)
    const inside = { id: 1, value: 1, slot: -1 }
    heap.add(inside)
    heap.remove({ id: 2, value: 0, slot: 0 })
    heap.settle({ id: 2, value: 0, slot: 0 })
    expect([heap.size, heap.first]).toEqual([1, inside])
  })

  it('counts no further than it is asked to', () => {
    const heap = new SlotHeap<Item>(before)
    for (let id = 0; id < 100; id++) heap.add({ id, value: 0, slot: -1 })
    expect(heap.countFirst(() => true, 7)).toBe(7)
  })
})
