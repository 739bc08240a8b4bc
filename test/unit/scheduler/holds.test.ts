import { describe, expect, it } from 'vitest'
import type { Fact } from '../../../src/core/facts.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { policyOf } from '../../../src/core/queue-policy.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Holds, type HoldsOptions } from '../../../src/scheduler/holds.ts'
import { aClass, aJob, anAttempt, aQueue, NOON, uid } from '../../builders.ts'

/** The jobs are of a type that no worker handles, unless the test says otherwise. */
function someHolds(given: Partial<HoldsOptions> = {}) {
  const clock = new VirtualClock(NOON)
  const ledger = new Ledger(normaliser(() => null))
  const told: Fact[] = []
  const holds = new Holds({
    ledger,
    clock,
    version: '1',
    capacity: { classes: () => [aClass()] },
    sink: { inform: (_, fact) => void told.push(fact) },
    leads: () => true,
    queue: () => ({ kind: 'open' }),
    policy: () => policyOf(null),
    hold: () => null,
    standing: { holders: () => [] },
    dispatch: () => ({ kind: 'open' }),
    ...given,
  })
  const submit = (n = 1, job: NonNullable<Parameters<typeof aJob>[0]> = {}) => {
    const spec = { type: 'email.sned', ...job.spec }
    ledger.observe(aJob({ uid: uid(n), name: `job-${n}`, ...job, spec }), 0)
    return ledger.get(uid(n))
  }
  const reasons = () => told.map((fact) => (fact.kind === 'waiting' ? fact.reason : fact.kind))
  return { clock, ledger, holds, told, submit, reasons }
}

describe('a job that waits', () => {
  it('is told why after five seconds, not before', () => {
    const { clock, holds, submit, reasons } = someHolds()
    submit()
    holds.runOnce()
    clock.advance(4_999)
    holds.runOnce()
    expect(reasons()).toEqual([])
    clock.advance(1)
    holds.runOnce()
    expect(reasons()).toEqual(['UnknownType'])
  })

  it('because its user suspended it is told at once', () => {
    const { holds, submit, reasons } = someHolds()
    submit(1, { spec: { suspend: true } })
    holds.runOnce()
    expect(reasons()).toEqual(['Suspended'])
  })

  it('is not told again what it says already', () => {
    const { clock, holds, submit, reasons } = someHolds()
    submit(1, { status: { phase: 'Scheduled', reason: 'UnknownType' } })
    holds.runOnce()
    clock.advance(10_000)
    holds.runOnce()
    expect(reasons()).toEqual([])
  })

  it.each([
    ['a slot', { capacity: { classes: () => [aClass({ free: 0 })] } }],
    ['a worker', { capacity: { classes: () => [] } }],
    ['its queue, which is paused', { queue: () => ({ kind: 'paused', queue: aQueue() }) }],
    ['NATS', { dispatch: () => ({ kind: 'unavailable', cause: 'it is down' }) }],
    [
      'the limit of its queue',
      { policy: () => policyOf(aQueue({ spec: { concurrency: { max: 0 } } })) },
    ],
  ] satisfies [string, Partial<HoldsOptions>][])(
    'for %s costs no write: that holds the whole queue',
    (_, given) => {
      const { clock, holds, submit, reasons } = someHolds(given)
      submit(1, { spec: { type: 'email.send' } })
      holds.runOnce()
      clock.advance(60_000)
      holds.runOnce()
      expect(reasons()).toEqual([])
    },
  )

  it('for another job is told which', () => {
    const { clock, holds, submit, told } = someHolds({
      hold: () => ({
        kind: 'dependency',
        name: 'import',
        phase: 'Running',
        missingSince: 0,
        unmet: 1,
      }),
    })
    submit()
    holds.runOnce()
    clock.advance(5_000)
    holds.runOnce()
    expect(told).toMatchObject([
      { reason: 'WaitingForDependency', message: expect.stringContaining('waits for job import') },
    ])
  })

  it('for its concurrency key is told who holds it and how many go before', () => {
    const asked: string[] = []
    const { clock, holds, submit, told } = someHolds({
      policy: () => policyOf(aQueue({ spec: { concurrency: { perKey: 1 } } })),
      standing: {
        holders: (namespace, queue) => {
          asked.push(`${namespace}/${queue}`)
          return [
            { name: 'job-9', uid: uid(9), concurrencyKey: 'seven' },
            { name: 'job-8', uid: uid(8), concurrencyKey: 'eight' },
          ]
        },
      },
    })
    for (let n = 1; n <= 3; n++) {
      submit(n, {
        resourceVersion: `100${n}`,
        spec: { type: 'email.send', concurrencyKey: 'seven' },
      })
    }
    holds.runOnce()
    clock.advance(5_000)
    holds.runOnce()
    expect(told.map((fact) => fact.kind === 'waiting' && fact.message)).toEqual(
      [0, 1, 2].map((ahead) =>
        expect.stringContaining(
          `seven is held by job-9; queue outbox allows 1 at once; jobs with the key ahead of this one: ${ahead}`,
        ),
      ),
    )
    // Once for the queue in a round, however many jobs and keys it has.
    expect(asked).toEqual(['mail/outbox'])
  })

  it.each([
    ['runs', true],
    ['is another leader’s', false],
  ] as const)('no more, because it %s, is told nothing', (_, led) => {
    const { clock, ledger, holds, submit, reasons } = someHolds({ leads: () => led })
    const entry = submit()
    if (entry && led) ledger.dispatch(entry, anAttempt(), 0)
    holds.runOnce()
    clock.advance(60_000)
    holds.runOnce()
    expect(reasons()).toEqual([])
  })

  it('anew waits five seconds anew', () => {
    const { clock, ledger, holds, submit, reasons } = someHolds()
    const entry = submit()
    holds.runOnce()
    clock.advance(4_000)
    if (entry) ledger.factQueued(entry.uid)
    holds.runOnce()
    if (entry) ledger.factSettled(entry.uid)
    holds.runOnce()
    clock.advance(4_000)
    holds.runOnce()
    expect(reasons()).toEqual([])
  })
})

it('one round tells two hundred jobs at most; the rest are told in the next', () => {
  const { clock, holds, submit } = someHolds()
  for (let n = 1; n <= 250; n++) submit(n)
  holds.runOnce()
  clock.advance(5_000)
  expect(holds.runOnce()).toBe(200)
})

it('rounds follow each other until the stop', async () => {
  const { clock, holds, submit, reasons } = someHolds()
  submit()
  holds.start()
  await clock.advanceAsync(6_500)
  expect(reasons()).toEqual(['UnknownType'])
  holds.stop()
  await clock.advanceAsync(60_000)
  expect(reasons()).toEqual(['UnknownType'])
})
