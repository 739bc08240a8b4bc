// What becomes of an outcome: rule K6 of the dispatch protocol, and `ctl resend`.

import { describe, expect, it } from 'vitest'
import type { Control } from '../../../src/core/outcome.ts'
import { epoch, held, itemOf, leader, TERM, UID } from './world.ts'

describe('K6: a report', () => {
  it('holds its slot, and is repeated with the same id, until the stream has it', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    world.up = false
    handler.end(0, { sum: 3 })
    await world.pass(60_000)
    expect(world.waitingPulls).toBe(3)
    expect(world.loop.state).toMatchObject({ running: 0, unconfirmed: 1, free: 3 })
    expect(world.published.length).toBeGreaterThan(5)
    expect(new Set(world.published.map(({ resend }) => resend))).toEqual(new Set([0]))
    world.up = true
    await world.pass(10_000)
    expect(world.stored).toMatchObject([
      { epoch: epoch(1), outcome: { kind: 'succeeded', resultJson: '{"sum":3}' } },
    ])
    expect(world.waitingPulls).toBe(4)
    const sent = world.published.length
    await world.pass(60_000)
    expect(world.published).toHaveLength(sent)
  })

  it('is repeated at growing intervals of at most 5 s and a bit', async () => {
    const { world, handler } = held()
    const at: number[] = []
    await world.deliver(itemOf())
    world.up = false
    handler.end(0, null)
    for (let second = 0; second < 120; second++) {
      await world.pass(1_000)
      at.push(world.published.length)
    }
    // Each try waits 2 s for its answer here.
    expect(at[9]).toBeGreaterThanOrEqual(4)
    expect((at[119] ?? 0) - (at[59] ?? 0)).toBeGreaterThanOrEqual(8)
    expect((at[119] ?? 0) - (at[59] ?? 0)).toBeLessThanOrEqual(16)
  })

  it('is listed as finished: unconfirmed, then confirmed for 120 s', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    world.up = false
    handler.end(0, null)
    await world.pass(50)
    expect(world.lastBeat.running).toEqual([])
    expect(world.lastBeat.finished).toMatchObject([{ uid: UID, confirmed: false }])
    world.up = true
    await world.pass(15_000)
    expect(world.lastBeat.finished).toMatchObject([{ uid: UID, confirmed: true }])
    await world.pass(100_000)
    expect(world.lastBeat.finished).toHaveLength(1)
    await world.pass(25_000)
    expect(world.lastBeat.finished).toEqual([])
  })

  it('says how long ago the handler started, and how long it ran', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    await world.pass(1_500)
    world.up = false
    handler.end(0, null)
    await world.pass(2_000)
    expect(world.published[0]).toMatchObject({ startedAgoMs: 1_500, durationMs: 1_500 })
    await world.pass(1_000)
    expect(world.published[1]?.durationMs).toBe(1_500)
    expect(world.published[1]?.startedAgoMs).toBeGreaterThan(3_500)
  })
})

describe('ctl resend', () => {
  const ask = (term = TERM): Control => ({
    kind: 'resend',
    term,
    reports: [{ uid: UID, epoch: epoch(1) }],
  })

  it('publishes the kept outcome again with the next id, each time it is asked', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    handler.end(0, 'ok')
    await world.pass(1_000)
    await world.tell(ask())
    await world.tell(ask())
    expect(world.stored.map(({ resend }) => resend)).toEqual([0, 1, 2])
    expect(new Set(world.outcomes().map((outcome) => JSON.stringify(outcome))).size).toBe(1)
  })

  it('publishes nothing for an attempt that runs, is on its way, or was never here', async () => {
    const { world, handler } = held()
    await world.tell(ask())
    await world.deliver(itemOf())
    await world.tell(ask())
    expect(world.published).toEqual([])
    world.up = false
    handler.end(0, null)
    await world.pass(0)
    await world.tell(ask())
    expect(world.published).toHaveLength(1)
  })

  it('finds the outcome for 120 s after the confirmation, not longer', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    handler.end(0, null)
    await world.pass(119_000)
    await world.tell(ask())
    expect(world.published).toHaveLength(2)
    await world.pass(121_000)
    await world.tell(ask())
    expect(world.published).toHaveLength(2)
  })

  it('of a deposed leader is ignored', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    handler.end(0, null)
    await world.tell(leader(TERM + 1))
    await world.tell(ask(TERM))
    expect(world.published).toHaveLength(1)
  })
})
