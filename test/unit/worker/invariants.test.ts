// What holds for a worker whatever server, operator and handlers do: random histories on the virtual
// clock. Failures print the history; `seed` and `path` of fast-check replay it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobUid } from '../../../src/core/ids.ts'
import {
  type AckAnswer,
  epoch,
  type FakeDelivery,
  Held,
  handlerOf,
  itemOf,
  leader,
  World,
} from './world.ts'

const SLOTS = 4
const uids = ['job-a', 'job-b', 'job-c']

const answers: readonly AckAnswer[] = [
  'confirms',
  'confirms',
  'never answers',
  { confirmsAfterMs: 500 },
  { confirmsAfterMs: 7_999 },
  { confirmsAfterMs: 8_001 },
]

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      uid: fc.constantFrom(...uids),
      term: fc.integer({ min: 1, max: 3 }),
      seq: fc.integer({ min: 1, max: 4 }),
      answer: fc.constantFrom(...answers),
      late: fc.constantFrom(0, 0, 7_000, 9_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(8), ok: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cancel' as const),
      uid: fc.constantFrom(...uids),
      seq: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('leader' as const),
      term: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('nats' as const), up: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(0, 60, 1_000, 5_000, 21_000),
    }),
  },
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Seen {
  readonly world: World
  readonly handler: Held
  readonly acked: {
    readonly uid: string
    readonly epoch: number
    readonly delivery: FakeDelivery
  }[]
}

async function play(steps: readonly Step[], obeys: boolean): Promise<Seen> {
  const handler = new Held(obeys)
  const world = new World([handlerOf(handler.body)], { slots: SLOTS })
  const acked: Seen['acked'] = []
  await world.pass(0)
  for (const what of steps) {
    switch (what.do) {
      case 'deliver': {
        if (world.waitingPulls === 0) break
        const at = world.clock.monotonic() - what.late
        const item = itemOf({ uid: jobUid(what.uid), epoch: epoch(what.seq, what.term) })
        const times = { requestedAt: at, receivedAt: at, answer: what.answer }
        const delivery = await world.deliver(item, times)
        if (delivery.said.includes('ack'))
          acked.push({ uid: what.uid, epoch: item.epoch, delivery })
        break
      }
      case 'end':
        if (what.ok) handler.end(what.which, 'ok')
        else handler.fail(what.which, new Error('no'))
        await world.pass(0)
        break
      case 'cancel':
        await world.cancel(jobUid(what.uid), epoch(what.seq, 3), 'cancelled', 3)
        break
      case 'leader':
        await world.tell(leader(what.term, true))
        break
      case 'nats':
        world.up = what.up
        break
      case 'pass':
        await world.pass(what.ms)
        break
    }
    expect(world.waitingPulls).toBeLessThanOrEqual(world.loop.state.free)
  }
  world.up = true
  await world.pass(60_000)
  // Between two pulls of a slot there is a moment without one.
  for (let i = 0; i < 10 && world.waitingPulls < world.loop.state.free; i++) await world.pass(50)
  return { world, handler, acked }
}

async function everywhere(check: (seen: Seen) => void): Promise<void> {
  const history = fc.array(step, { minLength: 1, maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(history, fc.boolean(), async (steps, obeys) =>
      check(await play(steps, obeys)),
    ),
    { numRuns: 80 },
  )
}

const idOf = ({ uid, epoch: at }: { readonly uid: string; readonly epoch: number }) =>
  `${uid}.${at}`

describe('a worker, whatever happens', { timeout: 60_000 }, () => {
  it('reports everything that it acknowledged exactly once, and nothing else', async () => {
    await everywhere(({ world, acked }) => {
      expect(world.stored.map(idOf).sort()).toEqual(acked.map(idOf).sort())
      expect(new Set(world.stored.map(idOf)).size).toBe(world.stored.length)
    })
  })

  it('publishes one outcome for each attempt, however often', async () => {
    await everywhere(({ world }) => {
      const byId = new Map<string, string>()
      for (const report of world.published) {
        const outcome = JSON.stringify(report.outcome)
        expect(byId.get(idOf(report)) ?? outcome).toBe(outcome)
        byId.set(idOf(report), outcome)
      }
    })
  })

  it('starts no epoch twice, and none that is older than one it started', async () => {
    await everywhere(({ handler }) => {
      for (const uid of uids) {
        const epochs = handler.starts.filter(({ job }) => job.uid === uid).map((ctx) => ctx.epoch)
        expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b))
      }
    })
  })

  it('starts nothing before the confirmation of its ack', async () => {
    await everywhere(({ world, handler, acked }) => {
      for (const { job, epoch: at } of handler.starts) {
        expect(acked.map(idOf)).toContain(`${job.uid}.${at}`)
      }
      const unconfirmed = acked.filter(({ delivery }) => !delivery.confirmed)
      for (const { uid, epoch: at } of unconfirmed) {
        const starts = handler.starts.filter((ctx) => ctx.job.uid === uid && ctx.epoch === at)
        expect(starts).toEqual([])
        const report = world.stored.find((one) => idOf(one) === idOf({ uid, epoch: at }))
        expect(['handed-back', 'cancelled']).toContain(report?.outcome.kind)
      }
    })
  })

  it('has every slot free again at the end, and lists nothing as running', async () => {
    await everywhere(({ world }) => {
      expect(world.waitingPulls).toBe(SLOTS)
      expect(world.lastBeat).toMatchObject({ running: [], free: SLOTS })
      expect(world.log.filter((line) => line.startsWith('defect'))).toEqual([])
    })
  })
})
