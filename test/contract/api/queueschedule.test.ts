// What a QueueSchedule may say (resources.md): the cron expression and its zone, bounds, and the
// template, which holds a whole job but none of the rules that compare a job with its past.

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
  door = await openDoor('api-queueschedule')
})

const base: Json = { schedule: '0 3 * * *', template: { spec: { type: 'report' } } }
const attempt = (spec: unknown, metadata: Json = {}) =>
  tryCreate(door, 'queueschedules', api('QueueSchedule', spec, metadata))

describe('the cron expression (B7)', () => {
  it.each([
    '* * * * *',
    '*/5 0-6,22 1 JAN MON-FRI',
    '0  3  *  *  *',
    '0 0 31 2 *',
    '@hourly',
    '@yearly',
    '@annually',
    '@monthly',
    '@weekly',
    '@daily',
    '@midnight',
    `0 0 * * ${'1,'.repeat(100)}1`,
  ])('%j is taken', async (schedule) => {
    expectAccepted(await attempt({ ...base, schedule }))
  })
  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '@reboot',
    '@every 5m',
    'TZ=UTC * * * * *',
    '* * * * *\n',
    ' * * * * *',
    '*\t* * * *',
    '$(x) * * * *',
  ])('%j is refused: five fields or a word, no seconds', async (schedule) => {
    expectRefused(await attempt({ ...base, schedule }), 'spec.schedule', /should match|at least 1/)
  })
  it('longer than 256 is refused', async () => {
    const schedule = `0 0 * * ${'1,'.repeat(200)}1`
    expectRefused(await attempt({ ...base, schedule }), 'spec.schedule', 'may not be more than 256')
  })
})

describe('the time zone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])(
    '%s is taken',
    async (timeZone) => {
      expectAccepted(await attempt({ ...base, timeZone }))
    },
  )
  it.each(['', 'a b', '../etc/passwd', '/etc/localtime', 'Europe//Berlin', 'Europe/Berlin/', 'ü'])(
    '%j is refused',
    async (timeZone) => {
      expectRefused(
        await attempt({ ...base, timeZone }),
        'spec.timeZone',
        /should match|at least 1/,
      )
    },
  )
})

describe('bounds and closed sets', () => {
  const bounds: readonly (readonly [string, number, number])[] = [
    ['startingDeadlineSeconds', 1, 31_536_000],
    ['maxCatchUp', 1, 10_000],
    ['jitterSeconds', 0, 3600],
    ['successfulJobsHistoryLimit', 0, 1000],
    ['failedJobsHistoryLimit', 0, 1000],
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

  const sets: readonly (readonly [string, readonly string[]])[] = [
    ['concurrencyPolicy', ['Allow', 'Forbid', 'Replace']],
    ['catchUp', ['None', 'Last', 'All']],
  ]
  it.each(sets)('%s: %j', async (path, members) => {
    for (const value of members) expectAccepted(await attempt({ ...base, [path]: value }))
    for (const value of ['', 'allow', 'Some']) {
      expectRefused(await attempt({ ...base, [path]: value }), `spec.${path}`, 'supported values')
    }
  })
})

describe('what is missing or of the wrong type is named (B1, B2)', () => {
  const missing: readonly (readonly [string, unknown, string])[] = [
    ['spec', undefined, 'spec'],
    ['schedule', { template: base.template }, 'spec.schedule'],
    ['template', { schedule: '@daily' }, 'spec.template'],
    ['the spec of the template', { ...base, template: {} }, 'spec.template.spec'],
    ['the type of the job', { ...base, template: { spec: {} } }, 'spec.template.spec.type'],
  ]
  it.each(missing)('%s is missing', async (_, spec, field) => {
    expectRefused(await attempt(spec), field, 'Required value')
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['schedule', 5],
    ['timeZone', 1],
    ['suspend', 'yes'],
    ['catchUp', true],
    ['jitterSeconds', '1m'],
    ['template', []],
    ['template.metadata.labels', ['a']],
    ['template.metadata.labels.a', 1],
    ['template.spec', 'job'],
  ]
  it.each(wrong)('%s is not %j', async (path, value) => {
    expectRefused(await attempt(withValue(base, path, value)), `spec.${path}`, 'must be of type')
  })
})

describe('the template holds a job', () => {
  const spec = (change: Json) => withValue(base, 'template.spec', { type: 'report', ...change })
  it('with the defaults of a job', async () => {
    const made = await attempt(base)
    expect((made.body.spec as Json).template).toEqual({
      spec: { type: 'report', queue: 'default', priority: 'Normal', readiness: 'Completed' },
    })
  })

  const refused: readonly (readonly [string, Json, string, string | RegExp])[] = [
    ['bounds', { retry: { maxAttempts: 101 } }, 'retry.maxAttempts', 'less than or equal to 100'],
    ['patterns', { type: 'A*' }, 'type', 'should match'],
    ['closed sets', { priority: 'Urgent' }, 'priority', 'supported values'],
    [
      'exclusions',
      { startAfter: '2026-11-24T10:00:00Z', delaySeconds: 1 },
      'delaySeconds',
      'must not have both `startAfter` and `delaySeconds`',
    ],
    [
      'exclusions of the payload',
      { payload: 1, payloadFrom: { configMapKeyRef: { name: 'a', key: 'b' } } },
      'payloadFrom',
      'must not have both `payload` and `payloadFrom`',
    ],
    [
      'the order of deadlines',
      { attemptDeadlineSeconds: 61, activeDeadlineSeconds: 60 },
      'attemptDeadlineSeconds',
      '(61) must not be greater than',
    ],
  ]
  it.each(refused)('with the %s of a job', async (_, change, field, words) => {
    expectRefused(await attempt(spec(change)), `spec.template.spec.${field}`, words)
  })

  it('but everything in it may change, also what a job never changes', async () => {
    const name = await create(
      door,
      'queueschedules',
      api('QueueSchedule', spec({ payload: { a: 1 } })),
    )
    const change = (job: Json) =>
      patch(door, 'queueschedules', name, { spec: { template: { spec: job } } })
    expectAccepted(await change({ type: 'other', queue: 'mail', payload: { b: 2 } }))
    expectAccepted(await change({ payload: null, idempotencyKey: 'k', dependsOn: [{ name: 'a' }] }))
    expectAccepted(await change({ idempotencyKey: null, dependsOn: null, readiness: 'Accepted' }))
    expectAccepted(
      await patch(door, 'queueschedules', name, {
        spec: { schedule: '@daily', timeZone: 'UTC', suspend: true },
      }),
    )
  })

  it('its labels and annotations are bounded', async () => {
    const many = (n: number, value = 'v') =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, value]))
    const at = (path: string, value: unknown) =>
      attempt(withValue(base, `template.metadata.${path}`, value))
    for (const [path, length] of [
      ['labels', 63],
      ['annotations', 1024],
    ] as const) {
      expectAccepted(await at(path, many(32, 'v'.repeat(length))))
      expectRefused(
        await at(path, many(33)),
        `spec.template.metadata.${path}`,
        'must have at most 32',
      )
      expectRefused(
        await at(path, { k: 'v'.repeat(length + 1) }),
        `spec.template.metadata.${path}.k`,
        `may not be more than ${length}`,
      )
      expectAccepted(await at(path, { ['k'.repeat(317)]: 'v' }))
      expectRefused(
        await at(path, { ['k'.repeat(318)]: 'v' }),
        `spec.template.metadata.${path}`,
        'key must have at most 317 characters',
      )
    }
  })
})

describe('the name leaves room for the time of a tick (B8)', () => {
  it('52 characters are taken, 53 refused', async () => {
    expectAccepted(await attempt(base, { name: 'x'.repeat(52) }))
    const answer = await attempt(base, { name: 'x'.repeat(53) })
    expect(answer.code).toBe(422)
    expect(answer.message).toContain('`metadata.name` must have at most 52 characters')
  })
})

describe('status', () => {
  const write = (name: string, status: Json) =>
    patch(door, 'queueschedules', name, { status }, 'status')
  const time = '2026-11-24T10:00:00Z'
  const full: Json = {
    observedGeneration: 1,
    lastTickTime: time,
    nextTickTime: time,
    active: ['report-29733240'],
    missed: 3,
    conditions: [{ type: 'Ready', status: 'True', reason: 'Served', lastTransitionTime: time }],
  }
  it('a complete one is taken and read back unchanged', async () => {
    const name = await create(door, 'queueschedules', api('QueueSchedule', base))
    expectAccepted(await write(name, full))
    expect((await door.send('GET', door.path('queueschedules', name))).body.status).toEqual(full)
  })
  const rows: readonly (readonly [string, Json, string, string])[] = [
    [
      '51 active jobs',
      { active: Array.from({ length: 51 }, (_, i) => `j${i}`) },
      'status.active',
      'must have at most 50 items',
    ],
    [
      'a time without a zone',
      { nextTickTime: '2026-11-24T10:00:00' },
      'status.nextTickTime',
      'date-time',
    ],
    ['a negative count', { missed: -1 }, 'status.missed', 'greater than or equal to 0'],
    [
      'a generation that falls',
      { observedGeneration: 0 },
      'status.observedGeneration',
      'must not fall',
    ],
  ]
  it.each(rows)('%s is refused', async (_, status, field, words) => {
    const name = await create(door, 'queueschedules', api('QueueSchedule', base))
    expectAccepted(await write(name, { observedGeneration: 1 }))
    expectRefused(await write(name, status), field, words)
  })
})
