import { describe, expect, it } from 'vitest'
import { stalled } from '../../../src/ingestion/schedule.ts'
import { changeAfter, type Looked } from '../../../src/ingestion/schedule-status.ts'
import { aSchedule, NOON } from '../../builders.ts'

const HOUR = 3_600_000

function looked(given: Partial<Looked> = {}): Looked {
  return { cursor: NOON, lastTick: null, missed: 0, active: [], trouble: 'as-before', ...given }
}

/** The schedule with what was written onto it. */
function writtenBy(schedule: ReturnType<typeof aSchedule>, given: Partial<Looked>, now = NOON) {
  const change = changeAfter(schedule, looked(given), now)
  return change ? { ...schedule, status: change.status } : schedule
}

const REFUSED = stalled('TemplateRefused', { job: 'report-1', error: 'spec.type: required' })

describe('the status of a schedule', () => {
  it('says what was done, and what comes next', () => {
    const given = { cursor: NOON + HOUR, lastTick: NOON, missed: 2, active: ['b', 'a'] }
    expect(writtenBy(aSchedule(), given).status).toEqual({
      observedGeneration: 1,
      observedSchedule: '0 * * * * Etc/UTC',
      lastTickTime: '2026-05-01T12:00:00Z',
      nextTickTime: '2026-05-01T13:00:00Z',
      missed: 2,
      active: ['a', 'b'],
    })
  })

  it('is written once', () => {
    const written = writtenBy(aSchedule(), { active: ['a'] })
    expect(changeAfter(written, looked({ active: ['a'] }), NOON + HOUR)).toBeNull()
  })

  it('adds up what was missed', () => {
    const written = writtenBy(writtenBy(aSchedule(), { missed: 2 }), { missed: 3 })
    expect(written.status.missed).toBe(5)
  })

  it('names fifty active jobs', () => {
    const active = Array.from({ length: 60 }, (_, n) => `job-${n}`)
    expect(writtenBy(aSchedule(), { active }).status.active).toHaveLength(50)
  })

  it('has no next tick while it is held', () => {
    const written = writtenBy(writtenBy(aSchedule(), {}), { cursor: null })
    expect(written.status).not.toHaveProperty('nextTickTime')
  })

  it('keeps the last tick when the clock was put back', () => {
    const written = writtenBy(writtenBy(aSchedule(), { lastTick: NOON }), { lastTick: NOON - HOUR })
    expect(written.status.lastTickTime).toBe('2026-05-01T12:00:00Z')
  })

  it('keeps what a newer version wrote into it', () => {
    const newer = aSchedule({ status: { observedGeneration: 1, later: 1 } as never })
    expect(writtenBy(newer, {}).status).toHaveProperty('later', 1)
  })

  it('may wait for the information budget when only the active jobs changed', () => {
    const written = writtenBy(aSchedule(), { active: ['a'] })
    expect(changeAfter(written, looked({ active: [] }), NOON)?.onlyInforms).toBe(true)
    expect(changeAfter(written, looked({ missed: 1 }), NOON)?.onlyInforms).toBe(false)
  })
})

describe('its conditions', () => {
  it('are none while it works', () => {
    expect(writtenBy(aSchedule(), {}).status).not.toHaveProperty('conditions')
  })

  it('say what is wrong, since when; the time stays while it is', () => {
    const written = writtenBy(aSchedule(), { trouble: REFUSED })
    expect(written.status.conditions).toMatchObject([
      { type: 'Stalled', status: 'True', reason: 'TemplateRefused' },
    ])
    const more = stalled('TemplateRefused', { job: 'report-2', error: 'spec.type: required' })
    expect(writtenBy(written, { trouble: more }, NOON + HOUR).status.conditions).toMatchObject([
      { message: expect.stringContaining('report-2'), lastTransitionTime: '2026-05-01T12:00:00Z' },
    ])
  })

  it('stay until a job was made', () => {
    const written = writtenBy(aSchedule(), { trouble: REFUSED })
    expect(writtenBy(written, { missed: 1 }).status.conditions).toHaveLength(1)
    expect(writtenBy(written, { trouble: null }).status).not.toHaveProperty('conditions')
  })

  it('go with an edit, which will be tried', () => {
    const written = writtenBy(aSchedule(), { trouble: REFUSED })
    expect(writtenBy({ ...written, generation: 2 }, {}).status).not.toHaveProperty('conditions')
  })

  it('of a suspension go with it', () => {
    const suspended = { type: 'Ready', reason: 'Suspended', message: 'it is' } as const
    const written = writtenBy(aSchedule(), { trouble: suspended, cursor: null })
    expect(written.status.conditions).toMatchObject([{ type: 'Ready', status: 'True' }])
    expect(writtenBy(written, {}).status).not.toHaveProperty('conditions')
  })
})
