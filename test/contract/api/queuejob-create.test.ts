// What a QueueJob may say when it is created: every field with its bounds, pattern and values
// (job-model.md section 1), the rules between fields, and bad input of every kind (B1–B12).

import { beforeAll, describe, expect, it } from 'vitest'
import {
  api,
  type Door,
  expectAccepted,
  expectRefused,
  type Json,
  openDoor,
  tryCreate,
  withValue,
} from './door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor('api-queuejob-create')
})

const base: Json = { type: 'email.send' }
const attempt = (spec: unknown) => tryCreate(door, 'queuejobs', api('QueueJob', spec))

describe('integers take their bounds and refuse what lies beyond', () => {
  const bounds: readonly (readonly [string, number, number, Json?])[] = [
    ['delaySeconds', 0, 31_536_000],
    ['attemptDeadlineSeconds', 1, 604_800],
    ['activeDeadlineSeconds', 1, 31_536_000],
    ['retry.maxAttempts', 1, 100],
    ['retry.backoff.initialSeconds', 0, 86_400],
    ['retry.backoff.maxSeconds', 1, 604_800],
    ['retry.backoff.multiplierPercent', 100, 1000],
    ['retry.backoff.jitterPercent', 0, 100],
    ['crashBudget.max', 0, 1000],
    ['crashBudget.windowSeconds', 1, 2_592_000],
    ['ttlSecondsAfterFinished', 0, 315_360_000],
    ['resources.memoryMiB', 1, 1_048_576],
    ['resources.cpuSeconds', 1, 604_800],
    ['array.size', 1, 1_000_000],
    ['array.parallelism', 1, 100_000, { array: { size: 5 } }],
    ['array.maxFailedItems', 0, 1_000_000, { array: { size: 1_000_000 } }],
  ]
  it.each(bounds.map(([path, min, max, extra]) => ({ path, min, max, extra: extra ?? {} })))(
    '$path: $min … $max',
    async ({ path, min, max, extra }) => {
      const spec = { ...base, ...extra }
      for (const value of [min, max]) expectAccepted(await attempt(withValue(spec, path, value)))
      expectRefused(
        await attempt(withValue(spec, path, min - 1)),
        `spec.${path}`,
        `should be greater than or equal to ${min}`,
      )
      for (const value of [max + 1, 2 ** 31, 2 ** 53 + 2]) {
        expectRefused(
          await attempt(withValue(spec, path, value)),
          `spec.${path}`,
          new RegExp(`should be less than or equal to ${max}|should be of type int32`, 'i'),
        )
      }
    },
  )

  it('refuses a fraction and a number that is none (B4)', async () => {
    expectRefused(
      await attempt({ ...base, retry: { maxAttempts: 1.5 } }),
      'spec.retry.maxAttempts',
      'must be of type int32',
    )
    const raw = JSON.stringify(api('QueueJob', { ...base, delaySeconds: 0 })).replace(
      '"delaySeconds":0',
      '"delaySeconds":1e309',
    )
    const answer = await tryCreate(door, 'queuejobs', {}, { raw })
    expect(answer.code).toBe(400)
  })
})

describe('strings take their length and pattern and refuse the rest', () => {
  const label = { good: ['a', 'a-b', '0', 'x'.repeat(63)], max: 63 }
  const bad = [
    '',
    'A',
    'a.b*',
    'a>',
    'a b',
    'a\tb',
    'a\r\nb',
    '*',
    '-a',
    'a-',
    'ａ',
    'pаypal',
    'a\u200bb',
    'a\u202eb',
    'é',
    '\ud800',
  ]
  const rows: readonly {
    path: string
    good: readonly string[]
    bad: readonly string[]
    max: number
  }[] = [
    { path: 'queue', ...label, bad: [...bad, 'a.b'] },
    { path: 'type', good: ['email.send', 'a', 'x'.repeat(63)], max: 63, bad: [...bad, '.a', 'a.'] },
    {
      path: 'handlerVersion',
      good: ['1', '2.0.1-rc_1', 'V'.repeat(63)],
      max: 63,
      bad: ['', '-1', '1 ', 'v*', 'é', '1\n'],
    },
    {
      path: 'runId',
      good: ['1', '2026-11-24T10.00', 'r'.repeat(63)],
      max: 63,
      bad: ['', '.', 'a b', 'ü'],
    },
    {
      path: 'idempotencyKey',
      good: ['order 17/§'.replace('§', '#'), '~', 'k'.repeat(256)],
      max: 256,
      bad: ['', ' a', 'a ', 'a\nb', 'ключ', '\u0000'],
    },
    {
      path: 'concurrencyKey',
      good: ['tenant 1', 'k'.repeat(128)],
      max: 128,
      bad: ['', ' ', 'a\u001b[31m', 'é'],
    },
    {
      path: 'fairnessKey',
      good: ['tenant 1', 'k'.repeat(128)],
      max: 128,
      bad: ['', ' ', 'a\u001b[31m', 'é'],
    },
  ]
  it.each(rows)('$path', async ({ path, good, bad: wrong, max }) => {
    for (const value of good) expectAccepted(await attempt({ ...base, [path]: value }))
    for (const value of wrong) {
      expectRefused(
        await attempt({ ...base, [path]: value }),
        `spec.${path}`,
        /should match|at least 1 chars/,
      )
    }
    for (const length of [max + 1, 100_000]) {
      expectRefused(
        await attempt({ ...base, [path]: 'a'.repeat(length) }),
        `spec.${path}`,
        `may not be more than ${max} bytes`,
      )
    }
  })
})

describe('closed sets take their members only, in their spelling', () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['priority', ['Critical', 'High', 'Normal', 'Low', 'Bulk']],
    ['readiness', ['Completed', 'Accepted']],
    ['retry.backoff.strategy', ['Constant', 'Linear', 'Exponential']],
  ]
  it.each(rows)('%s: %j', async (path, members) => {
    for (const value of members) expectAccepted(await attempt(withValue(base, path, value)))
    for (const value of ['', 'normal', ' Normal', 'toString', '__proto__']) {
      expectRefused(await attempt(withValue(base, path, value)), `spec.${path}`, 'supported values')
    }
  })

  it('retry.rules: each category and action', async () => {
    for (const category of ['Temporary', 'Permanent', 'Timeout', 'System']) {
      for (const action of ['Retry', 'Fail', 'DeadLetter', 'Ignore']) {
        expectAccepted(await attempt({ ...base, retry: { rules: [{ category, action }] } }))
      }
    }
    expectRefused(
      await attempt({ ...base, retry: { rules: [{ category: 'Cancelled', action: 'Retry' }] } }),
      'spec.retry.rules[0].category',
      'supported values',
    )
    expectRefused(
      await attempt({ ...base, retry: { rules: [{ code: 'E', action: 'retry' }] } }),
      'spec.retry.rules[0].action',
      'supported values',
    )
  })
})

describe('lists take their length and refuse one more (B12)', () => {
  it('retry.rules: 20', async () => {
    const rules = (n: number) => ({
      ...base,
      retry: { rules: Array.from({ length: n }, () => ({ code: 'E1', action: 'Fail' })) },
    })
    expectAccepted(await attempt(rules(20)))
    expectRefused(await attempt(rules(21)), 'spec.retry.rules', 'must have at most 20 items')
    expectRefused(await attempt(rules(10_000)), 'spec.retry.rules', 'must have at most 20 items')
  })

  it('dependsOn: 1000, each job once', async () => {
    const jobs = (n: number) => ({
      ...base,
      dependsOn: Array.from({ length: n }, (_, i) => ({ name: `job-${i}` })),
    })
    expectAccepted(await attempt(jobs(1000)))
    expectRefused(await attempt(jobs(1001)), 'spec.dependsOn', 'must have at most 1000 items')
    expectRefused(
      await attempt({ ...base, dependsOn: [{ name: 'a' }, { name: 'a', when: 'Finished' }] }),
      'spec.dependsOn[1]',
      'Duplicate value',
    )
  })

  it('array.items: as many as size, 256 characters each, counted as people count', async () => {
    expectAccepted(await attempt({ ...base, array: { size: 2, items: ['a', '😀'.repeat(256)] } }))
    expectRefused(
      await attempt({ ...base, array: { size: 1, items: ['😀'.repeat(257)] } }),
      'spec.array.items[0]',
      'may not be more than 256',
    )
    expectRefused(
      await attempt({ ...base, array: { size: 3, items: ['a', 'b'] } }),
      'spec.array.items',
      '`items` has 2 entries but `size` is 3',
    )
    const items = Array.from({ length: 1001 }, () => 'a')
    expectRefused(
      await attempt({ ...base, array: { size: 1001, items } }),
      'spec.array.items',
      'must have at most 1000 items',
    )
  })
})

describe('times are RFC 3339 with seconds and a zone (B6)', () => {
  it.each([
    '2026-11-24T10:00:00Z',
    '2026-11-24t10:00:00z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999+14:00',
    '2026-03-29T02:30:00+01:00',
  ])('takes %s', async (startAfter) => {
    expectAccepted(await attempt({ ...base, startAfter }))
  })
  it.each([
    '',
    '2026-11-24',
    '2026-11-24T10:00:00',
    '2026-11-24 10:00:00Z',
    '2026-11-24T10:00:60Z',
    '2026-11-24T24:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-11-24T10:00:00+0200',
    'tomorrow',
    '1y',
  ])('refuses "%s"', async (startAfter) => {
    expectRefused(await attempt({ ...base, startAfter }), 'spec.startAfter', 'date-time')
  })
})

describe('fields agree with each other (B27)', () => {
  const rows: readonly { says: string; spec: Json; field: string; words: string }[] = [
    {
      says: 'payload and payloadFrom exclude each other',
      spec: { payload: 1, payloadFrom: { configMapKeyRef: { name: 'a', key: 'b' } } },
      field: 'spec.payloadFrom',
      words: 'must not have both `payload` and `payloadFrom`',
    },
    {
      says: 'startAfter and delaySeconds exclude each other',
      spec: { startAfter: '2026-11-24T10:00:00Z', delaySeconds: 0 },
      field: 'spec.delaySeconds',
      words: 'must not have both `startAfter` and `delaySeconds`',
    },
    {
      says: 'one attempt cannot take longer than the whole job',
      spec: { attemptDeadlineSeconds: 61, activeDeadlineSeconds: 60 },
      field: 'spec.attemptDeadlineSeconds',
      words: '`attemptDeadlineSeconds` (61) must not be greater than `activeDeadlineSeconds` (60)',
    },
    {
      says: 'the first delay cannot be longer than the longest',
      spec: { retry: { backoff: { initialSeconds: 11, maxSeconds: 10 } } },
      field: 'spec.retry.backoff.initialSeconds',
      words: '`initialSeconds` (11) must not be greater than `maxSeconds` (10)',
    },
    {
      says: 'a rule has a category or a code, not both',
      spec: { retry: { rules: [{ category: 'System', code: 'E', action: 'Fail' }] } },
      field: 'spec.retry.rules[0]',
      words: 'must have exactly one of `category` and `code`',
    },
    {
      says: 'a rule has a category or a code, not neither',
      spec: { retry: { rules: [{ action: 'Fail' }] } },
      field: 'spec.retry.rules[0]',
      words: 'must have exactly one of `category` and `code`',
    },
    {
      says: 'payloadFrom names one source, not none',
      spec: { payloadFrom: {} },
      field: 'spec.payloadFrom',
      words: 'must have exactly one of `configMapKeyRef` and `secretKeyRef`',
    },
    {
      says: 'payloadFrom names one source, not two',
      spec: {
        payloadFrom: {
          configMapKeyRef: { name: 'a', key: 'b' },
          secretKeyRef: { name: 'a', key: 'b' },
        },
      },
      field: 'spec.payloadFrom',
      words: 'must have exactly one of `configMapKeyRef` and `secretKeyRef`',
    },
    {
      says: 'more items cannot be let fail than there are',
      spec: { array: { size: 2, maxFailedItems: 3 } },
      field: 'spec.array.maxFailedItems',
      words: '`maxFailedItems` (3) must not be greater than `size` (2)',
    },
  ]
  it.each(rows)('$says', async ({ spec, field, words }) => {
    expectRefused(await attempt({ ...base, ...spec }), field, words)
  })
  it('equal deadlines and a payload beside a delay are fine', async () => {
    expectAccepted(
      await attempt({
        ...base,
        payload: { a: 1 },
        delaySeconds: 5,
        attemptDeadlineSeconds: 60,
        activeDeadlineSeconds: 60,
      }),
    )
  })
})

describe('what is missing or of the wrong type is named (B1, B2)', () => {
  it('refuses no spec, a null spec and an empty one', async () => {
    expectRefused(await attempt(undefined), 'spec', 'Required value')
    expectRefused(await attempt(null), 'spec', /must be of type object|Required value/)
    expectRefused(await attempt({}), 'spec.type', 'Required value')
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['queue', 1],
    ['type', ['a']],
    ['payloadFrom', 'x'],
    ['priority', 3],
    ['startAfter', 0],
    ['delaySeconds', '5'],
    ['suspend', 'true'],
    ['attemptDeadlineSeconds', '1h'],
    ['activeDeadlineSeconds', true],
    ['handlerVersion', 1],
    ['retry', []],
    ['retry.rules', {}],
    ['crashBudget', 3],
    ['idempotencyKey', {}],
    ['dependsOn', 'a'],
    ['concurrencyKey', false],
    ['fairnessKey', 1],
    ['array', 10],
    ['ttlSecondsAfterFinished', '1d'],
    ['runId', 1],
    ['readiness', true],
    ['resources', 'large'],
  ]
  it.each(wrong)('%s is not %j', async (path, value) => {
    expectRefused(await attempt(withValue(base, path, value)), `spec.${path}`, 'must be of type')
  })
})
