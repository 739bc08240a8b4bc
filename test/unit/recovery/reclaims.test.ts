import { describe, expect, it } from 'vitest'
import type { Fact } from '../../../src/core/facts.ts'
import { type Entry, Ledger } from '../../../src/core/ledger.ts'
import type { Control } from '../../../src/core/outcome.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import type { Settled } from '../../../src/persistence/ports.ts'
import { Acts } from '../../../src/recovery/acts.ts'
import { Reclaims } from '../../../src/recovery/reclaims.ts'
import { Shards } from '../../../src/recovery/shards.ts'
import { Workers } from '../../../src/recovery/workers.ts'
import { aBeat, aJob, anAttempt, anOwner, epoch, NOON, TERM, uid } from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

function aScene() {
  const clock = new VirtualClock(NOON)
  const ledger = new Ledger(normaliser(() => null))
  const workers = new Workers({ ledger, leaseMs: 15_000 }, () => clock.monotonic())
  const shards = new Shards(new Uint8Array())
  /** In the order in which it happened. */
  const done: string[] = []
  const facts: Fact[] = []
  const told: Control[] = []
  const stored = { event: false, work: false, fails: false }
  const answer: { settled: Settled } = { settled: 'written' }
  ledger.observe(aJob(), 0)
  const entry = ledger.get(uid(1)) as Entry
  const record = { shard: entry.shard, resourceVersion: '1', holder: 'me', term: TERM, floor: 0 }
  shards.take({ ...record, salts: { [TERM]: { hex: '00', madeAt: 0 } } }, 0)
  shards.enter(entry.shard, 'leading')
  // The fences come after the attempt that is open.
  shards.next(entry.shard)
  workers.heard(aBeat())
  const options = {
    shards,
    ledger,
    workers,
    clock,
    random: new SeededRandom(1),
    logger: QUIET,
    metrics: { count() {}, set() {}, observe() {} },
    leaseMs: 15_000,
    moved: () => void done.push('moved'),
    streams: {
      storedEvent: async () => {
        if (stored.fails) throw new Error('NATS is away')
        return stored.event
      },
      lastWork: async () => (stored.work ? { seq: 1 } : null),
    },
    dispatcher: { purge: async () => void done.push('purge') },
    announcer: {
      toWorker: (_: string, __: string, message: Control) => {
        done.push('tell worker')
        told.push(message)
      },
      toNamespace: (_: string, message: Control) => {
        done.push('tell all')
        told.push(message)
      },
    },
    sink: {
      submit: async (_: string, fact: Fact) => {
        done.push(`write ${fact.kind}`)
        facts.push(fact)
        return answer.settled
      },
      inform() {},
    },
  }
  const open = (given: Parameters<typeof anAttempt>[0] = {}) => {
    const { recorded: _, reported: __, pubAcked, ...attempt } = anAttempt(given)
    ledger.dispatch(entry, attempt, clock.monotonic())
    if (pubAcked) ledger.pubAcked(entry, attempt.epoch)
    if (attempt.owner) ledger.list(entry, attempt.owner, 0, NOON, clock.monotonic())
    return entry
  }
  return {
    ...{ clock, ledger, shards, workers, entry, open, done, facts, told, stored, answer },
    reclaims: new Reclaims(options),
    acts: new Acts(options),
  }
}

describe('a loss (L3)', () => {
  it('is one write with a fence, then the worker is told, then the job may go on', async () => {
    const { reclaims, open, done, facts, told } = aScene()
    await reclaims.lose(open(), 'LeaseLost')
    expect(done).toEqual(['write lost', 'tell all', 'moved'])
    expect(facts).toMatchObject([
      { kind: 'lost', epoch: epoch(1), fence: epoch(2), counts: 'crash' },
    ])
    expect(told).toMatchObject([{ kind: 'cancel', epochMax: epoch(1), reason: 'void' }])
  })

  it('is none when an outcome is stored that nobody has handled', async () => {
    const { reclaims, open, stored, done, entry } = aScene()
    stored.event = true
    await reclaims.lose(open(), 'LeaseLost')
    expect(done).toEqual([])
    expect(entry.attempt?.epoch).toBe(epoch(1))
  })

  it('waits while the stream cannot be asked, and is tried again', async () => {
    const { reclaims, open, stored, done } = aScene()
    const entry = open()
    stored.fails = true
    await reclaims.lose(entry, 'LeaseLost')
    expect(done).toEqual([])
    stored.fails = false
    await reclaims.lose(entry, 'LeaseLost')
    expect(done).toContain('write lost')
  })

  it('is counted once, however often it is noticed at the same time', async () => {
    const { reclaims, open, facts } = aScene()
    const entry = open()
    await Promise.all([reclaims.lose(entry, 'LeaseLost'), reclaims.lose(entry, 'WorkerCrashed')])
    expect(facts).toHaveLength(1)
  })

  it('that may not be written now leaves the attempt open', async () => {
    const { reclaims, open, answer, entry, done } = aScene()
    answer.settled = 'stopped'
    await reclaims.lose(open(), 'LeaseLost')
    expect(entry.attempt?.epoch).toBe(epoch(1))
    expect(done).toEqual(['write lost'])
  })

  it('is none of ours when the shard is not led', async () => {
    const { reclaims, open, shards, facts } = aScene()
    const entry = open()
    shards.enter(entry.shard, 'taking')
    await reclaims.lose(entry, 'LeaseLost')
    expect(facts).toEqual([])
  })
})

describe('a start that nobody listed (D7)', () => {
  const silent = { owner: null, acceptedAt: null } as const

  it('whose message is still there is purged, fenced uncounted, and waits longer each time', async () => {
    const { reclaims, open, stored, done, facts, clock, entry } = aScene()
    stored.work = true
    for (const wait of [1_000, 2_000, 4_000]) {
      open({ ...silent, epoch: epoch(facts.length + 1) })
      await reclaims.lookForMessage(entry)
      expect(reclaims.holdUntil(entry.uid) - clock.monotonic()).toBe(wait)
    }
    expect(done.slice(0, 2)).toEqual(['purge', 'write stuck'])
    reclaims.settled(entry.uid)
    expect(reclaims.holdUntil(entry.uid)).toBe(0)
  })

  it('whose message is gone after a PubAck was taken by somebody: a lease from now', async () => {
    const { reclaims, open, entry, facts } = aScene()
    await reclaims.lookForMessage(open(silent))
    expect(facts).toEqual([])
    expect(entry.attempt).toMatchObject({ owner: null, acceptedAt: 0 })
  })

  it('whose message is gone without a PubAck is fenced, uncounted', async () => {
    const { reclaims, open, facts } = aScene()
    await reclaims.lookForMessage(open({ ...silent, pubAcked: false }))
    expect(facts).toMatchObject([{ kind: 'stuck', fence: epoch(2) }])
  })
})

describe('a cancel (U1)', () => {
  const request = { kind: 'cancel', order: 7, action: 'stop-it', by: '', comment: '' } as const

  it('is written with a fence first; only then is the message purged and the worker told', async () => {
    const { acts, open, done, facts, told } = aScene()
    expect(await acts.act(open(), request)).toBe('written')
    expect(done).toEqual(['write cancel', 'purge', 'tell worker', 'moved'])
    expect(facts).toMatchObject([{ kind: 'cancel', fence: epoch(2), order: 7 }])
    expect(told).toMatchObject([{ kind: 'cancel', epochMax: epoch(1), reason: 'cancelled' }])
  })

  it('that an outcome overtook tells nobody anything', async () => {
    const { acts, open, answer, told, done } = aScene()
    answer.settled = 'overtaken'
    await acts.act(open(), request)
    expect([told, done]).toEqual([[], ['write cancel', 'moved']])
  })

  it('takes the slot of the handler that it stops until the next heartbeat', async () => {
    const { acts, open, workers, ledger } = aScene()
    const entry = open()
    await acts.act(entry, request)
    ledger.drop(entry, epoch(1))
    expect(workers.get(entry.object.namespace, anOwner().worker)?.strays).toHaveLength(1)
  })

  it('of a shard that is not led is left to whoever leads it', async () => {
    const { acts, entry, shards, facts } = aScene()
    shards.enter(entry.shard, 'window')
    expect(await acts.act(entry, request)).toBe('stopped')
    expect(facts).toEqual([])
  })
})

describe('an act (U3, U4)', () => {
  const asked = { order: 7, action: 'act', by: 'alice', comment: '' }

  it.each([
    { kind: 'replay', payload: null, ...asked },
    { kind: 'retry-now', ...asked },
    { kind: 'confirm', ...asked },
  ] as const)('$kind is one write with a fence, and the job is placed anew', async (request) => {
    const { acts, entry, done, facts } = aScene()
    expect(await acts.act(entry, request)).toBe('written')
    expect(done).toEqual([`write ${request.kind}`, 'moved'])
    expect(facts).toMatchObject([{ ...request, fence: epoch(2), at: NOON }])
  })

  it.each(['cancel', 'discard'] as const)(
    '%s lets nothing start while it is written',
    async (kind) => {
      const { acts, entry } = aScene()
      const acting = acts.act(entry, { kind, ...asked })
      expect(entry.cancelling).toBe(true)
      await acting
      expect(entry.cancelling).toBe(false)
    },
  )

  it('gives a running handler the grace that was asked for, else half a minute', async () => {
    for (const [options, graceMs] of [
      [{}, 30_000],
      [{ graceMs: 5_000 }, 5_000],
      [{ graceMs: 0 }, 0],
    ] as const) {
      const { acts, open, told } = aScene()
      await acts.act(open(), { kind: 'cancel', ...asked }, options)
      expect(told).toMatchObject([{ kind: 'cancel', reason: 'cancelled', graceMs }])
    }
  })

  it('that is not ours to do is left to whoever leads', async () => {
    const { acts, entry, shards, facts } = aScene()
    shards.enter(entry.shard, 'window')
    expect(await acts.act(entry, { kind: 'confirm', ...asked })).toBe('stopped')
    expect([await acts.rerun(entry), await acts.expire(entry), facts]).toEqual([
      'stopped',
      'stopped',
      [],
    ])
  })
})

describe('an active deadline that is over', () => {
  it('is written with a fence first, then the message is purged and the worker told', async () => {
    const { acts, open, done, facts, told } = aScene()
    expect(await acts.expire(open())).toBe('written')
    expect(done).toEqual(['write expired', 'purge', 'tell worker', 'moved'])
    const attempt = { epoch: epoch(1), runId: '' }
    expect(facts).toMatchObject([{ kind: 'expired', fence: epoch(2), attempt }])
    expect(told).toMatchObject([{ kind: 'cancel', epochMax: epoch(1), reason: 'void' }])
  })

  it('of a job that waits is one write', async () => {
    const { acts, entry, done, facts } = aScene()
    await acts.expire(entry)
    expect(done).toEqual(['write expired', 'moved'])
    expect(facts).toMatchObject([{ attempt: null }])
  })
})

describe('a changed runId (U3)', () => {
  it('is one write with a fence', async () => {
    const { acts, entry, facts } = aScene()
    await acts.rerun(entry)
    expect(facts).toEqual([{ kind: 'rerun', fence: epoch(2), at: NOON }])
  })
})

describe('a deletion (U5)', () => {
  it('purges the message and stops the handler, by uid', () => {
    const { acts, open, done, told } = aScene()
    const entry = open()
    acts.deleted(entry, entry.attempt)
    expect(done).toEqual(['purge', 'tell worker'])
    expect(told).toMatchObject([{ uid: uid(1), reason: 'deleted' }])
  })

  it('of a job that does not run tells nobody', () => {
    const { acts, entry, done } = aScene()
    acts.deleted(entry, null)
    expect(done).toEqual([])
  })
})
