// Messages that are no ordinary start: unreadable ones, jobs of others, and a memory that is too small.

import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { jobUid } from '../../../src/core/ids.ts'
import { SeededRandom } from '../../../src/core/virtual-clock.ts'
import { Epochs } from '../../../src/worker/epochs.ts'
import { Executions } from '../../../src/worker/executions.ts'
import { Outbox } from '../../../src/worker/outbox.ts'
import { registryOf } from '../../../src/worker/registry.ts'
import { Serving } from '../../../src/worker/serving.ts'
import { epoch, FakeDelivery, Held, handlerOf, held, itemOf, TERM, UID } from './world.ts'

describe('a message that cannot be read', () => {
  const { uid, name, epoch: at, nonce, attempt, runId } = itemOf()
  const partial = { uid, name, epoch: at, nonce, attempt, runId }

  it('is reported as rejected with what is wrong, and only then dropped', async () => {
    const { world } = held()
    world.up = false
    const delivery = await world.deliver(null, {
      partial,
      problem: 'header Gq-Timeout-Ms is missing',
    })
    await world.pass(3_000)
    expect(delivery.said).toEqual([])
    world.up = true
    await world.pass(5_000)
    expect(world.stored).toMatchObject([
      {
        uid: UID,
        nonce,
        outcome: {
          kind: 'rejected',
          failure: { category: 'System', code: 'Unreadable' },
        },
      },
    ])
    expect(JSON.stringify(world.stored)).toContain('header Gq-Timeout-Ms is missing')
    expect(delivery.said).toEqual(['term'])
  })

  it('is reported once, however often it is delivered', async () => {
    const { world } = held()
    await world.deliver(null, { partial, problem: 'broken' })
    const again = await world.deliver(null, { partial, problem: 'broken' })
    expect(again.said).toEqual(['term'])
    expect(world.stored).toHaveLength(1)
  })

  it('of nobody is dropped: there is nothing to report', async () => {
    const { world } = held()
    const delivery = await world.deliver(null, { problem: 'not UTF-8' })
    expect(delivery.said).toEqual(['term'])
    expect(world.published).toEqual([])
    expect(world.log).toContain('refused unreadable: not UTF-8')
  })

  it('does not end an attempt that runs under the same epoch', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf())
    const forged = await world.deliver(null, { partial, problem: 'broken' })
    expect(forged.said).toEqual(['term'])
    expect(handler.reason(0)).toBeNull()
    expect(world.published).toEqual([])
  })

  it('is given back by a draining worker', async () => {
    const { world } = held()
    await world.pass(0)
    const delivery = world.hand(null, { partial, problem: 'broken' })
    world.loop.drain()
    await world.pass(0)
    expect(delivery.said).toEqual(['nak 1000'])
  })
})

describe('a job that this worker cannot serve', () => {
  it.each([
    ['of another namespace', { namespace: 'bank' }, 'NotServed'],
    ['of another queue', { queue: 'reports' }, 'NotServed'],
    ['of a type without a handler', { type: 'other.job' }, 'UnknownType'],
    ['of a version without a handler', { handlerVersion: '2' }, 'UnknownType'],
  ])('%s is reported as rejected', async (_, over, code) => {
    const { world, handler } = held()
    const delivery = await world.deliver(itemOf(over))
    expect(world.outcomes()).toMatchObject([
      { kind: 'rejected', failure: { category: 'System', code } },
    ])
    expect(delivery.said).toEqual(['term'])
    expect(handler.starts).toEqual([])
  })

  it('of the version that is registered is served', async () => {
    const { world, handler } = held()
    await world.deliver(itemOf({ handlerVersion: '1' }))
    expect(handler.starts).toHaveLength(1)
  })
})

describe('a worker that has forgotten an epoch', () => {
  it('still knows it while the attempt is in hand', async () => {
    const { world } = held()
    const handler = new Held()
    const executions = new Executions()
    const said: string[] = []
    const observer = {
      started: () => undefined,
      ended: () => undefined,
      refused: (_: unknown, why: string) => void said.push(why),
      unconfirmed: () => undefined,
      lostContact: () => undefined,
      outlivesGrace: () => undefined,
      defect: () => undefined,
    }
    const sink = { publish: async () => true, note: () => undefined }
    const serving = new Serving<unknown>({
      namespace: 'shop',
      queues: ['default'],
      graceMs: 60_000,
      registry: registryOf([handlerOf(handler.body)]),
      deps: undefined,
      jobLog: () => pino({ level: 'silent' }),
      redact: (text) => text,
      payloads: null,
      worker: 'worker-1',
      clock: world.clock,
      observer,
      sink,
      epochs: new Epochs(1),
      executions,
      outbox: new Outbox({ sink, clock: world.clock, random: new SeededRandom(1), observer }),
      draining: () => false,
      starting: () => undefined,
      changed: () => undefined,
    })
    const deliver = async (uid: string, at: number) => {
      const delivery = new FakeDelivery({
        clock: world.clock,
        item: itemOf({ uid: jobUid(uid), epoch: epoch(at, TERM) }),
      })
      void serving.serve(delivery)
      await world.pass(0)
      return delivery.said
    }
    await deliver('long', 1)
    await deliver('other', 2)
    expect(await deliver('long', 1)).toEqual(['term'])
    expect(said).toEqual(['old-epoch'])
    expect(handler.starts).toHaveLength(2)
  })
})
