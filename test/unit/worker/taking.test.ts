// Before a handler runs: rules K1–K5 of the dispatch protocol (section 11), on a virtual clock.

import { describe, expect, it } from 'vitest'
import { jobUid, shardOf } from '../../../src/core/ids.ts'
import { epoch, handlerOf, held, itemOf, leader, TERM, UID, World } from './world.ts'

describe('K1: pulls', () => {
  it('one waits for each free slot, and none for a busy one', async () => {
    const { world, handler } = held()
    await world.pass(0)
    expect(world.waitingPulls).toBe(4)
    await world.deliver(itemOf())
    expect(world.waitingPulls).toBe(3)
    handler.end(0, null)
    await world.pass(0)
    expect(world.waitingPulls).toBe(4)
  })

  it('a pull that ends empty is followed by the next', async () => {
    const { world } = held()
    await world.pass(15_050)
    expect(world.waitingPulls).toBe(4)
    expect(world.log).toEqual([])
  })

  it('a source that comes back empty at once is not asked in a hot loop', async () => {
    let pulls = 0
    const source = {
      pull: async () => {
        pulls += 1
        return null
      },
    }
    const world = new World([handlerOf(() => null)], { source, slots: 1 })
    await world.pass(1_000)
    expect(pulls).toBe(21)
  })

  it('a source that rejects costs no slot', async () => {
    let pulls = 0
    const source = {
      pull: async () => {
        pulls += 1
        throw new Error('a defect of the adapter')
      },
    }
    const world = new World([handlerOf(() => null)], { source, slots: 1 })
    await world.pass(1_000)
    expect(pulls).toBe(21)
    expect(world.log).toContain('defect Error: a defect of the adapter')
  })
})

describe('K2: before the ack', () => {
  it('a message of a term below the announced one is dropped for good and not started', async () => {
    const { world, handler } = held()
    await world.tell(leader(TERM + 1))
    const delivery = await world.deliver(itemOf())
    expect(delivery.said).toEqual(['term'])
    expect(handler.starts).toEqual([])
    expect(world.published).toEqual([])
  })

  it('a message of the announced term itself is started', async () => {
    const { world, handler } = held()
    await world.tell(leader(TERM))
    await world.deliver(itemOf())
    expect(handler.starts).toHaveLength(1)
  })

  it('an announcement for another shard changes nothing here', async () => {
    const { world, handler } = held()
    await world.tell({
      kind: 'leader',
      term: TERM + 1,
      shard: (shardOf('shop') + 1) % 16,
      report: false,
    })
    await world.deliver(itemOf())
    expect(handler.starts).toHaveLength(1)
  })

  it.each([
    ['the same epoch, while it runs', epoch(5)],
    ['an older epoch, while a newer runs', epoch(4)],
    ['an epoch of an older term', epoch(9, TERM - 1)],
  ])('%s is dropped for good', async (_, second) => {
    const { world, handler } = held()
    await world.deliver(itemOf({ epoch: epoch(5) }))
    const delivery = await world.deliver(itemOf({ epoch: second }))
    expect(delivery.said).toEqual(['term'])
    expect(handler.starts).toHaveLength(1)
    expect(handler.reason(0)).toBeNull()
  })

  it('an epoch that was handed back unstarted is dropped when it comes again', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf(), { answer: 'never answers' })
    await world.pass(8_000)
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
    const again = await world.deliver(itemOf())
    expect(again.said).toEqual(['term'])
    expect(handler.starts).toEqual([])
  })

  it('a draining worker gives a message back with a second of delay', async () => {
    const { world, handler } = held()
    await world.pass(0)
    const delivery = world.hand(itemOf())
    world.loop.drain()
    await world.pass(0)
    expect(delivery.said).toEqual(['nak 1000'])
    expect(handler.starts).toEqual([])
  })
})

describe('K3: the ack', () => {
  it('a handler starts only after the confirmation', async () => {
    const { world, handler } = held()
    const delivery = await world.deliver(itemOf(), { answer: { confirmsAfterMs: 3_000 } })
    await world.pass(2_999)
    expect(delivery.said).toEqual(['ack'])
    expect(handler.starts).toEqual([])
    await world.pass(1)
    expect(handler.starts).toHaveLength(1)
  })

  it.each([
    ['25 s after the pull request', { requestedAt: 0, receivedAt: 24_000 }, 25_000],
    ['8 s after the receipt', { requestedAt: 11_000, receivedAt: 12_000 }, 20_000],
  ])('a message that is looked at %s is forgotten: no ack, no report', async (_, times, now) => {
    const { world, handler } = held()
    await world.pass(now)
    const delivery = await world.deliver(itemOf(), times)
    expect(delivery.said).toEqual([])
    expect(world.published).toEqual([])
    expect(handler.starts).toEqual([])
    expect(world.log).toContain('refused too-late')
    const again = await world.deliver(itemOf())
    expect(again.said).toEqual(['ack'])
    expect(handler.starts).toHaveLength(1)
  })

  it.each([
    ['8 s after the receipt', { requestedAt: 19_000, receivedAt: 20_000 }, 8_000],
    ['25 s after the request', { requestedAt: 0, receivedAt: 20_000 }, 5_000],
  ])(
    'a confirmation that did not come %s means: not started, handed back',
    async (_, times, ms) => {
      const { world, handler } = held()
      await world.pass(20_000)
      const delivery = await world.deliver(itemOf(), { ...times, answer: 'never answers' })
      await world.pass(ms - 1)
      expect(world.published).toEqual([])
      await world.pass(1)
      expect(delivery.said).toEqual(['ack'])
      expect(world.stored).toMatchObject([
        { outcome: { kind: 'handed-back' }, startedAgoMs: 0, durationMs: 0 },
      ])
      expect(handler.starts).toEqual([])
    },
  )

  it('a confirmation that a stalled process reads too late starts nothing', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf(), {
      answer: async () => {
        world.clock.advance(8_001)
        return true
      },
    })
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
    expect(handler.starts).toEqual([])
  })

  it('an acknowledgement that rejects counts as unanswered', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf(), { answer: () => Promise.reject(new Error('closed')) })
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
    expect(handler.starts).toEqual([])
  })
})

describe('K4: an older epoch of the same job', () => {
  it('is aborted first, hands back, and only then the newer one starts', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf({ epoch: epoch(1) }))
    await world.deliver(itemOf({ epoch: epoch(2), attempt: 2 }))
    expect(handler.reason(0)).toBe('lease-lost')
    expect(handler.starts).toHaveLength(1)
    handler.end(0, 'its value does not count any more')
    await world.pass(0)
    expect(handler.starts.map(({ epoch: at }) => at)).toEqual([epoch(1), epoch(2)])
    expect(world.stored).toMatchObject([{ epoch: epoch(1), outcome: { kind: 'handed-back' } }])
  })

  it('is given up after 5 s when it ignores its signal', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf({ epoch: epoch(1) }))
    await world.deliver(itemOf({ epoch: epoch(2) }))
    await world.pass(4_999)
    expect(handler.starts).toHaveLength(1)
    await world.pass(1)
    expect(handler.starts).toHaveLength(2)
    expect(world.log).toContain('ended handed-back after 5000 abandoned')
  })

  it('of another job is left alone', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ epoch: epoch(1) }))
    await world.deliver(itemOf({ epoch: epoch(2), uid: jobUid('another-job') }))
    expect(handler.reason(0)).toBeNull()
    expect(handler.starts).toHaveLength(2)
  })
})

describe('K5: a start', () => {
  it('is in a heartbeat 50 ms later, with all that started by then', async () => {
    const { world } = held()
    await world.pass(0)
    const before = world.beats.length
    await world.deliver(itemOf())
    await world.deliver(itemOf({ uid: jobUid('second-job') }))
    await world.pass(49)
    expect(world.beats).toHaveLength(before)
    await world.pass(1)
    expect(world.beats).toHaveLength(before + 1)
    expect(world.lastBeat.running.map(({ uid }) => uid)).toEqual([UID, 'second-job'])
    expect(world.lastBeat).toMatchObject({ slots: 4, free: 2, class: world.cls })
  })

  it('is in a heartbeat even when the handler never lets the event loop go', async () => {
    let world: World | null = null
    // The clock of the heartbeat thread goes on while the main thread is inside the handler.
    const seen: unknown[] = []
    world = new World([
      handlerOf(() => {
        world?.clock.advance(100)
        seen.push(...(world?.lastBeat.running.map(({ uid }) => uid) ?? []))
        return null
      }),
    ])
    await world.deliver(itemOf())
    expect(seen).toEqual([UID])
  })
})
