// Jobs whose `activeDeadlineSeconds` are over are ended once, waiting or running, also when clocks step.

import { describe, expect, it } from 'vitest'
import type { ClockStops } from '../../../src/core/active-deadline.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { type Entry, Ledger } from '../../../src/core/ledger.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type { Settled } from '../../../src/persistence/ports.ts'
import { ActiveDeadlines } from '../../../src/recovery/active-deadlines.ts'
import { aJob, anAttempt, NOON, newer, uid } from '../../builders.ts'

const MINUTE = 60_000
const spec = { activeDeadlineSeconds: 600, attemptDeadlineSeconds: 60 }

function aScene() {
  const clock = new VirtualClock(NOON)
  const ledger = new Ledger(normaliser(() => null))
  const ended: string[] = []
  const state = { leads: true, counts: true, settled: 'written' as Settled }
  let stops: ClockStops = { pauses: [], readySince: 0 }
  const deadlines = new ActiveDeadlines({
    ledger,
    clock,
    shards: { leads: () => state.leads },
    stopsOf: () => stops,
    counts: () => state.counts,
    acts: {
      expire: async ({ object }: Entry) => {
        ended.push(`${object.name} after ${(clock.now() - NOON) / 1000}`)
        if (state.settled === 'written') {
          ledger.observe(newer(object, { status: { ...object.status, phase: 'DeadLettered' } }), 0)
        }
        return state.settled
      },
    },
  })
  const see = (object: JobObject) => {
    ledger.observe(object, 0)
    const entry = ledger.get(object.uid)
    if (!entry) throw new Error('no entry')
    deadlines.place(entry)
    return entry
  }
  const stop = (next: Partial<ClockStops>) => {
    stops = { ...stops, ...next }
  }
  return { clock, ledger, deadlines, ended, state, see, stop }
}

describe('an active deadline', () => {
  it('ends the job at its time, once', async () => {
    const { clock, see, ended, deadlines } = aScene()
    see(aJob({ spec }))
    await clock.advanceAsync(10 * MINUTE - 1)
    expect(ended).toEqual([])
    await clock.advanceAsync(2 * MINUTE)
    expect(ended).toHaveLength(1)
    expect(deadlines.size).toBe(0)
  })

  it('costs a job without one nothing', () => {
    const { clock, see, deadlines } = aScene()
    see(aJob())
    expect([deadlines.size, clock.pendingTimers]).toEqual([0, 0])
  })

  it('ends a running job, too', async () => {
    const { clock, ledger, see, ended } = aScene()
    const entry = see(aJob({ spec }))
    ledger.dispatch(entry, anAttempt(), 0)
    await clock.advanceAsync(11 * MINUTE)
    expect(ended).toHaveLength(1)
  })

  it('leaves a job whose outcome is on its way until that is settled', async () => {
    const { clock, ledger, see, ended } = aScene()
    see(aJob({ spec }))
    ledger.factQueued(uid(1))
    await clock.advanceAsync(11 * MINUTE)
    expect(ended).toEqual([])
    ledger.factSettled(uid(1))
    await clock.advanceAsync(2_000)
    expect(ended).toHaveLength(1)
  })

  it('is met within ten seconds when the wall clock steps over it', async () => {
    const { clock, see, ended } = aScene()
    see(aJob({ spec }))
    clock.stepWall(60 * MINUTE)
    await clock.advanceAsync(10_000)
    expect(ended).toHaveLength(1)
  })

  it('waits longer by the step when the wall clock steps back', async () => {
    const { clock, see, ended } = aScene()
    see(aJob({ spec }))
    await clock.advanceAsync(5 * MINUTE)
    clock.stepWall(-60 * MINUTE)
    await clock.advanceAsync(64 * MINUTE)
    expect(ended).toEqual([])
    await clock.advanceAsync(2 * MINUTE)
    expect(ended).toHaveLength(1)
  })

  it('stands still while the queue is paused or a dependency has not ended', async () => {
    const { clock, see, ended, stop } = aScene()
    stop({ readySince: null })
    see(aJob({ spec }))
    await clock.advanceAsync(30 * MINUTE)
    stop({ readySince: clock.now(), pauses: [{ startTime: '2026-05-01T12:30:00Z' }] })
    await clock.advanceAsync(30 * MINUTE)
    expect(ended).toEqual([])
    const endTime = '2026-05-01T13:00:00Z'
    stop({ pauses: [{ startTime: '2026-05-01T12:30:00Z', endTime }] })
    await clock.advanceAsync(9 * MINUTE)
    expect(ended).toEqual([])
    await clock.advanceAsync(2 * MINUTE)
    expect(ended).toHaveLength(1)
  })

  it('is none while the job is suspended, and comes back with its edit', async () => {
    const { clock, see, ended, deadlines } = aScene()
    const job = aJob({ spec: { ...spec, suspend: true } })
    see(job)
    expect(deadlines.size).toBe(0)
    await clock.advanceAsync(30 * MINUTE)
    see(newer(job, { spec: { ...job.spec, suspend: false } }))
    await clock.advanceAsync(10_000)
    expect(ended).toHaveLength(1)
  })

  it('of a job that ended, or that nobody may write to, is forgotten', () => {
    const { see, deadlines, state } = aScene()
    const job = aJob({ spec })
    see(job)
    see(newer(job, { status: { observedGeneration: 1, phase: 'Completed' } }))
    expect(deadlines.size).toBe(0)
    state.counts = false
    see(aJob({ uid: uid(2), name: 'other', spec }))
    expect(deadlines.size).toBe(0)
  })

  it('that could not be written is tried again, at most once a second', async () => {
    const { clock, see, ended, state } = aScene()
    state.settled = 'overtaken'
    see(aJob({ spec }))
    await clock.advanceAsync(10 * MINUTE + 5_000)
    expect(ended.length).toBeGreaterThan(1)
    expect(ended.length).toBeLessThanOrEqual(6)
    state.leads = false
    await clock.advanceAsync(10_000)
    const tried = ended.length
    await clock.advanceAsync(MINUTE)
    expect(ended).toHaveLength(tried)
  })

  it('of very many jobs at once is no burst: they end in rounds, and all of them', async () => {
    const { clock, see, ended } = aScene()
    for (let n = 1; n <= 500; n++) see(aJob({ uid: uid(n), name: `job-${n}`, spec }))
    await clock.advanceAsync(10 * MINUTE)
    expect(ended.length).toBeLessThanOrEqual(200)
    await clock.advanceAsync(1_000)
    expect(ended).toHaveLength(500)
  })
})
