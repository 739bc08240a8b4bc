import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_PAUSES, type QueueStatus } from '../../../src/api/queue.ts'
import { rfc3339 } from '../../../src/core/clock.ts'
import { isPaused, pauseOf, pausesAfter } from '../../../src/core/queue-pause.ts'
import { aQueue, NOON } from '../../builders.ts'

const SINCE = rfc3339(NOON)
const BY_ANNA = { by: 'anna', since: SINCE, comment: 'the mail server is down' }
const queueWith = (status: Partial<QueueStatus>, paused = false) =>
  aQueue({ spec: { paused }, status: { observedGeneration: 1, ...status } })

describe('a queue pauses', () => {
  it('when its spec says so, when an action did, or both', () => {
    expect(isPaused(queueWith({}))).toBe(false)
    expect(isPaused(queueWith({}, true))).toBe(true)
    expect(isPaused(queueWith({ paused: BY_ANNA }))).toBe(true)
    expect(isPaused(queueWith({ paused: BY_ANNA }, true))).toBe(true)
  })

  it('by spec since the open interval began', () => {
    expect(pauseOf(queueWith({ pauses: [{ startTime: SINCE }] }, true))).toEqual({
      by: 'spec.paused',
      since: SINCE,
      comment: '',
      drain: false,
      bySpec: true,
    })
  })

  it('by action in the words of who asked, also where the spec pauses it, too', () => {
    const paused = { ...BY_ANNA, drain: true }
    expect(pauseOf(queueWith({ paused }))).toEqual({ ...paused, bySpec: false })
    expect(pauseOf(queueWith({ paused }, true))).toEqual({ ...paused, bySpec: true })
  })

  it('not', () => {
    expect(pauseOf(queueWith({}))).toBeNull()
  })
})

describe('the intervals of pauses', () => {
  const open = { startTime: SINCE }
  it('begin with a pause, by action at the time that the action names', () => {
    expect(pausesAfter(queueWith({}, true), NOON + 5_000)).toEqual([
      { startTime: rfc3339(NOON + 5_000) },
    ])
    expect(pausesAfter(queueWith({ paused: BY_ANNA }), NOON + 5_000)).toEqual([open])
  })

  it('go on as long as anything pauses the queue', () => {
    const both = queueWith({ paused: BY_ANNA, pauses: [open] }, true)
    expect(pausesAfter(both, NOON + 9_000)).toEqual([open])
    expect(pausesAfter(queueWith({ pauses: [open] }, true), NOON + 9_000)).toEqual([open])
  })

  it('end when nothing does any more', () => {
    expect(pausesAfter(queueWith({ pauses: [open] }), NOON + 60_000)).toEqual([
      { ...open, endTime: rfc3339(NOON + 60_000) },
    ])
  })

  it('stay when nothing changed', () => {
    const pauses = [{ ...open, endTime: rfc3339(NOON + 1_000) }]
    expect(pausesAfter(queueWith({ pauses }), NOON + 60_000)).toEqual(pauses)
    expect(pausesAfter(queueWith({}), NOON)).toEqual([])
  })

  it('of more than are kept, the two oldest become one with the time between them', () => {
    const pauses = Array.from({ length: MAX_PAUSES }, (_, n) => ({
      startTime: rfc3339(NOON + n * 10_000),
      endTime: rfc3339(NOON + n * 10_000 + 1_000),
    }))
    const after = pausesAfter(queueWith({ pauses }, true), NOON + 999_000)
    expect(after).toHaveLength(MAX_PAUSES)
    expect(after[0]).toEqual({ startTime: SINCE, endTime: rfc3339(NOON + 11_000) })
    expect(after.at(-1)).toEqual({ startTime: rfc3339(NOON + 999_000) })
  })

  it('cover every moment of a pause, are bounded, in order, and open only while it lasts', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 100 })), {
      maxLength: 80,
    })
    fc.assert(
      fc.property(steps, (moves) => {
        let status: QueueStatus = { observedGeneration: 1 }
        let now = NOON
        const stood: [number, number][] = []
        for (const [paused, seconds] of moves) {
          const pauses = pausesAfter(queueWith(status, paused), now)
          status = { ...status, pauses }
          if (paused) stood.push([now, now + seconds * 1000])
          now += seconds * 1000
          expect(pauses.length).toBeLessThanOrEqual(MAX_PAUSES)
          expect(pauses.at(-1) !== undefined && pauses.at(-1)?.endTime === undefined).toBe(paused)
        }
        const kept = (status.pauses ?? []).map(({ startTime, endTime }) => [
          Date.parse(startTime),
          endTime === undefined ? now : Date.parse(endTime),
        ])
        for (const [from, to] of stood) {
          expect(kept.some(([a = 0, b = 0]) => a <= from && to <= b)).toBe(true)
        }
        expect(kept.flat()).toEqual(kept.flat().toSorted((a, b) => a - b))
      }),
    )
  })
})
