import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bootId, type JobUid, workerId } from '../../../src/core/ids.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Workers } from '../../../src/recovery/workers.ts'
import {
  aBeat,
  aJob,
  anAttempt,
  anOwner,
  aRunningAttempt,
  CLASS,
  epoch,
  NAMESPACE,
  NOON,
  QUEUE,
  uid,
  WORKER,
} from '../../builders.ts'

const LEASE = 15_000

function aHouse() {
  let now = 0
  const ledger = new Ledger(normaliser(() => null))
  const workers = new Workers({ ledger, leaseMs: LEASE }, () => now)
  return {
    ledger,
    workers,
    pass: (ms: number) => {
      now += ms
    },
    /** A job of this number, given to the class. */
    dispatch: (n: number) => {
      ledger.observe(aJob({ uid: uid(n), name: `job-${n}` }), now)
      const entry = ledger.get(uid(n))
      if (!entry) throw new Error('no entry')
      ledger.dispatch(entry, anAttempt({ epoch: epoch(n) }), now)
      return entry
    },
    free: () => workers.classes().map((each) => each.free),
  }
}

const listing = (n: number) => aRunningAttempt({ uid: uid(n), epoch: epoch(n) })

describe('free slots', () => {
  it('are all of them, while nothing runs', () => {
    const { workers, free } = aHouse()
    workers.heard(aBeat({ slots: 4 }))
    expect(free()).toEqual([4])
  })

  it('are one less from the dispatch on, whether or not a beat lists it', () => {
    const { workers, dispatch, free } = aHouse()
    workers.heard(aBeat({ slots: 4 }))
    dispatch(1)
    expect(free()).toEqual([3])
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    expect(free()).toEqual([3])
  })

  it('are back with the outcome, not with the next beat', () => {
    const { workers, ledger, dispatch, free } = aHouse()
    const entry = dispatch(1)
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    ledger.report(entry, anOwner())
    workers.reported(uid(1), epoch(1))
    expect(free()).toEqual([4])
    // A beat that was under way still lists it.
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    expect(free()).toEqual([4])
  })

  it('do not count a handler that runs on after its attempt was closed', () => {
    const { workers, ledger, dispatch, free } = aHouse()
    const entry = dispatch(1)
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    ledger.list(entry, anOwner(), 0, NOON, 0)
    ledger.drop(entry, epoch(1))
    expect(free()).toEqual([3])
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    expect(free()).toEqual([3])
    workers.heard(aBeat({ slots: 4 }))
    expect(free()).toEqual([4])
  })

  it('are those of all workers of a class together', () => {
    const { workers, free } = aHouse()
    workers.heard(aBeat({ slots: 4 }))
    workers.heard(aBeat({ slots: 3, owner: anOwner({ worker: workerId('pod-b') }) }))
    expect(free()).toEqual([7])
  })

  it('are offered neither by a draining worker nor by one that is silent for a lease', () => {
    const { workers, free, pass } = aHouse()
    workers.heard(aBeat({ draining: true }))
    expect(free()).toEqual([])
    workers.heard(aBeat({}))
    pass(LEASE + 1)
    expect(free()).toEqual([])
    workers.renewAll()
    expect(free()).toEqual([10])
  })

  it('are never negative and never more than there are, whatever is heard', () => {
    const step = fc.record({
      what: fc.constantFrom('beat', 'dispatch', 'list', 'report', 'drop', 'forget', 'pass'),
      n: fc.integer({ min: 1, max: 6 }),
      slots: fc.integer({ min: 0, max: 5 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { workers, ledger, dispatch, pass } = aHouse()
        for (const { what, n, slots } of steps) {
          const owner = anOwner({ worker: workerId(`pod-${n % 2}`) })
          const entry = ledger.get(uid(n))
          if (what === 'beat') workers.heard(aBeat({ owner, slots, running: [listing(n)] }))
          else if (what === 'dispatch' && !entry?.attempt) dispatch(n)
          else if (what === 'list' && entry) ledger.list(entry, owner, 0, NOON, 0)
          else if (what === 'report' && entry) {
            ledger.report(entry, owner)
            workers.reported(uid(n), epoch(n))
          } else if (what === 'drop' && entry) ledger.drop(entry, epoch(n))
          else if (what === 'forget') ledger.forget(uid(n))
          else if (what === 'pass') pass(n * 1_000)
          for (const each of workers.classes()) {
            expect(each.free).toBeGreaterThanOrEqual(0)
            expect(each.free).toBeLessThanOrEqual(each.slots)
          }
        }
      }),
    )
  })
})

describe('row 4, limits: handlers that linger (U1)', () => {
  const names = (workers: Workers) => [...workers.lingering()].map(({ name }) => name)

  /** Listed by its worker, with a concurrency key, and then closed by a fence. */
  function aClosed(house: ReturnType<typeof aHouse>) {
    const { workers, ledger, dispatch } = house
    const entry = dispatch(1)
    entry.record = { ...entry.record, concurrencyKey: 'account-7' }
    workers.heard(aBeat({ running: [listing(1)] }))
    ledger.list(entry, anOwner(), 0, NOON, 0)
    ledger.drop(entry, epoch(1))
    return entry
  }

  it('are known from the moment at which their attempt is closed, with what they hold', () => {
    const house = aHouse()
    aClosed(house)
    expect([...house.workers.lingering()]).toMatchObject([
      { name: 'job-1', queue: QUEUE, concurrencyKey: 'account-7', namespace: NAMESPACE },
    ])
  })

  it('are known as long as their worker lists them', () => {
    const house = aHouse()
    aClosed(house)
    house.workers.heard(aBeat({ running: [listing(1)] }))
    expect(names(house.workers)).toEqual(['job-1'])
    house.workers.heard(aBeat())
    expect(names(house.workers)).toEqual([])
  })

  it('are known as long as their worker is heard', () => {
    const house = aHouse()
    aClosed(house)
    house.pass(LEASE + 1)
    expect(names(house.workers)).toEqual([])
  })

  it('are known with their key when their job is deleted', () => {
    const house = aHouse()
    aClosed(house)
    house.ledger.forget(uid(1))
    house.workers.heard(aBeat({ running: [listing(1)] }))
    house.workers.heard(aBeat({ running: [listing(1)] }))
    expect([...house.workers.lingering()]).toMatchObject([{ concurrencyKey: 'account-7' }])
  })

  it('are known when their job is deleted while the attempt is open', () => {
    const { workers, ledger, dispatch, free } = aHouse()
    const entry = dispatch(1)
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    ledger.list(entry, anOwner(), 0, NOON, 0)
    ledger.forget(uid(1))
    expect([names(workers), free()]).toEqual([['job-1'], [3]])
  })

  it('are read from the beats after a restart: of a job that is there with its key', () => {
    const { workers, ledger } = aHouse()
    ledger.observe(
      aJob({
        spec: { concurrencyKey: 'account-7' },
        status: { phase: 'Cancelled', epoch: epoch(9) },
      }),
      0,
    )
    workers.heard(aBeat({ running: [listing(1)] }))
    expect([...workers.lingering()]).toMatchObject([{ queue: QUEUE, concurrencyKey: 'account-7' }])
  })

  it('are read from the beats after a restart: of a deleted job with the only queue of its worker', () => {
    const { workers } = aHouse()
    workers.heard(aBeat({ running: [listing(1)] }))
    expect([...workers.lingering()]).toMatchObject([{ queue: QUEUE, concurrencyKey: '' }])
    workers.heard(aBeat({ queues: [QUEUE, 'other'], running: [listing(1)] }))
    workers.heard(aBeat({ queues: [QUEUE, 'other'], running: [listing(2)] }))
    expect([...workers.lingering()]).toMatchObject([{ queue: '' }])
  })

  it('may exist although nobody listed them yet: for one beat they hold their limits, but no slot', () => {
    const { workers, ledger, dispatch, free, pass } = aHouse()
    workers.heard(aBeat({ slots: 4 }))
    const entry = dispatch(1)
    ledger.pubAcked(entry, epoch(1))
    ledger.drop(entry, epoch(1))
    expect([names(workers), free()]).toEqual([['job-1'], [4]])
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    expect([names(workers), free()]).toEqual([['job-1'], [3]])
    pass(5_001)
    workers.heard(aBeat({ slots: 4 }))
    expect(names(workers)).toEqual([])
  })

  it('do not exist of an attempt that was never published', () => {
    const { workers, ledger, dispatch } = aHouse()
    workers.heard(aBeat())
    ledger.drop(dispatch(1), epoch(1))
    expect(names(workers)).toEqual([])
  })

  it('are not counted beside the same attempt when it is current again', () => {
    const house = aHouse()
    const entry = aClosed(house)
    house.ledger.adopt(entry, anAttempt({ epoch: epoch(1) }))
    expect([names(house.workers), house.free()]).toEqual([[], [9]])
  })
})

describe('idle slots (D7)', () => {
  it('are what the workers say, so that a stuck message does not hide behind its own slot', () => {
    const { workers, dispatch, free } = aHouse()
    workers.heard(aBeat({ slots: 1, free: 1 }))
    dispatch(1)
    expect(free()).toEqual([0])
    expect([...workers.idle()]).toEqual([[`${NAMESPACE}/${CLASS}`, 1]])
  })

  it('do not exist for a class without a live worker', () => {
    const { workers, pass } = aHouse()
    workers.heard(aBeat({ free: 3 }))
    pass(LEASE + 1)
    expect(workers.idle().size).toBe(0)
  })
})

describe('who is known', () => {
  it('workers of two namespaces may share an id', () => {
    const { workers } = aHouse()
    workers.heard(aBeat({ pod: 'ours' }))
    workers.heard(aBeat({ namespace: 'other', pod: 'theirs' }))
    expect(workers.get(NAMESPACE, WORKER)?.beat.pod).toBe('ours')
    expect(workers.get('other', WORKER)?.beat.pod).toBe('theirs')
    expect([...workers.ended()]).toEqual([])
  })

  it('a process that was replaced under its id is remembered as ended (T5)', () => {
    const { workers } = aHouse()
    workers.heard(aBeat({ running: [listing(1)] }))
    workers.heard(aBeat({ owner: anOwner({ boot: bootId('boot-0002') }) }))
    expect([...workers.ended()].map(({ beat }) => beat.running)).toEqual([[listing(1)]])
    expect(workers.get(NAMESPACE, WORKER)?.beat.owner.boot).toBe('boot-0002')
  })

  it('whoever is silent for long is forgotten', () => {
    const { workers, pass } = aHouse()
    workers.heard(aBeat())
    workers.heard(aBeat({ owner: anOwner({ boot: bootId('boot-0002') }) }))
    pass(600_001)
    workers.forgetSilent(600_000)
    expect([[...workers.all()], [...workers.ended()]]).toEqual([[], []])
  })

  it('a report is remembered for a minute and no longer', () => {
    const { workers, pass } = aHouse()
    workers.reported(uid(1), epoch(1))
    pass(61_000)
    workers.reported('another' as JobUid, epoch(2))
    workers.heard(aBeat({ slots: 4, running: [listing(1)] }))
    expect(workers.classes()[0]?.free).toBe(3)
  })
})
