// How ready jobs stand, for whoever explains a wait: by the cycle that decides, before and after it.

import { describe, expect, it } from 'vitest'
import type { JobRecord } from '../../../src/core/job.ts'
import { policyOf, type QueuePolicy } from '../../../src/core/queue-policy.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { ReadyStanding } from '../../../src/scheduler/standing.ts'
import { aClass, aSubmittedRecord, NAMESPACE, NOON, QUEUE } from '../../builders.ts'
import { Scene } from './rounds.ts'

function aStanding(given: Partial<QueuePolicy> = {}) {
  const policy = () => ({ ...policyOf(null), ...given })
  const scene = new Scene({ policy })
  const clock = new VirtualClock(NOON)
  const rates = {
    readyAt: (namespace: string, queue: string) => scene.rateReadyAt(namespace, queue),
  }
  const usage = () => scene.usage()
  const standing = new ReadyStanding({ ready: scene.ready, rates, usage, policy, clock })
  return { scene, standing }
}

const fair = (n: number, fairnessKey: string, given: Partial<JobRecord> = {}) =>
  aSubmittedRecord(n, { fairnessKey, ...given })

describe('the place of a job', () => {
  it('is behind the jobs of its key that go first, whatever their types', () => {
    const { scene, standing } = aStanding()
    const job = fair(3, 'a')
    scene.add(fair(1, 'a'), fair(2, 'a', { type: 'report' }), job, fair(4, 'a', { priority: 0 }))
    scene.add(fair(5, 'b'))
    expect(standing.ahead(job)).toBe(3)
    expect(standing.ahead(fair(9, 'a'))).toBe(0)
  })

  it('is behind the starts of other keys that come first', () => {
    const { scene, standing } = aStanding({ weights: new Map([['b', 2]]) })
    scene.add(fair(1, 'a'), fair(2, 'b'), fair(3, 'b'), fair(4, 'c'), fair(5, 'a'))
    scene.round([aClass({ free: 1 })])
    const turn = standing.turn(NAMESPACE, QUEUE, 'a')
    expect(turn).toMatchObject({ weight: 1, others: 2 })
    const then = scene.round([aClass({ free: 5 })]).map(({ record }) => record.fairnessKey)
    expect(then.indexOf('a')).toBe(turn.ahead)
    expect(standing.turn(NAMESPACE, QUEUE, 'b')).toEqual({ weight: 2, others: 0, ahead: 0 })
  })
})

describe('what is used up', () => {
  it('is told by name and number', () => {
    const { scene, standing } = aStanding()
    scene.add(aSubmittedRecord(1, { concurrencyKey: 'a' }), aSubmittedRecord(2))
    scene.round([aClass()])
    expect(standing.running(NAMESPACE, QUEUE)).toBe(2)
    expect(standing.holders(NAMESPACE, QUEUE, 'a')).toMatchObject([
      { name: 'job-1', uid: aSubmittedRecord(1).uid },
    ])
    expect(standing.holders(NAMESPACE, QUEUE)).toHaveLength(2)
  })

  it('is told by the time at which the next token comes; 0 = it is there', () => {
    const { scene, standing } = aStanding({ rate: { count: 1, perMs: 1_000, burst: 1 } })
    expect(standing.rateReadyAt(NAMESPACE, QUEUE)).toBe(0)
    scene.add(aSubmittedRecord(1)).round([aClass()])
    expect(standing.rateReadyAt(NAMESPACE, QUEUE)).toBe(NOON + 1_000)
    expect(aStanding().standing.rateReadyAt(NAMESPACE, QUEUE)).toBe(0)
  })
})
