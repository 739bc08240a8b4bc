// Leaving: `ctl drain` before scaling in, and stopping after SIGTERM (wire protocol, step 6).

import { describe, expect, it } from 'vitest'
import { jobUid } from '../../../src/core/ids.ts'
import type { Control } from '../../../src/core/outcome.ts'
import { held, itemOf, leader, TERM, UID } from './world.ts'

const drain: Control = { kind: 'drain', term: TERM }

describe('ctl drain', () => {
  it('ends the pulls and is in a heartbeat at once', async () => {
    const { world } = held()
    await world.pass(1_000)
    await world.tell(drain)
    expect(world.waitingPulls).toBe(0)
    expect(world.lastBeat).toMatchObject({ draining: true, free: 0, slots: 4 })
    expect(world.loop.state).toMatchObject({ draining: true, free: 0 })
  })

  it('lets handlers end in their own time, far beyond the grace of a stop', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 3_600_000 }))
    await world.tell(drain)
    await world.pass(600_000)
    expect(handler.reason(0)).toBeNull()
    handler.end(0, 'ok')
    await world.pass(0)
    expect(world.outcomes()).toMatchObject([{ kind: 'succeeded' }])
    expect(world.waitingPulls).toBe(0)
  })

  it('keeps the worker beating and listening', async () => {
    const { world } = held()
    await world.tell(drain)
    const beats = world.beats.length
    await world.pass(10_000)
    expect(world.beats).toHaveLength(beats + 2)
    await world.tell(leader(TERM + 1, true))
    expect(world.lastBeat.term).toBe(TERM + 1)
  })

  it('hands back what was taken and not started', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf(), { answer: { confirmsAfterMs: 500 } })
    await world.tell(drain)
    await world.pass(500)
    expect(handler.starts).toEqual([])
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
  })

  it('of a deposed leader is ignored', async () => {
    const { world } = held()
    await world.tell(leader(TERM + 1))
    await world.tell(drain)
    expect(world.loop.state.draining).toBe(false)
  })
})

describe('a stop', () => {
  it('of an idle worker is immediate, with one last beat that says so', async () => {
    const { world } = held()
    await world.pass(1_000)
    const stopped = world.loop.stop()
    await world.pass(0)
    await stopped
    expect(world.lastBeat).toMatchObject({ draining: true, running: [] })
    const beats = world.beats.length
    await world.pass(60_000)
    expect(world.beats.length - beats).toBeLessThanOrEqual(12)
  })

  it('leaves no timer of the worker behind', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    const stopped = world.loop.stop()
    handler.end(0, null)
    await world.pass(0)
    await stopped
    // What is left is the heartbeat thread's own timer.
    expect(world.clock.pendingTimers).toBe(1)
  })

  it('waits for handlers within the grace period', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    let done = false
    const stopped = world.loop.stop().then(() => {
      done = true
    })
    await world.pass(24_000)
    expect([handler.reason(0), done]).toEqual([null, false])
    handler.end(0, 'in time')
    await world.pass(0)
    await stopped
    expect(world.outcomes()).toEqual([{ kind: 'succeeded', resultJson: '"in time"' }])
  })

  it('hands back what runs longer, without using an attempt', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    const stopped = world.loop.stop()
    await world.pass(25_000)
    expect(handler.reason(0)).toBe('drain')
    await stopped
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
  })

  it('believes a handler that has its result when it is asked to stop', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    void world.loop.stop()
    await world.pass(25_000)
    handler.end(0, 'just so')
    await world.pass(0)
    expect(world.outcomes()).toEqual([{ kind: 'succeeded', resultJson: '"just so"' }])
  })

  it('hands back 2 s after the grace what ignores its signal', async () => {
    const { world } = held(false)
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    const stopped = world.loop.stop()
    await world.pass(27_000)
    await stopped
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
    expect(world.loop.state.abandoned).toBe(1)
  })

  it('does not wait for ever for a confirmation: NATS may be gone', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    world.up = false
    handler.end(0, null)
    let done = false
    void world.loop.stop().then(() => {
      done = true
    })
    await world.pass(28_000)
    expect(done).toBe(false)
    await world.pass(4_000)
    expect(done).toBe(true)
  })

  it('is hurried by a second one', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    const stopped = world.loop.stop()
    await world.pass(1_000)
    expect(handler.reason(0)).toBeNull()
    void world.loop.stop(0)
    await world.pass(0)
    expect(handler.reason(0)).toBe('drain')
    await stopped
  })

  it('before the start is nothing, and a start after it is nothing either', async () => {
    const { world } = held(true, { start: false })
    await world.loop.stop()
    world.loop.start()
    await world.pass(1_000)
    expect(world.waitingPulls).toBe(0)
  })

  it('obeys cancels until the end', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 600_000 }))
    void world.loop.stop()
    await world.cancel(UID, itemOf().epoch)
    expect(handler.reason(0)).toBe('cancelled')
    expect(world.outcomes()).toEqual([{ kind: 'cancelled' }])
  })
})

describe('the warning about the grace period', () => {
  it('comes once for each type whose attempts may outlive it', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 25_001 }))
    await world.deliver(itemOf({ timeoutMs: 60_000, uid: jobUid('second-job') }))
    expect(world.log.filter((line) => line.startsWith('outlives'))).toEqual([
      'outlives grace test.job',
    ])
    expect(handler.starts).toHaveLength(2)
  })

  it('does not come when they fit', async () => {
    const { world } = held()
    await world.deliver(itemOf({ timeoutMs: 25_000 }))
    expect(world.log.filter((line) => line.startsWith('outlives'))).toEqual([])
  })
})
