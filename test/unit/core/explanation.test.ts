// Where a job stands, whatever its phase, and what to do next.

import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { REASON_NAMES, REASONS, sentence, slotsOf } from '../../../src/api/reasons.ts'
import { explainRunning, explainStatus, explainWaiting } from '../../../src/core/explanation.ts'
import { isTerminal } from '../../../src/core/job.ts'
import { aJob, NOON } from '../../builders.ts'

const job = (status: Partial<QueueJobStatus>) => aJob({ status })

describe('a job that waits for nothing that is known', () => {
  it('says so, and where to look if it stays so', () => {
    const said = explainWaiting(job({}), null)
    expect(said).toMatchObject({ phase: 'Pending', reason: 'Pending' })
    expect(said.advice).toContain('see whether an operator runs')
  })

  it('keeps the words of what happened to it', () => {
    const status = { phase: 'Scheduled', reason: 'Replayed', message: 'alice asked' } as const
    expect(explainWaiting(job(status), null)).toMatchObject({
      reason: 'Replayed',
      message: 'alice asked',
      advice: REASONS.Replayed.next,
    })
  })

  it('does not keep a reason that holds it no more', () => {
    const status = { phase: 'Blocked', reason: 'KeyLimit', message: 'it is held' } as const
    expect(explainWaiting(job(status), null)).toMatchObject({ phase: 'Blocked', reason: 'Pending' })
  })
})

describe('a job that runs', () => {
  it('says where, since when, and until when at most', () => {
    const status = {
      phase: 'Running',
      attempt: 2,
      startTime: '2026-05-01T12:00:00Z',
      worker: { pod: 'mailer-0' },
    } as const
    expect(explainRunning(job(status), 60_000)).toEqual({
      phase: 'Running',
      reason: 'Running',
      message:
        'attempt 2 runs on worker mailer-0 since 2026-05-01T12:00:00Z, at most until 2026-05-01T12:01:00Z',
      advice: 'wait: gq wait welcome -n mail; to stop it: gq cancel welcome -n mail',
      until: NOON + 60_000,
    })
  })

  it('says what it does not know', () => {
    const said = explainRunning(job({ phase: 'Running' }), 60_000)
    expect(said.message).toBe(
      'attempt 1 runs on worker an unknown worker since an unknown time, at most until its deadline',
    )
    expect(said.until).toBe(0)
  })
})

describe('a job that has ended', () => {
  const ended = REASON_NAMES.filter((name) => {
    const { scope, phase } = REASONS[name]
    return scope === 'Job' && phase !== null && isTerminal(phase)
  })

  it.each(ended)('by %s says how, and what to do next', (reason) => {
    const { phase, says, next } = REASONS[reason]
    const slots = Object.fromEntries(slotsOf(says).map((slot) => [slot, `the-${slot}`]))
    const message = sentence(reason, slots as never)
    const duplicateOf = { name: 'the-first', uid: 'u' }
    const said = explainStatus(
      job({ phase: phase as QueueJobStatus['phase'], reason, message, duplicateOf }),
    )
    expect(said).toMatchObject({ phase, reason, message })
    expect(next.startsWith('nothing') ? 'nothing' : said.advice).not.toBe('')
    expect(said.advice).not.toMatch(/\{[a-z]+\}/)
  })

  it('well needs no words in its status', () => {
    const status = {
      phase: 'Completed',
      reason: 'Completed',
      attempt: 2,
      startTime: '2026-05-01T12:00:00Z',
      completionTime: '2026-05-01T12:00:03Z',
    } as const
    expect(explainStatus(job(status)).message).toBe('the handler succeeded in attempt 2 after 3 s')
  })

  it.each(PHASES.filter(isTerminal))('%s without a word is explained all the same', (phase) => {
    const said = explainStatus(job({ phase }))
    expect(said.reason).toBe(phase)
    expect(said.message).not.toBe('')
  })

  it('for a reason of a later version says what was written', () => {
    const said = explainStatus(job({ phase: 'Failed', reason: 'Eclipse', message: 'it is dark' }))
    expect(said).toMatchObject({ reason: 'Eclipse', message: 'it is dark', advice: '' })
  })
})
