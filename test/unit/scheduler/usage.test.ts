// What is taken of the limits of a queue: open attempts, and handlers that linger.

import { describe, expect, it } from 'vitest'
import { Ledger } from '../../../src/core/ledger.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Usage } from '../../../src/scheduler/usage.ts'
import { aJob, anAttempt, anOwner, epoch, NAMESPACE, QUEUE, uid } from '../../builders.ts'

function aHouse() {
  const ledger = new Ledger(normaliser(() => null))
  const dispatch = (n: number, concurrencyKey?: string) => {
    const spec = concurrencyKey === undefined ? {} : { concurrencyKey }
    ledger.observe(aJob({ uid: uid(n), name: `job-${n}`, spec }), 0)
    const entry = ledger.get(uid(n))
    if (!entry) throw new Error('no entry')
    ledger.dispatch(entry, anAttempt({ epoch: epoch(n) }), 0)
    return entry
  }
  const names = (key?: string) =>
    new Usage(ledger, { lingering: () => [] })
      .holders(NAMESPACE, QUEUE, key)
      .map(({ name }) => name)
  return { ledger, dispatch, names }
}

describe('row 4, limits: what counts against them', () => {
  it('is an attempt from its dispatch on', () => {
    const { dispatch, names } = aHouse()
    dispatch(1)
    dispatch(2, 'account-7')
    expect([names(), names('account-7'), names('account-8')]).toEqual([
      ['job-1', 'job-2'],
      ['job-2'],
      [],
    ])
  })

  it('is an attempt until its outcome is in, not until that is written', () => {
    const { ledger, dispatch, names } = aHouse()
    const entry = dispatch(1, 'account-7')
    ledger.report(entry, anOwner())
    expect([names(), names('account-7')]).toEqual([[], []])
  })

  it('is an attempt of this queue only, and none of a job that is gone', () => {
    const { ledger, dispatch, names } = aHouse()
    dispatch(1)
    const usage = new Usage(ledger, { lingering: () => [] })
    expect(usage.holders(NAMESPACE, 'other')).toEqual([])
    expect(usage.holders('other', QUEUE)).toEqual([])
    ledger.forget(uid(1))
    expect(names()).toEqual([])
  })

  it('is what lingers, with the queue and the key that it had', () => {
    const { ledger } = aHouse()
    const gone = { namespace: NAMESPACE, queue: QUEUE, name: 'gone', uid: uid(9) }
    const usage = new Usage(ledger, { lingering: () => [{ ...gone, concurrencyKey: 'account-7' }] })
    expect(usage.holders(NAMESPACE, QUEUE, 'account-7')).toMatchObject([{ name: 'gone' }])
    expect(usage.holders(NAMESPACE, 'other')).toEqual([])
  })
})
