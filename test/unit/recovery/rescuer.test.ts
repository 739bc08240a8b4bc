// The rescuer on a virtual clock and scripted ports: what `lost.ts` says is due is done once, in
// bounded rounds, and the streams are looked at when it matters.

import { describe, expect, it } from 'vitest'
import { bootId, type JobUid, workerId } from '../../../src/core/ids.ts'
import { type Entry, Ledger } from '../../../src/core/ledger.ts'
import type { Control } from '../../../src/core/outcome.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import type { Streams } from '../../../src/recovery/ports.ts'
import type { Reclaims } from '../../../src/recovery/reclaims.ts'
import { Rescuer } from '../../../src/recovery/rescuer.ts'
import { Shards } from '../../../src/recovery/shards.ts'
import { StreamWatch } from '../../../src/recovery/stream-watch.ts'
import { Workers } from '../../../src/recovery/workers.ts'
import {
  aBeat,
  aFinishedAttempt,
  aJob,
  anAttempt,
  anOwner,
  aRunningAttempt,
  epoch,
  NOON,
  newer,
  uid,
} from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

async function aScene() {
  const clock = new VirtualClock(NOON)
  const ledger = new Ledger(normaliser(() => null))
  const workers = new Workers({ ledger, leaseMs: 15_000 }, () => clock.monotonic())
  const shards = new Shards(new Uint8Array())
  const done: string[] = []
  const told: Control[] = []
  const link = {
    connected: true,
    since: 0,
    problem: '',
    listeners: new Set<() => void>(),
    onChange(listener: () => void) {
      this.listeners.add(listener)
      return () => void this.listeners.delete(listener)
    },
    set(connected: boolean) {
      this.connected = connected
      this.since = clock.monotonic()
      for (const each of this.listeners) each()
    },
  }
  const at = { created: 'a', lastSeq: 1 }
  const state = {
    both: { work: at, events: at } as Awaited<ReturnType<Streams['state']>>,
    looks: 0,
    fails: false,
  }
  const streams = {
    ensure: async () => state.both,
    state: async () => {
      state.looks += 1
      if (state.fails) throw new Error('not yet')
      return state.both
    },
  } as Streams
  const streamWatch = new StreamWatch(streams, link)
  await streamWatch.ensure()
  const note = (what: string) => async (entry: Entry, cause?: string) =>
    void done.push(`${what} ${entry.object.name}${cause ? ` ${cause}` : ''}`)
  const rescuer = new Rescuer({
    ...{ shards, ledger, workers, streamWatch, link, clock, logger: QUIET },
    leaseMs: 15_000,
    reclaims: {
      lose: note('lose'),
      fence: note('fence'),
      lookForMessage: note('look'),
      closeOverdue: note('close'),
      settled() {},
    } as unknown as Reclaims,
    streams: { removeClass: async (_, cls) => void done.push(`remove ${cls}`) },
    announcer: {
      toWorker: (_, __, message) => void told.push(message),
      toNamespace: (_, message) => void told.push(message),
    },
    sink: {
      submit: async (of: JobUid, fact) => {
        done.push(`write ${fact.kind}`)
        const object = ledger.get(of)?.object
        if (object && fact.kind === 'running') {
          const status = { ...object.status, phase: 'Running', epoch: fact.epoch } as const
          ledger.observe(newer(object, { status }), clock.monotonic())
        }
        return 'written'
      },
      inform() {},
    },
    streamLost: () => void done.push('stream lost'),
    linkBack: () => void done.push('link back'),
    classRemoved() {},
  })
  const run = (n: number, job: Parameters<typeof aJob>[0] = {}) => {
    ledger.observe(aJob({ uid: uid(n), name: `job-${n}`, ...job }), clock.monotonic())
    const entry = ledger.get(uid(n))
    if (!entry) throw new Error('no entry')
    if (!shards.get(entry.shard)) {
      const record = { shard: entry.shard, resourceVersion: '1', holder: 'me', floor: 0 }
      shards.take({ ...record, term: 7, salts: {} }, 0)
      shards.enter(entry.shard, 'leading')
    }
    ledger.dispatch(entry, anAttempt({ epoch: epoch(n) }), clock.monotonic())
    ledger.list(entry, anOwner(), 0, NOON, clock.monotonic())
    return entry
  }
  rescuer.start()
  return { clock, ledger, workers, link, state, streamWatch, rescuer, run, done, told }
}

const beat = (...listed: number[]) =>
  aBeat({ running: listed.map((n) => aRunningAttempt({ uid: uid(n), epoch: epoch(n) })) })

describe('an open attempt', () => {
  it('is written as Running after a second (D5)', async () => {
    const { clock, run, done } = await aScene()
    run(1)
    await clock.advanceAsync(900)
    expect(done).toEqual([])
    await clock.advanceAsync(200)
    expect(done[0]).toBe('write running')
  })

  it('whose process was replaced is lost in the next round (B5)', async () => {
    const { clock, workers, run, done } = await aScene()
    run(1)
    workers.heard(aBeat({ owner: anOwner({ boot: bootId('boot-0002') }) }))
    await clock.advanceAsync(200)
    expect(done).toEqual(['lose job-1 WorkerCrashed'])
  })

  it('whose replaced process had finished it is waited for: its outcome is on its way (B5)', async () => {
    const { clock, workers, run, done } = await aScene()
    run(1)
    const finished = [aFinishedAttempt({ uid: uid(1), epoch: epoch(1) })]
    workers.heard(aBeat({ owner: anOwner({ boot: bootId('boot-0002') }), finished }))
    await clock.advanceAsync(800)
    expect(done).toEqual([])
  })

  it('whose worker beats without it is asked for again, each five seconds (B6)', async () => {
    const { clock, workers, run, told } = await aScene()
    run(1)
    for (let n = 0; n < 14; n++) {
      await clock.advanceAsync(1_000)
      workers.heard(beat())
    }
    const asked = told.filter(({ kind }) => kind === 'resend')
    expect(asked).toHaveLength(2)
    expect(asked[0]).toMatchObject({ reports: [{ uid: uid(1), epoch: epoch(1) }] })
  })
})

describe('many attempts that are lost together', () => {
  it('are lost twenty in a round, so that no burst of writes follows (L1)', async () => {
    const { clock, workers, run, done } = await aScene()
    for (let n = 1; n <= 50; n++) run(n)
    workers.heard(aBeat({ owner: anOwner({ boot: bootId('boot-0002') }) }))
    await clock.advanceAsync(200)
    expect(done.filter((what) => what.startsWith('lose'))).toHaveLength(20)
  })
})

describe('a suspension (U2)', () => {
  it('is told once for an attempt, also one that became current later', async () => {
    const { clock, run, told } = await aScene()
    run(1, { spec: { suspend: true } })
    await clock.advanceAsync(5_000)
    expect(told).toMatchObject([{ kind: 'cancel', reason: 'suspended', graceMs: 25_000 }])
  })
})

describe('the connection', () => {
  it('ends no lease while it is away, nor for a whole lease after it is back (L1)', async () => {
    const { clock, link, run, done } = await aScene()
    run(1)
    await clock.advanceAsync(2_000)
    link.set(false)
    await clock.advanceAsync(60_000)
    link.set(true)
    await clock.advanceAsync(14_900)
    expect(done.filter((what) => what.startsWith('lose'))).toEqual([])
    await clock.advanceAsync(400)
    expect(done).toContain('lose job-1 LeaseLost')
  })

  it('that comes back is trusted after a look, which is repeated until it succeeds (T3)', async () => {
    const { clock, link, run, state, streamWatch, done } = await aScene()
    run(1)
    link.set(false)
    state.fails = true
    await clock.advanceAsync(100)
    link.set(true)
    await clock.advanceAsync(2_000)
    expect([streamWatch.trusted, state.looks > 5]).toEqual([false, true])
    expect(clock.pendingTimers).toBeLessThan(10)
    state.fails = false
    await clock.advanceAsync(400)
    expect(streamWatch.trusted).toBe(true)
    expect(done.filter((what) => what === 'link back')).toHaveLength(1)
  })

  it('on which a stream is gone is told as lost', async () => {
    const { clock, run, state, done } = await aScene()
    run(1)
    state.both = null
    await clock.advanceAsync(5_000)
    expect(done).toContain('stream lost')
  })
})

it('a class that nobody serves loses its consumer after ten minutes', async () => {
  const { clock, workers, done } = await aScene()
  const heard = aBeat({ owner: anOwner({ worker: workerId('pod-b') }) })
  workers.heard(heard)
  await clock.advanceAsync(500_000)
  expect(done).toEqual([])
  await clock.advanceAsync(200_000)
  expect(done).toEqual([`remove ${heard.cls}`])
})

it('after the stop nothing is looked at, and no timer stays', async () => {
  const { clock, rescuer, run, done, state } = await aScene()
  run(1)
  state.fails = true
  rescuer.stop()
  await clock.advanceAsync(60_000)
  expect([done, clock.pendingTimers]).toEqual([[], 0])
})
