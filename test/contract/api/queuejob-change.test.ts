// What may change on a QueueJob, and until when (the Mutable column of job-model.md section 1).

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
} from './door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor('api-queuejob-change')
})

const jobWith = (spec: Json) =>
  create(door, 'queuejobs', api('QueueJob', { type: 'email.send', ...spec }))
const change = (name: string, spec: Json) => patch(door, 'queuejobs', name, { spec })
const inPhase = async (spec: Json, phase: string) => {
  const name = await jobWith(spec)
  expectAccepted(
    await patch(
      door,
      'queuejobs',
      name,
      { status: { phase, epoch: 1, observedGeneration: 1 } },
      'status',
    ),
  )
  return name
}

/** Field, a value to begin with, another valid value. */
const frozen: readonly (readonly [string, unknown, unknown])[] = [
  ['queue', 'mail', 'other'],
  ['type', 'email.send', 'email.drop'],
  ['payload', { a: 1 }, { a: 2 }],
  ['payloadFrom', { configMapKeyRef: { name: 'a', key: 'k' } }, { configMapKeyRef: { name: 'b' } }],
  ['delaySeconds', 5, 6],
  ['idempotencyKey', 'a', 'b'],
  ['dependsOn', [{ name: 'a' }], [{ name: 'a' }, { name: 'b' }]],
  ['concurrencyKey', 'a', 'b'],
  ['fairnessKey', 'a', 'b'],
  ['array', { size: 2 }, { size: 3 }],
  ['readiness', 'Completed', 'Accepted'],
  ['resources', { memoryMiB: 64 }, { memoryMiB: 65 }],
]

describe('an immutable field stays, also while the job waits', () => {
  it.each(frozen)('%s', async (field, first, second) => {
    const name = await jobWith({ [field]: first })
    expectRefused(
      await change(name, { [field]: second }),
      `spec.${field}`,
      `\`spec.${field}\` must not be changed: delete the job and create it again`,
    )
    expectAccepted(await change(name, { [field]: first }))
  })

  const optional = frozen.filter(([field]) => !['queue', 'type', 'readiness'].includes(field))
  const words = 'must not be added or removed: delete the job and create it again'
  it.each(optional)('%s cannot be removed', async (field, first) => {
    const name = await jobWith({ [field]: first })
    expectRefused(await change(name, { [field]: null }), 'spec', words)
  })
  it.each(optional)('%s cannot be added', async (field, first) => {
    const name = await jobWith({})
    expectRefused(await change(name, { [field]: first }), 'spec', words)
  })

  it('type cannot be removed, queue and readiness fall back and are refused', async () => {
    const name = await jobWith({ queue: 'mail', readiness: 'Accepted' })
    expectRefused(await change(name, { type: null }), 'spec.type', 'Required value')
    expectRefused(await change(name, { queue: null }), 'spec.queue', 'must not be changed')
    expectRefused(await change(name, { readiness: null }), 'spec.readiness', 'must not be changed')
  })
})

describe('the payload is compared whole, whatever JSON it is', () => {
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ['a renamed key', { a: 1 }, { a: null, x: 1 }],
    ['an added key', { a: 1 }, { b: 1 }],
    ['a deep value', { a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 3 }] } }],
    ['the order of a list', [1, 2], [2, 1]],
    ['another type', '1', 1],
    ['a text', 'a', 'b'],
    ['a truth value', true, false],
  ]
  it.each(rows)('%s is a change', async (_, first, second) => {
    const name = await jobWith({ payload: first })
    expectRefused(await change(name, { payload: second }), 'spec.payload', 'must not be changed')
  })
  it('the same value in another order of keys is none', async () => {
    const name = await jobWith({ payload: { a: 1, b: 2 } })
    expectAccepted(await change(name, { payload: { b: 2, a: 1 } }))
  })
})

/** Fields that may change while the job waits. */
const whileWaiting: readonly (readonly [string, unknown, unknown])[] = [
  ['priority', 'Low', 'High'],
  ['startAfter', '2026-11-24T10:00:00Z', '2027-11-24T10:00:00Z'],
  ['attemptDeadlineSeconds', 10, 20],
  ['activeDeadlineSeconds', 100, 200],
  ['handlerVersion', '1', '2'],
  ['retry', { maxAttempts: 2 }, { maxAttempts: 4 }],
  ['crashBudget', { max: 1 }, { max: 2 }],
]
const waitingPhases = ['Pending', 'Delayed', 'Blocked', 'Scheduled', 'Retrying', 'Suspended']
const otherPhases = ['Running', 'Completed', 'Failed', 'DeadLettered', 'Cancelled']

describe('a field that may change while the job waits', () => {
  it.each(whileWaiting)(
    '%s changes, goes and comes in a job never written',
    async (field, first, second) => {
      const name = await jobWith({ [field]: first })
      expectAccepted(await change(name, { [field]: second }))
      expectAccepted(await change(name, { [field]: null }))
      expectAccepted(await change(name, { [field]: first }))
    },
  )

  it.each(waitingPhases)('all change in phase %s', async (phase) => {
    const first = Object.fromEntries(whileWaiting.map(([field, value]) => [field, value]))
    const name = await inPhase(first, phase)
    for (const [field, , second] of whileWaiting) {
      expectAccepted(await change(name, { [field]: second }))
    }
  })

  it.each(otherPhases)('none changes in phase %s', async (phase) => {
    const first = Object.fromEntries(whileWaiting.map(([field, value]) => [field, value]))
    const name = await inPhase(first, phase)
    for (const [field, , second] of whileWaiting) {
      const words = `may only be changed while the job waits; it is ${phase}`
      expectRefused(await change(name, { [field]: second }), 'spec', words)
      if (field !== 'priority') expectRefused(await change(name, { [field]: null }), 'spec', words)
    }
  })
})

describe('a field that may always change', () => {
  it.each([...waitingPhases, ...otherPhases])('in phase %s', async (phase) => {
    const name = await inPhase({}, phase)
    expectAccepted(await change(name, { suspend: true }))
    expectAccepted(await change(name, { ttlSecondsAfterFinished: 60 }))
    expectAccepted(await change(name, { runId: '2' }))
    expectAccepted(
      await change(name, { suspend: null, ttlSecondsAfterFinished: null, runId: null }),
    )
  })
})

describe('the two sides of an object', () => {
  it('a change of spec raises the generation, one of status does not', async () => {
    const name = await jobWith({})
    const before = await door.send('GET', door.path('queuejobs', name))
    expect((before.body.metadata as Json).generation).toBe(1)
    const written = await patch(
      door,
      'queuejobs',
      name,
      { status: { phase: 'Scheduled' } },
      'status',
    )
    expect((written.body.metadata as Json).generation).toBe(1)
    const changed = await change(name, { suspend: true })
    expect((changed.body.metadata as Json).generation).toBe(2)
  })

  it('a user cannot write status, nor the operator spec (B28)', async () => {
    const made = await door.send('POST', door.path('queuejobs'), {
      ...api('QueueJob', { type: 'a' }),
      status: { phase: 'Completed', epoch: 7, observedGeneration: 5, result: 1 },
    })
    expect(made.body.status).toEqual({ observedGeneration: -1, phase: 'Pending' })
    const name = String((made.body.metadata as Json).name)
    const byMain = await patch(door, 'queuejobs', name, { status: { phase: 'Completed' } })
    expect(byMain.body.status).toEqual({ observedGeneration: -1, phase: 'Pending' })
    const bySub = await patch(door, 'queuejobs', name, { spec: { suspend: true } }, 'status')
    expect((bySub.body.spec as Json).suspend).toBeUndefined()
  })
})
