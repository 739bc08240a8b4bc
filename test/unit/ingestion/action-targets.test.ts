// Which objects an action is about, in which order, and where it goes on.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import type { ActionObject } from '../../../src/core/resources.ts'
import {
  badLabelKey,
  byName,
  cursorOf,
  cursorText,
  purgeSelection,
  selectionOf,
  wasThere,
} from '../../../src/ingestion/action-targets.ts'
import type { ListedTarget } from '../../../src/ingestion/ports.ts'
import { anAction, NOON, uid } from '../../builders.ts'

function aTarget(given: Partial<ListedTarget> = {}): ListedTarget {
  return {
    name: 'welcome',
    uid: uid(1),
    resourceVersion: '1000',
    creationMs: NOON,
    queue: 'outbox',
    phase: 'Failed',
    reason: 'PermanentFailure',
    errorCode: 'BadAddress',
    completionMs: NOON,
    ...given,
  }
}

type Target = ActionObject['spec']['target']
const on = (target: Omit<Target, 'kind'>, kind: Target['kind'] = 'QueueJob') =>
  anAction({ spec: { target: { kind, ...target } } })

describe('what the server selects', () => {
  it.each<[string, Omit<Target, 'kind'>, object]>([
    ['one name', { name: 'welcome' }, { fields: { name: 'welcome' }, brief: true, labels: {} }],
    ['everything', { all: true }, { fields: {}, brief: true, labels: {} }],
    [
      'labels, queue and type',
      { selector: { labels: { a: 'b' }, queue: 'q', type: 't' } },
      { fields: { queue: 'q', type: 't' }, labels: { a: 'b' }, brief: true },
    ],
    [
      'one phase',
      { selector: { phases: ['Failed'] } },
      { fields: { phase: 'Failed' }, brief: true },
    ],
    [
      'not two phases: then whole objects are read',
      { selector: { phases: ['Failed', 'DeadLettered'] } },
      { fields: {}, brief: false },
    ],
    ['no reason', { selector: { reasons: ['PermanentFailure'] } }, { fields: {}, brief: false }],
  ])('%s', (_says, target, want) => {
    const { query } = selectionOf(on(target))
    expect(query).toMatchObject({ kind: 'QueueJob', namespace: 'mail', ...want })
  })
})

describe('what is left to select here', () => {
  const selects = (selector: NonNullable<Target['selector']>, target = aTarget()) =>
    selectionOf(on({ selector })).keeps(target)
  it.each<[string, NonNullable<Target['selector']>, boolean]>([
    ['one of several phases', { phases: ['Failed', 'Cancelled'] }, true],
    ['none of several phases', { phases: ['Running', 'Cancelled'] }, false],
    ['a reason', { reasons: ['PermanentFailure', 'Cancelled'] }, true],
    ['another reason', { reasons: ['Cancelled'] }, false],
    ['the code of the last failure', { errorCode: 'BadAddress' }, true],
    ['another code', { errorCode: 'Other' }, false],
    ['ended at that second: after', { finishedAfter: '2026-05-01T12:00:00Z' }, true],
    ['ended a second earlier: not after', { finishedAfter: '2026-05-01T12:00:01Z' }, false],
    ['ended at that second: not before', { finishedBefore: '2026-05-01T12:00:00Z' }, false],
    ['ended a second earlier: before', { finishedBefore: '2026-05-01T12:00:01Z' }, true],
    ['the same in another zone', { finishedBefore: '2026-05-01T14:00:01+02:00' }, true],
    ['all that is given', { reasons: ['PermanentFailure'], errorCode: 'Other' }, false],
  ])('%s', (_says, selector, want) => {
    expect(selects(selector)).toBe(want)
  })
  it('what has not ended has no end before or after anything', () => {
    const running = aTarget({ completionMs: null })
    expect(selects({ finishedAfter: '2020-01-01T00:00:00Z' }, running)).toBe(false)
    expect(selects({ finishedBefore: '2030-01-01T00:00:00Z' }, running)).toBe(false)
  })
})

describe('a purge', () => {
  it('works through the waiting jobs of its queues and no others', () => {
    const { query, keeps } = purgeSelection('mail', new Set(['outbox']))
    expect(query).toMatchObject({ kind: 'QueueJob', fields: { queue: 'outbox' } })
    const kept = PHASES.filter((phase) => keeps(aTarget({ phase })))
    expect(kept).toEqual(['Pending', 'Delayed', 'Blocked', 'Scheduled', 'Retrying', 'Suspended'])
    expect(keeps(aTarget({ phase: 'Pending', queue: 'inbox' }))).toBe(false)
  })
  it('of several queues asks for all jobs of the namespace', () => {
    const { query, keeps } = purgeSelection('mail', new Set(['outbox', 'inbox']))
    expect(query.fields).toEqual({})
    expect(keeps(aTarget({ phase: 'Pending', queue: 'inbox' }))).toBe(true)
  })
})

describe('label keys', () => {
  const keyOf = (key: string) => badLabelKey(on({ selector: { labels: { [key]: 'x' } } }))
  it.each(['app', 'app.kubernetes.io/name', 'a_b-c.D', 'gopherqueue.io/schedule'])('%s', (key) => {
    expect(keyOf(key)).toBeNull()
  })
  it.each(['', 'a,b', 'a=b', 'a in (b)', '!a', 'A.example/b', 'a/b/c', '/a', `${'x'.repeat(64)}`])(
    'not %j',
    (key) => {
      expect(keyOf(key)).toBe(key)
    },
  )
})

describe('was it there before the action', () => {
  const action = anAction({ creationMs: NOON })
  it.each<[string, Partial<ListedTarget>, boolean]>([
    [
      'created a second earlier, written since',
      { creationMs: NOON - 1000, resourceVersion: '9999' },
      true,
    ],
    ['created a second later', { creationMs: NOON + 1000, resourceVersion: '1500' }, false],
    ['in the same second, not written since', { resourceVersion: '1999' }, true],
    ['in the same second, written or created since', { resourceVersion: '2001' }, false],
  ])('%s', (_says, given, want) => {
    expect(wasThere(action, 2000, aTarget(given))).toBe(want)
  })
  it('never says so of an object that was created after the order', () => {
    const age = fc.record({
      s: fc.integer({ min: 0, max: 5 }),
      later: fc.integer({ min: 1, max: 9 }),
    })
    fc.assert(
      fc.property(age, ({ s, later }) => {
        const target = aTarget({
          creationMs: NOON + 1000 * s,
          resourceVersion: String(2000 + later),
        })
        expect(wasThere(action, 2000, target)).toBe(false)
      }),
    )
  })
})

it('names are in the order in which the server lists them', () => {
  const names = ['b', 'a-1', 'a', 'a.1', 'a0', 'a-10', 'a-2']
  const sorted = names.map((name) => ({ name })).sort(byName)
  // Byte order, as etcd has its keys.
  const wanted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  expect(sorted.map(({ name }) => name)).toEqual(wanted)
})

it('a cursor is read as it was written', () => {
  const cursors = fc.record({
    revision: fc.bigInt({ min: 1n, max: 10n ** 18n }).map(String),
    last: fc.constantFrom('', 'welcome', 'a.b-c'),
  })
  fc.assert(
    fc.property(cursors, (cursor) => {
      const status = {
        observedGeneration: 1,
        phase: 'Running',
        cursor: cursorText(cursor),
      } as const
      expect(cursorOf(anAction({ status }))).toEqual(cursor)
    }),
  )
  expect(cursorOf(anAction())).toEqual({ revision: '', last: '' })
})
