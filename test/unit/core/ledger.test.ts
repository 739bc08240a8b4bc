// The leader's memory: which attempt is current, whatever comes in whatever order (C1, W6).

import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { PHASES, type Phase } from '../../../src/api/conditions.ts'
import { bootId, shardOf, workerId } from '../../../src/core/ids.ts'
import { isTerminal, type JobObject } from '../../../src/core/job.ts'
import { type Entry, isNewer, Ledger, sameOwner, termOfStatus } from '../../../src/core/ledger.ts'
import type { QueueObject } from '../../../src/core/resources.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import {
  aJob,
  anAttempt,
  anOwner,
  aQueue,
  CLASS,
  epoch,
  NAMESPACE,
  NOON,
  newer,
  QUEUE,
  uid,
  WORKER,
} from '../../builders.ts'

const SHARD = shardOf(NAMESPACE)
const start = (seq: number) => ({ epoch: epoch(seq), attempt: 1, runId: '', cls: CLASS })
const worker = { podUID: WORKER, boot: 'boot-0001', class: CLASS } as const
const inPhase = (phase: Phase, seq: number) =>
  ({ observedGeneration: 1, phase, epoch: epoch(seq), attempt: 2, worker }) as const

let queue: QueueObject
let ledger: Ledger
let entry: Entry

beforeEach(() => {
  queue = aQueue()
  ledger = new Ledger(normaliser(() => queue))
  entry = observed(aJob())
})

function observed(object: JobObject, now = 0): Entry {
  ledger.observe(object, now)
  const found = ledger.get(object.uid)
  if (!found) throw new Error('it was not taken in')
  return found
}

/** The next version of the job has this status. */
function write(status: JobObject['status'], now = 0): void {
  ledger.observe(newer(entry.object, { status }), now)
}

const current = () => entry.attempt?.epoch ?? 0
const open = () => [...ledger.open()].map((each) => each.uid)

describe('observing an object', () => {
  it('makes an entry, with the record of intake and the order of submission', () => {
    expect(entry).toMatchObject({ uid: uid(1), shard: SHARD, firstSeen: 1000, facts: 0 })
    expect(entry.record.submission).toEqual({ creationMs: NOON, firstSeen: 1000 })
    expect(ledger.size).toBe(1)
    expect([...ledger.entries()]).toEqual([entry])
  })

  it('tells what it was', () => {
    expect(ledger.observe(aJob({ uid: uid(2) }), 0)).toBe('new')
    expect(ledger.observe(newer(aJob()), 0)).toBe('newer')
    expect(ledger.observe(aJob(), 0)).toBe('stale')
  })

  it('keeps the order of submission over later versions', () => {
    ledger.observe(newer(aJob(), { resourceVersion: '9999' }), 0)
    expect(entry.firstSeen).toBe(1000)
    expect(entry.record.submission.firstSeen).toBe(1000)
  })

  it('of an older or equal version changes nothing', () => {
    write(inPhase('Running', 1))
    const older = aJob({ resourceVersion: '999', status: inPhase('Completed', 5) })
    expect(ledger.observe(older, 0)).toBe('stale')
    expect(ledger.observe(aJob({ resourceVersion: '1001' }), 0)).toBe('stale')
    expect(current()).toBe(epoch(1))
    expect(entry.object.status.phase).toBe('Running')
  })

  it('orders versions as numbers, not as text', () => {
    expect(isNewer('1000', '999')).toBe(true)
    expect(isNewer('999', '1000')).toBe(false)
    expect(isNewer('1001', '1000')).toBe(true)
    expect(isNewer('1000', '1000')).toBe(false)
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        expect(isNewer(String(a), String(b))).toBe(a > b)
      }),
    )
  })
})

describe('C1: the current attempt and a newer version', () => {
  it.each<[string, number, Phase, number, number]>([
    ['Running opens it when none is current', 0, 'Running', 3, 3],
    ['Running of a younger epoch replaces it', 2, 'Running', 3, 3],
    ['Running of the same epoch keeps it', 3, 'Running', 3, 3],
    ['Running of an older epoch leaves it', 4, 'Running', 3, 4],
    ['a waiting phase of a younger epoch closes it', 2, 'Retrying', 3, 0],
    ['a waiting phase of the same epoch closes it', 3, 'Scheduled', 3, 0],
    ['a waiting phase of an older epoch leaves it', 4, 'Retrying', 3, 4],
    ['an end of an older epoch closes it all the same', 4, 'Completed', 3, 0],
    ['an end of a younger epoch closes it', 2, 'Cancelled', 3, 0],
    ['a waiting phase opens none', 0, 'Delayed', 3, 0],
  ])('%s', (_says, cur, phase, seq, want) => {
    if (cur > 0) ledger.dispatch(entry, start(cur), 0)
    write(inPhase(phase, seq))
    expect(current()).toBe(want === 0 ? 0 : epoch(want))
    expect(open()).toEqual(want === 0 ? [] : [uid(1)])
  })

  it('an attempt that only the status tells of is taken from it, with its owner', () => {
    const startTime = '2026-05-01T12:00:05Z'
    write({ ...inPhase('Running', 3), runId: 'r1', startTime }, 70)
    expect(entry.attempt).toEqual({
      epoch: epoch(3),
      attempt: 2,
      runId: 'r1',
      cls: CLASS,
      dispatchedAt: 70,
      pubAcked: true,
      owner: anOwner(),
      acceptedAt: 70,
      startedAt: NOON + 5000,
      listedAt: 70,
      reported: false,
      recorded: true,
    })
    expect(entry.dispatchedHere).toBe(false)
  })

  it('a status without a worker tells of no owner', () => {
    write({ observedGeneration: 1, phase: 'Running', epoch: epoch(3) })
    expect(entry.attempt).toMatchObject({ owner: null, attempt: 1, startedAt: null })
  })

  it('the own attempt keeps what is known of it when it is recorded', () => {
    ledger.dispatch(entry, start(3), 10)
    ledger.list(entry, anOwner(), 0, NOON, 20)
    write(inPhase('Running', 3), 90)
    expect(entry.attempt).toMatchObject({
      dispatchedAt: 10,
      acceptedAt: 20,
      listedAt: 20,
      recorded: true,
    })
  })

  it('an own attempt that another leader recorded takes its owner from there', () => {
    ledger.dispatch(entry, start(3), 10)
    write(inPhase('Running', 3), 90)
    expect(entry.attempt).toMatchObject({ owner: anOwner(), acceptedAt: 90, recorded: true })
  })

  it('whatever versions come in whatever order, the newest one decides with the memory', () => {
    const versions = fc.array(
      fc.record({ phase: fc.constantFrom(...PHASES), seq: fc.integer({ min: 1, max: 6 }) }),
      { minLength: 1, maxLength: 8 },
    )
    const shuffled = versions.chain((list) =>
      fc.tuple(
        fc.constant(list),
        fc.shuffledSubarray([...list.keys()], { minLength: list.length, maxLength: list.length }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([list, order]) => {
        const seen = new Ledger(normaliser(() => null))
        const objects = list.map(({ phase, seq }, i) =>
          aJob({ resourceVersion: String(2000 + i), status: inPhase(phase, seq) }),
        )
        for (const i of order) {
          const object = objects[i]
          if (object) seen.observe(object, 0)
        }
        const last = seen.get(uid(1))
        const { status } = objects.at(-1) ?? aJob()
        expect(last?.object.status).toBe(status)
        const attempt = last?.attempt?.epoch ?? 0
        if (isTerminal(status.phase)) expect(attempt).toBe(0)
        else if (status.phase === 'Running')
          expect(attempt).toBeGreaterThanOrEqual(status.epoch ?? 0)
        else if (attempt > 0) expect(attempt).toBeGreaterThan(status.epoch ?? 0)
        expect([...seen.open()].length).toBe(attempt > 0 ? 1 : 0)
      }),
    )
  })
})

describe('the life of an own attempt', () => {
  it('is dispatched before it is published', () => {
    ledger.dispatch(entry, start(1), 10)
    expect(entry).toMatchObject({ dispatchedHere: true })
    expect(entry.attempt).toEqual(
      anAttempt({
        dispatchedAt: 10,
        pubAcked: false,
        owner: null,
        acceptedAt: null,
        startedAt: null,
        listedAt: 10,
      }),
    )
  })

  it('has a PubAck when that came for its epoch', () => {
    ledger.dispatch(entry, start(2), 10)
    ledger.pubAcked(entry, epoch(1))
    expect(entry.attempt?.pubAcked).toBe(false)
    ledger.pubAcked(entry, epoch(2))
    expect(entry.attempt?.pubAcked).toBe(true)
  })

  it('belongs to the first that lists it, and to no other (D4)', () => {
    ledger.dispatch(entry, start(1), 10)
    expect(ledger.list(entry, anOwner(), 5, NOON, 20)).toBe(true)
    expect(entry.attempt).toMatchObject({ owner: anOwner(), acceptedAt: 15, startedAt: NOON - 5 })
    expect(ledger.list(entry, anOwner({ boot: bootId('boot-0002') }), 5, NOON, 30)).toBe(false)
    expect(ledger.list(entry, anOwner({ worker: workerId('other') }), 5, NOON, 30)).toBe(false)
    expect(entry.attempt).toMatchObject({ owner: anOwner(), listedAt: 20 })
  })

  it('has its lease renewed by each listing, but starts only once (B1)', () => {
    ledger.dispatch(entry, start(1), 10)
    ledger.list(entry, anOwner(), 5, NOON, 20)
    ledger.list(entry, anOwner(), 105, NOON + 100, 120)
    expect(entry.attempt).toMatchObject({ acceptedAt: 15, startedAt: NOON - 5, listedAt: 120 })
  })

  it('cannot have been accepted before it was dispatched, whatever its worker says', () => {
    ledger.dispatch(entry, start(1), 10)
    ledger.list(entry, anOwner(), 99_999, NOON, 20)
    expect(entry.attempt?.acceptedAt).toBe(10)
  })

  it('cannot be listed when there is none', () => {
    expect(ledger.list(entry, anOwner(), 0, NOON, 20)).toBe(false)
    expect(entry.attempt).toBeNull()
  })

  it('may be presumed accepted by an unknown worker (D7)', () => {
    ledger.dispatch(entry, start(1), 10)
    ledger.presumeAccepted(entry, 5000)
    expect(entry.attempt).toMatchObject({ owner: null, acceptedAt: 5000, listedAt: 5000 })
  })

  it('is reported by its owner, and handed in again when the write was not allowed', () => {
    ledger.dispatch(entry, start(1), 10)
    ledger.report(entry, anOwner())
    expect(entry.attempt).toMatchObject({ owner: anOwner(), reported: true })
    ledger.unreport(entry, epoch(2))
    expect(entry.attempt?.reported).toBe(true)
    ledger.unreport(entry, epoch(1))
    expect(entry.attempt?.reported).toBe(false)
  })

  it('ends by its own epoch only', () => {
    ledger.dispatch(entry, start(2), 10)
    ledger.drop(entry, epoch(1))
    expect(current()).toBe(epoch(2))
    ledger.drop(entry, epoch(2))
    expect(current()).toBe(0)
    expect(open()).toEqual([])
  })

  it('of an earlier leader becomes the current one, not yet recorded (T5, B3)', () => {
    const { recorded: _, reported: __, pubAcked: ___, ...adopted } = anAttempt({ listedAt: 40 })
    ledger.adopt(entry, adopted)
    expect(entry.attempt).toEqual(anAttempt({ listedAt: 40 }))
    expect(entry.dispatchedHere).toBe(false)
  })
})

describe('leases', () => {
  it('of one shard start anew when it is led (T8)', () => {
    const elsewhere = observed(aJob({ namespace: 'shop', uid: uid(2) }))
    expect(elsewhere.shard).not.toBe(SHARD)
    ledger.dispatch(entry, start(1), 10)
    ledger.dispatch(elsewhere, start(1), 10)
    ledger.renewShard(SHARD, 500)
    expect([entry.attempt?.listedAt, elsewhere.attempt?.listedAt]).toEqual([500, 10])
  })
})

describe('giving up a shard, or beginning to lead it (W6, T2)', () => {
  it('drops what was believed and keeps what the objects say', () => {
    const running = observed(aJob({ uid: uid(2), status: inPhase('Running', 3) }))
    ledger.dispatch(entry, start(1), 10)
    ledger.list(running, anOwner(), 0, NOON, 20)
    entry.cancelling = true
    ledger.reset(SHARD, 100)
    expect(entry).toMatchObject({ attempt: null, dispatchedHere: false, cancelling: false })
    expect(running.attempt).toMatchObject({ epoch: epoch(3), listedAt: 100 })
    expect(open()).toEqual([uid(2)])
    expect(ledger.size).toBe(2)
  })

  it('leaves the other shards alone', () => {
    const elsewhere = observed(aJob({ namespace: 'shop', uid: uid(2) }))
    ledger.dispatch(elsewhere, start(1), 10)
    ledger.reset(SHARD, 100)
    expect(elsewhere.attempt?.epoch).toBe(epoch(1))
    expect([...ledger.ofShard(SHARD)]).toEqual([entry])
  })
})

describe('a queue that changed its defaults', () => {
  const maximum = () => entry.record.retry.maxAttempts

  it('reaches the jobs that wait, and names them', () => {
    queue = aQueue({ spec: { defaults: { retry: { maxAttempts: 9 } } } })
    expect(ledger.renormalise(NAMESPACE, QUEUE)).toEqual([entry])
    expect(maximum()).toBe(9)
  })

  it('does not reach other queues or namespaces', () => {
    queue = aQueue({ spec: { defaults: { retry: { maxAttempts: 9 } } } })
    expect(ledger.renormalise(NAMESPACE, 'other')).toEqual([])
    expect(ledger.renormalise('other', QUEUE)).toEqual([])
    expect(maximum()).toBe(3)
  })

  it('does not reach an attempt that is open', () => {
    ledger.dispatch(entry, start(1), 10)
    queue = aQueue({ spec: { defaults: { attemptDeadlineSeconds: 5 } } })
    expect(ledger.renormalise(NAMESPACE, QUEUE)).toEqual([])
    expect(entry.record.attemptDeadlineMs).toBe(1_800_000)
  })

  it('does not change the deadline that a worker was told, also when the status is written', () => {
    ledger.dispatch(entry, start(1), 10)
    queue = aQueue({ spec: { defaults: { attemptDeadlineSeconds: 5 } } })
    write(inPhase('Running', 1))
    expect(entry.record.attemptDeadlineMs).toBe(1_800_000)
    write(inPhase('Retrying', 1))
    expect(entry.record.attemptDeadlineMs).toBe(5000)
  })
})

describe('forgetting a job', () => {
  it('gives back what was known of it', () => {
    ledger.dispatch(entry, start(1), 10)
    expect(ledger.forget(uid(1))).toBe(entry)
    expect(ledger.get(uid(1))).toBeUndefined()
    expect(open()).toEqual([])
    expect(ledger.forget(uid(1))).toBeUndefined()
  })

  it('does not forget the facts that are under way for it', () => {
    ledger.factQueued(uid(1))
    ledger.factQueued(uid(1))
    ledger.forget(uid(1))
    ledger.factSettled(uid(1))
    entry = observed(aJob())
    expect(entry.facts).toBe(1)
    ledger.factSettled(uid(1))
    expect(entry.facts).toBe(0)
    ledger.factSettled(uid(1))
    expect(entry.facts).toBe(0)
  })
})

it('the term of a status is that of its epoch, 0 when there is none', () => {
  expect(termOfStatus(aJob({ status: { epoch: epoch(1, 12) } }))).toBe(12)
  expect(termOfStatus(aJob())).toBe(0)
})

it('an owner is a worker and a boot, both', () => {
  expect(sameOwner(anOwner(), anOwner())).toBe(true)
  expect(sameOwner(anOwner(), anOwner({ boot: bootId('x') }))).toBe(false)
  expect(sameOwner(anOwner(), anOwner({ worker: workerId('x') }))).toBe(false)
})
