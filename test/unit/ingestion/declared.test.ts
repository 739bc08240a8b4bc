import { describe, expect, it } from 'vitest'
import { QueueScheduleSpec } from '../../../src/api/queueschedule.ts'
import type { ScheduleObject } from '../../../src/core/resources.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { scheduleStatus } from '../../../src/ingestion/declared.ts'
import { DeclaredReconciler } from '../../../src/ingestion/declared-reconciler.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import type { WriteAnswer } from '../../../src/persistence/ports.ts'
import { aQueue, NOON } from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

const schedule: ScheduleObject = {
  ...aQueue(),
  spec: QueueScheduleSpec.parse({ schedule: '@daily', template: { spec: { type: 'a' } } }),
}
const refused: ScheduleObject = {
  ...schedule,
  spec: QueueScheduleSpec.parse({
    schedule: '@daily',
    template: { spec: { type: 'a', array: { size: 2 } } },
  }),
}

describe('what a schedule is told about itself', () => {
  it('that it was read, once', () => {
    const said = scheduleStatus(schedule, '1', NOON)
    expect(said).toMatchObject({ observedGeneration: 1 })
    const status = said ?? schedule.status
    expect(scheduleStatus({ ...schedule, status }, '1', NOON)).toBeNull()
  })

  it('what is not served, since when it is so', () => {
    const said = scheduleStatus(refused, '1', NOON)
    expect(said?.conditions).toMatchObject([{ type: 'Stalled', reason: 'NotYetSupported' }])
    const later = scheduleStatus(
      { ...refused, generation: 2, status: said ?? refused.status },
      '1',
      NOON + 60_000,
    )
    expect(later?.conditions).toEqual(said?.conditions)
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
    declared.changed(schedule)
    await clock.advanceAsync(60_000)
    expect(writes()).toBe(1)
  })

  it('is repeated when its answer is not known, later when asked to', async () => {
    const { clock, declared, writes } = aReconciler([
      { kind: 'unknown', detail: 'reset' },
      { kind: 'later', retryAfterMs: 2_000, detail: '' },
    ])
    declared.changed(schedule)
    await clock.advanceAsync(60_000)
    expect(writes()).toBe(3)
  })

  it('is not repeated on a conflict: the watch brings the version that won', async () => {
    const { clock, declared, writes } = aReconciler([{ kind: 'conflict' }])
    declared.changed(schedule)
    await clock.advanceAsync(60_000)
    expect(writes()).toBe(1)
  })

  it('is made by the leader only, and for what changed before it led', async () => {
    const { clock, declared, writes } = aReconciler([], false)
    declared.changed(schedule)
    await clock.advanceAsync(1_000)
    expect(writes()).toBe(0)
  })
})
