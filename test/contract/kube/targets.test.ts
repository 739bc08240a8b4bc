// Lists of the targets of an action against a genuine API server: selected by the server, exact at an old
// revision, whole objects or metadata only.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ListedTarget, TargetQuery } from '../../../src/ingestion/ports.ts'
import { KubeStatusStore } from '../../../src/kube/jobs.ts'
import { KubeTargetLister } from '../../../src/kube/targets.ts'
import { type Connection, connect, type Json, type Stored, transportAs } from './connect.ts'

let kube: Connection
let lister: KubeTargetLister
beforeAll(async () => {
  kube = await connect('kube-targets')
  lister = new KubeTargetLister(kube.transport)
})
afterAll(() => kube.close())

let cases = 0
/** Jobs of one test, told apart from those of the others by a queue of their own. */
function aQueue(): string {
  cases += 1
  return `queue-${cases}`
}

const newJob = (queue: string, spec: Json = {}, metadata: Json = {}): Promise<Stored> =>
  kube.create('queuejobs', 'QueueJob', { queue, type: 'a', ...spec }, metadata)

async function fail(job: Stored, code: string): Promise<void> {
  const store = new KubeStatusStore(kube.transport)
  const status = {
    observedGeneration: 1,
    phase: 'Failed' as const,
    reason: 'PermanentFailure',
    epoch: 1,
    error: { category: 'Permanent' as const, code, message: 'no' },
    completionTime: '2026-05-01T12:00:00Z',
  }
  const answer = await store.writeStatus(job, status, status)
  expect(answer.kind).toBe('written')
}

async function list(query: Partial<TargetQuery>, by = lister) {
  const found: ListedTarget[] = []
  const whole: TargetQuery = {
    ...{ kind: 'QueueJob', namespace: kube.namespace, labels: {}, fields: {} },
    ...{ brief: false, revision: '' },
    ...query,
  }
  const answer = await by.list(whole, (each) => found.push(each), new AbortController().signal)
  return { answer, found, names: found.map(({ name }) => name).sort() }
}

describe('the server selects', () => {
  it('by queue, type, phase, name and labels, each of them and all together', async () => {
    const queue = aQueue()
    const failed = await newJob(queue, { type: 'b' }, { labels: { app: 'shop' } })
    const other = await newJob(queue, { type: 'b' })
    const third = await newJob(queue, {}, { labels: { app: 'shop' } })
    await fail(failed, 'BadAddress')
    const names = async (more: Partial<TargetQuery>) => (await list(more)).names
    const both = [failed.name, other.name].sort()
    expect(await names({ fields: { queue } })).toHaveLength(3)
    expect(await names({ fields: { queue, type: 'b' } })).toEqual(both)
    expect(await names({ fields: { queue, phase: 'Failed' } })).toEqual([failed.name])
    expect(await names({ fields: { queue, phase: 'Pending', type: 'a' } })).toEqual([third.name])
    expect(await names({ fields: { queue, type: 'b' }, labels: { app: 'shop' } })).toEqual([
      failed.name,
    ])
    expect(await names({ fields: { name: other.name } })).toEqual([other.name])
  })

  it('and tells whole objects what they can be selected by', async () => {
    const queue = aQueue()
    const job = await newJob(queue)
    await fail(job, 'BadAddress')
    const { found } = await list({ fields: { queue } })
    expect(found).toMatchObject([
      {
        ...{ name: job.name, uid: job.uid, queue, phase: 'Failed' },
        ...{ reason: 'PermanentFailure', errorCode: 'BadAddress' },
        completionMs: Date.UTC(2026, 4, 1, 12),
      },
    ])
    expect(found[0]?.creationMs).toBeGreaterThan(0)
  })

  it('or metadata only: the same objects, without what they carry', async () => {
    const queue = aQueue()
    const job = await newJob(queue, { payload: 'x'.repeat(50_000) })
    const { found } = await list({ fields: { queue }, brief: true })
    const version = { name: job.name, uid: job.uid, resourceVersion: job.resourceVersion }
    expect(found).toMatchObject([{ ...version, queue: '', phase: '' }])
  })

  it('the other kinds by name and labels', async () => {
    const queue = await kube.create('queues', 'Queue', {}, { labels: { team: 'mail' } })
    const byLabel = await list({ kind: 'Queue', labels: { team: 'mail' }, brief: true })
    expect(byLabel.names).toEqual([queue.name])
    const byName = await list({ kind: 'Queue', fields: { name: queue.name }, brief: true })
    expect(byName.found).toMatchObject([{ uid: queue.uid }])
  })
})

describe('a list at an old revision', () => {
  it('is the same list, whatever was created, changed or deleted since', async () => {
    const queue = aQueue()
    const kept = await newJob(queue)
    const gone = await newJob(queue)
    const first = await list({ fields: { queue } })
    expect(first.answer).toMatchObject({ kind: 'listed' })
    const revision = first.answer.kind === 'listed' ? first.answer.revision : ''
    await newJob(queue)
    await kube.remove('queuejobs', gone.name)
    await fail(kept, 'BadAddress')
    const again = await list({ fields: { queue }, revision })
    expect(again.answer).toEqual({ kind: 'listed', revision })
    expect(again.found).toEqual(first.found)
    expect((await list({ fields: { queue } })).names).not.toEqual(first.names)
  })

  it('is whole over its pages', async () => {
    const queue = aQueue()
    await Promise.all(Array.from({ length: 300 }, () => newJob(queue)))
    const first = await list({ fields: { queue }, brief: true })
    const revision = first.answer.kind === 'listed' ? first.answer.revision : ''
    await newJob(queue)
    const again = await list({ fields: { queue }, brief: true, revision })
    expect(first.names).toHaveLength(300)
    expect(again.names).toEqual(first.names)
  })

  it('that the server never had, as after a restore from a backup, is expired and not empty', async () => {
    const never = await list({ revision: '999999999999' })
    expect(never.answer).toEqual({ kind: 'expired' })
  }, 60_000)
})

it('who may not list is told to come back, not that there is nothing', async () => {
  const nobody = await transportAs('nobody')
  const { answer, found } = await list({}, new KubeTargetLister(nobody))
  expect(answer).toMatchObject({ kind: 'later' })
  expect(found).toEqual([])
  await nobody.close()
})
