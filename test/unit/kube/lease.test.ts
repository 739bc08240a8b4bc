// Shard records by compare-and-set, member Leases by one process each: what is asked, and what every
// answer means. The races themselves are run against a genuine server (test/contract/kube).

import { describe, expect, it } from 'vitest'
import { GopherQueueError } from '../../../src/core/errors.ts'
import type { ShardId } from '../../../src/core/ids.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { errorOfAnswer, errorOfSilence, KubeError } from '../../../src/kube/errors.ts'
import { KubeMemberLeases, KubeShardRecords } from '../../../src/kube/lease.ts'
import type { KubeCall } from '../../../src/kube/transport.ts'
import type { ShardRecord } from '../../../src/recovery/ports.ts'
import { KeptLog, ScriptedRequests } from './doubles.ts'

const NAMESPACE = 'gopherqueue-system'
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`
const shard = 3 as ShardId
type Json = Record<string, unknown>

const refusal = (call: KubeCall, status: number, kind = 'leases'): KubeError =>
  errorOfAnswer(call, status, '', { details: { name: 'x', kind } })

/** A tiny server of Leases: versions, preconditions, names. */
class LeaseServer extends ScriptedRequests {
  readonly stored = new Map<string, Json>()
  /** Answers this call once, in place of the server. */
  before: ((call: KubeCall) => unknown) | null = null
  #version = 100

  constructor() {
    super((call) => {
      const special = this.before
      this.before = null
      const answer = special?.(call)
      return answer === undefined ? this.serve(call) : answer
    })
  }

  serve(call: KubeCall): unknown {
    const body = (call.body ?? {}) as { metadata?: Json; preconditions?: Json }
    const name =
      call.verb === 'POST' ? String(body.metadata?.name) : (call.path.split('/').at(-1) ?? '')
    const found = this.stored.get(name)
    if (call.path === LEASES && call.verb === 'GET') {
      return { metadata: { resourceVersion: '999' }, items: [...this.stored.values()] }
    }
    if (call.verb === 'POST') {
      if (found) throw refusal(call, 409)
      return this.#write(name, body as Json)
    }
    // As a genuine server does (test/contract/kube): a PUT creates what is missing.
    if (!found && call.verb === 'PUT') return this.#write(name, body as Json)
    if (!found) throw refusal(call, 404)
    const current = found.metadata as Json
    const wanted = body.metadata?.resourceVersion ?? body.preconditions?.resourceVersion
    if (call.verb !== 'GET' && wanted !== current.resourceVersion) throw refusal(call, 409)
    if (call.verb === 'DELETE') return this.stored.delete(name) && {}
    return call.verb === 'GET' ? found : this.#write(name, body as Json)
  }

  /** Somebody else changes a Lease. */
  edit(name: string, annotations: Json = {}): void {
    const found = this.stored.get(name) ?? {}
    const metadata = found.metadata as Json
    const all = { ...(metadata.annotations as Json), ...annotations }
    this.#write(name, { ...found, metadata: { ...metadata, annotations: all } })
  }

  #write(name: string, object: Json): Json {
    const resourceVersion = String(this.#version++)
    const metadata = { uid: `uid-${name}`, ...(object.metadata as Json), resourceVersion }
    const written = { ...object, metadata }
    this.stored.set(name, written)
    return written
  }
}

function records(server: ScriptedRequests) {
  const logger = new KeptLog()
  const options = { requests: server, namespace: NAMESPACE, clock: new VirtualClock(), logger }
  return { records: new KubeShardRecords(options), logger }
}

const SALT = { hex: 'a'.repeat(32), madeAt: 5 }
const claim = (more: Partial<ShardRecord> = {}): ShardRecord => ({
  shard,
  resourceVersion: '',
  holder: 'a',
  term: 9,
  floor: 0,
  salts: { '9': SALT },
  ...more,
})

describe('a shard record', () => {
  it('that nobody has written is absent, not an error (T1)', async () => {
    const { records: store } = records(new LeaseServer())
    expect(await store.read(shard)).toEqual({
      shard,
      resourceVersion: '',
      holder: '',
      term: 0,
      floor: 0,
      salts: {},
    })
  })

  it('is created, read, and changed on the version that was read', async () => {
    const { records: store } = records(new LeaseServer())
    const created = await store.compareAndSet(claim())
    expect(created).toEqual({ kind: 'set', record: claim({ resourceVersion: '100' }) })
    const read = await store.read(shard)
    expect(read).toEqual(claim({ resourceVersion: '100' }))
    const changed = await store.compareAndSet({ ...read, floor: 9 })
    expect(changed).toEqual({ kind: 'set', record: claim({ resourceVersion: '101', floor: 9 }) })
  })

  it('created twice is created once', async () => {
    const { records: store } = records(new LeaseServer())
    await store.compareAndSet(claim())
    expect(await store.compareAndSet(claim({ holder: 'b' }))).toEqual({ kind: 'lost' })
    expect((await store.read(shard)).holder).toBe('a')
  })

  it('changed on an older version is lost', async () => {
    const { records: store } = records(new LeaseServer())
    await store.compareAndSet(claim())
    await store.compareAndSet(claim({ resourceVersion: '100', holder: 'b' }))
    const late = await store.compareAndSet(claim({ resourceVersion: '100', holder: 'c' }))
    expect(late).toEqual({ kind: 'lost' })
  })

  it('deleted meanwhile is lost: whoever creates it again has won', async () => {
    const { records: store } = records(new LeaseServer())
    expect(await store.compareAndSet(claim({ resourceVersion: '77' }))).toEqual({ kind: 'lost' })
  })

  it.each([
    ['500', (call: KubeCall) => errorOfAnswer(call, 500, '', null)],
    ['429', (call: KubeCall) => errorOfAnswer(call, 429, '', null)],
    ['a lost answer', (call: KubeCall) => errorOfSilence(call, { code: 'ECONNRESET' }, false)],
  ])('after %s nobody knows: the record tells', async (_what, error) => {
    const server = new LeaseServer()
    server.before = (call) => {
      throw error(call)
    }
    const { records: store } = records(server)
    expect(await store.compareAndSet(claim())).toMatchObject({ kind: 'unknown' })
    expect(server.calls).toHaveLength(1)
  })

  it('cannot be kept in a namespace that is missing, and the command is named', async () => {
    const server = new LeaseServer()
    server.before = (call) => {
      throw refusal(call, 404, 'namespaces')
    }
    const error = await records(server)
      .records.compareAndSet(claim())
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(GopherQueueError)
    expect(error).toMatchObject({ help: 'kubectl create namespace gopherqueue-system' })
    expect((error as Error).message).toContain('"gopherqueue-system"')
  })

  it.each([403, 500])('that cannot be read (%d) is an error, never an absent one', async (code) => {
    const server = new LeaseServer()
    server.before = (call) => {
      throw refusal(call, code)
    }
    await expect(records(server).records.read(shard)).rejects.toThrow(KubeError)
  })

  it('that is no Lease is an error, too', async () => {
    const server = new LeaseServer()
    server.before = () => ({ kind: 'Status' })
    await expect(records(server).records.read(shard)).rejects.toThrow('no Lease')
  })

  it('that was edited by hand is read, and somebody is told', async () => {
    const server = new LeaseServer()
    const { records: store, logger } = records(server)
    await store.compareAndSet(claim())
    server.edit('gopherqueue-shard-3', { 'gopherqueue.io/floor': 'x' })
    expect((await store.read(shard)).floor).toBe(9)
    expect(logger.loud).toEqual([
      {
        level: 'warn',
        msg: 'a shard record was changed by hand',
        fields: { shard, broken: 'gopherqueue.io/floor' },
      },
    ])
  })
})

const MEMBER = 'gopherqueue-member-op'

function member(server: ScriptedRequests, seed = 1) {
  const logger = new KeptLog()
  const leases = new KubeMemberLeases({
    requests: server,
    namespace: NAMESPACE,
    clock: new VirtualClock(),
    random: new SeededRandom(seed),
    logger,
    leaseSeconds: 15,
  })
  return { leases, logger }
}

describe('a member Lease', () => {
  it('is created, then renewed with one request each', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    expect(await leases.renew('op')).toBe(true)
    expect(await leases.renew('op')).toBe(true)
    expect(await leases.renew('op')).toBe(true)
    expect(server.calls.map(({ verb }) => verb)).toEqual(['GET', 'POST', 'PUT', 'PUT'])
  })

  it('is renewed on its own connections, and in a third of the trust (W7)', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    await leases.renew('op')
    await leases.renew('op')
    for (const call of server.calls) {
      expect(call.lane).toBe('lease')
      expect(call.deadlineMs).toBeLessThanOrEqual(3_334)
      expect(call.retry).toBe(false)
    }
  })

  it('is listed with all others of the installation, by its label', async () => {
    const server = new LeaseServer()
    await member(server).leases.renew('op')
    await member(server, 2).leases.renew('other')
    const found = await member(server, 3).leases.list()
    expect(found.map(({ identity }) => identity).sort()).toEqual(['op', 'other'])
    const query = server.calls.at(-1)?.query
    expect(query?.labelSelector).toBe(
      'app.kubernetes.io/managed-by=gopherqueue,app.kubernetes.io/component=member-lease',
    )
  })

  it('that somebody deleted is created again', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    await leases.renew('op')
    server.stored.clear()
    expect(await leases.renew('op')).toBe(true)
    expect(server.stored.has(MEMBER)).toBe(true)
  })

  it('that somebody edited is renewed all the same', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    await leases.renew('op')
    server.edit(MEMBER, { note: 'hello' })
    expect(await leases.renew('op')).toBe(true)
  })

  it('whose renewal was applied but not answered goes on with the next one', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    await leases.renew('op')
    server.before = (call) => {
      server.serve(call)
      throw errorOfSilence(call, { code: 'ECONNRESET' }, false)
    }
    await expect(leases.renew('op')).rejects.toThrow('ECONNRESET')
    expect(await leases.renew('op')).toBe(true)
  })

  it('is taken at once by a new process of the same identity, and the old one is told for good', async () => {
    const server = new LeaseServer()
    const old = member(server, 1)
    await old.leases.renew('op')
    const young = member(server, 2)
    expect(await young.leases.renew('op')).toBe(true)
    expect(await old.leases.renew('op')).toBe(false)
    expect(await young.leases.renew('op')).toBe(true)
    expect(await old.leases.renew('op')).toBe(false)
    expect(old.logger.loud[0]?.msg).toBe('another process uses the same identity')
    expect(young.logger.loud).toEqual([])
  })

  it('that cannot be renewed says why', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    await leases.renew('op')
    server.before = (call) => {
      throw refusal(call, 403)
    }
    await expect(leases.renew('op')).rejects.toThrow(/403/)
    expect(await leases.renew('op')).toBe(true)
  })

  it('cannot be kept in a namespace that is missing, and the command is named', async () => {
    const server = new ScriptedRequests((call) => {
      throw refusal(call, 404, call.verb === 'POST' ? 'namespaces' : 'leases')
    })
    await expect(member(server).leases.renew('op')).rejects.toMatchObject({
      help: 'kubectl create namespace gopherqueue-system',
    })
  })
})

describe('removing a member Lease', () => {
  it('deletes exactly what was seen (W8)', async () => {
    const server = new LeaseServer()
    const { leases } = member(server)
    await leases.renew('op')
    await leases.remove('op')
    expect(server.stored.size).toBe(0)
    expect(server.calls.at(-1)).toMatchObject({
      verb: 'DELETE',
      path: `${LEASES}/${MEMBER}`,
      body: { preconditions: { uid: `uid-${MEMBER}`, resourceVersion: '100' } },
    })
  })

  it('leaves one alone that was renewed meanwhile', async () => {
    const server = new LeaseServer()
    await member(server).leases.renew('op')
    const { leases } = member(server, 2)
    server.before = (call) => {
      const found = server.serve(call)
      server.edit(MEMBER)
      return found
    }
    await leases.remove('op')
    expect(server.stored.has(MEMBER)).toBe(true)
  })

  it('of nobody is nothing', async () => {
    await member(new LeaseServer()).leases.remove('op')
  })
})
