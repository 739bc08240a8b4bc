// What is read to explain a job, and what is left unread; the reasons themselves are those of
// `core/why-objects.test.ts`.

import { beforeEach, describe, expect, it } from 'vitest'
import type { QueueStatus } from '../../../src/api/queue.ts'
import { explain, MOST_OTHERS } from '../../../src/client/explain.ts'
import { aJob, aQueue, NAMESPACE, NOON, uid } from '../../builders.ts'
import { FakeEvidence } from './fake-evidence.ts'

let evidence: FakeEvidence

beforeEach(() => {
  evidence = new FakeEvidence()
})

const why = (name = 'welcome') => explain(evidence, { namespace: NAMESPACE, name }, () => NOON)

const BUSY: QueueStatus = {
  observedGeneration: 1,
  workers: 1,
  slots: 5,
  freeSlots: 0,
  types: ['email.send'],
  startsPerMinute: 6,
}

describe('a job that', () => {
  it('does not exist is not explained', async () => {
    expect(await why()).toBeNull()
  })

  it('has ended is explained by its status alone', async () => {
    const status = {
      phase: 'DeadLettered',
      reason: 'AttemptsExhausted',
      message: 'all 3 attempts failed; the last one with SmtpBusy: the server said 421',
    } as const
    evidence.jobs.push(aJob({ status }))
    expect(await why()).toEqual({
      uid: uid(1),
      ...status,
      advice:
        'to run it again when the cause is gone: gq replay welcome -n mail; to give it up: gq discard welcome -n mail',
      until: 0,
    })
    expect(evidence.reads).toEqual(['job welcome'])
  })

  it('runs is explained with the deadline that its queue gives', async () => {
    evidence.queues.push(aQueue({ spec: { defaults: { attemptDeadlineSeconds: 60 } } }))
    const startTime = '2026-05-01T12:00:00Z'
    evidence.jobs.push(
      aJob({ status: { phase: 'Running', attempt: 2, startTime, worker: { pod: 'mailer-0' } } }),
    )
    expect(await why()).toMatchObject({
      reason: 'Running',
      message:
        'attempt 2 runs on worker mailer-0 since 2026-05-01T12:00:00Z, at most until 2026-05-01T12:01:00Z',
      until: NOON + 60_000,
    })
    expect(evidence.reads).toEqual(['job welcome', 'queue outbox'])
  })

  it('waits for a time is explained without a look at other jobs', async () => {
    evidence.queues.push(aQueue({ status: BUSY }))
    evidence.jobs.push(aJob({ spec: { delaySeconds: 90 } }))
    expect(await why()).toMatchObject({ reason: 'Delayed', until: NOON + 90_000 })
    expect(evidence.reads).toEqual(['job welcome', 'queue outbox'])
  })

  it('could start, in a queue without limits that has free slots, is explained so, too', async () => {
    evidence.queues.push(aQueue({ status: { ...BUSY, freeSlots: 2 } }))
    evidence.jobs.push(aJob())
    expect(await why()).toMatchObject({ reason: 'Pending' })
    expect(evidence.reads).toEqual(['job welcome', 'queue outbox'])
  })

  it('waits for others is explained after a look at those', async () => {
    evidence.queues.push(aQueue())
    evidence.jobs.push(aJob({ spec: { dependsOn: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } }))
    evidence.jobs.push(aJob({ name: 'a', uid: uid(2), status: { phase: 'Completed' } }))
    evidence.jobs.push(aJob({ name: 'b', uid: uid(3), status: { phase: 'Running' } }))
    const { reason, message } = (await why()) ?? {}
    expect(reason).toBe('WaitingForDependency')
    expect(message).toBe('waits for job b, which is Running; dependencies not met: 2')
    expect(evidence.reads).toEqual(['job welcome', 'queue outbox', 'job a', 'job b', 'job c'])
  })

  it('stands in a line is explained with its place', async () => {
    evidence.queues.push(aQueue({ status: BUSY }))
    for (let n = 1; n <= 4; n++) {
      evidence.jobs.push(aJob({ name: `job-${n}`, uid: uid(n), resourceVersion: `100${n}` }))
    }
    expect((await why('job-3'))?.message).toBe(
      'all 5 slots of the workers of queue outbox are busy; 2 jobs are ahead of it; at 6 starts per minute it starts in about 30 s',
    )
    expect(evidence.reads).toEqual(['job job-3', 'queue outbox', 'list outbox'])
  })

  it('stands in a very long line is told that there are at least so many', async () => {
    evidence.queues.push(aQueue({ status: BUSY }))
    for (let n = 1; n <= MOST_OTHERS + 2; n++) {
      evidence.jobs.push(aJob({ name: `job-${n}`, uid: uid(n), creationMs: NOON + 1000 * n }))
    }
    const last = `job-${MOST_OTHERS + 2}`
    expect((await why(last))?.message).toContain(`at least ${MOST_OTHERS} jobs are ahead of it`)
  })

  it('was written by a later operator is explained as that one wrote', async () => {
    const status = { phase: 'Blocked', reason: 'NoWorkers', message: 'the moon is full' } as const
    evidence.jobs.push(aJob({ status }))
    evidence.unreadable.add('welcome')
    expect(await why()).toEqual({ uid: uid(1), ...status, advice: '', until: 0 })
  })
})

it('the ended jobs of a queue are read only where its rate limit needs their starts', async () => {
  evidence.queues.push(aQueue({ spec: { rateLimit: { count: 1, perSeconds: 60 } } }))
  const startTime = '2026-05-01T11:59:30Z'
  evidence.jobs.push(aJob())
  evidence.jobs.push(
    aJob({ name: 'earlier', uid: uid(2), status: { phase: 'Completed', startTime, attempt: 1 } }),
  )
  expect(await why()).toMatchObject({ reason: 'RateLimited', until: NOON + 30_999 })
  expect(evidence.reads.at(-1)).toBe('list outbox with ended')
})
