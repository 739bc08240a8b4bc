import { describe, expect, it } from 'vitest'
import type { Fact } from '../../../src/core/facts.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Holds, type HoldsOptions } from '../../../src/scheduler/holds.ts'
import { aClass, aJob, anAttempt, NOON, uid } from '../../builders.ts'

function someHolds(given: Partial<HoldsOptions> = {}) {
  const clock = new VirtualClock(NOON)
  const ledger = new Ledger(normaliser(() => null))
  const told: Fact[] = []
  const holds = new Holds({
    ledger,
    clock,
    version: '1',
    capacity: { classes: () => [] },
    sink: { inform: (_, fact) => void told.push(fact) },
    leads: () => true,
    queue: () => ({ kind: 'open' }),
    dispatch: () => ({ kind: 'open' }),
    ...given,
  })
  const submit = (n = 1, job: Parameters<typeof aJob>[0] = {}) => {
    ledger.observe(aJob({ uid: uid(n), name: `job-${n}`, ...job }), 0)
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
    expect(reasons()).toEqual(['NoWorkers'])
  })

  it('because its user suspended it is told at once', () => {
    const { holds, submit, reasons } = someHolds()
    submit(1, { spec: { suspend: true } })
    holds.runOnce()
    expect(reasons()).toEqual(['Suspended'])
  })

  it('is not told again what it says already', () => {
    const { clock, holds, submit, reasons } = someHolds()
    submit(1, { status: { phase: 'Scheduled', reason: 'NoWorkers' } })
    holds.runOnce()
    clock.advance(10_000)
    holds.runOnce()
    expect(reasons()).toEqual([])
  })

  it('for a slot that will be free costs no write', () => {
    const { clock, holds, submit, reasons } = someHolds({
      capacity: { classes: () => [aClass({ free: 0 })] },
    })
    submit()
    holds.runOnce()
    clock.advance(60_000)
    holds.runOnce()
    expect(reasons()).toEqual([])
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
  expect(reasons()).toEqual(['NoWorkers'])
  holds.stop()
  await clock.advanceAsync(60_000)
  expect(reasons()).toEqual(['NoWorkers'])
})
