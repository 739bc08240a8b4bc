// Start and stop: order, repetition, early stops, hanging members.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import {
  type Life,
  type Member,
  SERVICE_STOPPED,
  ServiceGroup,
  serviceOf,
} from '../../../src/runtime/service.ts'

const never = () => new Promise<void>(() => undefined)
const fails = (message: string) => () => Promise.reject(new Error(message))

/** Members that write down what happens to them. */
function staged(lives: Readonly<Record<string, Life>>) {
  const events: string[] = []
  const members = Object.entries(lives).map(
    ([name, life]): Member => ({
      name,
      service: serviceOf({
        start: async () => {
          await life.start?.()
          events.push(`${name} up`)
        },
        stop: async () => {
          events.push(`${name} told to stop`)
          await life.stop?.()
          events.push(`${name} down`)
        },
      }),
    }),
  )
  const clock = new VirtualClock()
  return { events, clock, group: new ServiceGroup({ members, clock, stopWithinMs: 1000 }) }
}

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof GopherQueueError ? error.code : String(error)),
  )

describe('a service of two functions', () => {
  it('is started once and stopped once, however often it is asked', async () => {
    const events: string[] = []
    const service = serviceOf({
      start: () => void events.push('start'),
      stop: () => void events.push('stop'),
    })
    await Promise.all([service.start(), service.start()])
    await Promise.all([service.stop(), service.stop()])
    await service.start()
    expect(events).toEqual(['start', 'stop'])
  })

  it('never starts after a stop', async () => {
    const events: string[] = []
    const service = serviceOf({ start: () => void events.push('start') })
    await service.stop()
    expect(await code(service.start())).toBe(SERVICE_STOPPED)
    expect(events).toEqual([])
  })

  it('is stopped only after its start was answered', async () => {
    const events: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const service = serviceOf({
      start: () => promise.then(() => void events.push('started')),
      stop: () => void events.push('stopped'),
    })
    const started = service.start()
    const stopped = service.stop()
    resolve()
    await Promise.all([started, stopped])
    expect(events).toEqual(['started', 'stopped'])
  })

  it('has nothing to stop when its start failed', async () => {
    const events: string[] = []
    const service = serviceOf({ start: fails('no'), stop: () => void events.push('stopped') })
    await expect(service.start()).rejects.toThrow('no')
    await service.stop()
    expect(events).toEqual([])
  })
})

describe('a group', () => {
  it('starts in order and stops in reverse', async () => {
    const { group, events } = staged({ link: {}, cache: {}, loop: {} })
    await group.start()
    expect(events.splice(0)).toEqual(['link up', 'cache up', 'loop up'])
    await group.stop()
    expect(events.filter((event) => event.endsWith('down'))).toEqual([
      'loop down',
      'cache down',
      'link down',
    ])
  })

  it('stops a member only after those that use it are down', async () => {
    const { group, events } = staged({ link: {}, loop: {} })
    await group.start()
    await group.stop()
    expect(events.slice(2)).toEqual([
      'loop told to stop',
      'loop down',
      'link told to stop',
      'link down',
    ])
  })

  it('takes down what runs when a member fails, and names the member', async () => {
    const { group, events } = staged({ link: {}, cache: { start: fails('no CRD') }, loop: {} })
    await expect(group.start()).rejects.toMatchObject({
      message: 'cache did not start',
      cause: { message: 'no CRD' },
    })
    expect(events).toEqual(['link up', 'link told to stop', 'link down'])
  })

  it('passes on the code and the advice of a failure that has them', async () => {
    const start = () =>
      Promise.reject(new GopherQueueError('NatsTooOld', 'is 2.9.10', { help: 'install 2.10.27' }))
    const { group } = staged({ link: { start } })
    await expect(group.start()).rejects.toMatchObject({
      code: 'NatsTooOld',
      help: 'install 2.10.27',
    })
  })

  it('starts nothing more once stopped in mid-start', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cache = { start: () => promise }
    const { group, clock, events } = staged({ link: {}, cache, loop: {} })
    const started = code(group.start())
    await clock.advanceAsync(0)
    const stopped = group.stop()
    resolve()
    await stopped
    expect(await started).toBe(SERVICE_STOPPED)
    expect(events.filter((event) => event.startsWith('loop'))).toEqual([])
    expect(events).toContain('cache down')
    expect(events).toContain('link down')
  })

  it('ends a start that never answers when it is stopped', async () => {
    const { group, clock, events } = staged({ link: {}, cache: { start: never } })
    const started = code(group.start())
    await clock.advanceAsync(0)
    const stopped = code(group.stop())
    await clock.advanceAsync(1000)
    expect(await stopped).toBe('StopFailed')
    expect(await started).toBe(SERVICE_STOPPED)
    expect(events).toContain('link down')
  })

  it('never starts after a stop', async () => {
    const { group, events } = staged({ link: {} })
    await group.stop()
    expect(await code(group.start())).toBe(SERVICE_STOPPED)
    expect(events).toEqual([])
  })

  it('gives all members one deadline, and those behind a hanging one a word', async () => {
    const { group, clock, events } = staged({ link: {}, cache: {}, loop: { stop: never } })
    await group.start()
    const stopped = group.stop()
    stopped.catch(() => undefined)
    await clock.advanceAsync(999)
    expect(events).not.toContain('cache told to stop')
    await clock.advanceAsync(1)
    await expect(stopped).rejects.toThrow('loop: did not stop within 1000 ms')
    expect(events).toContain('cache told to stop')
    expect(events).toContain('link told to stop')
    expect(clock.monotonic()).toBe(1000)
  })

  it('goes on with the rest when a stop fails, and tells of every failure', async () => {
    const { group, events } = staged({
      link: { stop: fails('broken pipe') },
      cache: {},
      loop: { stop: fails('writer is busy') },
    })
    await group.start()
    await expect(group.stop()).rejects.toThrow('loop: writer is busy; link: broken pipe')
    expect(events).toContain('cache down')
  })

  it('leaves no timer behind', async () => {
    const { group, clock } = staged({ link: {}, loop: {} })
    await group.start()
    await group.stop()
    expect(clock.pendingTimers).toBe(0)
  })

  it('stops exactly what it started, in reverse, wherever a failure or a stop strikes', async () => {
    const life = fc.constantFrom<Life>(
      {},
      { start: fails('start') },
      { stop: fails('stop') },
      { stop: never },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(life, { maxLength: 6 }), fc.nat(6), async (lives, turns) => {
        const { group, clock, events } = staged(
          Object.fromEntries(lives.map((each, index) => [`m${index}`, each])),
        )
        const started = code(group.start())
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        const stopped = code(group.stop())
        await clock.advanceAsync(1000)
        await Promise.all([started, stopped])
        const up = events.filter((e) => e.endsWith(' up')).map((e) => e.split(' ')[0])
        const told = events.filter((e) => e.endsWith('told to stop')).map((e) => e.split(' ')[0])
        expect(told).toEqual(up.reverse())
      }),
      { numRuns: 60 },
    )
  })
})
