import { describe, expect, it } from 'vitest'
import { awaitsFirstStart, hasStarted } from '../../../src/core/started.ts'
import { aJob, anAttempt, anEntry, epoch } from '../../builders.ts'

const told = (status: Parameters<typeof aJob>[0] = {}) => anEntry({ object: aJob(status) })
const entry = { number: 1, epoch: epoch(1) }

describe('a job has started', () => {
  it.each([
    ['when its status has the number of an attempt', { attempt: 1 }],
    ['when its status has the time of a start, as it keeps through a replay', { startTime: 'x' }],
    ['when its history has an attempt, as it keeps through a replay', { history: [entry] }],
  ])('%s', (_says, status) => {
    expect(hasStarted(told({ status: { phase: 'Scheduled', ...status } }))).toBe(true)
  })

  it('when an attempt is open, or this leader made one that nobody wrote', () => {
    expect(hasStarted(anEntry({ attempt: anAttempt() }))).toBe(true)
    expect(hasStarted(anEntry({ dispatchedHere: true }))).toBe(true)
  })

  it('not by an epoch alone: a fence is written without a start', () => {
    expect(hasStarted(told({ status: { phase: 'Suspended', epoch: epoch(1) } }))).toBe(false)
  })
})

describe('a job awaits its first start', () => {
  it('while it waits, has not started, and is not being deleted', () => {
    expect(awaitsFirstStart(told())).toBe(true)
    expect(awaitsFirstStart(told({ deleting: true }))).toBe(false)
    expect(awaitsFirstStart(told({ status: { phase: 'Failed' } }))).toBe(false)
    expect(awaitsFirstStart(told({ status: { phase: 'Retrying', attempt: 1 } }))).toBe(false)
  })
})
