// Announcements of leaders, and what heartbeats answer (protocol T4, T5, section 4).

import { describe, expect, it } from 'vitest'
import { BeatMessage, MESSAGE_LIMITS } from '../../../src/api/messages.ts'
import { jobUid } from '../../../src/core/ids.ts'
import { beatsOf } from '../../../src/worker/heartbeat.ts'
import { BOOT, epoch, held, itemOf, leader, TERM, UID } from './world.ts'

describe('ctl leader', () => {
  it('that asks for a report is answered by a heartbeat at once', async () => {
    const { world } = held()
    await world.pass(1_000)
    const beats = world.beats.length
    await world.tell(leader(TERM, true))
    expect(world.beats).toHaveLength(beats + 1)
    expect(world.lastBeat.term).toBe(TERM)
  })

  it('that asks for none is in the next heartbeat, which comes in 50 ms', async () => {
    const { world } = held()
    await world.pass(1_000)
    const beats = world.beats.length
    await world.tell(leader(TERM))
    expect(world.beats).toHaveLength(beats)
    await world.pass(50)
    expect(world.lastBeat.term).toBe(TERM)
  })

  it('of a lower term is ignored: no answer, no step back', async () => {
    const { world } = held()
    await world.tell(leader(TERM))
    const beats = world.beats.length
    await world.tell(leader(TERM - 1, true))
    expect(world.beats).toHaveLength(beats)
    await world.pass(5_000)
    expect(world.lastBeat.term).toBe(TERM)
  })

  it('of the same term is answered again: answers may be lost', async () => {
    const { world } = held()
    await world.tell(leader(TERM, true))
    const beats = world.beats.length
    await world.tell(leader(TERM, true))
    expect(world.beats).toHaveLength(beats + 1)
  })

  it('keeps what runs and lists it in the answer', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ attempt: 2, runId: 'r1' }))
    await world.pass(3_000)
    await world.tell(leader(TERM + 1, true))
    expect(handler.reason(0)).toBeNull()
    const { name, nonce } = itemOf()
    expect(world.lastBeat.running).toEqual([
      {
        uid: UID,
        name,
        epoch: epoch(1),
        nonce,
        attempt: 2,
        runId: 'r1',
        ageMs: 3_000,
        lastSignMs: 3_000,
      },
    ])
  })

  it('hands back what is not started, because the answer does not list it', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf(), { answer: { confirmsAfterMs: 200 } })
    await world.tell(leader(TERM + 1, true))
    expect(world.lastBeat.running).toEqual([])
    await world.pass(200)
    expect(handler.starts).toEqual([])
    expect(world.outcomes()).toEqual([{ kind: 'handed-back' }])
  })

  it('with a term that no leader can have is ignored', async () => {
    const { world, handler } = held()
    await world.tell(leader(2 ** 21, true))
    await world.deliver(itemOf())
    expect(handler.starts).toHaveLength(1)
  })
})

describe('a heartbeat', () => {
  it('comes every 5 s while nothing happens, the first at the start', async () => {
    const { world } = held()
    expect(world.beats).toHaveLength(1)
    await world.pass(20_000)
    expect(world.beats).toHaveLength(5)
  })

  it('is a message that the operator reads', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    await world.deliver(itemOf({ uid: jobUid('second-job') }))
    handler.end(1, null)
    await world.pass(60)
    for (const beat of world.beats) expect(BeatMessage.parse(beat)).toEqual(beat)
    expect(world.lastBeat).toMatchObject({
      v: 1,
      boot: BOOT,
      queues: ['default'],
      handlers: [{ type: 'test.job', version: '1' }],
      pod: 'worker-1',
      node: 'node-1',
      memoryBytes: 1,
      cpuMs: 2,
    })
  })

  it('shows the last sign of life of a handler', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    await world.pass(10_000)
    await handler.starts[0]?.progress(50)
    await world.pass(4_999)
    await world.tell(leader(TERM, true))
    expect(world.lastBeat.running).toMatchObject([{ ageMs: 14_999, lastSignMs: 4_999 }])
  })
})

function emptyBasis() {
  return {
    boot: BOOT,
    announcedTerm: TERM,
    cls: '0123456789abcdef0123456789abcdef' as never,
    queues: ['default'],
    handlers: [],
    slots: 10_000,
    free: 0,
    draining: false,
    pod: '',
    node: '',
    running: [],
    finished: [],
  }
}

describe('a heartbeat of a worker with thousands of attempts', () => {
  const long = 'n'.repeat(253)
  const running = Array.from({ length: 10_000 }, (_, i) => ({
    uid: `6f9d2c1e-0000-4000-8000-${String(i).padStart(12, '0')}`,
    name: long,
    epoch: epoch(i + 1),
    nonce: '00112233445566778899aabbccddeeff',
    attempt: 1,
    runId: 'r'.repeat(63),
    ageMs: 1,
    lastSignMs: 1,
  }))
  const vitals = { loopLagMs: 0, memoryBytes: 1, cpuMs: 1 }

  it('is several messages, each within the limit, that list each attempt once', () => {
    const beats = beatsOf({ ...emptyBasis(), running }, 0, vitals)
    expect(beats.length).toBeGreaterThan(1)
    for (const beat of beats) {
      expect(JSON.stringify(beat).length).toBeLessThanOrEqual(MESSAGE_LIMITS.beatBytes)
      expect(() => BeatMessage.parse(beat)).not.toThrow()
    }
    const listed = beats.flatMap((beat) => beat.running.map(({ uid }) => uid))
    expect(listed).toEqual(running.map(({ uid }) => uid))
  })

  it('is one message as long as it fits', () => {
    const beats = beatsOf({ ...emptyBasis(), running: running.slice(0, 1_000) }, 0, vitals)
    expect(beats).toHaveLength(1)
  })
})
