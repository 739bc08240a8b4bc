// Where the starts of a rate come from: the objects, then the own dispatches.

import { describe, expect, it } from 'vitest'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { rfc3339 } from '../../../src/core/clock.ts'
import { shardOf } from '../../../src/core/ids.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { policyOf } from '../../../src/core/queue-policy.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Rates } from '../../../src/scheduler/rates.ts'
import { aJob, anAttempt, epoch, NAMESPACE, NOON, QUEUE, uid } from '../../builders.ts'

function aHouse(rate = { count: 1, perMs: 10_000, burst: 3 }) {
  const clock = new VirtualClock(NOON)
  clock.advance(100_000)
  const ledger = new Ledger(normaliser(() => null))
  let limit = rate
  const rates = new Rates({ ledger, clock, policy: () => ({ ...policyOf(null), rate: limit }) })
  let jobs = 0
  const isoAgo = (ms: number) => new Date(clock.now() - ms).toISOString()
  return {
    clock,
    rates,
    ledger,
    isoAgo,
    job: (status: Partial<QueueJobStatus>) => {
      ledger.observe(aJob({ uid: uid(++jobs), name: `job-${jobs}`, status }), clock.monotonic())
      const entry = ledger.get(uid(jobs))
      if (!entry) throw new Error('no entry')
      return entry
    },
    edit: (next: typeof rate) => {
      limit = next
    },
    /** From now, ms; 0 = at once. */
    wait: () => Math.max(0, rates.readyAt(NAMESPACE, QUEUE) - clock.monotonic()),
    start: () => rates.started(NAMESPACE, QUEUE, clock.monotonic()),
  }
}

describe('row 4, limits: what a rate counts', () => {
  it('is what this process starts, from the first question on', () => {
    const { wait, start } = aHouse()
    expect(wait()).toBe(0)
    for (let n = 0; n < 3; n++) start()
    expect(wait()).toBe(10_000)
  })

  it('is what the objects say after a restart: ended jobs, their histories, open attempts', () => {
    const { job, isoAgo, wait, ledger, clock } = aHouse()
    const startTime = isoAgo(2_000)
    job({ phase: 'Completed', startTime })
    const history = [{ number: 1, epoch: 1, startTime: isoAgo(1_500) }]
    job({ phase: 'Retrying', startTime: isoAgo(1_500), history })
    ledger.dispatch(job({}), anAttempt({ epoch: epoch(1) }), clock.monotonic())
    // Two of them with the grain of a second: they may have been up to a second later.
    expect(wait()).toBeGreaterThan(7_999)
    expect(wait()).toBeLessThanOrEqual(10_000)
  })

  it('takes a start as the end of the second that the object tells, so nothing is granted', () => {
    const { job, wait, clock } = aHouse({ count: 1, perMs: 10_000, burst: 1 })
    clock.advance(900)
    job({ phase: 'Completed', startTime: rfc3339(clock.now()) })
    expect(wait()).toBe(10_000)
  })

  it('counts a running attempt when it began, not when it was adopted', () => {
    const { job, isoAgo, wait } = aHouse({ count: 1, perMs: 10_000, burst: 1 })
    job({ phase: 'Running', epoch: epoch(1), startTime: isoAgo(60_000) })
    expect(wait()).toBe(0)
  })

  it('takes back a start of which nothing was published', () => {
    const { wait, start, rates, clock } = aHouse()
    wait()
    for (let n = 0; n < 3; n++) start()
    rates.takenBack(NAMESPACE, QUEUE, clock.monotonic())
    expect(wait()).toBe(0)
    rates.takenBack(NAMESPACE, QUEUE, clock.monotonic() - 1)
    start()
    expect(wait()).toBe(10_000)
  })

  it('grants nothing by a step of the wall clock', () => {
    const { wait, start, clock } = aHouse()
    wait()
    for (let n = 0; n < 3; n++) start()
    clock.stepWall(3_600_000)
    expect(wait()).toBe(10_000)
    clock.stepWall(-7_200_000)
    expect(wait()).toBe(10_000)
  })

  it('reads the objects again when the limit was edited or the shard changed hands', () => {
    const { wait, start, edit, rates } = aHouse()
    wait()
    for (let n = 0; n < 3; n++) start()
    edit({ count: 1, perMs: 10_000, burst: 4 })
    expect(wait()).toBe(0)
    for (let n = 0; n < 4; n++) start()
    expect(wait()).toBe(10_000)
    rates.forget(shardOf(NAMESPACE))
    expect(wait()).toBe(0)
  })

  it('is kept over many starts in bounded memory', () => {
    const { wait, start, clock } = aHouse({ count: 1_000, perMs: 1_000, burst: 1 })
    wait()
    for (let n = 0; n < 10_000; n++) {
      start()
      clock.advance(1)
    }
    expect(wait()).toBe(0)
    start()
    expect(wait()).toBe(1)
  })
})
