// What must survive (issue: "It is done when"): operator, worker and nats-server are killed five times
// each, with hundreds of jobs waiting or in flight; nothing is lost, nothing is recorded twice.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JobsWatch, watchJobs } from './observer.ts'
import { jobObject, type Program, TestSystem, until } from './system.ts'

const KILLS = Number(process.env.KILLS ?? 5)
const LEAST_OPEN = 200
const BATCH = 250

describe('with hundreds of jobs waiting or in flight', () => {
  let system: TestSystem
  let watch: JobsWatch
  let operator: Program
  const workers = new Map<string, Program>()
  let submitted = 0

  /** Keeps at least 200 jobs open; each runs for some seconds, every ninth fails once. */
  async function keepBusy(): Promise<void> {
    while (watch.open().length < LEAST_OPEN + 50) {
      const objects = Array.from({ length: BATCH }, () => {
        const n = submitted++
        return jobObject(`job-${n}`, {
          payload: { ms: 200 + ((n * 37) % 5_000), failures: n % 9 === 0 ? 1 : 0 },
          // How often one job can be hit is not what is tested here.
          crashBudget: { max: 100 },
          retry: { maxAttempts: 5, backoff: { initialSeconds: 0, maxSeconds: 1 } },
        })
      })
      await watch.create(objects)
      await until('the watch to show what was created', () =>
        watch.jobs.size >= submitted ? true : undefined,
      )
    }
  }

  beforeAll(async () => {
    system = await TestSystem.start()
    // Every end is counted at the end, so none may be deleted before.
    await system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'Queue',
        metadata: { name: 'default', namespace: 'default' },
        spec: { retention: { maxSucceeded: 100_000 } },
      },
    ])
    operator = await system.operator()
    for (const id of ['worker-a', 'worker-b', 'worker-c']) {
      workers.set(id, system.worker({ id, slots: 20 }))
    }
    watch = await watchJobs(await system.cluster.kubeconfig('admin'))
  })

  afterAll(async () => {
    await watch?.stop()
    await system?.stop()
  })

  it('kills of the operator lose nothing', async () => {
    for (let n = 0; n < KILLS; n++) {
      await keepBusy()
      await sleep(500)
      await operator.kill()
      expect(watch.open().length).toBeGreaterThanOrEqual(LEAST_OPEN)
      operator = await system.operator()
    }
  })

  it('kills of workers lose nothing', async () => {
    const ids = [...workers.keys()]
    for (let n = 0; n < KILLS; n++) {
      await keepBusy()
      const id = ids[n % ids.length] ?? 'worker-a'
      await sleep(500)
      await workers.get(id)?.kill()
      expect(watch.open().length).toBeGreaterThanOrEqual(LEAST_OPEN)
      workers.set(id, system.worker({ id, slots: 20 }))
    }
  })

  it('kills of nats-server lose nothing, also with its data deleted', async () => {
    for (let n = 0; n < KILLS; n++) {
      await keepBusy()
      await sleep(500)
      await system.cluster.nats.kill()
      expect(watch.open().length).toBeGreaterThanOrEqual(LEAST_OPEN)
      await sleep(300)
      await system.cluster.nats.restart({ wipe: n % 2 === 1 })
      await sleep(2_000)
    }
  })

  it('in the end every job is Completed, recorded once, and its effect was made', async () => {
    await until(
      () =>
        `all jobs to end: ${watch.open().length} of ${submitted} are open, e.g. ${JSON.stringify(watch.open()[0]?.status)}`,
      () => (watch.open().length === 0 ? true : undefined),
      150,
    )
    expect(submitted).toBeGreaterThanOrEqual(3 * LEAST_OPEN)
    expect(watch.jobs.size).toBe(submitted)
    const phases = new Set([...watch.jobs.values()].map((job) => job.status.phase))
    expect([...phases]).toEqual(['Completed'])
    const twice = [...watch.ends].filter(([, ends]) => ends.size !== 1)
    expect(twice).toEqual([])
    const effects = system.effects()
    const ended = new Set(effects.filter(({ what }) => what === 'end').map(({ name }) => name))
    expect(ended.size).toBe(submitted)
    // An epoch is started once: two starts with one token are what the protocol rules out (P5), but
    // after the work stream was deleted.
    const starts = effects.filter(({ what }) => what === 'start').map((e) => `${e.uid}.${e.epoch}`)
    expect(starts.length - new Set(starts).size).toBe(0)
    const extra = starts.length - submitted
    console.log(
      `kills: ${3 * KILLS}, jobs: ${submitted}, starts: ${starts.length} (${extra} again)`,
    )
  })
})
