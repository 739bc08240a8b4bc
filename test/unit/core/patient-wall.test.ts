import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import { PatientWall } from '../../../src/core/patient-wall.ts'
import { NOON } from '../../builders.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

function aWall() {
  const time = { wall: NOON, mono: 0 }
  const jumps: number[] = []
  const clock: Clock = {
    now: () => time.wall,
    monotonic: () => time.mono,
    after: () => () => {},
  }
  const wall = new PatientWall(clock, (by) => jumps.push(by))
  const pass = (ms: number) => {
    time.wall += ms
    time.mono += ms
    return wall.now() - NOON
  }
  const step = (ms: number) => {
    time.wall += ms
    return wall.now() - NOON
  }
  return { pass, step, jumps }
}

describe('a patient wall clock', () => {
  it('goes with the clock as long as that does not step', () => {
    const { pass, jumps } = aWall()
    expect([pass(1_000), pass(HOUR), jumps]).toEqual([1_000, HOUR + 1_000, []])
  })

  it('believes a step back at once: everything only happens later', () => {
    const { pass, step } = aWall()
    pass(HOUR)
    expect(step(-24 * HOUR)).toBe(-23 * HOUR)
    expect(pass(1_000)).toBe(-23 * HOUR + 1_000)
  })

  it('believes small corrections', () => {
    const { step, jumps } = aWall()
    expect([step(30_000), jumps]).toEqual([30_000, []])
  })

  it('goes on through a step ahead as if there were none, and says so once', () => {
    const { pass, step, jumps } = aWall()
    expect(step(YEAR)).toBe(0)
    expect(pass(HOUR / 2)).toBe(HOUR / 2)
    expect(jumps).toEqual([YEAR])
  })

  it('never saw a step that was taken back within the hour', () => {
    const { pass, step } = aWall()
    step(YEAR)
    pass(HOUR / 2)
    expect(step(-YEAR)).toBe(HOUR / 2)
    expect(pass(HOUR)).toBe(1.5 * HOUR)
  })

  it('believes it after an hour: a machine that slept catches up', () => {
    const { pass, step } = aWall()
    step(8 * HOUR)
    expect(pass(HOUR)).toBe(9 * HOUR)
  })
})
