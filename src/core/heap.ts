/**
 * A binary heap that also knows where each item stands, so that any of them can be taken out or moved
 * in O(log n), not only the first. Items are told apart by a key; `before` must be a total order.
 */
export class Heap<K, T> {
  readonly #items: T[] = []
  readonly #places = new Map<K, number>()
  readonly #keyOf: (item: T) => K
  readonly #before: (a: T, b: T) => boolean

  constructor(keyOf: (item: T) => K, before: (a: T, b: T) => boolean) {
    this.#keyOf = keyOf
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  has(key: K): boolean {
    return this.#places.has(key)
  }

  /** An item with the same key is replaced. */
  set(item: T): void {
    const place = this.#places.get(this.#keyOf(item)) ?? this.#items.length
    this.#put(place, item)
    this.#settle(place)
  }

  delete(key: K): T | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    const item = this.#items[place]
    const last = this.#items.pop()
    this.#places.delete(key)
    if (last !== undefined && place < this.#items.length) {
      this.#put(place, last)
      this.#settle(place)
    }
    return item
  }

  /** The first `limit` items in order, without taking them out: O(limit · log limit). */
  head(limit: number): readonly T[] {
    const found: T[] = []
    const open = new Heap<number, number>(
      (place) => place,
      (a, b) => this.#isBefore(a, b),
    )
    if (this.#items.length > 0) open.set(0)
    while (found.length < limit) {
      const place = open.first
      const item = place === undefined ? undefined : this.#items[place]
      if (place === undefined || item === undefined) break
      open.delete(place)
      found.push(item)
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < this.#items.length) open.set(child)
      }
    }
    return found
  }

  #settle(place: number): void {
    const item = this.#items[place]
    if (item === undefined) return
    const risen = this.#rise(place, item)
    if (risen === place) this.#sink(place, item)
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
    this.#put(place, item)
    return place
  }

  #sink(from: number, item: T): void {
    let place = from
    for (;;) {
      const left = 2 * place + 1
      const child = this.#isBefore(left + 1, left) ? left + 1 : left
      const below = this.#items[child]
      if (below === undefined || !this.#before(below, item)) break
      this.#put(place, below)
      place = child
    }
    this.#put(place, item)
  }

  /** False where there is no item. */
  #isBefore(a: number, b: number): boolean {
    const left = this.#items[a]
    const right = this.#items[b]
    return left !== undefined && right !== undefined && this.#before(left, right)
  }

  #put(place: number, item: T): void {
    this.#items[place] = item
    this.#places.set(this.#keyOf(item), place)
  }
}
