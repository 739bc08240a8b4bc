// What the API can say and this release does not serve: refused by name, never ignored.

import { describe, expect, it } from 'vitest'
import type { Kind } from '../../../src/api/conditions.ts'
import { QueueSpec } from '../../../src/api/queue.ts'
import { ACTIONS, QueueActionSpec, TARGET_KINDS } from '../../../src/api/queueaction.ts'
import { QueueJobSpec } from '../../../src/api/queuejob.ts'
import { QueueScheduleSpec } from '../../../src/api/queueschedule.ts'
import { NOT_YET_SUPPORTED, notYetSupported } from '../../../src/api/served.ts'

const SPECS = {
  QueueJob: QueueJobSpec,
  Queue: QueueSpec,
  QueueAction: QueueActionSpec,
  QueueSchedule: QueueScheduleSpec,
} as const

/** Every path of the table, with the schema that it leads to. */
const paths = (Object.keys(SPECS) as Kind[]).flatMap((kind) =>
  NOT_YET_SUPPORTED[kind].map(({ path }) => [kind, path] as const),
)

function holding(path: string, value: unknown): unknown {
  return path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
}

describe('a path of the table', () => {
  it.each(paths)('of %s, %s, exists in the schema', (kind, path) => {
    let node: unknown = SPECS[kind]
    for (const key of path.split('.')) {
      while (node && typeof node === 'object' && 'unwrap' in node) {
        node = (node as { unwrap(): unknown }).unwrap()
      }
      const shape = (node as { shape?: Record<string, unknown> }).shape
      expect(shape).toHaveProperty(key)
      node = shape?.[key]
    }
  })

  it.each(paths)('of %s, %s, is refused by its full name', (kind, path) => {
    expect(notYetSupported(kind, holding(path, 'something'))).toEqual([`spec.${path}`])
  })

  it.each(paths)('of %s, %s, is not refused when it is absent or null', (kind, path) => {
    expect(notYetSupported(kind, holding(path, null))).toEqual([])
    expect(notYetSupported(kind, holding(path, undefined))).toEqual([])
  })
})

describe('notYetSupported', () => {
  it('takes a job that uses only what is served', () => {
    const spec = {
      type: 'email.send',
      payload: { runId: 1 },
      priority: 'High',
      delaySeconds: 5,
      suspend: false,
      attemptDeadlineSeconds: 5,
      handlerVersion: '1',
      retry: { maxAttempts: 5, rules: [{ code: 'A', action: 'Ignore' }] },
      crashBudget: { max: 1 },
      readiness: 'Accepted',
      idempotencyKey: 'a',
      dependsOn: [{ name: 'a' }],
      concurrencyKey: 'a',
      fairnessKey: 'a',
      runId: '1',
      ttlSecondsAfterFinished: 0,
      activeDeadlineSeconds: 60,
    }
    expect(notYetSupported('QueueJob', QueueJobSpec.parse(spec))).toEqual([])
  })

  it('takes a queue that uses everything but autoscaling and breaker', () => {
    const spec = {
      paused: true,
      concurrency: { max: 1, perKey: 1 },
      rateLimit: { count: 1, perSeconds: 1 },
      fairness: { weights: { a: 2 } },
      weight: 2,
      agingSeconds: 0,
      maxDepth: 1,
      retention: { succeededSeconds: 0 },
      idempotencyWindowSeconds: 1,
      waitObjectiveSeconds: 1,
      defaults: {
        activeDeadlineSeconds: 60,
        ttlSecondsAfterFinished: 1,
        retry: { maxAttempts: 5 },
        crashBudget: { max: 1 },
      },
    }
    expect(notYetSupported('Queue', QueueSpec.parse(spec))).toEqual([])
  })

  it('names everything that is refused, in the order of the table', () => {
    const spec = { runId: '1', resources: {}, array: { size: 2 }, dependsOn: [] }
    expect(notYetSupported('QueueJob', spec)).toEqual(['spec.array', 'spec.resources'])
  })

  it.each(ACTIONS)('takes the action %s, however it names its targets', (action) => {
    const targets = TARGET_KINDS.flatMap((kind) => [
      { kind, name: 'a' },
      { kind, selector: { labels: { a: 'b' } } },
      { kind, all: true },
    ])
    for (const target of targets) {
      const spec = { action, target, dryRun: true, ratePerSecond: 1, graceSeconds: 1, payload: 1 }
      expect(notYetSupported('QueueAction', spec)).toEqual([])
    }
  })

  it('takes a schedule but for what its jobs could not say', () => {
    const spec = { schedule: '@daily', template: { spec: { type: 'a' } } }
    expect(notYetSupported('QueueSchedule', spec)).toEqual([])
    const array = { ...spec, template: { spec: { type: 'a', array: { size: 2 } } } }
    expect(notYetSupported('QueueSchedule', array)).toEqual(['spec.template.spec.array'])
  })

  it('looks at own properties only', () => {
    expect(notYetSupported('QueueJob', Object.create({ array: {} }))).toEqual([])
    expect(notYetSupported('QueueJob', { constructor: 1, __proto__: { array: {} } })).toEqual([])
  })

  it.each([[null], [undefined], ['text'], [7]])(
    'has nothing against %j, which is no spec',
    (spec) => {
      expect(notYetSupported('QueueJob', spec)).toEqual([])
    },
  )
})
