// When a worker is ready, and when only a restart helps it.

import { describe, expect, it } from 'vitest'
import { judgeHealth } from '../../../src/observability/health.ts'
import { workerComponents } from '../../../src/worker/health.ts'
import type { WorkerState } from '../../../src/worker/state.ts'

const state: WorkerState = {
  slots: 4,
  free: 3,
  running: 1,
  unconfirmed: 0,
  abandoned: 0,
  draining: false,
}

describe('a worker', () => {
  const rows: Record<
    string,
    [Partial<WorkerState>, nats: string, want: [boolean, boolean], says: string]
  > = {
    'that works is alive and ready': [{}, '', [true, true], 'ok slots (3 of 4 free)'],
    'without a free slot is ready: it is busy, not broken': [
      { free: 0 },
      '',
      [true, true],
      'ok slots (0 of 4 free)',
    ],
    'that drains is not ready, and says how much is left': [
      { draining: true, free: 0 },
      '',
      [true, false],
      'not ready slots (0 of 4 free): draining, 1 attempts still run',
    ],
    'without NATS is not ready, and alive: a restart would not help': [
      {},
      'connection refused',
      [true, false],
      'not ready nats: connection refused',
    ],
    'with some handlers that ignore their signal lives on': [
      { abandoned: 3 },
      '',
      [true, true],
      'ok handlers',
    ],
    'with as many of them as it has slots must be restarted': [
      { abandoned: 4 },
      '',
      [false, false],
      'not alive handlers: 4 ignore their signal',
    ],
  }
  it.each(Object.entries(rows))('%s', (_, [over, nats, [alive, ready], says]) => {
    const health = judgeHealth(workerComponents({ ...state, ...over }, nats))
    expect([health.alive, health.ready]).toEqual([alive, ready])
    expect(health.lines.join('\n')).toContain(says)
  })
})
