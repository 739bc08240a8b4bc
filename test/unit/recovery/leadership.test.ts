// Who leads which shard, with records and member Leases that are two maps: races, failures of one
// shard, and a clean stop at any moment.

import { describe, expect, it } from 'vitest'
import { sleep } from '../../../src/core/clock.ts'
import { allShards, type ShardId } from '../../../src/core/ids.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import { Leadership, type LeadershipOptions } from '../../../src/recovery/leadership.ts'
import type {
  CasAnswer,
  MemberLease,
  MemberLeases,
  ShardRecord,
  ShardRecords,
} from '../../../src/recovery/ports.ts'
import { Shards } from '../../../src/recovery/shards.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }
const [FIRST, SECOND] = allShards as readonly [ShardId, ShardId]

/** Compare-and-set on a map; a shard may answer late, or not at all. */
class Store implements ShardRecords {
  readonly clock: VirtualClock
  readonly records = new Map<ShardId, ShardRecord>()
  readonly slow = new Map<ShardId, number>()
  readonly broken = new Set<ShardId>()
  readonly leases = new Map<string, MemberLease>()
  reads = 0
  reachable = true
  #version = 0

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  async read(shard: ShardId): Promise<ShardRecord> {
    this.reads += 1
    if (!this.reachable) throw new Error('unreachable')
    const none = { shard, resourceVersion: '', holder: '', term: 0, floor: 0, salts: {} }
    return this.records.get(shard) ?? none
  }

  async compareAndSet(next: ShardRecord): Promise<CasAnswer> {
    if (!this.reachable) return { kind: 'unknown', detail: 'unreachable' }
    if (this.broken.has(next.shard)) throw new Error('broken')
    await sleep(this.clock, this.slow.get(next.shard) ?? 0)
    const stored = this.records.get(next.shard)?.resourceVersion ?? ''
    if (stored !== next.resourceVersion) return { kind: 'lost' }
    const record = { ...next, resourceVersion: this.#next() }
    this.records.set(next.shard, record)
    return { kind: 'set', record }
  }

  readonly members: MemberLeases = {
    list: async () => [...this.leases.values()],
    renew: async (identity) => {
      if (!this.reachable) return false
      const version = this.#next()
      this.leases.set(identity, {
        identity,
        resourceVersion: version,
        renewTime: version,
        durationSeconds: 15,
      })
      return true
    },
    remove: async (identity) => void this.leases.delete(identity),
  }

  #next(): string {
    return String(++this.#version)
  }
}

class Process {
  readonly shards = new Shards(new Uint8Array())
  readonly leadership: Leadership
  readonly takenOver: ShardId[][] = []
  readonly steppedDown: ShardId[] = []

  constructor(store: Store, identity: string, given: Partial<LeadershipOptions> = {}) {
    this.leadership = new Leadership({
      identity,
      records: store,
      members: store.members,
      shards: this.shards,
      clock: store.clock,
      random: new SeededRandom(identity.length),
      logger: QUIET,
      leaseMs: 15_000,
      renewMs: 2_500,
      takeOver: async (group) => {
        this.takenOver.push([...group])
        for (const shard of group) this.shards.enter(shard, 'leading')
      },
      trustBegins() {},
      steppedDown: (shard) => void this.steppedDown.push(shard),
      ...given,
    })
  }

  get leads(): number {
    return this.shards.all().filter(({ phase }) => phase === 'leading').length
  }
}

function aStore(): Store {
  return new Store(new VirtualClock(Date.UTC(2026, 4, 1, 12)))
}

describe('taking shards', () => {
  it('one process takes them all, and its record says so (T1)', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(100)
    expect(one.leads).toBe(16)
    expect([...store.records.values()].every(({ holder }) => holder === 'one')).toBe(true)
    expect(one.leadership.problem).toBe('')
  })

  it('of two that start together exactly one leads each shard', async () => {
    const store = aStore()
    const both = [new Process(store, 'one'), new Process(store, 'second')]
    for (const each of both) each.leadership.start()
    await store.clock.advanceAsync(60_000)
    for (const shard of allShards) {
      expect(both.filter(({ shards }) => shards.leads(shard))).toHaveLength(1)
    }
  })

  it('a shard whose record cannot be written is tried again, and holds up no other', async () => {
    const store = aStore()
    store.broken.add(FIRST)
    store.slow.set(SECOND, 500)
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(2_000)
    expect(one.leads).toBe(15)
    expect(one.shards.get(SECOND)?.phase).toBe('leading')
    store.broken.delete(FIRST)
    await store.clock.advanceAsync(5_000)
    expect(one.leads).toBe(16)
  })

  it('a holder that goes silent is waited for a whole Lease, not less', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(1_000)
    const second = new Process(store, 'second')
    second.leadership.start()
    // The first never renews again, and never stops properly.
    const { renew } = store.members
    store.members.renew = async (identity) => identity !== 'one' && renew(identity)
    await store.clock.advanceAsync(14_000)
    expect(second.leads).toBe(0)
    await store.clock.advanceAsync(6_000)
    expect(second.leads).toBe(16)
    expect(one.leadership.trusted).toBe(false)
  })
})

describe('trust (W7)', () => {
  it('ends ten seconds after the last renewal that succeeded began, and comes back with the record', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(2_600)
    store.reachable = false
    await store.clock.advanceAsync(9_800)
    expect(one.leadership.trusted).toBe(true)
    await store.clock.advanceAsync(200)
    expect(one.leadership.trusted).toBe(false)
    store.reachable = true
    await store.clock.advanceAsync(2_600)
    expect([one.leadership.trusted, one.leads]).toEqual([true, 16])
  })

  it('does not come back for a shard that somebody took meanwhile', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(2_600)
    store.reachable = false
    await store.clock.advanceAsync(12_000)
    const record = store.records.get(FIRST)
    if (!record) throw new Error('no record')
    store.records.set(FIRST, { ...record, holder: 'other', resourceVersion: '9000' })
    store.leases.set('other', {
      identity: 'other',
      resourceVersion: '1',
      renewTime: '1',
      durationSeconds: 15,
    })
    store.reachable = true
    await store.clock.advanceAsync(2_600)
    expect(one.steppedDown).toEqual([FIRST])
    expect(one.leads).toBe(15)
  })
})

describe('a suspicion that somebody else leads (O4, W6)', () => {
  it('reads the record once a second, however often it is raised', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(100)
    const before = store.reads
    for (let n = 0; n < 500; n++) {
      void one.leadership.suspect(FIRST)
      await store.clock.advanceAsync(10)
    }
    expect(store.reads - before).toBeGreaterThanOrEqual(4)
    expect(store.reads - before).toBeLessThanOrEqual(6)
    expect(one.leads).toBe(16)
  })

  it('that proves right ends the leadership, also when it follows one that did not', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(100)
    void one.leadership.suspect(FIRST)
    await store.clock.advanceAsync(10)
    expect(one.steppedDown).toEqual([])
    const record = store.records.get(FIRST)
    if (!record) throw new Error('no record')
    store.records.set(FIRST, { ...record, term: record.term + 1 })
    void one.leadership.suspect(FIRST)
    await store.clock.advanceAsync(1_100)
    expect(one.steppedDown).toEqual([FIRST])
  })
})

describe('taking over again', () => {
  it('waits for the take-over that runs, and takes the versions of then', async () => {
    const store = aStore()
    let finish = (): void => {}
    const terms: number[] = []
    const one: Process = new Process(store, 'one', {
      takeOver: async (group) => {
        terms.push(one.shards.get(FIRST)?.record.term ?? 0)
        for (const shard of group) one.shards.enter(shard, 'window')
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        for (const shard of group) await one.leadership.writeFloor(shard)
      },
    })
    one.leadership.start()
    await store.clock.advanceAsync(100)
    one.leadership.takeAgain('the streams are gone')
    one.leadership.takeAgain('told twice')
    finish()
    await store.clock.advanceAsync(100)
    expect(terms).toHaveLength(2)
    expect(terms[1]).toBeGreaterThan(terms[0] ?? 0)
    expect(one.steppedDown).toEqual([])
  })
})

describe('a clean stop', () => {
  it('gives every record up, so that the next process need not wait', async () => {
    const store = aStore()
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(100)
    void one.leadership.stop()
    await store.clock.advanceAsync(10)
    expect([...store.records.values()].every(({ holder }) => holder === '')).toBe(true)
    expect(store.leases.size).toBe(0)
    const second = new Process(store, 'second')
    second.leadership.start()
    await store.clock.advanceAsync(100)
    expect(second.leads).toBe(16)
  })

  it('in the middle of a claim gives up what is won after it', async () => {
    const store = aStore()
    for (const shard of allShards) store.slow.set(shard, 200)
    const one = new Process(store, 'one')
    one.leadership.start()
    await store.clock.advanceAsync(100)
    void one.leadership.stop()
    await store.clock.advanceAsync(1_000)
    expect([...store.records.values()].map(({ holder }) => holder)).toEqual(Array(16).fill(''))
    expect([one.shards.all(), one.takenOver]).toEqual([[], []])
  })

  it('while the floor is being written gives up the version that was written', async () => {
    const store = aStore()
    const one: Process = new Process(store, 'one', {
      takeOver: async (group) => {
        for (const shard of group) store.slow.set(shard, 200)
        await Promise.all(group.map((shard) => one.leadership.writeFloor(shard)))
      },
    })
    one.leadership.start()
    await store.clock.advanceAsync(100)
    void one.leadership.stop()
    await store.clock.advanceAsync(1_000)
    expect([...store.records.values()].map(({ holder }) => holder)).toEqual(Array(16).fill(''))
    expect(one.shards.all()).toEqual([])
  })
})
