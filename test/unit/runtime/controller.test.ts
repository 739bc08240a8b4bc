// The controller: what a look's answer leads to, how many look at once, how it ends.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { Controller, type Reconciled } from '../../../src/runtime/controller.ts'

const NO_JITTER = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 1000,
  multiplier: 2,
  jitter: 0,
} as const
const DONE: Reconciled = { kind: 'done' }

function controller(
  reconcile: (key: string, signal: AbortSignal) => Promise<Reconciled>,
  workers = 2,
) {
  const clock = new VirtualClock()
  const failures: string[] = []
  const results: string[] = []
  const looks: string[] = []
  const made = new Controller<string>({
    clock,
    random: new SeededRandom(1),
    workers,
    deadlineMs: 5000,
    backoff: NO_JITTER,
    reconcile: (key, signal) => {
      looks.push(`${key}@${clock.monotonic()}`)
      return reconcile(key, signal)
    },
    failed: (key, error, retryInMs) => {
      failures.push(`${key}: ${(error as Error).message}, again in ${retryInMs} ms`)
    },
    observe: (key, result, tookMs) => results.push(`${key}: ${result} ${tookMs}`),
  })
  return { clock, failures, results, looks, controller: made }
}

describe('a look', () => {
  it('that is done is not repeated', async () => {
    const t = controller(async () => DONE)
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(60_000)
    expect(t.looks).toEqual(['a@0'])
    expect(t.results).toEqual(['a: done 0'])
  })

  it('that asks to come back is repeated at that time', async () => {
    const t = controller(async () => ({ kind: 'requeue', afterMs: 1000 }))
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(2500)
    expect(t.looks).toEqual(['a@0', 'a@1000', 'a@2000'])
  })

  it('that throws is repeated with growing waits, and told each time', async () => {
    const t = controller(() => Promise.reject(new Error('no answer')))
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(750)
    expect(t.looks).toEqual(['a@0', 'a@100', 'a@300', 'a@700'])
    expect(t.failures.slice(0, 2)).toEqual([
      'a: no answer, again in 100 ms',
      'a: no answer, again in 200 ms',
    ])
  })

  it('that throws before its first await is a failure as any other', async () => {
    const t = controller(() => {
      throw new Error('at once')
    })
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(0)
    expect(t.failures).toEqual(['a: at once, again in 100 ms'])
  })

  it('that succeeds makes the next failure the first again', async () => {
    const answers = ['fail', 'fail', 'done', 'fail']
    const t = controller(async () => {
      if (answers.shift() === 'fail') throw new Error('no')
      return DONE
    })
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(1000)
    t.controller.enqueue('a')
    await t.clock.advanceAsync(0)
    expect(t.failures.at(-1)).toBe('a: no, again in 100 ms')
  })

  it('never begins inside the call that enqueued its key', async () => {
    const t = controller(async () => DONE)
    await t.controller.start()
    t.controller.enqueue('a')
    expect(t.looks).toEqual([])
    await t.clock.advanceAsync(0)
    expect(t.looks).toEqual(['a@0'])
  })

  it('sees a change that came while it looked, by one more look', async () => {
    const gates = [Promise.withResolvers<void>()]
    const t = controller(async () => {
      await gates.shift()?.promise
      return DONE
    })
    const gate = gates[0]
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(10)
    t.controller.enqueue('a')
    t.controller.enqueue('a')
    await t.clock.advanceAsync(10)
    expect(t.looks).toEqual(['a@0'])
    gate?.resolve()
    await t.clock.advanceAsync(0)
    expect(t.looks).toEqual(['a@0', 'a@20'])
  })

  it('is aborted at its deadline, and counts as failed when it gives up', async () => {
    const t = controller(
      (_, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')))
        }),
    )
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(4999)
    expect(t.failures).toEqual([])
    await t.clock.advanceAsync(1)
    expect(t.failures).toEqual(['a: aborted, again in 100 ms'])
  })
})

describe('the workers', () => {
  it('start nothing before the start, and everything kept then', async () => {
    const t = controller(async () => DONE)
    t.controller.enqueue('a')
    t.controller.enqueueAfter('b', 10)
    await t.clock.advanceAsync(50)
    expect(t.looks).toEqual([])
    await t.controller.start()
    await t.clock.advanceAsync(0)
    expect(t.looks).toEqual(['a@50', 'b@50'])
  })

  it('let one hanging key cost one worker, not the queue', async () => {
    const t = controller((key) =>
      key === 'hangs' ? new Promise(() => undefined) : Promise.resolve(DONE),
    )
    await t.controller.start()
    for (const key of ['hangs', 'a', 'b', 'c']) t.controller.enqueue(key)
    await t.clock.advanceAsync(0)
    expect(t.looks).toEqual(['hangs@0', 'a@0', 'b@0', 'c@0'])
    expect(t.controller.busy).toBe(1)
  })

  it('are never more than allowed, and never two at one key', async () => {
    const event = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      waitMs: fc.integer({ min: 0, max: 30 }),
      takesMs: fc.integer({ min: 0, max: 100 }),
      fails: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 15 }),
        fc.integer({ min: 1, max: 3 }),
        async (events, workers) => {
          const active: string[] = []
          const broken: string[] = []
          const plan = new Map(events.map((each): [string, typeof each] => [each.key, each]))
          const changes = new Map<string, number>()
          const seen = new Map<string, number>()
          const t = controller(async (key) => {
            if (active.includes(key)) broken.push(`two looks at ${key}`)
            active.push(key)
            if (active.length > workers) broken.push(`${active.length} looks at once`)
            const { takesMs = 0, fails = false } = plan.get(key) ?? {}
            const sawAt = changes.get(key) ?? 0
            await new Promise<void>((resolve) => void t.clock.after(takesMs, resolve))
            active.splice(active.indexOf(key), 1)
            if (fails && !seen.has(key)) {
              seen.set(key, -1)
              throw new Error('first time')
            }
            seen.set(key, sawAt)
            return DONE
          }, workers)
          await t.controller.start()
          for (const [n, { key, waitMs }] of events.entries()) {
            changes.set(key, n + 1)
            t.controller.enqueue(key)
            await t.clock.advanceAsync(waitMs)
          }
          await t.clock.advanceAsync(10_000)
          // Level-triggered: the last look at each key saw its last change.
          expect(seen).toEqual(changes)
          expect(broken).toEqual([])
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('the stop', () => {
  it('aborts what runs, drops what waits, and resolves when all looks have ended', async () => {
    const t = controller(async (_, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw new Error('aborted')
    }, 1)
    await t.controller.start()
    t.controller.enqueue('a')
    t.controller.enqueue('b')
    await t.clock.advanceAsync(0)
    await t.controller.stop()
    await t.controller.stop()
    t.controller.enqueue('c')
    await t.clock.advanceAsync(60_000)
    expect(t.looks).toEqual(['a@0'])
    expect(t.failures).toEqual([])
    expect(t.clock.pendingTimers).toBe(0)
  })

  it('waits for a look that ignores its signal', async () => {
    const gate = Promise.withResolvers<void>()
    const t = controller(async () => {
      await gate.promise
      return { kind: 'requeue', afterMs: 10 }
    })
    await t.controller.start()
    t.controller.enqueue('a')
    await t.clock.advanceAsync(0)
    let stopped = false
    const stop = t.controller.stop().then(() => {
      stopped = true
    })
    await t.clock.advanceAsync(0)
    expect(stopped).toBe(false)
    gate.resolve()
    await stop
    await t.clock.advanceAsync(1000)
    expect(t.looks).toEqual(['a@0'])
  })

  it('before the start leaves nothing to start', async () => {
    const t = controller(async () => DONE)
    t.controller.enqueue('a')
    await t.controller.stop()
    await t.controller.start()
    await t.clock.advanceAsync(1000)
    expect(t.looks).toEqual([])
  })
})
