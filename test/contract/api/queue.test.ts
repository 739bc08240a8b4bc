// What a Queue may say (resources.md): every field with its bounds, the rules between fields, what may
// change, and what its status holds.

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
  door = await openDoor('api-queue')
})

const attempt = (spec: unknown, metadata: Json = {}) =>
  tryCreate(door, 'queues', api('Queue', spec, metadata))

describe('integers take their bounds and refuse what lies beyond', () => {
  const rate = { rateLimit: { count: 1, perSeconds: 1 } }
  const scale = { autoscaling: { scaleTargetRef: { name: 'w' }, maxReplicas: 10_000 } }
  const breaker = { breaker: { crashPercent: 1 } }
  const bounds: readonly (readonly [string, number, number, Json?])[] = [
    ['concurrency.max', 0, 1_000_000],
    ['concurrency.perKey', 1, 1_000_000],
    ['rateLimit.count', 1, 1_000_000, rate],
    ['rateLimit.perSeconds', 1, 86_400, rate],
    ['rateLimit.burst', 1, 1_000_000, rate],
    ['fairness.weights.gold', 1, 100],
    ['weight', 1, 100],
    ['agingSeconds', 0, 31_536_000],
    ['maxDepth', 1, 10_000_000],
    ['defaults.attemptDeadlineSeconds', 1, 604_800],
    ['defaults.activeDeadlineSeconds', 1, 31_536_000],
    ['defaults.retry.maxAttempts', 1, 100],
    ['defaults.retry.backoff.initialSeconds', 0, 86_400],
    ['defaults.crashBudget.max', 0, 1000],
    ['defaults.ttlSecondsAfterFinished', 0, 315_360_000],
    ['defaults.resources.memoryMiB', 1, 1_048_576],
    ['retention.succeededSeconds', 0, 315_360_000],
    ['retention.failedSeconds', 0, 315_360_000],
    ['retention.deadLetteredSeconds', 0, 315_360_000],
    ['retention.maxSucceeded', 0, 1_000_000],
    ['retention.maxFailed', 0, 1_000_000],
    ['retention.maxDeadLettered', 0, 1_000_000],
    ['idempotencyWindowSeconds', 0, 31_536_000],
    ['waitObjectiveSeconds', 1, 31_536_000],
    ['autoscaling.minReplicas', 0, 10_000, scale],
    ['autoscaling.maxReplicas', 1, 10_000, scale],
    ['autoscaling.slotsPerReplica', 1, 10_000, scale],
    ['autoscaling.scaleDownDelaySeconds', 0, 86_400, scale],
    ['breaker.crashPercent', 1, 100, breaker],
    ['breaker.windowSeconds', 10, 86_400, breaker],
    ['breaker.minStarts', 1, 1_000_000, breaker],
  ]
  it.each(bounds.map(([path, min, max, base]) => ({ path, min, max, base: base ?? {} })))(
    '$path: $min … $max',
    async ({ path, min, max, base }) => {
      for (const value of [min, max]) expectAccepted(await attempt(withValue(base, path, value)))
      for (const value of [min - 1, max + 1]) {
        expectRefused(
          await attempt(withValue(base, path, value)),
          `spec.${path}`,
          value < min ? `greater than or equal to ${min}` : `less than or equal to ${max}`,
        )
      }
      expectRefused(
        await attempt(withValue(base, path, '1')),
        `spec.${path}`,
        'must be of type integer',
      )
    },
  )
})

describe('strings and maps', () => {
  it('controllerName is a domain and a name', async () => {
    for (const value of ['gopherqueue.io/default', 'example.org/Team_A.1']) {
      expectAccepted(await attempt({ controllerName: value }))
    }
    for (const value of ['', 'default', '/default', 'a/', 'a/b/c', 'A/b', 'a b/c', 'ü/a']) {
      expectRefused(
        await attempt({ controllerName: value }),
        'spec.controllerName',
        /should match|at least 1/,
      )
    }
    expectRefused(
      await attempt({ controllerName: `a/${'b'.repeat(126)}` }),
      'spec.controllerName',
      'may not be more than 127',
    )
  })

  it('a scale target is an object name', async () => {
    const target = (name: unknown) => ({
      autoscaling: { maxReplicas: 1, scaleTargetRef: { name } },
    })
    expectAccepted(await attempt(target('mail.workers-1')))
    for (const name of ['', 'Mail', '../x', 'a b']) {
      expectRefused(
        await attempt(target(name)),
        'spec.autoscaling.scaleTargetRef.name',
        /should match|at least 1/,
      )
    }
  })

  it('fairness weights: 100 keys of 128 characters, each a weight', async () => {
    const weights = (n: number, length = 3) => ({
      fairness: {
        weights: Object.fromEntries(
          Array.from({ length: n }, (_, i) => [String(i).padStart(length, 'k'), 1]),
        ),
      },
    })
    expectAccepted(await attempt(weights(100)))
    expectRefused(await attempt(weights(101)), 'spec.fairness.weights', 'must have at most 100')
    expectAccepted(await attempt(weights(1, 128)))
    expectRefused(
      await attempt(weights(1, 129)),
      'spec.fairness.weights',
      'a fairness key must have at most 128 characters',
    )
  })
})

describe('fields agree with each other', () => {
  const rows: readonly (readonly [string, Json, string, string])[] = [
    [
      'one attempt cannot take longer than the whole job',
      { defaults: { attemptDeadlineSeconds: 61, activeDeadlineSeconds: 60 } },
      'spec.defaults.attemptDeadlineSeconds',
      '`attemptDeadlineSeconds` must not be greater than `activeDeadlineSeconds`',
    ],
    [
      'the first delay cannot be longer than the longest',
      { defaults: { retry: { backoff: { initialSeconds: 11, maxSeconds: 10 } } } },
      'spec.defaults.retry.backoff.initialSeconds',
      '`initialSeconds` (11) must not be greater than `maxSeconds` (10)',
    ],
    [
      'a rule has exactly one of category and code',
      { defaults: { retry: { rules: [{ action: 'Fail' }] } } },
      'spec.defaults.retry.rules[0]',
      'must have exactly one of `category` and `code`',
    ],
    [
      'the fewest replicas cannot be more than the most',
      { autoscaling: { scaleTargetRef: { name: 'w' }, minReplicas: 3, maxReplicas: 2 } },
      'spec.autoscaling.minReplicas',
      '`minReplicas` (3) must not be greater than `maxReplicas` (2)',
    ],
    [
      'a rate needs its count',
      { rateLimit: { perSeconds: 1 } },
      'spec.rateLimit.count',
      'Required value',
    ],
    [
      'a rate needs its period',
      { rateLimit: { count: 1 } },
      'spec.rateLimit.perSeconds',
      'Required value',
    ],
    [
      'scaling needs a target',
      { autoscaling: { maxReplicas: 1 } },
      'spec.autoscaling.scaleTargetRef',
      'Required value',
    ],
    [
      'scaling needs a maximum',
      { autoscaling: { scaleTargetRef: { name: 'w' } } },
      'spec.autoscaling.maxReplicas',
      'Required value',
    ],
    ['a breaker needs a share', { breaker: {} }, 'spec.breaker.crashPercent', 'Required value'],
  ]
  it.each(rows)('%s', async (_, spec, field, words) => {
    expectRefused(await attempt(spec), field, words)
  })
})

describe('what is missing or of the wrong type is named (B1, B2)', () => {
  it('a spec is required, an empty one is a queue with every default', async () => {
    expectRefused(await attempt(undefined), 'spec', 'Required value')
    expectRefused(await attempt(null), 'spec', /must be of type object|Required value/)
    const made = await attempt({})
    expectAccepted(made)
    expect(made.body.spec).toEqual({ controllerName: 'gopherqueue.io/default' })
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['controllerName', 1],
    ['paused', 'true'],
    ['concurrency', 5],
    ['rateLimit', '10/s'],
    ['fairness', []],
    ['fairness.weights', ['a']],
    ['defaults', 'none'],
    ['retention', '1d'],
    ['autoscaling', true],
    ['autoscaling.scaleTargetRef', 'w'],
    ['breaker', 50],
  ]
  it.each(wrong)('%s is not %j', async (path, value) => {
    expectRefused(await attempt(withValue({}, path, value)), `spec.${path}`, 'must be of type')
  })
})

describe('the name goes into subjects (B8, B9)', () => {
  const words = '`metadata.name` must be a DNS label of at most 63 characters'
  it.each(['a', 'mail', 'x'.repeat(63)])('%s is taken', async (name) => {
    expectAccepted(await attempt({}, { name }))
  })
  it.each(['a.b', 'x'.repeat(64), 'x'.repeat(253)])('%s is refused', async (name) => {
    const answer = await attempt({}, { name })
    expect(answer.code).toBe(422)
    expect(answer.message).toContain(words)
  })
  it.each(['*', '>', 'a b', 'A', 'a\r\n', 'ü'])('%j is no name at all', async (name) => {
    expect([400, 422]).toContain((await attempt({}, { name })).code)
  })
})

describe('what may change', () => {
  it('everything but controllerName', async () => {
    const name = await create(door, 'queues', api('Queue', { paused: true, weight: 2 }))
    const change = (spec: Json) => patch(door, 'queues', name, { spec })
    expectAccepted(await change({ paused: false, weight: null, maxDepth: 5 }))
    expectAccepted(await change({ defaults: { retry: { maxAttempts: 5 } } }))
    expectAccepted(await change({ defaults: null, maxDepth: null }))
    for (const controllerName of ['example.org/other', null]) {
      const moved = await create(door, 'queues', api('Queue', { controllerName: 'example.org/a' }))
      expectRefused(
        await patch(door, 'queues', moved, { spec: { controllerName } }),
        'spec.controllerName',
        '`spec.controllerName` must not be changed: delete the queue and create it again',
      )
    }
  })
})

describe('status', () => {
  const write = (name: string, status: Json | null) =>
    patch(door, 'queues', name, { status }, 'status')
  const full: Json = {
    observedGeneration: 1,
    waiting: 5,
    ready: 4,
    running: 3,
    deadLettered: 2,
    oldestWaitingSeconds: 10,
    workers: 1,
    slots: 8,
    freeSlots: 5,
    types: ['email.send', 'report'],
    startsPerMinute: 60,
    paused: { by: 'anna', since: '2026-11-24T10:00:00Z', comment: 'upgrade', drain: true },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Served',
        lastTransitionTime: '2026-11-24T10:00:00Z',
      },
    ],
  }

  it('a complete one is taken and read back unchanged', async () => {
    const name = await create(door, 'queues', api('Queue', {}))
    expectAccepted(await write(name, full))
    expect((await door.send('GET', door.path('queues', name))).body.status).toEqual(full)
  })

  const rows: readonly (readonly [string, Json, string, string | RegExp])[] = [
    ['a negative count', { waiting: -1 }, 'status.waiting', 'greater than or equal to 0'],
    [
      '101 types',
      { types: Array.from({ length: 101 }, (_, i) => `t${i}`) },
      'status.types',
      'must have at most 100 items',
    ],
    ['a type that is none', { types: ['A b'] }, 'status.types[0]', 'should match'],
    [
      'a long comment',
      { paused: { comment: 'c'.repeat(257) } },
      'status.paused.comment',
      'may not be more than 256',
    ],
    [
      'nine conditions',
      {
        conditions: Array.from({ length: 9 }, (_, i) => ({
          type: `T${i}`,
          status: 'True',
          reason: 'A',
          lastTransitionTime: '2026-11-24T10:00:00Z',
        })),
      },
      'status.conditions',
      'must have at most 8 items',
    ],
    [
      'a condition that is neither',
      {
        conditions: [
          { type: 'T', status: 'yes', reason: 'A', lastTransitionTime: '2026-11-24T10:00:00Z' },
        ],
      },
      'status.conditions[0].status',
      'supported values',
    ],
    [
      'a condition without a reason',
      { conditions: [{ type: 'T', status: 'True', lastTransitionTime: '2026-11-24T10:00:00Z' }] },
      'status.conditions[0].reason',
      'Required value',
    ],
  ]
  it.each(rows)('%s is refused', async (_, status, field, words) => {
    const name = await create(door, 'queues', api('Queue', {}))
    expectRefused(await write(name, { observedGeneration: 1, ...status }), field, words)
  })

  it('observedGeneration neither falls nor goes with its status', async () => {
    const name = await create(door, 'queues', api('Queue', {}))
    expectAccepted(await write(name, { observedGeneration: 2 }))
    for (const status of [{ observedGeneration: 1 }, null]) {
      expectRefused(await write(name, status), 'status.observedGeneration', 'must not fall')
    }
  })
})
