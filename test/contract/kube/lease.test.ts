// Shard records and member Leases against a genuine API server: the races that the protocol rests on.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ShardId } from '../../../src/core/ids.ts'
import { KubeMemberLeases, KubeShardRecords } from '../../../src/kube/lease.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import type { ShardRecord } from '../../../src/recovery/ports.ts'
import { KeptLog } from '../../unit/kube/doubles.ts'
import { type Connection, connect, createNamespace, type Json, transportAs } from './connect.ts'

let kube: Connection
beforeAll(async () => {
  kube = await connect('kube-lease')
})
afterAll(() => kube.close())

const optionsOf = (namespace: string) => ({
  requests: kube.transport,
  namespace,
  clock: realClock,
  random: realRandom,
  logger: new KeptLog(),
  leaseSeconds: 15,
})
const records = (namespace = 'kube-lease') => new KubeShardRecords(optionsOf(namespace))
const members = (namespace = 'kube-lease') => new KubeMemberLeases(optionsOf(namespace))

const SALT = { hex: 'ab'.repeat(16), madeAt: 1_777_636_800 }
const claim = (shard: number, more: Partial<ShardRecord> = {}): ShardRecord => ({
  shard: shard as ShardId,
  resourceVersion: '',
  holder: 'operator-a',
  term: 9,
  floor: 0,
  salts: { '9': SALT },
  ...more,
})

const leasePath = (namespace: string, name: string) =>
  `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`

describe('a shard record', () => {
  it('that nobody wrote is absent; then it is created, read and changed', async () => {
    const absent = await records().read(0 as ShardId)
    expect(absent).toMatchObject({ resourceVersion: '', holder: '', term: 0, floor: 0, salts: {} })
    const created = await records().compareAndSet(claim(0))
    const read = await records().read(0 as ShardId)
    expect(created).toEqual({ kind: 'set', record: read })
    const floored = await records().compareAndSet({ ...read, floor: 9, holder: '' })
    expect(floored).toEqual({ kind: 'set', record: await records().read(0 as ShardId) })
    expect(await records().read(0 as ShardId)).toMatchObject({ floor: 9, holder: '' })
  })

  it('created by eight at once is created by one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        records().compareAndSet(claim(1, { holder: `operator-${n}` })),
      ),
    )
    const won = answers.filter(({ kind }) => kind === 'set')
    expect(won).toHaveLength(1)
    expect(answers.filter(({ kind }) => kind === 'lost')).toHaveLength(7)
    expect(won).toEqual([{ kind: 'set', record: await records().read(1 as ShardId) }])
  })

  it('changed by eight at once from one version is changed by one, round after round', async () => {
    await records().compareAndSet(claim(2))
    for (let term = 10; term < 15; term++) {
      const read = await records().read(2 as ShardId)
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          records().compareAndSet({ ...read, term, holder: `operator-${n}` }),
        ),
      )
      expect(answers.filter(({ kind }) => kind === 'set')).toHaveLength(1)
      const after = await records().read(2 as ShardId)
      expect(answers).toContainEqual({ kind: 'set', record: after })
    }
  })

  it('deleted under its holder is lost to it', async () => {
    const made = await records().compareAndSet(claim(3))
    await kube.transport.request({
      verb: 'DELETE',
      path: leasePath('kube-lease', 'gopherqueue-shard-3'),
    })
    const held = made.kind === 'set' ? made.record : claim(3)
    expect(await records().compareAndSet({ ...held, floor: 9 })).toEqual({ kind: 'lost' })
  })

  it('with the most salts there may be is taken by the server', async () => {
    const salts = Object.fromEntries(
      Array.from({ length: 512 }, (_, n) => [String(2_000_000 + n), SALT]),
    )
    const answer = await records().compareAndSet(claim(4, { term: 2_000_511, salts }))
    expect(answer.kind).toBe('set')
    expect(Object.keys((await records().read(4 as ShardId)).salts)).toHaveLength(512)
  })

  it('in a namespace that does not exist names the command that creates it', async () => {
    const store = records('no-such-namespace')
    expect((await store.read(0 as ShardId)).resourceVersion).toBe('')
    await expect(store.compareAndSet(claim(0))).rejects.toMatchObject({
      message: 'namespace "no-such-namespace" for Leases does not exist',
      help: 'kubectl create namespace no-such-namespace',
    })
  })

  it('that may not be read is an error, not an absent one', async () => {
    await records().compareAndSet(claim(5))
    const transport = await transportAs('nobody')
    const powerless = new KubeShardRecords({ ...optionsOf('kube-lease'), requests: transport })
    expect((await records().read(5 as ShardId)).holder).toBe('operator-a')
    await expect(powerless.read(5 as ShardId)).rejects.toMatchObject({ status: 403 })
    await transport.close()
  })
})

describe('a member Lease', () => {
  it('is created and renewed, and each renewal shows to others', async () => {
    await createNamespace(kube.transport, 'kube-members')
    const own = members('kube-members')
    expect(await own.renew('operator-a')).toBe(true)
    const [first] = await members('kube-members').list()
    expect(first).toMatchObject({ identity: 'operator-a', durationSeconds: 15 })
    expect(first?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(await own.renew('operator-a')).toBe(true)
    const [second] = await members('kube-members').list()
    expect(second?.resourceVersion).not.toBe(first?.resourceVersion)
  })

  it.each(['Host_1', 'über', 'a'.repeat(253), 'a..b', '-', 'x/y:z'])(
    'of an identity such as %j is taken by the server and found again (B8)',
    async (identity) => {
      expect(await members().renew(identity)).toBe(true)
      const found = await members().list()
      expect(found.map((lease) => lease.identity)).toContain(identity)
    },
  )

  it('of a restarted process is taken at once, and the process before stops', async () => {
    const [old, young] = [members(), members()]
    await old.renew('restarted')
    expect(await young.renew('restarted')).toBe(true)
    expect(await old.renew('restarted')).toBe(false)
    expect(await young.renew('restarted')).toBe(true)
  })

  it('renewed by two with one identity at the same time leaves one', async () => {
    const [a, b] = [members(), members()]
    await a.renew('twins')
    await b.renew('twins')
    for (let i = 0; i < 5; i++) await Promise.all([a.renew('twins'), b.renew('twins')])
    const last = await Promise.all([a.renew('twins'), b.renew('twins')])
    expect(last.filter(Boolean)).toHaveLength(1)
  })

  it('that was edited or deleted by somebody is set right by the next renewal', async () => {
    const own = members()
    await own.renew('edited')
    const path = leasePath('kube-lease', 'gopherqueue-member-edited')
    await kube.transport.request({
      verb: 'PATCH',
      path,
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: null }, spec: { holderIdentity: 'mallory', renewTime: null } },
    })
    expect(await own.renew('edited')).toBe(true)
    const lease = (await kube.transport.request({ verb: 'GET', path })) as Json
    expect(lease.spec).toMatchObject({ holderIdentity: 'edited' })
    await kube.transport.request({ verb: 'DELETE', path })
    expect(await own.renew('edited')).toBe(true)
    expect((await members().list()).map(({ identity }) => identity)).toContain('edited')
  })

  it('is removed by its process, and being removed already is nothing', async () => {
    const own = members()
    await own.renew('leaving')
    await own.remove('leaving')
    expect((await members().list()).map(({ identity }) => identity)).not.toContain('leaving')
    await own.remove('leaving')
  })

  it('in a namespace that does not exist names the command that creates it', async () => {
    await expect(members('no-such-namespace').renew('a')).rejects.toMatchObject({
      help: 'kubectl create namespace no-such-namespace',
    })
  })
})
