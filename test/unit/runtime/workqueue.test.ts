// The work queue against a model of client-go's contract, and its rules one by one.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { WorkQueue } from '../../../src/runtime/workqueue.ts'

const NO_JITTER = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 1000,
  multiplier: 2,
  jitter: 0,
} as const

function queue(ready?: () => void) {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  return {
    clock,
    queue: new WorkQueue<string>({
      clock,
      random,
      backoff: NO_JITTER,
      ...(ready ? { ready } : {}),
    }),
  }
}

/** Takes everything that can be taken. */
function drain(from: WorkQueue<string>): readonly string[] {
  const taken: string[] = []
  for (let key = from.take(); key !== undefined; key = from.take()) taken.push(key)
  return taken
}

describe('adding and taking', () => {
  it('makes one turn of any number of adds, in the order of the first', () => {
    const { queue: q } = queue()
    for (const key of ['a', 'b', 'a', 'c', 'b']) q.add(key)
    expect(q.length).toBe(3)
    expect(drain(q)).toEqual(['a', 'b', 'c'])
  })

  it('gives a key that is being processed to nobody else, and keeps an add for one more turn', () => {
    const { queue: q } = queue()
    q.add('a')
    q.take()
    q.add('a')
    q.add('a')
    expect(q.take()).toBeUndefined()
    q.done('a')
    expect(drain(q)).toEqual(['a'])
    q.done('a')
    expect(q.take()).toBeUndefined()
  })

  it('lets a key that became dirty queue behind those that waited', () => {
    const { queue: q } = queue()
    q.add('a')
    q.take()
    q.add('a')
    q.add('b')
    q.done('a')
    expect(drain(q)).toEqual(['b', 'a'])
  })

  it('ignores a done of a key that nobody took', () => {
    const { queue: q } = queue()
    q.add('a')
    q.done('a')
    expect(drain(q)).toEqual(['a'])
  })

  it('says that there is something to take, once for each key', () => {
    let calls = 0
    const { queue: q } = queue(() => calls++)
    q.add('a')
    q.add('a')
    q.add('b')
    expect(calls).toBe(2)
  })

  it('keeps order and content over many keys', () => {
    const { queue: q } = queue()
    const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`)
    for (const key of keys.slice(0, 600)) q.add(key)
    const first = Array.from({ length: 500 }, () => q.take())
    for (const key of keys.slice(600)) q.add(key)
    expect([...first, ...drain(q)]).toEqual(keys)
  })
})

describe('delays', () => {
  it('adds a key when its time has come, not before', () => {
    const { queue: q, clock } = queue()
    q.addAfter('a', 1000)
    clock.advance(999)
    expect(q.take()).toBeUndefined()
    clock.advance(1)
    expect(q.take()).toBe('a')
  })

  it.each([
    [500, 1000],
    [1000, 500],
  ])('keeps the earlier of %d and %d ms, and only that', (first, second) => {
    const { queue: q, clock } = queue()
    q.addAfter('a', first)
    q.addAfter('a', second)
    clock.advance(500)
    expect(q.take()).toBe('a')
    q.done('a')
    clock.advance(10_000)
    expect(q.take()).toBeUndefined()
  })

  it('adds at once for a delay of nothing', () => {
    const { queue: q } = queue()
    q.addAfter('a', 0)
    q.addAfter('b', -1)
    expect(drain(q)).toEqual(['a', 'b'])
  })

  it('keeps a delay beside an add', () => {
    const { queue: q, clock } = queue()
    q.addAfter('a', 1000)
    q.add('a')
    expect(drain(q)).toEqual(['a'])
    q.done('a')
    clock.advance(1000)
    expect(drain(q)).toEqual(['a'])
  })

  it('waits longer with each failure, up to the maximum, until the key is forgotten', () => {
    const { queue: q } = queue()
    const delays = Array.from({ length: 6 }, () => q.addRateLimited('a'))
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000])
    expect(q.failures('a')).toBe(6)
    q.forget('a')
    expect(q.addRateLimited('a')).toBe(100)
  })

  it('counts the failures of each key by itself', () => {
    const { queue: q } = queue()
    q.addRateLimited('a')
    q.addRateLimited('a')
    expect(q.addRateLimited('b')).toBe(100)
  })
})

describe('shutting down', () => {
  it('drops what waits and what is due, and takes nothing more', () => {
    const { queue: q, clock } = queue()
    q.add('a')
    q.addAfter('b', 100)
    q.shutDown()
    q.add('c')
    q.addRateLimited('d')
    clock.advance(10_000)
    expect(q.take()).toBeUndefined()
    expect(clock.pendingTimers).toBe(0)
  })

  it('is idle when what was being processed is done, without another turn for it', async () => {
    const { queue: q } = queue()
    q.add('a')
    q.take()
    q.add('a')
    q.shutDown()
    let idle = false
    const waited = q.idle().then(() => {
      idle = true
    })
    await Promise.resolve()
    expect(idle).toBe(false)
    q.done('a')
    await waited
    expect(q.take()).toBeUndefined()
  })

  it('is idle at once when nothing is being processed', async () => {
    const { queue: q } = queue()
    q.add('a')
    await q.idle()
    expect(q.length).toBe(1)
  })
})

/** What the contract says, as slowly as one likes. */
interface Model {
  waiting: string[]
  processing: Set<string>
  dirty: Set<string>
  due: Map<string, number>
  failures: Map<string, number>
  now: number
  shut: boolean
}

interface Real {
  readonly clock: VirtualClock
  readonly queue: WorkQueue<string>
}

type Step = fc.Command<Model, Real>

function modelAdd(model: Model, key: string): void {
  if (model.shut) return
  if (model.processing.has(key)) model.dirty.add(key)
  else if (!model.waiting.includes(key)) model.waiting.push(key)
}

function modelDelay(model: Model, key: string, ms: number): void {
  if (model.shut || (model.due.get(key) ?? Number.POSITIVE_INFINITY) <= model.now + ms) return
  // Of two keys that are due at once the one that was delayed first comes first.
  model.due.delete(key)
  model.due.set(key, model.now + ms)
}

function agree(model: Model, { queue: q }: Real): void {
  expect(q.length).toBe(model.waiting.length)
  expect(q.processing).toBe(model.processing.size)
  expect(q.delayed).toBe(model.due.size)
}

function step(name: string, act: (model: Model, real: Real) => void): Step {
  return {
    check: () => true,
    run: (model, real) => {
      act(model, real)
      agree(model, real)
    },
    toString: () => name,
  }
}

const add = (key: string) =>
  step(`add ${key}`, (model, real) => {
    real.queue.add(key)
    modelAdd(model, key)
  })
const addAfter = (key: string, ms: number) =>
  step(`add ${key} after ${ms}`, (model, real) => {
    real.queue.addAfter(key, ms)
    modelDelay(model, key, ms)
  })
const fail = (key: string) =>
  step(`fail ${key}`, (model, real) => {
    const failures = (model.failures.get(key) ?? 0) + 1
    const wanted = model.shut ? 0 : Math.min(1000, 100 * 2 ** (failures - 1))
    expect(real.queue.addRateLimited(key)).toBe(wanted)
    if (!model.shut) model.failures.set(key, failures)
    modelDelay(model, key, wanted)
  })
const forget = (key: string) =>
  step(`forget ${key}`, (model, real) => {
    real.queue.forget(key)
    model.failures.delete(key)
  })
const take = step('take', (model, real) => {
  const key = real.queue.take()
  expect(key).toBe(model.waiting.shift())
  if (key === undefined) return
  expect(model.processing.has(key)).toBe(false)
  model.processing.add(key)
})
const done = (key: string) =>
  step(`done ${key}`, (model, real) => {
    real.queue.done(key)
    if (model.processing.delete(key) && model.dirty.delete(key)) modelAdd(model, key)
  })
const pass = (ms: number) =>
  step(`${ms} ms pass`, (model, real) => {
    real.clock.advance(ms)
    model.now += ms
    const due = [...model.due].filter(([, at]) => at <= model.now).sort((a, b) => a[1] - b[1])
    for (const [key] of due) {
      model.due.delete(key)
      modelAdd(model, key)
    }
  })
const shut = step('shut down', (model, real) => {
  real.queue.shutDown()
  Object.assign(model, { waiting: [], due: new Map(), failures: new Map(), shut: true })
  model.dirty.clear()
})

describe('the contract', () => {
  it('holds for every order of calls', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd')
    const commands = fc.commands(
      [
        key.map(add),
        fc.tuple(key, fc.integer({ min: 1, max: 5000 })).map(([k, ms]) => addAfter(k, ms)),
        key.map(fail),
        key.map(forget),
        fc.constant(take),
        key.map(done),
        fc.integer({ min: 1, max: 3000 }).map(pass),
        fc.constant(shut),
      ],
      { maxCommands: 60 },
    )
    fc.assert(
      fc.property(commands, (run) => {
        fc.modelRun(() => {
          const real = queue()
          const model: Model = {
            waiting: [],
            processing: new Set(),
            dirty: new Set(),
            due: new Map(),
            failures: new Map(),
            now: 0,
            shut: false,
          }
          return { model, real }
        }, run)
      }),
      { numRuns: 300 },
    )
  })
})
