// What a QueueAction may say (resources.md): which action goes with which kind, exactly one way to name
// the targets, bounds; and that nothing of it ever changes.

import { beforeAll, describe, expect, it } from 'vitest'
import {
  api,
  create,
  type Door,
  expectAccepted,
  expectRefused,
  type Json,
  openDoor,
  patch,
  tryCreate,
  withValue,
} from './door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor('api-queueaction')
})

const base: Json = { action: 'Cancel', target: { kind: 'QueueJob', name: 'a' } }
const attempt = (spec: unknown) => tryCreate(door, 'queueactions', api('QueueAction', spec))
const onJobs = (target: Json, more: Json = {}) =>
  attempt({ action: 'Cancel', target: { kind: 'QueueJob', ...target }, ...more })

const actions = ['Cancel', 'Retry', 'Replay', 'Discard', 'Pause', 'Resume', 'Drain', 'Purge', 'Run']
const known: Readonly<Record<string, readonly string[]>> = {
  QueueJob: ['Cancel', 'Retry', 'Replay', 'Discard', 'Resume'],
  Queue: ['Pause', 'Resume', 'Drain', 'Purge'],
  QueueSchedule: ['Run'],
}

describe('each action goes with its kinds', () => {
  const rows = Object.keys(known).flatMap((kind) => actions.map((action) => ({ kind, action })))
  it.each(rows)('$action on a $kind', async ({ kind, action }) => {
    const answer = await attempt({ action, target: { kind, name: 'a' } })
    if (known[kind]?.includes(action)) expectAccepted(answer)
    else expectRefused(answer, 'spec.action', `\`action\` ${action} is not for a ${kind}`)
  })
  it('no other action and no other kind', async () => {
    for (const action of ['', 'cancel', 'Delete', 'toString']) {
      expectRefused(await attempt({ ...base, action }), 'spec.action', 'supported values')
    }
    for (const kind of ['', 'queuejob', 'Job', '*']) {
      expectRefused(
        await attempt({ ...base, target: { kind, name: 'a' } }),
        'spec.target.kind',
        'supported values',
      )
    }
  })
})

describe('targets are named in exactly one way', () => {
  const exactlyOne = 'must have exactly one of `name`, `selector` and `all`'
  it('by name, with or without uid', async () => {
    expectAccepted(await onJobs({ name: 'a' }))
    expectAccepted(await onJobs({ name: 'a.b', uid: '0b5f0c5e-0000-4000-8000-000000000000' }))
  })
  it('by selector, also an empty one', async () => {
    expectAccepted(await onJobs({ selector: {} }))
  })
  it('all', async () => {
    expectAccepted(await onJobs({ all: true }))
  })
  const rows: readonly (readonly [string, Json, string, string])[] = [
    ['none of them', {}, 'spec.target', exactlyOne],
    ['name and selector', { name: 'a', selector: {} }, 'spec.target', exactlyOne],
    ['name and all', { name: 'a', all: true }, 'spec.target', exactlyOne],
    ['selector and all', { selector: {}, all: true }, 'spec.target', exactlyOne],
    ['all three', { name: 'a', selector: {}, all: true }, 'spec.target', exactlyOne],
    ['all: false', { all: false }, 'spec.target.all', '`all` must be true or absent'],
    ['a uid with a selector', { selector: {}, uid: 'u' }, 'spec.target.uid', '`uid` needs `name`'],
    ['a name that is none', { name: 'A b' }, 'spec.target.name', 'should match'],
    ['a uid that is none', { name: 'a', uid: 'a/b' }, 'spec.target.uid', 'should match'],
  ]
  it.each(rows)('%s is refused', async (_, target, field, words) => {
    expectRefused(await onJobs(target), field, words)
  })
})

describe('a selector', () => {
  const select = (selector: Json) => onJobs({ selector })
  const good: readonly Json[] = [
    { labels: { 'example.org/team': 'a', empty: '' } },
    { queue: 'mail', type: 'email.send' },
    { phases: ['Failed', 'DeadLettered'], reasons: ['AttemptsExhausted'], errorCode: 'E_1' },
  ]
  it.each(good)('%j is taken', async (selector) => {
    expectAccepted(await select(selector))
  })
  it('times are compared as times, not as text', async () => {
    const [after, before] = ['2026-11-24T10:00:00+02:00', '2026-11-24T09:00:00Z']
    expectAccepted(await select({ finishedAfter: after, finishedBefore: before }))
    for (const finishedBefore of ['2026-11-24T08:00:00Z', '2026-11-24T07:00:00Z']) {
      expectRefused(
        await select({ finishedAfter: after, finishedBefore }),
        'spec.target.selector.finishedAfter',
        '`finishedAfter` must be before `finishedBefore`',
      )
    }
  })

  const many = (n: number) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'v']))
  const rows: readonly (readonly [string, Json, string, string | RegExp])[] = [
    ['17 labels', { labels: many(17) }, 'labels', 'must have at most 16'],
    [
      'a long label key',
      { labels: { ['k'.repeat(318)]: 'v' } },
      'labels',
      'must have at most 317 characters',
    ],
    ['a label value that is none', { labels: { a: 'b c' } }, 'labels.a', 'should match'],
    [
      'a long label value',
      { labels: { a: 'v'.repeat(64) } },
      'labels.a',
      'may not be more than 63',
    ],
    ['a queue with a dot', { queue: 'a.b' }, 'queue', 'should match'],
    ['a type with a star', { type: 'email.*' }, 'type', 'should match'],
    ['an unknown phase', { phases: ['Done'] }, 'phases[0]', 'supported values'],
    [
      'more phases than there are',
      { phases: Array.from({ length: 12 }, () => 'Failed') },
      'phases',
      'must have at most 11 items',
    ],
    ['a reason that is none', { reasons: ['not camel'] }, 'reasons[0]', 'should match'],
    [
      '33 reasons',
      { reasons: Array.from({ length: 33 }, () => 'A') },
      'reasons',
      'must have at most 32 items',
    ],
    ['a code with a space', { errorCode: 'a b' }, 'errorCode', 'should match'],
    ['a date without a time', { finishedAfter: '2026-11-24' }, 'finishedAfter', 'date-time'],
  ]
  it.each(rows)('%s is refused', async (_, selector, field, words) => {
    expectRefused(await select(selector), `spec.target.selector.${field}`, words)
  })

  it('of queues and schedules looks at labels only', async () => {
    const of = (kind: string, action: string, selector: Json) =>
      attempt({ action, target: { kind, selector } })
    for (const [kind, action] of [
      ['Queue', 'Pause'],
      ['QueueSchedule', 'Run'],
    ] as const) {
      expectAccepted(await of(kind, action, { labels: { team: 'a' } }))
      for (const selector of [
        { queue: 'a' },
        { type: 'a' },
        { phases: ['Failed'] },
        { errorCode: 'E' },
      ]) {
        expectRefused(
          await of(kind, action, selector),
          'spec.target.selector',
          'only a QueueJob can be selected by anything but `labels`',
        )
      }
    }
  })
})

describe('the rest of the fields', () => {
  const bounds: readonly (readonly [string, number, number])[] = [
    ['ratePerSecond', 1, 1000],
    ['maxTargets', 1, 1_000_000],
    ['graceSeconds', 0, 3600],
    ['ttlSecondsAfterFinished', 0, 315_360_000],
  ]
  it.each(bounds)('%s: %i … %i', async (path, min, max) => {
    for (const value of [min, max]) expectAccepted(await attempt({ ...base, [path]: value }))
    expectRefused(
      await attempt({ ...base, [path]: min - 1 }),
      `spec.${path}`,
      `greater than or equal to ${min}`,
    )
    expectRefused(
      await attempt({ ...base, [path]: max + 1 }),
      `spec.${path}`,
      `less than or equal to ${max}`,
    )
  })

  it('comment and requestedBy: 256 characters, counted as people count', async () => {
    expectAccepted(await attempt({ ...base, comment: '😀'.repeat(256) }))
    expectRefused(
      await attempt({ ...base, comment: 'c'.repeat(257) }),
      'spec.comment',
      'may not be more than 256',
    )
    expectRefused(
      await attempt({ ...base, requestedBy: 'r'.repeat(257) }),
      'spec.requestedBy',
      'may not be more than 256',
    )
  })

  const words = '`payload` is only for the action Replay with `target.name`'
  it('a payload is for a Replay by name', async () => {
    const replay = (target: Json) =>
      attempt({ action: 'Replay', target: { kind: 'QueueJob', ...target }, payload: { a: 1 } })
    expectAccepted(await replay({ name: 'a' }))
    expectRefused(await replay({ selector: {} }), 'spec.payload', words)
    expectRefused(await replay({ all: true }), 'spec.payload', words)
    expectRefused(await attempt({ ...base, payload: 0 }), 'spec.payload', words)
  })

  it('what is missing or of the wrong type is named (B1, B2)', async () => {
    expectRefused(await attempt(undefined), 'spec', 'Required value')
    expectRefused(await attempt({}), 'spec.action', 'Required value')
    expectRefused(await attempt({}), 'spec.target', 'Required value')
    expectRefused(
      await attempt({ action: 'Cancel', target: { name: 'a' } }),
      'spec.target.kind',
      'Required value',
    )
    const wrong: readonly (readonly [string, unknown])[] = [
      ['action', 1],
      ['target', 'a'],
      ['target.name', 1],
      ['target.selector', 'a=b'],
      ['target.all', 'true'],
      ['dryRun', 'true'],
      ['ratePerSecond', '50'],
      ['comment', 1],
    ]
    for (const [path, value] of wrong) {
      expectRefused(await attempt(withValue(base, path, value)), `spec.${path}`, 'must be of type')
    }
  })
})

describe('nothing of an action changes', () => {
  const full: Json = { ...base, action: 'Replay', payload: { a: 1 }, comment: 'c', dryRun: true }
  const rows: readonly (readonly [string, Json])[] = [
    ['the action', { action: 'Cancel', payload: null }],
    ['the target', { target: { name: 'b' } }],
    ['a field', { comment: 'd' }],
    ['a field that goes', { comment: null }],
    ['a field that comes', { graceSeconds: 5 }],
    ['the payload', { payload: { a: 2 } }],
    ['a key of the payload', { payload: { a: null, b: 1 } }],
  ]
  it.each(rows)('%s', async (_, spec) => {
    const name = await create(door, 'queueactions', api('QueueAction', full))
    expectRefused(
      await patch(door, 'queueactions', name, { spec }),
      'spec',
      '`spec` of an action must not be changed: delete the action and create another one',
    )
    expectAccepted(await patch(door, 'queueactions', name, { spec: full }))
  })
})

describe('status', () => {
  const write = (name: string, status: Json | null) =>
    patch(door, 'queueactions', name, { status }, 'status')
  const action = () => create(door, 'queueactions', api('QueueAction', base))
  const time = '2026-11-24T10:00:00Z'
  const full: Json = {
    observedGeneration: 1,
    phase: 'Completed',
    reason: 'Completed',
    message: 'done',
    order: 2 ** 52,
    matched: 3,
    done: 1,
    skipped: 1,
    failed: 1,
    cursor: 'ns/a',
    failures: [{ name: 'a', reason: 'Running', message: 'm' }],
    startTime: time,
    completionTime: time,
    conditions: [
      { type: 'Finished', status: 'True', reason: 'Completed', lastTransitionTime: time },
    ],
  }
  it('a complete one is taken and read back unchanged', async () => {
    const name = await action()
    expectAccepted(await write(name, full))
    expect((await door.send('GET', door.path('queueactions', name))).body.status).toEqual(full)
  })

  it('the order is given once (protocol U4)', async () => {
    const name = await action()
    expectAccepted(await write(name, { observedGeneration: 1, phase: 'Running' }))
    expectAccepted(await write(name, { order: 7 }))
    for (const order of [6, 8, null]) {
      expectRefused(await write(name, { order }), 'status.order', 'must not change once it is set')
    }
    expectAccepted(await write(name, { order: 7, done: 1 }))
  })

  it.each(['Completed', 'Failed'])('an action that has ended stays %s', async (phase) => {
    const name = await action()
    expectAccepted(await write(name, { observedGeneration: 1, phase }))
    for (const other of ['Pending', 'Running', 'Completed', 'Failed'].filter(
      (each) => each !== phase,
    )) {
      expectRefused(await write(name, { phase: other }), 'status.phase', 'must not change')
    }
  })

  const rows: readonly (readonly [string, Json, string, string])[] = [
    ['an unknown phase', { phase: 'Done' }, 'status.phase', 'supported values'],
    [
      '21 failures',
      { failures: Array.from({ length: 21 }, () => ({ name: 'a', reason: 'A' })) },
      'status.failures',
      'must have at most 20 items',
    ],
    ['a negative count', { done: -1 }, 'status.done', 'greater than or equal to 0'],
    ['a long cursor', { cursor: 'c'.repeat(513) }, 'status.cursor', 'may not be more than 512'],
    ['an order beyond 2^53', { order: 2 ** 53 + 2 }, 'status.order', 'less than or equal to'],
  ]
  it.each(rows)('%s is refused', async (_, status, field, words) => {
    const name = await action()
    expectRefused(await write(name, { observedGeneration: 1, ...status }), field, words)
  })

  it('a status that is removed is refused', async () => {
    const name = await action()
    expectAccepted(await write(name, { observedGeneration: 1, phase: 'Running', order: 7 }))
    expectRefused(await write(name, null), 'status.observedGeneration', 'must not fall')
    expectRefused(await write(name, null), 'status.order', 'must not change once it is set')
  })
})

it('a status sent at creation is dropped: nobody makes an action that looks done (B28)', async () => {
  const made = await door.send('POST', door.path('queueactions'), {
    ...api('QueueAction', base),
    status: { observedGeneration: 1, phase: 'Completed', order: 1 },
  })
  expect(made.body.status).toEqual({ observedGeneration: -1, phase: 'Pending' })
})
