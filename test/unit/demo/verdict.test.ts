import { describe, expect, it } from 'vitest'
import type { Expectation } from '../../../demo/expectations.ts'
import type { JobView } from '../../../demo/job-view.ts'
import { allEnded, judge } from '../../../demo/verdict.ts'

const expects = (name: string, more: Partial<Expectation> = {}): Expectation => ({
  name,
  ends: 'Completed',
  attempts: null,
  delaySeconds: 0,
  ...more,
})

const view = (name: string, phase: string, more: Partial<JobView> = {}): JobView => ({
  name,
  type: 'order.place',
  phase,
  attempt: 1,
  note: '',
  createdMs: 0,
  startedMs: 100,
  ...more,
})

describe('the verdict of the demo', () => {
  it('counts the ends and has nothing to say when all is as expected', () => {
    const expectations = [
      expects('a'),
      expects('b', { attempts: 2 }),
      expects('c', { ends: 'DeadLettered' }),
      expects('d', { ends: 'Cancelled' }),
    ]
    const views = [
      view('a', 'Completed'),
      view('b', 'Completed', { attempt: 2 }),
      view('c', 'DeadLettered'),
      view('d', 'Cancelled'),
    ]
    expect(judge(expectations, views)).toEqual({
      problems: [],
      jobs: 4,
      completed: 2,
      deadLettered: 1,
      cancelled: 1,
    })
  })

  it.each<[string, Expectation, JobView[], string]>([
    ['is missing', expects('a'), [], 'a is not there'],
    [
      'ended otherwise',
      expects('a', { ends: 'Cancelled' }),
      [view('a', 'Completed', { note: '7' })],
      'a is Completed, expected Cancelled: 7',
    ],
    ['has not ended', expects('a'), [view('a', 'Retrying')], 'a is Retrying, expected Completed'],
    [
      'took another number of attempts',
      expects('a', { attempts: 2 }),
      [view('a', 'Completed')],
      'a took 1 attempts, expected 2',
    ],
    [
      'started too early',
      expects('a', { delaySeconds: 8 }),
      [view('a', 'Completed', { createdMs: 1000, startedMs: 8999 })],
      'a started before its delay of 8 s was over',
    ],
    [
      'has no start although it was delayed',
      expects('a', { delaySeconds: 8 }),
      [view('a', 'Completed', { startedMs: null })],
      'a started before its delay',
    ],
  ])('names a job that %s', (_, expectation, views, problem) => {
    expect(judge([expectation], views).problems).toEqual([expect.stringContaining(problem)])
  })

  it('accepts a start at the very end of the delay', () => {
    const delayed = view('a', 'Completed', { createdMs: 1000, startedMs: 9000 })
    expect(judge([expects('a', { delaySeconds: 8 })], [delayed]).problems).toEqual([])
  })

  it('looks at no job but the examples', () => {
    expect(
      judge([expects('a')], [view('a', 'Completed'), view('mine', 'Completed')]),
    ).toMatchObject({ jobs: 1, completed: 1 })
  })
})

describe('the demo waits', () => {
  it('until every example has ended, in whatever way', () => {
    const expectations = [expects('a'), expects('b')]
    expect(allEnded(expectations, [view('a', 'Failed'), view('b', 'Cancelled')])).toBe(true)
    expect(allEnded(expectations, [view('a', 'Failed'), view('b', 'Running')])).toBe(false)
    expect(allEnded(expectations, [view('a', 'Failed')])).toBe(false)
  })
})
