// Which status changes become Events: a job's story in at most four.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { advice, REASON_NAMES, REASONS, type Reason } from '../../../src/api/reasons.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { eventOf, noteText, tellingReason } from '../../../src/observability/events.ts'
import { aJob } from '../../builders.ts'
import { hostileText } from '../../hostile-text.ts'

type Part = Partial<QueueJobStatus>

const status = (part: Part): QueueJobStatus =>
  ({ observedGeneration: 1, phase: 'Pending', ...part }) as QueueJobStatus
const failed = (count: number, cause?: string): Part['history'] =>
  Array.from({ length: count }, (_, n) => ({
    number: n + 1,
    epoch: n + 1,
    ...(cause && n === count - 1 ? { cause } : {}),
  })) as Part['history']

const stored = status({})
const running = status({ phase: 'Running', reason: 'Running' })
const retrying = (count: number, cause?: string) =>
  status({ phase: 'Retrying', reason: 'BackingOff', history: failed(count, cause) })
const again = (count: number) =>
  status({ phase: 'Running', reason: 'Running', history: failed(count) })
const waiting = (reason: Reason) => status({ phase: 'Scheduled', reason })
const ended = (phase: 'Completed' | 'Failed' | 'DeadLettered' | 'Cancelled', reason: Reason) =>
  status({ phase, reason })

describe('a change', () => {
  it.each<[string, QueueJobStatus, QueueJobStatus, Reason | null]>([
    ['to running is told', stored, running, 'Running'],
    ['to running again is not', retrying(1), again(1), null],
    ['to the first failure is told', running, retrying(1), 'BackingOff'],
    [
      'to a first loss is told by its cause',
      running,
      retrying(1, 'WorkerOOMKilled'),
      'WorkerOOMKilled',
    ],
    ['to the second failure is not', again(1), retrying(2), null],
    ['to a second loss is not', again(1), retrying(2, 'NodeLost'), null],
    ['to an end is told', running, ended('Completed', 'Completed'), 'Completed'],
    [
      'to an end after many failures is told',
      again(9),
      ended('DeadLettered', 'AttemptsExhausted'),
      'AttemptsExhausted',
    ],
    ['to an end without a start is told', stored, ended('Cancelled', 'Cancelled'), 'Cancelled'],
    ['to a wait that a person must end is told', stored, waiting('NoWorkers'), 'NoWorkers'],
    ['from one such wait to another is not', waiting('NoWorkers'), waiting('UnknownType'), null],
    [
      'from a wait as usual to such a one is told',
      waiting('NoFreeSlots'),
      waiting('NoWorkers'),
      'NoWorkers',
    ],
    ['to a wait as usual is not', stored, waiting('NoFreeSlots'), null],
    [
      'of nothing but progress is not',
      running,
      status({ ...running, progress: { percent: 5 } }),
      null,
    ],
    [
      'from a dead letter to discarded is told',
      ended('DeadLettered', 'AttemptsExhausted'),
      ended('Cancelled', 'Discarded'),
      'Discarded',
    ],
    [
      'to a reason of another release is not',
      stored,
      status({ phase: 'Failed', reason: 'Unheard' }),
      null,
    ],
  ])('%s', (_, before, after, want) => {
    expect(tellingReason(after, before)).toBe(want)
  })

  it('tells only reasons whose row asks for an Event', () => {
    for (const reason of REASON_NAMES) {
      const object = jobOf(status({ phase: 'Scheduled', reason }))
      const event = eventOf({ object, before: stored })
      expect(event === null || REASONS[event.reason].event !== null).toBe(true)
    }
  })
})

describe('a run', () => {
  it('of ten minutes with retries tells four Events', () => {
    const story = [
      stored,
      waiting('NoWorkers'),
      running,
      retrying(1),
      again(1),
      retrying(2),
      again(2),
      ended('Completed', 'Completed'),
    ]
    const told = story.flatMap((after, n) => {
      const before = story[n - 1]
      return before ? [tellingReason(after, before)] : []
    })
    expect(told.filter((reason) => reason !== null)).toEqual([
      'NoWorkers',
      'Running',
      'BackingOff',
      'Completed',
    ])
  })

  it('tells each step once, however often it is retried', () => {
    const step = fc.constantFrom('fail', 'lose', 'hand back')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, wellEnded) => {
        const story = [stored, running]
        for (const [n, each] of steps.entries()) {
          // The history keeps ten.
          const count = Math.min(n + 1, 10)
          story.push(each === 'lose' ? retrying(count, 'LeaseLost') : retrying(count), again(count))
        }
        story.push(
          wellEnded ? ended('Completed', 'Completed') : ended('Failed', 'PermanentFailure'),
        )
        const told = story
          .slice(1)
          .flatMap((after, n) => tellingReason(after, story[n] ?? stored) ?? [])
        expect(told.length).toBeLessThanOrEqual(3)
        expect(told[0]).toBe('Running')
        expect(told.at(-1)).toBe(story.at(-1)?.reason)
      }),
    )
  })
})

function jobOf(of: QueueJobStatus): JobObject {
  return aJob({
    namespace: 'shop',
    name: 'invoice-1',
    payload: { kind: 'inline', json: '"top secret payload"' },
    status: of,
  })
}

describe('the text', () => {
  it('is the message of the status and what would change it', () => {
    const message = 'all 3 attempts failed; the last one with SmtpDown: no route'
    const event = eventOf({
      object: jobOf({ ...ended('DeadLettered', 'AttemptsExhausted'), message }),
      before: running,
    })
    expect(event).toMatchObject({
      kind: 'QueueJob',
      regarding: { namespace: 'shop', name: 'invoice-1', uid: aJob().uid },
      reason: 'AttemptsExhausted',
      action: 'DeadLettered',
    })
    expect(event?.note.startsWith(`${message}. To change it: `)).toBe(true)
    expect(event?.note).toContain('gq replay invoice-1 -n shop')
  })

  it('says what to do once, where the message says it already', () => {
    const known = { namespace: 'shop', queue: 'mail' }
    const next = advice('NoWorkers', known)
    const message = `nobody serves it; ${next}`
    expect(noteText('NoWorkers', message, known)).toBe(message)
  })

  it('leaves advice out where nobody has to do anything', () => {
    expect(noteText('Completed', 'done', { namespace: 'shop', job: 'a' })).toBe('done')
  })

  it('leaves out advice whose words are not known', () => {
    expect(noteText('InvalidSpec', 'spec.x is not valid', { namespace: 'a' })).toBe(
      'spec.x is not valid',
    )
  })

  it('is the reason when there is no message', () => {
    expect(noteText('Deleted', '', {})).toMatch(/^Deleted/)
  })

  it('is one bounded line for any message and never shows a payload', () => {
    fc.assert(
      fc.property(fc.constantFrom(...REASON_NAMES), hostileText(600), (reason, message) => {
        const object = jobOf(status({ phase: 'Failed', reason, message }))
        const note = eventOf({ object, before: stored })?.note ?? ''
        expect(note.length).toBeLessThanOrEqual(1024)
        expect(note).not.toMatch(/[\p{Cc}\p{Zl}]/u)
        expect(note).not.toContain('top secret payload')
      }),
    )
  })
})
