// The reflector on a genuine API server: what it tells is what etcd holds, through pages, changes,
// deletions, second lives and fresh lists.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { JobObject } from '../../../src/core/job.ts'
import type { UnreadableObject, Watcher } from '../../../src/core/resources.ts'
import { decodeJob } from '../../../src/kube/jobs.ts'
import { collectionPath } from '../../../src/kube/paths.ts'
import { Reflector, type ReflectorOptions } from '../../../src/kube/reflector.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { KeptLog } from '../../unit/kube/doubles.ts'
import { type Connection, connect, eventually, type Json, type Stored } from './connect.ts'

let kube: Connection
beforeAll(async () => {
  kube = await connect('kube-reflector')
})
afterAll(() => kube.close())

const running: Reflector<JobObject>[] = []
afterEach(async () => {
  for (const reflector of running.splice(0)) reflector.stop()
  await kube.transport.request({ verb: 'DELETE', path: kube.path('queuejobs') })
})

/** Keeps what a cache would keep, and the order in which it was told. */
class Cache implements Watcher<JobObject> {
  readonly objects = new Map<string, JobObject>()
  readonly told: string[] = []
  readonly #versions = new Map<string, number>()

  changed(object: JobObject): void {
    const version = Number(object.resourceVersion)
    expect(version).toBeGreaterThan(this.#versions.get(object.uid) ?? 0)
    this.#versions.set(object.uid, version)
    this.objects.set(object.name, object)
    this.told.push(`+${object.name}/${object.uid}`)
  }
  unreadable(object: UnreadableObject): void {
    this.told.push(`!${object.name}: ${object.problem}`)
  }
  removed(key: { name: string }, uid: string): void {
    expect(this.objects.get(key.name)?.uid).toBe(uid)
    this.objects.delete(key.name)
    this.told.push(`-${key.name}/${uid}`)
  }
  synced(): void {
    this.told.push('synced')
  }
}

function reflect(more: Partial<ReflectorOptions<JobObject>> = {}) {
  const cache = new Cache()
  const reflector = new Reflector<JobObject>({
    transport: kube.transport,
    name: 'queuejobs',
    path: collectionPath('QueueJob', kube.namespace),
    decode: decodeJob,
    watcher: cache,
    clock: realClock,
    random: realRandom,
    logger: new KeptLog(),
    ...more,
  })
  running.push(reflector)
  return { cache, reflector }
}

const newJob = (metadata: Json = {}, spec: Json = {}): Promise<Stored> =>
  kube.create('queuejobs', 'QueueJob', { type: 'a', ...spec }, metadata)

const suspend = (name: string, value = true) =>
  kube.edit('queuejobs', name, { spec: { suspend: value } })

describe('a reflector', () => {
  it('lists page by page and then follows every change', async () => {
    const jobs = await Promise.all(Array.from({ length: 23 }, () => newJob()))
    const { cache, reflector } = reflect({ pageSize: 5 })
    reflector.start()
    await eventually('synced', () => reflector.hasSynced)
    expect([...cache.objects.keys()].sort()).toEqual(jobs.map(({ name }) => name).sort())
    const [first, second] = jobs
    await suspend(first?.name ?? '')
    await kube.remove('queuejobs', second?.name ?? '')
    const third = await newJob()
    await eventually('three changes', () => {
      const suspended = cache.objects.get(first?.name ?? '')?.spec.suspend === true
      return suspended && !cache.objects.has(second?.name ?? '') && cache.objects.has(third.name)
    })
    expect(reflector.size).toBe(23)
    expect(reflector.counts.lists).toBe(1)
  })

  it('has the versions that reads have: a write may be computed from what it told', async () => {
    const job = await newJob()
    const { cache, reflector } = reflect()
    reflector.start()
    await eventually('told', () => cache.objects.has(job.name))
    expect(cache.objects.get(job.name)?.resourceVersion).toBe(job.resourceVersion)
    const edited = await suspend(job.name)
    await eventually('told again', () => {
      return cache.objects.get(job.name)?.resourceVersion === edited.resourceVersion
    })
  })

  it('tells a second life as removed, then changed, while it watches', async () => {
    const first = await newJob({ name: 'twice' })
    const { cache, reflector } = reflect()
    reflector.start()
    await eventually('told', () => cache.objects.has('twice'))
    await kube.remove('queuejobs', 'twice')
    const second = await newJob({ name: 'twice' })
    await eventually('the second life', () => cache.objects.get('twice')?.uid === second.uid)
    expect(cache.told).toEqual([
      `+twice/${first.uid}`,
      'synced',
      `-twice/${first.uid}`,
      `+twice/${second.uid}`,
    ])
  })

  it('and also when it was not looking', async () => {
    const first = await newJob({ name: 'unseen' })
    const { cache, reflector } = reflect()
    reflector.start()
    await eventually('synced', () => reflector.hasSynced)
    reflector.stop()
    await kube.remove('queuejobs', 'unseen')
    const second = await newJob({ name: 'unseen' })
    const gone = await newJob()
    await kube.remove('queuejobs', gone.name)
    cache.told.length = 0
    reflector.start()
    await eventually('listed again', () => cache.told.includes('synced'))
    expect(cache.told).toEqual([`-unseen/${first.uid}`, `+unseen/${second.uid}`, 'synced'])
  })

  it('a fresh list contains what was written before it was asked for (T2)', async () => {
    const { cache, reflector } = reflect()
    reflector.start()
    await eventually('synced', () => reflector.hasSynced)
    for (let i = 0; i < 5; i++) {
      const job = await newJob()
      await reflector.relist()
      expect(cache.objects.has(job.name)).toBe(true)
    }
  })

  it('with selectors tells what begins and what ceases to match', async () => {
    const { cache, reflector } = reflect({
      selectors: { label: 'team=a', field: 'spec.queue=outbox' },
    })
    reflector.start()
    await eventually('synced', () => reflector.hasSynced)
    await newJob({ name: 'other-queue', labels: { team: 'a' } })
    const job = await newJob({ name: 'moving', labels: { team: 'b' } }, { queue: 'outbox' })
    await kube.edit('queuejobs', job.name, { metadata: { labels: { team: 'a' } } })
    await eventually('it matches', () => cache.objects.has('moving'))
    await kube.edit('queuejobs', job.name, { metadata: { labels: { team: 'b' } } })
    await eventually('it does not', () => !cache.objects.has('moving'))
    expect(cache.told.filter((line) => line.includes('other-queue'))).toEqual([])
  })

  it('of objects with many thousand levels goes on: that object and its neighbour are told (B17)', async () => {
    const deep = `${'['.repeat(9_000)}9007199254740993${']'.repeat(9_000)}`
    const body = JSON.stringify({
      apiVersion: 'gopherqueue.io/v1alpha1',
      kind: 'QueueJob',
      metadata: { name: 'deep' },
      spec: { type: 'a', payload: 'HERE' },
    }).replace('"HERE"', deep)
    const { cache, reflector } = reflect()
    reflector.start()
    await eventually('synced', () => reflector.hasSynced)
    await kube.transport.request({ verb: 'POST', path: kube.path('queuejobs'), body })
    const after = await newJob()
    await eventually('its neighbour is told', () => cache.objects.has(after.name))
    expect(cache.objects.get('deep')?.payload).toEqual({ kind: 'too-deep' })
    await reflector.relist()
    expect(reflector.counts).toMatchObject({ lists: 2, handlerFailures: 0 })
  })
})
