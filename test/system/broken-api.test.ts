// The operator behind an API server whose watches and lists break in every way (reliability.md B41,
// B42): nothing is half applied, what is known stays known, and every job goes on.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrokenApi, brokenApi } from './broken-api.ts'
import { scrape } from './metrics.ts'
import { type JobsWatch, watchJobs } from './observer.ts'
import { jobObject, type Program, read, TestSystem, until } from './system.ts'

const ACCOUNT = { namespace: 'gopherqueue-system', name: 'gopherqueue-operator' }
/** Jobs that wait for an hour: they must not be lost, and must not start. */
const WAITING = 20

describe('an API server that answers nonsense', () => {
  let system: TestSystem
  let operator: Program
  let api: BrokenApi
  let watch: JobsWatch

  beforeAll(async () => {
    system = await TestSystem.start()
    api = await brokenApi(system.cluster)
    const own = await system.cluster.kubeconfig({ serviceAccount: ACCOUNT })
    operator = await system.operator({ kubeconfig: api.kubeconfig(own) })
    system.worker({ id: 'worker-a' })
    watch = await watchJobs(await system.cluster.kubeconfig('admin'))
    await watch.create(
      Array.from({ length: WAITING }, (_, n) => jobObject(`waits-${n}`, { delaySeconds: 3_600 })),
    )
  })

  afterAll(async () => {
    await watch?.stop()
    await system?.stop()
    api?.stop()
  })

  let round = 0
  /** New jobs run, and those that wait are all still known. */
  const goesOn = async () => {
    const name = `goes-on-${round++}`
    await watch.create([jobObject(name)])
    await until(
      `${name} to complete`,
      () => {
        return watch.jobs.get(name)?.status.phase === 'Completed' || undefined
      },
      30,
    )
    expect((await scrape(operator))('gopherqueue_ledger_jobs')).toBe(WAITING + round)
    expect(operator.running).toBe(true)
  }
  const deleted = () => {
    const job = watch.jobs.get('waits-0')
    const { uid, name, namespace, resourceVersion } = job ?? {}
    const metadata = { uid, name, namespace, resourceVersion }
    return JSON.stringify({ type: 'DELETED', object: { metadata, spec: { type: 'work' } } })
  }

  const breaks: readonly (readonly [string, () => string | Uint8Array])[] = [
    ['a line that is cut', () => deleted().slice(0, -9)],
    ['a line that is no JSON', () => '{"type":\n'],
    ['an event without an object', () => '{"type":"DELETED"}\n'],
    ['an unknown event', () => `${deleted().replace('DELETED', 'RENAMED')}\n`],
    ['an ERROR without a code', () => '{"type":"ERROR","object":{}}\n'],
    ['another encoding', () => Buffer.from(`${deleted()}\n`, 'utf16le')],
    ['a line of ten megabytes', () => `{"type":"ADDED","object":"${'x'.repeat(10_000_000)}`],
  ]
  it.each(breaks)('%s ends the watch, and the next one goes on', async (what, bytes) => {
    await until('a watch', () => api.watches > 0 || undefined)
    const before = api.opened
    api.intoWatches(bytes(), what.includes('cut'))
    await until('another watch', () => api.opened > before || undefined)
    await goesOn()
  })

  it('a list that cannot be trusted removes nothing', async () => {
    const meta = { resourceVersion: '999999999' }
    const nameless = { metadata: { name: 'a', namespace: 'default' }, spec: { type: 'work' } }
    api.nextLists.push(
      '<html>',
      JSON.stringify({ metadata: meta, items: [nameless] }),
      JSON.stringify({ metadata: { ...meta, continue: 'again' }, items: [] }),
      JSON.stringify({ metadata: { ...meta, continue: 'again' }, items: [] }),
    )
    await until('a watch', () => api.watches > 0 || undefined)
    api.intoWatches('{"type":"ERROR","object":{"code":410}}\n')
    await until('all broken lists to be read', () => api.nextLists.length === 0 || undefined)
    await goesOn()
  })

  it('the same line, whole and well, would have been believed', async () => {
    api.intoWatches(`${deleted()}\n`)
    await until('a job to be forgotten', async () => {
      const known = (await scrape(operator))('gopherqueue_ledger_jobs')
      return known === WAITING + round - 1 || undefined
    })
  })

  it('afterwards nobody called anything an error, and nothing that waits was started', () => {
    const lines = read(operator.log).split('\n')
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
    expect(system.effects().filter(({ name }) => name.startsWith('waits-'))).toEqual([])
  })
})
