import { describe, expect, it } from 'vitest'
import { countQueues } from '../../../src/core/queue-counts.ts'
import { aClass, aJob, anAttempt, anEntry, NAMESPACE, NOON, QUEUE, uid } from '../../builders.ts'

const entry = (n: number, given: Parameters<typeof aJob>[0] = {}) =>
  anEntry({ uid: uid(n), object: aJob({ uid: uid(n), ...given }) })
const count = (given: Partial<Parameters<typeof countQueues>[0]> = {}) =>
  countQueues({ jobs: [], queues: [], workers: [], classes: [], isReady: () => false, ...given })

describe('the counts of a queue', () => {
  it('are of waiting, ready, running and dead jobs, and of the oldest that waits', () => {
    const jobs = [
      entry(1, { creationMs: NOON - 5_000 }),
      entry(2, { status: { phase: 'Retrying' } }),
      entry(3, { status: { phase: 'DeadLettered' }, creationMs: NOON - 99_000 }),
      entry(4, { status: { phase: 'Completed' }, creationMs: NOON - 99_000 }),
      { ...entry(5, { creationMs: NOON - 99_000 }), attempt: anAttempt() },
    ]
    const counted = count({ jobs, isReady: (id) => id === uid(2) })
    expect(counted.queues.get(`${NAMESPACE}/${QUEUE}`)).toMatchObject({
      waiting: 2,
      ready: 1,
      running: 1,
      dead: 1,
      oldest: NOON - 5_000,
    })
    expect(Object.fromEntries(counted.phases)).toEqual({
      Pending: 2,
      Retrying: 1,
      DeadLettered: 1,
      Completed: 1,
    })
  })

  it('are of workers, slots and types, over all classes that serve it', () => {
    const counted = count({
      workers: [
        { namespace: NAMESPACE, queues: [QUEUE, 'other'] },
        { namespace: NAMESPACE, queues: [QUEUE] },
      ],
      classes: [
        aClass({ slots: 10, free: 4, handlers: [{ type: 'z', version: '1' }] }),
        aClass({ slots: 5, free: 5, handlers: [{ type: 'a', version: '1' }] }),
      ],
    })
    expect(counted.queues.get(`${NAMESPACE}/${QUEUE}`)).toMatchObject({
      workers: 2,
      slots: 15,
      free: 9,
      types: ['a', 'z'],
    })
    expect(counted.queues.get(`${NAMESPACE}/other`)?.workers).toBe(1)
  })

  it('exist for a queue that only exists', () => {
    const counted = count({ queues: [{ namespace: 'a', name: 'b' }] })
    expect(counted.queues.get('a/b')).toMatchObject({ waiting: 0, oldest: Infinity })
  })
})
