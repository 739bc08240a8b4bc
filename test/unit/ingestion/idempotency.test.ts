import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTerminal } from '../../../src/core/job.ts'
import type { Entry } from '../../../src/core/ledger.ts'
import { awaitsFirstStart } from '../../../src/core/started.ts'
import { IdempotencyKeys } from '../../../src/ingestion/idempotency.ts'
import { isSubmittedBefore } from '../../../src/ingestion/submission.ts'
import { NOON } from '../../builders.ts'
import { HeldJobs, STARTED } from './held-jobs.ts'

const WINDOW_MS = 60_000

function theKeys() {
  const jobs = new HeldJobs()
  const touched = new Set<Entry>()
  const unfit = new Set<string>()
  const keys = new IdempotencyKeys({
    windowMs: () => WINDOW_MS,
    unfit: ({ object }) => unfit.has(object.name),
    touched: (entry) => void touched.add(entry),
  })
  jobs.watch({
    changed: (entry) => keys.changed(entry),
    removed: (entry) => keys.removed(entry),
  })
  const holder = (name: string, after = 0) =>
    keys.holderOf(jobs.entry(name), NOON + after)?.object.name ?? null
  return { jobs, keys, touched, unfit, holder }
}

const KEY = { idempotencyKey: 'k' }

describe('row 7, of the jobs that wait with one key', () => {
  it('the one submitted first holds it, whoever is told of first', () => {
    const { jobs, holder } = theKeys()
    jobs.create('later', KEY, 2)
    jobs.create('first', KEY, 1)
    expect([holder('first'), holder('later')]).toEqual([null, 'first'])
  })

  it('of one second the one with the lower revision holds it', () => {
    const { jobs, holder } = theKeys()
    jobs.create('first', KEY)
    jobs.create('later', KEY)
    expect([holder('first'), holder('later')]).toEqual([null, 'first'])
  })

  it.each<[string, object, object]>([
    ['another key', KEY, { idempotencyKey: 'other' }],
    ['another case', { idempotencyKey: 'a' }, { idempotencyKey: 'A' }],
    ['another number of spaces', { idempotencyKey: 'a b' }, { idempotencyKey: 'a  b' }],
    ['another type', KEY, { ...KEY, type: 'email.other' }],
    ['no key', KEY, {}],
    ['no key either', {}, {}],
    [
      'a slash where the type ends',
      { type: 'a', idempotencyKey: 'b/c' },
      { type: 'a.b', idempotencyKey: 'c' },
    ],
    [
      'the name of an object property',
      { idempotencyKey: '__proto__' },
      { idempotencyKey: 'constructor' },
    ],
  ])('one with %s is another one (B26, B47)', (_says, a, b) => {
    const { jobs, holder } = theKeys()
    jobs.create('a', a)
    jobs.create('b', b)
    expect([holder('a'), holder('b')]).toEqual([null, null])
  })

  it('one that will be refused does not hold it', () => {
    const { jobs, holder, unfit } = theKeys()
    jobs.create('bad', KEY)
    jobs.create('good', KEY)
    unfit.add('bad')
    expect(holder('good')).toBe(null)
  })

  it('the first that fits holds it, however many before it do not', () => {
    const { jobs, holder, unfit } = theKeys()
    for (let n = 0; n < 30; n++) {
      jobs.create(`bad-${n}`, KEY)
      unfit.add(`bad-${n}`)
    }
    jobs.create('good', KEY)
    jobs.create('later', KEY)
    expect([holder('good'), holder('later')]).toEqual([null, 'good'])
  })

  it('one in another queue of the namespace holds it too', () => {
    const { jobs, holder } = theKeys()
    jobs.create('a', { ...KEY, queue: 'one' })
    jobs.create('b', { ...KEY, queue: 'two' })
    expect(holder('b')).toBe('a')
  })
})

describe('row 7, a job that started', () => {
  it('holds its key, also against one that was submitted before', () => {
    const { jobs, holder } = theKeys()
    jobs.create('later', KEY, 2)
    jobs.start('later')
    jobs.create('first', KEY, 1)
    expect([holder('first'), holder('later')]).toEqual(['later', null])
  })

  it.each(['Completed', 'Failed', 'DeadLettered', 'Cancelled'] as const)(
    'and ended %s holds it for the window of its queue, and no longer',
    (phase) => {
      const { jobs, holder } = theKeys()
      jobs.create('a', KEY)
      jobs.end('a', phase, STARTED)
      jobs.create('b', KEY)
      expect([holder('b', WINDOW_MS - 1), holder('b', WINDOW_MS)]).toEqual(['a', null])
    },
  )

  it('and waits for another attempt holds it', () => {
    const { jobs, holder } = theKeys()
    jobs.create('a', KEY, 5)
    jobs.write('a', { phase: 'Retrying', ...STARTED })
    jobs.create('b', KEY)
    expect([holder('a'), holder('b')]).toEqual([null, 'a'])
  })

  it('and is run again keeps it, whoever came meanwhile', () => {
    const { jobs, holder } = theKeys()
    jobs.create('a', KEY)
    jobs.end('a', 'Completed', STARTED)
    jobs.create('b', KEY)
    jobs.write('a', { phase: 'Scheduled', replays: 1, startTime: STARTED.startTime })
    expect([holder('a', 10 * WINDOW_MS), holder('b', 10 * WINDOW_MS)]).toEqual([null, 'a'])
  })

  it('and was deleted holds nothing', () => {
    const { jobs, holder } = theKeys()
    jobs.create('a', KEY)
    jobs.end('a', 'Completed', STARTED)
    jobs.create('b', KEY)
    jobs.remove('a')
    expect(holder('b')).toBe(null)
  })
})

describe('row 7, a job that ended without a start holds nothing', () => {
  it.each(['Failed', 'Cancelled', 'DeadLettered'] as const)('as one that is %s', (phase) => {
    const { jobs, holder } = theKeys()
    jobs.create('a', KEY)
    jobs.end('a', phase)
    jobs.create('b', KEY)
    expect(holder('b')).toBe(null)
  })

  it('as a Duplicate, also when it is run again', () => {
    const { jobs, holder } = theKeys()
    jobs.create('a', KEY)
    jobs.create('b', KEY)
    jobs.end('a', 'Completed', STARTED)
    jobs.end('b', 'Completed', { reason: 'Duplicate', duplicateOf: { name: 'a', uid: 'u' } })
    jobs.write('b', { phase: 'Scheduled', replays: 1 })
    expect(holder('b')).toBe('a')
  })
})

describe('row 7, who is looked at again', () => {
  it('is the one that came first until now, when another goes before it', () => {
    const { jobs, touched } = theKeys()
    jobs.create('later', KEY, 2)
    touched.clear()
    jobs.create('first', KEY, 1)
    expect(touched.has(jobs.entry('later'))).toBe(true)
  })

  it('is the next one, when the first one goes', () => {
    const { jobs, touched } = theKeys()
    jobs.create('a', KEY)
    jobs.create('b', KEY)
    touched.clear()
    jobs.remove('a')
    expect([...touched]).toEqual([jobs.entry('b')])
  })

  it('are all that wait, when one starts', () => {
    const { jobs, touched } = theKeys()
    for (const name of ['a', 'b', 'c']) jobs.create(name, KEY)
    touched.clear()
    jobs.start('b')
    expect(touched).toEqual(new Set([jobs.entry('a'), jobs.entry('c')]))
  })
})

// The scheduler starts whoever waits and has no holder; here in any order, with any delay between what
// is decided and what is done, after jobs were told of in any order, and with leaders that forget.
const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ does: fc.constant('create'), who: fc.nat(5), at: fc.nat(3) }),
    },
    { weight: 3, arbitrary: fc.record({ does: fc.constant('try to start'), who: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('mark'), who: fc.nat(5) }) },
    fc.record({ does: fc.constant('write that it runs'), who: fc.nat(5) }),
    fc.record({ does: fc.constant('end'), who: fc.nat(5) }),
    fc.record({ does: fc.constant('cancel'), who: fc.nat(5) }),
    fc.record({ does: fc.constant('change the leader'), who: fc.nat(5) }),
  ),
  { maxLength: 60 },
)

describe('I-S12, whatever happens in whatever order', () => {
  it('at most one job with the key is started, and nobody starts beside the holder', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { jobs, keys, holder } = theKeys()
        const started = new Set<string>()
        for (const each of all) {
          const name = `job-${each.who}`
          const known = jobs.has(name)
          if (each.does === 'create' && !known) jobs.create(name, KEY, 'at' in each ? each.at : 0)
          if (!known) continue
          const entry = jobs.entry(name)
          const ended = isTerminal(entry.object.status.phase)
          if (each.does === 'try to start' && awaitsFirstStart(entry) && !holder(name)) {
            started.add(name)
            jobs.start(name)
          } else if (each.does === 'mark' && !ended && holder(name)) {
            const first = holder(name) ?? ''
            jobs.end(name, 'Completed', { duplicateOf: { name: first, uid: 'u' } })
          } else if (each.does === 'write that it runs' && entry.attempt) {
            jobs.write(name, { phase: 'Running', epoch: entry.attempt.epoch, ...STARTED })
          } else if (each.does === 'end' && entry.attempt) {
            jobs.end(name, 'Failed', STARTED)
          } else if (each.does === 'cancel' && !ended && !entry.attempt && !started.has(name)) {
            jobs.end(name, 'Cancelled')
          } else if (each.does === 'change the leader') {
            // What was published and not written is found again before anything is led (T5, T6).
            for (const one of [...jobs.ledger.entries()]) {
              const { attempt, object } = one
              if (attempt)
                jobs.write(object.name, { phase: 'Running', epoch: attempt.epoch, ...STARTED })
            }
            jobs.ledger.reset(entry.shard, 0)
          }
          expect(started.size).toBeLessThanOrEqual(1)
        }
        const waiting = [...jobs.ledger.entries()].filter(awaitsFirstStart)
        const free = waiting.filter((entry) => !keys.holderOf(entry, NOON))
        const first = waiting.sort((a, b) => (isSubmittedBefore(a, b) ? -1 : 1)).slice(0, 1)
        expect(free).toEqual(started.size === 1 ? [] : first)
      }),
      { numRuns: 500 },
    )
  })
})
