// Never an older version after a newer one, each life of a name apart, and gone only when a complete
// list did not have it: against a model that keeps everything.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KnownObjects } from '../../../src/kube/known-objects.ts'
import type { Versioned } from '../../../src/kube/objects.ts'

const object = (name: string, life: number, version: number): Versioned => ({
  namespace: 'mail',
  name,
  uid: `${name}-${life}`,
  resourceVersion: String(version),
})

describe('a watch', () => {
  it('tells a version once', () => {
    const known = new KnownObjects()
    expect(known.take(object('a', 1, 5))).toEqual({ kind: 'news', replaced: '' })
    expect(known.take(object('a', 1, 5))).toEqual({ kind: 'known' })
  })

  it('never tells an older version, also with fewer digits', () => {
    const known = new KnownObjects()
    known.take(object('a', 1, 100))
    expect(known.take(object('a', 1, 99))).toEqual({ kind: 'known' })
    expect(known.take(object('a', 1, 101))).toEqual({ kind: 'news', replaced: '' })
  })

  it('tells another life of a name with the uid that it replaces', () => {
    const known = new KnownObjects()
    known.take(object('a', 1, 5))
    expect(known.take(object('a', 2, 6))).toEqual({ kind: 'news', replaced: 'a-1' })
  })

  it('does not bring a former life back', () => {
    const known = new KnownObjects()
    known.take(object('a', 2, 10))
    expect(known.take(object('a', 1, 9))).toEqual({ kind: 'known' })
    expect(known.take(object('a', 2, 11))).toEqual({ kind: 'news', replaced: '' })
  })

  it('drops the life that was deleted, and only that', () => {
    const known = new KnownObjects()
    known.take(object('a', 2, 10))
    expect(known.drop(object('a', 1, 12))).toBe(false)
    expect(known.drop(object('a', 2, 12))).toBe(true)
    expect(known.drop(object('a', 2, 12))).toBe(false)
    expect(known.size).toBe(0)
  })
})

describe('a list', () => {
  it('that repeats an item is seen, also when the version is another one', () => {
    const known = new KnownObjects()
    known.take(object('a', 1, 5), 1)
    expect(known.take(object('a', 1, 5), 1)).toEqual({ kind: 'repeated' })
    expect(known.take(object('a', 1, 6), 1)).toEqual({ kind: 'repeated' })
    expect(known.take(object('a', 2, 7), 1)).toEqual({ kind: 'repeated' })
    expect(known.take(object('a', 1, 5), 2)).toEqual({ kind: 'known' })
  })

  it('sweeps what it did not have, and nothing twice', () => {
    const known = new KnownObjects()
    known.take(object('a', 1, 5))
    known.take(object('b', 1, 6))
    known.take(object('a', 1, 5), 1)
    expect(known.sweep(1).map(({ uid }) => uid)).toEqual(['b-1'])
    expect(known.sweep(1)).toEqual([])
  })

  it('that was broken off sweeps nothing: the next complete one decides', () => {
    const known = new KnownObjects()
    known.take(object('a', 1, 5))
    known.take(object('b', 1, 6))
    known.take(object('a', 1, 5), 1)
    known.take(object('b', 1, 6), 2)
    known.take(object('a', 1, 5), 2)
    expect(known.sweep(2)).toEqual([])
  })
})

/** A cluster as its history: each step makes, changes or deletes one of three names. */
interface Step {
  readonly name: 'a' | 'b' | 'c'
  readonly act: 'write' | 'delete'
}

interface Event {
  readonly object: Versioned
  readonly deleted: boolean
}

function historyOf(steps: readonly Step[]): Event[] {
  const lives = new Map<string, number>()
  const alive = new Set<string>()
  return steps.flatMap(({ name, act }, index): Event[] => {
    if (act === 'delete' && !alive.delete(name)) return []
    if (act === 'write' && !alive.has(name)) {
      alive.add(name)
      lives.set(name, (lives.get(name) ?? 0) + 1)
    }
    return [{ object: object(name, lives.get(name) ?? 0, index + 1), deleted: act === 'delete' }]
  })
}

/** What a consistent list shows after the first `count` events. */
function aliveAfter(events: readonly Event[], count: number): Map<string, Versioned> {
  const alive = new Map<string, Versioned>()
  for (const { object: each, deleted } of events.slice(0, count)) {
    if (deleted) alive.delete(each.name)
    else alive.set(each.name, each)
  }
  return alive
}

/** What a watcher was told: the newest version of each name that was not told as removed. */
class Told {
  readonly #known = new KnownObjects()
  readonly shown = new Map<string, Versioned>()
  #lists = 0

  deliver({ object: each, deleted }: Event): void {
    if (!deleted) this.#take(each, 0)
    else if (this.#known.drop(each)) this.#remove(each)
  }

  list(alive: Iterable<Versioned>): void {
    const list = ++this.#lists
    for (const each of alive) this.#take(each, list)
    for (const gone of this.#known.sweep(list)) this.#remove(gone)
  }

  #take(each: Versioned, list: number): void {
    const taken = this.#known.take(each, list)
    if (taken.kind !== 'news') return
    const before = this.shown.get(each.name)
    // Told once, always newer than what was told before, and with the life that it replaces.
    if (before) expect(Number(each.resourceVersion)).toBeGreaterThan(Number(before.resourceVersion))
    expect(taken.replaced).toBe(before && before.uid !== each.uid ? before.uid : '')
    this.shown.set(each.name, each)
  }

  #remove(gone: Versioned): void {
    expect(this.shown.get(gone.name)?.uid).toBe(gone.uid)
    this.shown.delete(gone.name)
  }
}

describe('any history, delivered with repetitions and delays, and listed now and then', () => {
  const steps = fc.array(
    fc.record({
      name: fc.constantFrom<Step['name']>('a', 'b', 'c'),
      act: fc.constantFrom<Step['act']>('write', 'write', 'write', 'delete'),
    }),
    { maxLength: 30 },
  )
  /** The next event, or one of the last six again; then a list, perhaps. */
  const deliveries = fc.array(fc.record({ back: fc.nat(6), listed: fc.boolean() }), {
    maxLength: 40,
  })

  it('tells rising versions, and after a list exactly what is there', () => {
    fc.assert(
      fc.property(steps, deliveries, (made, order) => {
        const events = historyOf(made)
        const told = new Told()
        let next = 0
        for (const { back, listed } of order) {
          const event = events[Math.max(0, next - back)]
          next = Math.min(next + 1, events.length)
          if (event) told.deliver(event)
          if (!listed) continue
          const alive = aliveAfter(events, next)
          told.list(alive.values())
          expect(told.shown).toEqual(alive)
        }
      }),
    )
  })
})
