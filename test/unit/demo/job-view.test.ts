import { describe, expect, it } from 'vitest'
import { changesBetween, type JobView, jobsTable, viewsOf } from '../../../demo/job-view.ts'

const listed = (name: string, status: object) => ({
  metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { type: 'order.place' },
  status,
})

const one = (status: object): JobView => {
  const [view] = viewsOf({ items: [listed('order-1', status)] })
  if (view === undefined) throw new Error('no view')
  return view
}

describe('a job in the table of the demo', () => {
  it('that nobody has written yet is pending, with no attempt', () => {
    expect(one({ observedGeneration: -1, phase: 'Pending' })).toEqual({
      name: 'order-1',
      type: 'order.place',
      phase: 'Pending',
      attempt: 0,
      note: '',
      createdMs: Date.UTC(2026, 0, 1),
      startedMs: null,
    })
  })

  it.each([
    [
      'running',
      { phase: 'Running', progress: { percent: 25, message: '2025-03' } },
      '25 % 2025-03',
    ],
    ['completed', { phase: 'Completed', result: { charge: 'ch_1' } }, '{"charge":"ch_1"}'],
    ['completed without a result', { phase: 'Completed', reason: 'Completed' }, ''],
    ['failed', { phase: 'Retrying', error: { code: 'Busy', message: 'is busy' } }, 'is busy'],
    ['held', { phase: 'Blocked', reason: 'QueuePaused', message: 'by jane' }, 'by jane'],
    ['cancelled without a word', { phase: 'Cancelled', reason: 'Cancelled' }, 'Cancelled'],
  ])('that is %s says what matters about it', (_, status, note) => {
    expect(one(status).note).toBe(note)
  })

  it('keeps to its line however long the message is', () => {
    expect(one({ phase: 'Failed', message: 'x'.repeat(500) }).note).toHaveLength(60)
  })

  it('stands in the order of the names', () => {
    const items = ['b', 'c', 'a'].map((name) => listed(name, { phase: 'Pending' }))
    const views = viewsOf({ items })
    expect(views.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(jobsTable(views).split('\n')).toHaveLength(4)
  })
})

describe('the lines of a log', () => {
  const pending = one({ phase: 'Pending' })
  const retrying = one({ phase: 'Retrying', attempt: 1, message: 'is busy' })
  const completed = one({ phase: 'Completed', attempt: 2, result: 7 })

  it('tell each job when it is first seen', () => {
    expect(changesBetween([], [pending])).toEqual(['order-1: Pending'])
  })

  it('tell a new phase, and the attempt from the second on', () => {
    expect(changesBetween([pending], [retrying])).toEqual(['order-1: Retrying: is busy'])
    expect(changesBetween([retrying], [completed])).toEqual(['order-1: Completed in attempt 2: 7'])
  })

  it('tell nothing when nothing changed but the progress', () => {
    const at = (percent: number) => one({ phase: 'Running', attempt: 1, progress: { percent } })
    expect(changesBetween([at(10)], [at(20)])).toEqual([])
  })
})
