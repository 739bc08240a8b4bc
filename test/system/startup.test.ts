// An operator that comes before everything it needs: it says in one line each what is missing, waits,
// and goes on by itself when it comes.

import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DevCluster } from '../../devcluster/cluster.ts'
import { kubectl } from '../servers.ts'
import { jobObject, type Program, TestSystem, until } from './system.ts'

const crds = path.join(import.meta.dirname, '..', '..', 'crds')

describe('an operator that comes first', () => {
  let system: TestSystem
  let cluster: DevCluster
  let operator: Program & { readonly url: string }

  const readyz = async (): Promise<{ readonly status: number; readonly text: string }> => {
    const answer = await fetch(`${operator.url}/readyz`, { signal: AbortSignal.timeout(5_000) })
    return { status: answer.status, text: await answer.text() }
  }
  const says = (words: RegExp) =>
    until(`/readyz to say ${words}`, async () => {
      const { status, text } = await readyz()
      return words.test(text) ? { status, text } : undefined
    })
  const ready = () =>
    until('the operator to be ready', async () =>
      (await readyz()).status === 200 ? true : undefined,
    )
  const completed = async (name: string) =>
    until(`${name} to complete`, async () =>
      (await system.job(name)).phase === 'Completed' ? true : undefined,
    )

  beforeAll(async () => {
    system = await TestSystem.start({ crds: false })
    cluster = system.cluster
    await cluster.nats.kill()
    operator = await system.operator({ wait: false })
  })

  afterAll(() => system?.stop())

  it('is alive, not ready, and names the missing CRDs with what to do', async () => {
    const { status, text } = await says(/not ready watch queuejobs: .*install the CRDs/)
    expect(status).toBe(503)
    expect(text).toMatch(/not ready nats: /)
    const alive = await fetch(`${operator.url}/livez`, { signal: AbortSignal.timeout(5_000) })
    expect(alive.status).toBe(200)
  })

  it('takes the CRDs up when they come, and then misses NATS alone', async () => {
    await kubectl(cluster, ['apply', '--server-side', '--filename', crds])
    await says(/ok watch queuejobs[\s\S]*ok watch queueschedules/)
    const { status, text } = await readyz()
    expect(status).toBe(503)
    expect(text).toMatch(/not ready nats: NATS at \S+ refuses connections/)
    await system.create([jobObject('early')])
    expect((await system.job('early')).phase).toBe('Pending')
  })

  it('leads when NATS comes, and runs what was submitted before', async () => {
    await cluster.nats.restart()
    await ready()
    system.worker({})
    await completed('early')
  })

  it('is not ready while the API server is away, and goes on when it is back', async () => {
    await cluster.processes.apiserver.kill()
    await says(/not ready/)
    await cluster.processes.apiserver.start()
    await ready()
    await system.create([jobObject('late')])
    await completed('late')
    expect(operator.running).toBe(true)
  })
})
