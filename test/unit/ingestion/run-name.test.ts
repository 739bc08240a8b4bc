// The name of the job that the action Run makes.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runName } from '../../../src/ingestion/run-name.ts'

it('is the same each time, and another for another action', () => {
  expect(runName('nightly', 'uid-1')).toBe(runName('nightly', 'uid-1'))
  expect(runName('nightly', 'uid-1')).not.toBe(runName('nightly', 'uid-2'))
  expect(runName('nightly', 'uid-1')).toMatch(/^nightly-run-[a-z2-7]{6}$/)
})

it('is a name that a job may have, however long the name of the schedule is', () => {
  fc.assert(
    fc.property(fc.uuid(), (uid) => {
      expect(runName('s'.repeat(52), uid)).toHaveLength(63)
      expect(runName('s', uid)).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
    }),
  )
})

it('is not met twice by ten thousand actions', () => {
  const names = new Set(Array.from({ length: 10_000 }, (_, i) => runName('s', `uid-${i}`)))
  expect(names.size).toBe(10_000)
})
