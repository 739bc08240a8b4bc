// Jobs that wait for a wall time.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { DueJobs } from '../../../src/scheduler/due.ts'
import { NOON, uid } from '../../builders.ts'

describe('DueJobs', () => {
  it('gives a job when its time has come, not a millisecond before', () => {
    const due = new DueJobs()
    due.add(uid(1), NOON)
    expect(due.takeDue(NOON - 1)).toEqual([])
    expect(due.takeDue(NOON)).toEqual([uid(1)])
    expect(due.takeDue(NOON + 1)).toEqual([])
  })

  it('gives the earliest first, and of one time the smaller uid', () => {
    const due = new DueJobs()
    due.add(uid(3), NOON + 1)
    due.add(uid(2), NOON + 2)
    due.add(uid(1), NOON + 2)
    expect(due.takeDue(NOON + 5)).toEqual([uid(3), uid(1), uid(2)])
  })

  it('knows when the next one is due, and null when none waits', () => {
    const due = new DueJobs()
    expect(due.nextDue).toBeNull()
    due.add(uid(1), NOON + 5)
    due.add(uid(2), NOON + 3)
    expect(due.nextDue).toBe(NOON + 3)
    due.remove(uid(2))
    expect(due.nextDue).toBe(NOON + 5)
  })

  it('replaces the time of a job that it knows', () => {
    const due = new DueJobs()
    due.add(uid(1), NOON)
    due.add(uid(1), NOON + 10)
    expect(due.size).toBe(1)
    expect(due.takeDue(NOON + 5)).toEqual([])
    due.add(uid(1), NOON + 1)
    expect(due.takeDue(NOON + 5)).toEqual([uid(1)])
  })

  it('follows a wall clock that steps forward or back', () => {
    const clock = new VirtualClock(NOON)
    const due = new DueJobs()
    due.add(uid(1), NOON + 60_000)
    due.add(uid(2), NOON + 7_200_000)
    clock.stepWall(3_600_000)
    expect(due.takeDue(clock.now())).toEqual([uid(1)])
    clock.stepWall(-3_600_000)
    clock.advance(3_600_000)
    expect(due.takeDue(clock.now())).toEqual([])
    clock.advance(3_600_000)
    expect(due.takeDue(clock.now())).toEqual([uid(2)])
  })

  it('gives every job once, and each as soon as its time has come', () => {
    const waits = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 40 })
    const looks = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 20 })
    fc.assert(
      fc.property(waits, looks, (times, moments) => {
        const due = new DueJobs()
        times.forEach((at, n) => {
          due.add(uid(n), at)
        })
        const given = new Set<string>()
        for (const now of moments) {
          for (const taken of due.takeDue(now)) {
            expect(given.has(taken)).toBe(false)
            given.add(taken)
          }
          times.forEach((at, n) => {
            if (at <= now) expect(given.has(uid(n))).toBe(true)
          })
        }
        expect(given.size + due.size).toBe(times.length)
      }),
    )
  })
})
