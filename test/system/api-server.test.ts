// The Kubernetes adapters while their API server is killed, frozen, restarted and stripped of our
// CRDs: the cache goes on from where it was, a write is never believed too much, and a Lease is
// renewed as soon as somebody answers.

import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DevCluster } from '../../devcluster/cluster.ts'
import { type QueueJobStatus, UNWRITTEN_STATUS } from '../../src/api/queuejob.ts'
import { jobUid } from '../../src/core/ids.ts'
import type { JobObject } from '../../src/core/job.ts'
import type { Watcher } from '../../src/core/resources.ts'
import { loadKubeConfig } from '../../src/kube/config.ts'
import { KubeError } from '../../src/kube/errors.ts'
import { decodeJob, KubeStatusStore } from '../../src/kube/jobs.ts'
import { KubeMemberLeases } from '../../src/kube/lease.ts'
import { collectionPath } from '../../src/kube/paths.ts'
import { Reflector } from '../../src/kube/reflector.ts'
import { KubeTransport } from '../../src/kube/transport.ts'
import type { WriteTarget } from '../../src/persistence/ports.ts'
import { realClock, realRandom } from '../../src/process/clock.ts'
import { kubectl, startTestCluster } from '../servers.ts'
import { KeptLog } from '../unit/kube/doubles.ts'

const CRD = path.join(import.meta.dirname, '..', '..', 'crds', 'queuejobs.yaml')

let cluster: DevCluster
let transport: KubeTransport
beforeAll(async () => {
  cluster = await startTestCluster({ nats: false })
  transport = await connect()
})
afterAll(async () => {
  await transport.close()
  await cluster.stop()
})

async function connect(): Promise<KubeTransport> {
  const kubeconfig = await cluster.kubeconfig('admin')
  const access = await loadKubeConfig({ clock: realClock, env: {}, path: kubeconfig })
  return new KubeTransport({ access, clock: realClock, random: realRandom, version: 'test' })
}

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`not within 60 s: ${what}`)
    await new Promise<void>((resolve) => realClock.after(20, resolve))
  }
}

class Cache implements Watcher<JobObject> {
  readonly objects = new Map<string, JobObject>()
  /** Names in the order of their removal. */
  readonly removals: string[] = []
  changed(object: JobObject): void {
    this.objects.set(object.name, object)
  }
  unreadable(): void {}
  removed(key: { name: string }): void {
    this.objects.delete(key.name)
    this.removals.push(key.name)
  }
  synced(): void {}
}

async function reflecting(silenceMs = 60_000) {
  const cache = new Cache()
  const reflector = new Reflector<JobObject>({
    transport,
    name: 'queuejobs',
    path: collectionPath('QueueJob'),
    decode: decodeJob,
    watcher: cache,
    clock: realClock,
    random: realRandom,
    logger: new KeptLog(),
    silenceMs,
  })
  reflector.start()
  await eventually('it is in sync', () => reflector.hasSynced)
  return { cache, reflector }
}

async function newJob(name: string): Promise<WriteTarget> {
  const { metadata } = (await transport.request({
    verb: 'POST',
    path: collectionPath('QueueJob', 'default'),
    body: {
      apiVersion: 'gopherqueue.io/v1alpha1',
      kind: 'QueueJob',
      metadata: { name },
      spec: { type: 'a' },
    },
  })) as { metadata: WriteTarget }
  const { uid, resourceVersion } = metadata
  return { namespace: 'default', name, uid: jobUid(uid), resourceVersion }
}

/** As soon as the server takes it: right after its start it may still refuse. */
async function newJobSoon(name: string): Promise<void> {
  await eventually(`${name} is created`, () =>
    newJob(name).then(
      () => true,
      (error: unknown) => error instanceof KubeError && error.status === 409,
    ),
  )
}

describe('the reflector', () => {
  it('survives a killed API server: it says so, keeps what it has, and misses nothing after', async () => {
    await newJob('before')
    const { cache, reflector } = await reflecting()
    await cluster.processes.apiserver.kill()
    await eventually('the problem is named', () => reflector.state().problem !== '')
    expect(reflector.hasSynced).toBe(true)
    await cluster.processes.apiserver.start()
    await newJobSoon('after')
    await eventually('what came after is told', () => cache.objects.has('after'))
    expect(cache.objects.has('before')).toBe(true)
    expect(cache.removals).toEqual([])
    expect(reflector.state()).toEqual({ phase: 'watching', problem: '' })
    reflector.stop()
  })

  it('finds the way out of a frozen API server by itself', async () => {
    const { cache, reflector } = await reflecting(1_000)
    cluster.processes.apiserver.freeze()
    await eventually('it gave the silent watch up', () => reflector.counts.watches >= 2)
    cluster.processes.apiserver.continue()
    await newJobSoon('thawed')
    await eventually('it goes on', () => cache.objects.has('thawed'))
    expect(cache.removals).toEqual([])
    reflector.stop()
  })

  it('waits for CRDs that are gone, says what to install, and begins when they are back (B46)', async () => {
    await newJob('doomed')
    const { cache, reflector } = await reflecting()
    await eventually('it knows the job', () => cache.objects.has('doomed'))
    await kubectl(cluster, ['delete', '--filename', CRD])
    await eventually('it says what is missing', () =>
      reflector.state().problem.includes('install the CRDs'),
    )
    await kubectl(cluster, ['apply', '--server-side', '--filename', CRD])
    await kubectl(cluster, ['wait', '--for=condition=Established', '-f', CRD])
    await newJobSoon('reinstalled')
    await eventually('it goes on', () => cache.objects.has('reinstalled'))
    expect(cache.objects.has('doomed')).toBe(false)
    reflector.stop()
  })
})

/** W3: reads live and writes again until the status is there. Gives the answers on the way. */
async function settle(store: KubeStatusStore, job: WriteTarget, status: QueueJobStatus) {
  const met: string[] = []
  for (;;) {
    const read = await store.readJob(job)
    if (read.kind !== 'found') throw new Error(JSON.stringify(read))
    const { resourceVersion, status: before } = read.object
    if (before.phase === status.phase) return met
    expect(before).toEqual(UNWRITTEN_STATUS)
    const answer = await store.writeStatus({ ...job, resourceVersion }, before, status)
    if (answer.kind === 'written') return met
    met.push(answer.kind)
  }
}

describe('a status write', () => {
  it('to a frozen API server is unknown; the live read tells whether it happened (W3)', async () => {
    const store = new KubeStatusStore(transport)
    const job = await newJob('frozen')
    const status = { observedGeneration: 1, phase: 'Running', epoch: 5 } as const
    cluster.processes.apiserver.freeze()
    const answer = await store.writeStatus(job, UNWRITTEN_STATUS, status)
    expect(answer).toMatchObject({ kind: 'unknown' })
    cluster.processes.apiserver.continue()
    // What the frozen server had in its hands may still land, also between our read and our write.
    const met = await settle(store, job, status)
    const read = await store.readJob(job)
    expect(read).toMatchObject({ kind: 'found', object: { status } })
    expect(met.every((kind) => kind === 'conflict')).toBe(true)
  })

  it('to a killed API server is known not to have happened', async () => {
    const store = new KubeStatusStore(transport)
    const job = await newJob('killed')
    await cluster.processes.apiserver.kill()
    // The first may still find a connection that dies under it.
    await store.writeStatus(job, UNWRITTEN_STATUS, { observedGeneration: 1, phase: 'Running' })
    expect(
      await store.writeStatus(job, UNWRITTEN_STATUS, { observedGeneration: 1, phase: 'Running' }),
    ).toMatchObject({ kind: 'later' })
    expect((await store.readJob(job)).kind).toBe('later')
    await cluster.processes.apiserver.start()
    const read = await store.readJob(job)
    expect(read).toMatchObject({ kind: 'found', object: { status: UNWRITTEN_STATUS } })
  })
})

describe('a member Lease', () => {
  it('is not renewed while nobody answers, and is at once when somebody does', async () => {
    const leases = new KubeMemberLeases({
      requests: transport,
      namespace: 'default',
      clock: realClock,
      random: realRandom,
      logger: new KeptLog(),
      leaseSeconds: 5,
    })
    expect(await leases.renew('operator-a')).toBe(true)
    cluster.processes.apiserver.freeze()
    await expect(leases.renew('operator-a')).rejects.toThrow('no answer within the deadline')
    cluster.processes.apiserver.continue()
    expect(await leases.renew('operator-a')).toBe(true)
  })
})
