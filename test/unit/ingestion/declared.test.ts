import { describe, expect, it } from 'vitest'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { queueStatus } from '../../../src/ingestion/declared.ts'
import { DeclaredReconciler } from '../../../src/ingestion/declared-reconciler.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import type { WriteAnswer } from '../../../src/persistence/ports.ts'
import { aQueue, NOON } from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

describe('what a queue is told about itself', () => {
  it('that it was read, once', () => {
    const queue = aQueue()
    const said = queueStatus(queue, '1', NOON)
    expect(said).toMatchObject({ observedGeneration: 1 })
    expect(queueStatus(aQueue({ status: said ?? queue.status }), '1', NOON)).toBeNull()
  })

  it('that it pauses, since when; the time and the words stay while it does', () => {
    const spec = { paused: true }
    const said = queueStatus(aQueue({ spec }), '1', NOON)
    expect(said?.conditions).toMatchObject([
      { type: 'Paused', status: 'True', reason: 'QueuePaused' },
    ])
    if (!said) throw new Error('nothing said')
    expect(queueStatus(aQueue({ spec, status: said }), '1', NOON + 60_000)).toBeNull()
    const later = queueStatus(aQueue({ spec, status: said, generation: 2 }), '1', NOON + 60_000)
    expect(later?.conditions).toEqual(said.conditions)
  })

  it('nothing of a pause that is over', () => {
    const said = queueStatus(aQueue({ spec: { paused: true } }), '1', NOON)
    const status = said ?? { observedGeneration: 1 }
    const next = queueStatus(aQueue({ status, generation: 2 }), '1', NOON)
    expect(next?.conditions ?? []).toEqual([])
  })
})

function aReconciler(answers: WriteAnswer[], leads = true) {
  const clock = new VirtualClock(NOON)
  let writes = 0
  const declared = new DeclaredReconciler({
    clock,
    random: new SeededRandom(1),
    logger: QUIET,
    metrics: { count() {}, set() {}, observe() {} },
    version: '1',
    controllerName: 'gopherqueue.io/default',
    leads: () => leads,
    statuses: {
      writeStatus: async () => {
        writes += 1
        return answers.shift() ?? { kind: 'written', resourceVersion: '901' }
      },
    },
  })
  declared.start()
  return { clock, declared, writes: () => writes }
}

describe('the write of a declared status', () => {
  it('happens once for a version', async () => {
    const { clock, declared, writes } = aReconciler([])
    declared.changed({ kind: 'Queue', object: aQueue() })
    await clock.advanceAsync(60_000)
    expect(writes()).toBe(1)
  })

  it('is repeated when its answer is not known, later when asked to', async () => {
    const { clock, declared, writes } = aReconciler([
      { kind: 'unknown', detail: 'reset' },
      { kind: 'later', retryAfterMs: 2_000, detail: '' },
    ])
    declared.changed({ kind: 'Queue', object: aQueue() })
    await clock.advanceAsync(60_000)
    expect(writes()).toBe(3)
  })

  it('is not repeated on a conflict: the watch brings the version that won', async () => {
    const { clock, declared, writes } = aReconciler([{ kind: 'conflict' }])
    declared.changed({ kind: 'Queue', object: aQueue() })
    await clock.advanceAsync(60_000)
    expect(writes()).toBe(1)
  })

  it('is made by the leader only, and for what changed before it led', async () => {
    const { clock, declared, writes } = aReconciler([], false)
    declared.changed({ kind: 'Queue', object: aQueue() })
    await clock.advanceAsync(1_000)
    expect(writes()).toBe(0)
  })

  it('spares the queues of another operator', async () => {
    const { clock, declared, writes } = aReconciler([])
    const spec = { controllerName: 'example.com/other' }
    declared.changed({ kind: 'Queue', object: aQueue({ spec }) })
    await clock.advanceAsync(1_000)
    expect(writes()).toBe(0)
  })
})
