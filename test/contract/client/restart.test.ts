// Waits on an API server that is killed and started again, with everything that may have happened
// while nobody could watch.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { DevCluster } from '../../../devcluster/cluster.ts'
import { JobDeletedError } from '../../../src/client/errors.ts'
import type { GopherQueue, Job } from '../../../src/client/surface.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { connect } from '../../../src/main/client.ts'
import { kubectl, startTestCluster } from '../../servers.ts'

const namespace = 'restarts'
const noop = defineJob({ type: 'noop', version: '1', input: z.void(), output: z.string() })

let cluster: DevCluster
let gq: GopherQueue
beforeAll(async () => {
  cluster = await startTestCluster({ nats: false, label: 'restarts' })
  await kubectl(cluster, ['create', 'namespace', namespace])
  gq = await connect({ kubeconfig: await cluster.kubeconfig('admin'), namespace })
})
afterAll(async () => {
  await gq?.close()
  await cluster?.stop()
})

async function finish(jobs: readonly Job<string>[]): Promise<void> {
  for (const job of jobs) {
    const status = { observedGeneration: 1, phase: 'Completed', epoch: 1, result: job.name }
    await kubectl(cluster, [
      ...['patch', 'queuejob', job.name, '--namespace', namespace, '--subresource=status'],
      ...['--type=merge', '--patch', JSON.stringify({ status })],
    ])
  }
}

const submitMany = (count: number) =>
  Promise.all(Array.from({ length: count }, () => gq.submit(noop, undefined)))

describe('waits over the death of the API server', () => {
  it.each([
    ['one wait, on a watch of its own', 1],
    ['twenty waits, most on a shared watch', 20],
  ])('%s: each gets its result', async (_, count) => {
    const jobs = await submitMany(count)
    const results = jobs.map((job) => job.result({ timeoutMs: 60_000 }))
    await cluster.processes.apiserver.kill()
    await cluster.processes.apiserver.start()
    await finish(jobs)
    expect(await Promise.all(results)).toEqual(jobs.map(({ name }) => name))
  })

  it('a job that was deleted and made again meanwhile is gone', async () => {
    const [job] = await submitMany(1)
    if (!job) throw new Error('no job')
    const result = job.result({ timeoutMs: 60_000 }).then(
      () => null,
      (error: unknown) => error,
    )
    await cluster.processes.apiserver.kill()
    await cluster.processes.apiserver.start()
    await kubectl(cluster, ['delete', 'queuejob', job.name, '--namespace', namespace])
    await gq.submit(noop, undefined, { name: job.name })
    expect(await result).toBeInstanceOf(JobDeletedError)
  })

  it('a submission that is under way is stored once', async () => {
    await cluster.processes.apiserver.kill()
    const submitting = gq.submit(noop, undefined, { name: 'under-way' })
    await cluster.processes.apiserver.start()
    const job = await submitting
    expect((await gq.get('under-way')).uid).toBe(job.uid)
  })
})
