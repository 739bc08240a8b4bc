/**
 * A binary heap whose items carry their own place, so that any of them can be taken out or moved in
 * O(log n) without a map beside the heap. The scheduler keeps one heap for each stream of jobs, often
 * a hundred thousand of them with one job each, and a map would weigh more than the job.
 *
 * An item is in at most one heap at a time. `before` must be a total order, and an item whose order
 * changes is settled anew by whoever changed it.
 */
export interface Slotted {
  /** Kept by the heap; −1 = in none. */
  slot: number
}

export class SlotHeap<T extends Slotted> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  /** In no particular order. */
  items(): readonly T[] {
    return this.#items
  }

  add(item: T): void {
    item.slot = this.#items.length
    this.#items.push(item)
    this.#rise(item.slot, item)
  }

  /** Nothing happens unless it is in this heap. */
  remove(item: T): void {
    const { slot } = item
    if (this.#items[slot] !== item) return
    item.slot = -1
    const last = this.#items.pop()
    if (last === undefined || last === item) return
    this.#put(slot, last)
    this.settle(last)
  }

  /** Its order changed. */
  settle(item: T): void {
    const { slot } = item
    if (this.#items[slot] !== item) return
    if (this.#rise(slot, item) === slot) this.#sink(slot, item)
  }

  /**
   * Items that `goesFirst` holds for, which must be the first ones of the order: O(answer).
   * @param most counting ends there
   */
  countFirst(goesFirst: (item: T) => boolean, most: number): number {
    let count = 0
    const open = [0]
    for (let place = open.pop(); place !== undefined && count < most; place = open.pop()) {
      const item = this.#items[place]
      // Whatever is below an item that does not go first does not either.
      if (item === undefined || !goesFirst(item)) continue
      count += 1
      open.push(2 * place + 1, 2 * place + 2)
    }
    return count
  }

  #rise(from: number, item: T): number {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#items[parent]
      if (above === undefined || !this.#before(item, above)) break
      this.#put(place, above)
      place = parent
    }
    if (place !== from) this.#put(place, item)
    return place
  }

  #sink(from: number, item: T): void {
    let place = from
    for (;;) {
      const left = 2 * place + 1
      const a = this.#items[left]
      const b = this.#items[left + 1]
      const below = a !== undefined && b !== undefined && this.#before(b, a) ? b : a
      if (below === undefined || !this.#before(below, item)) break
      const child = below.slot
      this.#put(place, below)
      place = child
    }
    if (place !== from) this.#put(place, item)
  }

  #put(place: number, item: T): void {
    this.#items[place] = item
    item.slot = place
  }
}
