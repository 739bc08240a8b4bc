// What the API server lets even the operator do to a status (protocol W9): every move between
// phases, allowed and refused, and what may never fall, disappear or be replaced.

import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Answer,
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
  door = await openDoor('api-queuejob-status')
})

const waiting = ['Pending', 'Delayed', 'Blocked', 'Scheduled', 'Retrying', 'Suspended']
const final = ['Completed', 'Failed', 'DeadLettered', 'Cancelled']
const open = [...waiting, 'Running']

const write = (name: string, status: Json | null) =>
  patch(door, 'queuejobs', name, { status }, 'status')

/** A job whose status is this one. */
async function jobIn(status: Json, spec: Json = {}): Promise<string> {
  const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a', ...spec }))
  expectAccepted(await write(name, { observedGeneration: 1, ...status }))
  return name
}

const isFinal = 'is final: it is left only by a replay'

describe('a job that has not ended goes to any phase', () => {
  it.each(open)('from %s', async (from) => {
    for (const to of [...open, ...final]) {
      const name = await jobIn({ phase: from, epoch: 5 })
      expectAccepted(await write(name, { phase: to, epoch: 6 }))
    }
  })
  it('also without a word about the epoch, as for a refused job that never started', async () => {
    const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
    expectAccepted(await write(name, { phase: 'Failed', observedGeneration: 1 }))
  })
})

describe('a final phase', () => {
  it.each(final)('%s is left by a replay: higher epoch, one more replay', async (from) => {
    for (const to of open) {
      const name = await jobIn({ phase: from, epoch: 5, result: { a: 1 } })
      expectAccepted(await write(name, { phase: to, epoch: 6, replays: 1, result: null }))
    }
  })

  it.each(final)('%s is not left with the same epoch', async (from) => {
    const name = await jobIn({ phase: from, epoch: 5, replays: 2 })
    expectRefused(await write(name, { phase: 'Scheduled', replays: 3 }), 'status.phase', isFinal)
  })

  it.each(final)('%s is not left without counting exactly one replay', async (from) => {
    const name = await jobIn({ phase: from, epoch: 5, replays: 2 })
    for (const replays of [2, 1, 4, null]) {
      expectRefused(
        await write(name, { phase: 'Scheduled', epoch: 6, replays }),
        'status.phase',
        isFinal,
      )
    }
    expectAccepted(await write(name, { phase: 'Scheduled', epoch: 6, replays: 3 }))
  })

  it('a job refused before any start can be replayed: its first epoch is a higher one', async () => {
    const name = await jobIn({ phase: 'Failed' })
    expectRefused(await write(name, { phase: 'Scheduled', replays: 1 }), 'status.phase', isFinal)
    expectAccepted(await write(name, { phase: 'Scheduled', epoch: 1, replays: 1 }))
  })

  it('never becomes another final phase', async () => {
    for (const from of final) {
      for (const to of final.filter((phase) => phase !== from)) {
        if (from === 'DeadLettered' && to === 'Cancelled') continue
        const name = await jobIn({ phase: from, epoch: 5 })
        expectRefused(
          await write(name, { phase: to, epoch: 6, replays: 1 }),
          'status.phase',
          `\`status.phase\` ${from} ${isFinal}`,
        )
      }
    }
  })

  it('but a dead letter can be discarded, with a higher epoch', async () => {
    const name = await jobIn({ phase: 'DeadLettered', epoch: 5 })
    expectRefused(await write(name, { phase: 'Cancelled' }), 'status.phase', isFinal)
    expectAccepted(await write(name, { phase: 'Cancelled', epoch: 6 }))
  })
})

describe('while a phase is final', () => {
  const words =
    'while `status.phase` is final, `epoch` must not change and `result` may only be dropped'
  it.each(final)('%s keeps its epoch', async (phase) => {
    const name = await jobIn({ phase, epoch: 5 })
    expectRefused(await write(name, { epoch: 6 }), 'status.phase', words)
  })
  it.each(final)('%s gets no epoch that it did not have', async (phase) => {
    const name = await jobIn({ phase })
    expectRefused(await write(name, { epoch: 1 }), 'status.phase', words)
  })

  const values: readonly (readonly [string, unknown, unknown])[] = [
    ['an object', { a: 1 }, { a: 2 }],
    ['a renamed key', { a: 1 }, { a: null, b: 1 }],
    ['a list', [1, 2], [2, 1]],
    ['a text', 'a', 'b'],
    ['another type', 1, '1'],
  ]
  it.each(values)('a result is not replaced: %s', async (_, first, second) => {
    const name = await jobIn({ phase: 'Completed', epoch: 5, result: first })
    expectRefused(await write(name, { result: second }), 'status.phase', words)
  })
  it('a result is not added later', async () => {
    const name = await jobIn({ phase: 'Completed', epoch: 5 })
    expectRefused(await write(name, { result: 1 }), 'status.phase', words)
  })
  it('trimming drops result, history and progress; conditions and generation move on', async () => {
    const name = await jobIn({
      phase: 'Completed',
      epoch: 5,
      result: { a: 1 },
      progress: { percent: 100 },
      history: [{ number: 1, epoch: 5 }],
    })
    expectAccepted(await write(name, { observedGeneration: 2 }))
    expectAccepted(await write(name, { result: null, history: null, progress: null }))
  })
})

describe('what never falls or disappears', () => {
  it('epoch, in every phase that is not final', async () => {
    for (const phase of open) {
      const name = await jobIn({ phase, epoch: 4_294_967_297 })
      expectRefused(
        await write(name, { epoch: 4_294_967_296 }),
        'status.epoch',
        '`status.epoch` must not fall: it was 4294967297, the write says 4294967296',
      )
      expectRefused(await write(name, { epoch: null }), 'status.epoch', 'must not disappear')
      expectAccepted(await write(name, { epoch: 4_294_967_297 }))
    }
  })

  it('observedGeneration', async () => {
    const name = await jobIn({ phase: 'Running', epoch: 1 })
    expectRefused(
      await write(name, { observedGeneration: 0 }),
      'status.observedGeneration',
      '`status.observedGeneration` must not fall',
    )
  })

  it('phase', async () => {
    const name = await jobIn({ phase: 'Running', epoch: 1 })
    expectRefused(await write(name, { phase: null }), 'status.phase', 'Required value')
  })

  const removals: readonly (readonly [string, (name: string) => Promise<Answer>])[] = [
    ['a merge patch with null', (name) => write(name, null)],
    [
      'a JSON patch that removes it',
      (name) =>
        door.send(
          'PATCH',
          door.path('queuejobs', name, 'status'),
          [{ op: 'remove', path: '/status' }],
          {
            contentType: 'application/json-patch+json',
          },
        ),
    ],
    [
      'a PUT without it',
      async (name) => {
        const { status: _, ...rest } = (await door.send('GET', door.path('queuejobs', name))).body
        return door.send('PUT', door.path('queuejobs', name, 'status'), rest)
      },
    ],
  ]
  it.each(removals)('the status itself: %s', async (_, remove) => {
    const name = await jobIn({ phase: 'Running', epoch: 3 })
    const answer = await remove(name)
    expectRefused(answer, 'status.epoch', 'must not disappear')
    expectRefused(answer, 'status.observedGeneration', 'must not fall')
  })
})

describe('attempts stay within the maximum of the job', () => {
  const words = '`status.attempts` must not rise above `spec.retry.maxAttempts`'
  it('up to it, not above', async () => {
    const name = await jobIn({ phase: 'Running', epoch: 1 }, { retry: { maxAttempts: 2 } })
    expectAccepted(await write(name, { attempts: 2 }))
    expectRefused(await write(name, { attempts: 3 }), 'status.attempts', words)
  })
  it('without a maximum of its own, up to 100', async () => {
    const name = await jobIn({ phase: 'Running', epoch: 1 })
    expectAccepted(await write(name, { attempts: 100 }))
    expectRefused(
      await write(name, { attempts: 101 }),
      'status.attempts',
      'less than or equal to 100',
    )
  })
  it('a lowered maximum does not wedge the writes that follow (protocol U6)', async () => {
    const name = await jobIn(
      { phase: 'Retrying', epoch: 1, attempts: 3 },
      { retry: { maxAttempts: 5 } },
    )
    expectAccepted(await patch(door, 'queuejobs', name, { spec: { retry: { maxAttempts: 2 } } }))
    expectRefused(await write(name, { attempts: 4 }), 'status.attempts', words)
    expectAccepted(await write(name, { phase: 'DeadLettered', epoch: 2 }))
  })
})

describe('fields of status have bounds, too', () => {
  const rows: readonly (readonly [string, Json, string, string | RegExp])[] = [
    ['phase', { phase: 'Done' }, 'status.phase', 'Unsupported value'],
    ['reason', { reason: 'not camel' }, 'status.reason', 'should match'],
    ['message', { message: 'm'.repeat(1025) }, 'status.message', 'may not be more than 1024'],
    ['epoch', { epoch: -1 }, 'status.epoch', 'greater than or equal to 0'],
    ['epoch beyond 2^53', { epoch: 2 ** 53 + 2 }, 'status.epoch', 'less than or equal to'],
    ['replays', { replays: -1 }, 'status.replays', 'greater than or equal to 0'],
    [
      'progress',
      { progress: { percent: 101 } },
      'status.progress.percent',
      'less than or equal to 100',
    ],
    [
      'error code',
      { error: { category: 'System', code: 'a b' } },
      'status.error.code',
      'should match',
    ],
    [
      'history',
      { history: Array.from({ length: 11 }, () => ({ number: 1, epoch: 1 })) },
      'status.history',
      'must have at most 10 items',
    ],
    [
      'cause of loss',
      { history: [{ number: 1, epoch: 1, cause: 'OOMKilled' }] },
      'status.history[0].cause',
      'Unsupported value',
    ],
    [
      'history message',
      { history: [{ number: 1, epoch: 1, message: 'm'.repeat(257) }] },
      'status.history[0].message',
      'may not be more than 256',
    ],
    [
      'the same condition twice',
      {
        conditions: ['Ready', 'Ready'].map((type) => ({
          type,
          status: 'True',
          reason: 'A',
          lastTransitionTime: '2026-11-24T10:00:00Z',
        })),
      },
      'status.conditions[1]',
      'Duplicate value',
    ],
  ]
  it.each(rows)('%s', async (_, status, field, words) => {
    const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
    expectRefused(await write(name, { phase: 'Running', ...status }), field, words)
  })

  it('a complete status with everything in it is taken and read back unchanged', async () => {
    const time = '2026-11-24T10:00:00Z'
    const worker = {
      pod: 'w-1',
      podUID: 'u-1',
      boot: 'b-12345678',
      node: 'n',
      class: 'c',
      version: '1',
    }
    const status = {
      observedGeneration: 1,
      phase: 'Completed',
      reason: 'Completed',
      message: 'done',
      epoch: 2 ** 52,
      attempt: 2,
      attempts: 1,
      crashes: 1,
      evictions: 1,
      snoozes: 1,
      replays: 0,
      queuedTime: time,
      nextAttemptTime: time,
      startTime: time,
      completionTime: time,
      worker,
      progress: { percent: 100, message: 'all' },
      result: { any: ['thing', 1, true, { deep: {} }] },
      duplicateOf: { name: 'first', uid: 'u-2' },
      runId: '1',
      actionOrder: 7,
      error: { category: 'Temporary', code: 'E_1', message: 'once' },
      history: [
        {
          number: 1,
          epoch: 1,
          worker,
          startTime: time,
          endTime: time,
          category: 'System',
          code: 'WorkerCrashed',
          message: 'gone',
          cause: 'WorkerCrashed',
        },
      ],
      array: {
        waiting: 1,
        running: 1,
        succeeded: 1,
        failed: 1,
        doneThrough: -1,
        window: 'AA==',
        failedItems: [{ index: 0, code: 'E', message: 'm' }],
      },
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Completed',
          message: 'm',
          lastTransitionTime: time,
        },
      ],
    }
    const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
    expectAccepted(await write(name, status))
    expect((await door.send('GET', door.path('queuejobs', name))).body.status).toEqual(status)
  })
})
