// How an attempt ends: rules K7–K9 and O7 of the dispatch protocol, and its deadline.

import { describe, expect, it } from 'vitest'
import { jobUid } from '../../../src/core/ids.ts'
import { Permanent, Snooze } from '../../../src/worker/verdicts.ts'
import { epoch, handlerOf, held, itemOf, leader, TERM, UID, World } from './world.ts'

describe('K7: no contact with NATS', () => {
  it('for 300 s aborts every handler, and hands back when the connection is there again', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 3_600_000 }))
    world.up = false
    const cutAt = world.clock.monotonic()
    world.silentMs = () => world.clock.monotonic() - cutAt
    await world.pass(299_000)
    expect(handler.reason(0)).toBeNull()
    await world.pass(2_000)
    expect(handler.reason(0)).toBe('lease-lost')
    expect(world.stored).toEqual([])
    world.up = true
    world.silentMs = () => 0
    await world.pass(10_000)
    expect(world.stored).toMatchObject([{ outcome: { kind: 'handed-back' } }])
  })

  it('for less changes nothing: the handler runs on and its result is reported later', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 3_600_000 }))
    world.up = false
    const cutAt = world.clock.monotonic()
    world.silentMs = () => world.clock.monotonic() - cutAt
    await world.pass(200_000)
    handler.end(0, 'done in the dark')
    await world.pass(90_000)
    world.up = true
    world.silentMs = () => 0
    await world.pass(10_000)
    expect(world.stored).toMatchObject([{ outcome: { kind: 'succeeded' } }])
  })

  it('is not believed right after the event loop itself stood still', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 3_600_000 }))
    // Timers run before sockets are read: the answers of ten minutes are still unread.
    let silent = 600_000
    world.silentMs = () => silent
    const delayed = world.clock.monotonic.bind(world.clock)
    world.clock.monotonic = () => delayed() + 600_000
    await world.pass(2_000)
    expect(handler.reason(0)).toBeNull()
    silent = 0
    await world.pass(60_000)
    expect(handler.reason(0)).toBeNull()
    expect(world.log.filter((line) => line.startsWith('lost'))).toEqual([])
  })

  it('a silent operator alone aborts nothing', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 86_400_000 }))
    await world.pass(3_600_000)
    expect(handler.reason(0)).toBeNull()
  })
})

describe('K8: ctl cancel', () => {
  it('aborts attempts of the job up to epochMax; their outcome is cancelled', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ epoch: epoch(3) }))
    await world.cancel(UID, epoch(3))
    expect(handler.reason(0)).toBe('cancelled')
    expect(world.outcomes()).toEqual([{ kind: 'cancelled' }])
  })

  it('leaves a newer attempt and other jobs alone', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ epoch: epoch(3) }))
    await world.cancel(UID, epoch(2))
    await world.cancel(jobUid('another-job'), epoch(9))
    expect(handler.reason(0)).toBeNull()
  })

  it('below the announced term is ignored', async () => {
    const { world, handler } = held()
    await world.tell(leader(TERM + 1))
    await world.deliver(itemOf({ epoch: epoch(1, TERM + 1) }))
    await world.cancel(UID, epoch(1, TERM + 1), 'cancelled', TERM)
    expect(handler.reason(0)).toBeNull()
  })

  it('reaches an attempt whose ack is on its way: it never starts, and is reported', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf(), { answer: { confirmsAfterMs: 1_000 } })
    await world.cancel(UID, epoch(1))
    await world.pass(1_000)
    expect(handler.starts).toEqual([])
    expect(world.outcomes()).toEqual([{ kind: 'cancelled' }])
  })

  it('a handler that has its result all the same is believed', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf())
    await world.cancel(UID, epoch(1))
    handler.end(0, 'finished anyway')
    await world.pass(0)
    expect(world.outcomes()).toEqual([{ kind: 'succeeded', resultJson: '"finished anyway"' }])
  })

  it.each([new Error('aborted'), new Permanent('no'), new Snooze(1_000), null])(
    'whatever a cancelled handler throws (%s) is the echo of the cancel',
    async (thrown) => {
      const { world, handler } = held(false)
      await world.deliver(itemOf())
      await world.cancel(UID, epoch(1))
      handler.fail(0, thrown)
      await world.pass(0)
      expect(world.outcomes()).toEqual([{ kind: 'cancelled' }])
    },
  )

  it('one that ignores its signal is reported 5 s later; the slot is free, the handler counted', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf())
    await world.cancel(UID, epoch(1))
    await world.pass(5_000)
    expect(world.outcomes()).toEqual([{ kind: 'cancelled' }])
    expect(world.loop.state).toMatchObject({ running: 0, free: 4, abandoned: 1 })
    handler.end(0, 'far too late')
    await world.pass(0)
    expect(world.loop.state.abandoned).toBe(0)
    expect(world.published).toHaveLength(1)
  })

  it('because of the time (L7) is reported as timed-out', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    await world.tell({
      kind: 'cancel',
      term: TERM,
      uid: UID,
      epochMax: epoch(1),
      reason: 'timeout',
    })
    expect(handler.reason(0)).toBe('timeout')
    expect(world.outcomes()).toMatchObject([{ kind: 'timed-out' }])
  })
})

describe('K9: what a handler gets', () => {
  it('epoch, nonce and the rest of its start', async () => {
    const { world, handler } = held()
    const item = itemOf({ attempt: 2, maxAttempts: 5, timeoutMs: 60_000, correlationId: 'c-1' })
    await world.deliver(item)
    const ctx = handler.starts[0]
    expect(ctx).toMatchObject({ epoch: item.epoch, nonce: item.nonce, attempt: 2, maxAttempts: 5 })
    expect(ctx?.job).toMatchObject({ uid: UID, name: 'job-1', namespace: 'shop', type: 'test.job' })
    expect(ctx?.job.correlationId).toBe('c-1')
    expect(ctx?.deadline).toEqual(new Date(world.clock.now() + 60_000))
    expect(ctx?.fence.idempotencyKey()).toBe(`${UID}.${item.epoch}`)
  })
})

describe('O7: one outcome', () => {
  it('a second cancel, a deadline and a late end change nothing any more', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf())
    await world.cancel(UID, epoch(1))
    await world.pass(5_000)
    await world.cancel(UID, epoch(1))
    await world.pass(60_000)
    handler.fail(0, new Error('late'))
    await world.pass(1_000)
    expect(world.outcomes()).toEqual([{ kind: 'cancelled' }])
    expect(world.published).toHaveLength(1)
  })
})

describe('the deadline of an attempt', () => {
  it('aborts with timeout; the outcome is timed-out', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 20_000, attempt: 2 }))
    await world.pass(19_999)
    expect(handler.reason(0)).toBeNull()
    await world.pass(1)
    expect(handler.reason(0)).toBe('timeout')
    expect(world.outcomes()).toMatchObject([
      { kind: 'timed-out', failure: { category: 'Timeout', code: 'AttemptTimeout' } },
    ])
    const [outcome] = world.outcomes()
    expect(outcome?.kind === 'timed-out' && outcome.failure.message).toContain(
      'attempt 2 ran longer than 20 seconds',
    )
  })

  it('is not moved by a step of the wall clock', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ timeoutMs: 20_000 }))
    world.clock.stepWall(86_400_000)
    await world.pass(19_000)
    expect(handler.reason(0)).toBeNull()
  })

  it('counts for a handler that returns only after it, whatever it returns', async () => {
    const { world, handler } = held(false)
    await world.deliver(itemOf({ timeoutMs: 1_000 }))
    await world.pass(3_000)
    handler.end(0, 'late')
    await world.pass(0)
    expect(world.outcomes()).toMatchObject([{ kind: 'timed-out' }])
  })

  it('counts for a handler that blocked the event loop beyond it', async () => {
    const world: World = new World([
      handlerOf(() => {
        world.clock.monotonic = () => 50_000
        return 'late'
      }),
    ])
    await world.deliver(itemOf({ timeoutMs: 20_000 }))
    expect(world.outcomes()).toMatchObject([{ kind: 'timed-out' }])
  })
})
