// The heartbeat thread's side: it beats whatever the main thread does (reliability F6, protocol K5).

import { describe, expect, it } from 'vitest'
import type { BeatMessage } from '../../../src/api/messages.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { BeatSender, START_DELAY_MS, TICK_MS } from '../../../src/worker/beat-sender.ts'
import type { BeatBasis, RunningBasis } from '../../../src/worker/heartbeat.ts'
import { BOOT, epoch, itemOf, TERM } from './world.ts'

function running(over: Partial<RunningBasis> = {}): RunningBasis {
  const { uid, name, nonce, runId } = itemOf()
  return { uid, name, nonce, runId, epoch: epoch(1), attempt: 1, ageMs: 0, lastSignMs: 0, ...over }
}

function basis(over: Partial<BeatBasis> = {}): BeatBasis {
  return {
    boot: BOOT,
    announcedTerm: TERM,
    cls: '0123456789abcdef0123456789abcdef' as BeatBasis['cls'],
    queues: ['default'],
    handlers: [],
    slots: 4,
    free: 3,
    draining: false,
    pod: '',
    node: '',
    running: [running()],
    finished: [],
    ...over,
  }
}

function thread() {
  const clock = new VirtualClock()
  const beats: BeatMessage[] = []
  const sender = new BeatSender({
    clock,
    heartbeatMs: 5_000,
    usage: () => ({ memoryBytes: 1, cpuMs: 1 }),
    sink: { publish: (beat) => beats.push(beat) },
  })
  return { clock, beats, sender }
}

describe('the heartbeat thread', () => {
  it('says nothing before it knows anything', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'tick' })
    sender.receive({ kind: 'started', attempt: running() })
    clock.advance(60_000)
    expect(beats).toEqual([])
  })

  it('beats at once on a new basis, then every interval', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis() })
    expect(beats).toHaveLength(1)
    clock.advance(4_999)
    expect(beats).toHaveLength(1)
    clock.advance(1)
    expect(beats).toHaveLength(2)
  })

  it('a new basis moves the next regular beat', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis() })
    clock.advance(3_000)
    sender.receive({ kind: 'basis', basis: basis() })
    clock.advance(4_999)
    expect(beats).toHaveLength(2)
  })

  it('goes on while the main thread is silent: ages and lag grow, attempts stay listed', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis({ running: [running({ ageMs: 100 })] }) })
    clock.advance(60_000)
    expect(beats).toHaveLength(13)
    expect(beats.at(-1)).toMatchObject({
      running: [{ ageMs: 60_100, lastSignMs: 60_000 }],
      loopLagMs: 60_000 - TICK_MS,
    })
  })

  it('sees no lag while the main thread ticks', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis() })
    for (let i = 0; i < 20; i++) {
      clock.advance(TICK_MS)
      sender.receive({ kind: 'tick' })
    }
    expect(beats.at(-1)?.loopLagMs).toBe(0)
  })

  it('lists a start that no basis followed, after a moment, with its own age', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis({ running: [] }) })
    clock.advance(2_000)
    sender.receive({ kind: 'started', attempt: running() })
    clock.advance(START_DELAY_MS - 1)
    expect(beats).toHaveLength(1)
    clock.advance(1)
    expect(beats.at(-1)?.running).toMatchObject([{ ageMs: START_DELAY_MS }])
    clock.advance(5_000)
    expect(beats.at(-1)?.running).toMatchObject([{ ageMs: 5_000 + START_DELAY_MS }])
  })

  it('needs no second beat when the basis follows in time', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis({ running: [] }) })
    sender.receive({ kind: 'started', attempt: running() })
    clock.advance(50)
    sender.receive({ kind: 'basis', basis: basis() })
    clock.advance(1_000)
    expect(beats).toHaveLength(2)
    expect(beats.at(-1)?.running).toHaveLength(1)
  })

  it('takes confirmed reports off the list after 120 s by itself, unconfirmed never', () => {
    const { clock, beats, sender } = thread()
    const { uid, name, nonce } = itemOf()
    const finished = [
      { uid, name, nonce, epoch: epoch(1), confirmedAgoMs: 60_000 },
      { uid, name, nonce, epoch: epoch(2), confirmedAgoMs: null },
    ]
    sender.receive({ kind: 'basis', basis: basis({ finished }) })
    clock.advance(55_000)
    expect(beats.at(-1)?.finished).toHaveLength(2)
    clock.advance(5_000)
    expect(beats.at(-1)?.finished).toMatchObject([{ epoch: epoch(2), confirmed: false }])
  })

  it('beats again when it is asked to, once it knows something', () => {
    const { beats, sender } = thread()
    sender.beatNow()
    expect(beats).toEqual([])
    sender.receive({ kind: 'basis', basis: basis() })
    sender.beatNow()
    expect(beats).toHaveLength(2)
  })

  it('is silent after its stop', () => {
    const { clock, beats, sender } = thread()
    sender.receive({ kind: 'basis', basis: basis() })
    sender.stop()
    sender.beatNow()
    sender.receive({ kind: 'basis', basis: basis() })
    sender.receive({ kind: 'started', attempt: running() })
    clock.advance(60_000)
    expect(beats).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })
})
