// Whatever a manifest, a message or a handler contains ends as a refusal at the door or as a named
// state of that one job (reliability.md section 17): on genuine servers, with the neighbours at work.

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shardOf } from '../../src/core/ids.ts'
import { SeededRandom } from '../../src/core/virtual-clock.ts'
import { objectPath } from '../../src/kube/paths.ts'
import { type HostileJob, hostileJobs } from './hostile-jobs.ts'
import {
  BROKEN_BODIES,
  beatBody,
  headerLines,
  type Lines,
  publishAll,
  unreadable,
} from './hostile-messages.ts'
import { type HeardBeats, hearBeats, honestHeaders, NOBODY, workHeaders } from './listener.ts'
import { type Scraped, scrape } from './metrics.ts'
import { type JobsWatch, watchJobs } from './observer.ts'
import { ODD, PLANTED_SECRET } from './programs/odd-handlers.ts'
import { type RawNats, rawNats } from './raw-nats.ts'
import { jobObject, type Program, read, TestSystem, until } from './system.ts'

const SEED = Number(process.env.SEED ?? 20_261_125)
/** CPU of the operator in three seconds in which nothing happens: a hot loop takes all of them. */
const IDLE_CPU_SECONDS = 1.5

const MANY_HEADERS = Array.from({ length: 10_000 }, (_, n) => `X-${n}: 1`)

describe('bad input', () => {
  let system: TestSystem
  let operator: Program & { readonly url: string }
  let worker: Program
  let watch: JobsWatch

  beforeAll(async () => {
    system = await TestSystem.start()
    operator = await system.operator()
    worker = system.worker({ id: 'worker-a', slots: 20 })
    watch = await watchJobs(await system.cluster.kubeconfig('admin'))
  })

  afterAll(async () => {
    await watch?.stop()
    await system?.stop()
  })

  const plain = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, n) => jobObject(`${prefix}-${n}`))
  const statusOf = (name: string) => watch.jobs.get(name)?.status
  const inPhase = (what: string, names: readonly string[], phase: string, seconds = 60) =>
    until(
      () =>
        `${what}; still ${JSON.stringify(statusOf(names.find((n) => statusOf(n)?.phase !== phase) ?? ''))}`,
      () => names.every((name) => statusOf(name)?.phase === phase) || undefined,
      seconds,
    )
  const completed = (prefix: string, count: number) =>
    inPhase(
      `the plain jobs ${prefix} to complete`,
      Array.from({ length: count }, (_, n) => `${prefix}-${n}`),
      'Completed',
    )
  it('hostile manifests come to a named state each, and their neighbours complete', async () => {
    const hostile = hostileJobs(new SeededRandom(SEED), 3)
    await watch.create([...hostile.map(({ json }) => json), ...plain('beside-manifests', 100)])
    await completed('beside-manifests', 100)
    const wrong = () => hostile.filter((job) => !isAsWanted(job, watch))
    await until(
      () =>
        `hostile jobs to come to their states; seed ${SEED}: ${wrong()
          .map((job) => told(job, watch))
          .join('\n')}`,
      () => wrong().length === 0 || undefined,
    )
  })

  it('whatever a handler returns or throws ends its own attempt alone', async () => {
    const odd = Object.entries(ODD)
    await watch.create([
      ...odd.map(([name]) =>
        jobObject(`odd-${name}`, { payload: { odd: name }, retry: { maxAttempts: 1 } }),
      ),
      jobObject('odd-progress', { payload: { oddProgress: true, ms: 1_500 } }),
      ...plain('beside-odd', 50),
    ])
    await completed('beside-odd', 50)
    await until(
      () =>
        `odd handlers to end; open: ${watch
          .open()
          .map(({ name }) => name)
          .filter((name) => name.startsWith('odd-'))
          .join(', ')}`,
      () => !watch.open().some(({ name }) => name.startsWith('odd-')) || undefined,
    )
    const found = Object.fromEntries(odd.map(([name]) => [name, shown(statusOf(`odd-${name}`))]))
    expect(found).toEqual(
      Object.fromEntries(
        odd.map(([name, { want }]) => [
          name,
          {
            phase: want.phase,
            reason: want.reason,
            result: want.result,
            code: want.code,
            message: want.says ? expect.stringMatching(want.says) : undefined,
          },
        ]),
      ),
    )
    expect(statusOf('odd-progress')?.phase).toBe('Completed')
    expect(worker.running).toBe(true)
    expect(read(worker.log).includes(PLANTED_SECRET)).toBe(false)
    expect(
      Math.max(
        ...read(worker.log)
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThan(32_768)
  })

  describe('messages that no worker sends', () => {
    let nats: RawNats
    let heard: HeardBeats
    beforeAll(async () => {
      nats = await rawNats(system.cluster.nats.url)
      heard = await hearBeats(system.cluster.nats.url)
    })
    afterAll(async () => {
      nats?.close()
      await heard?.close()
    })

    const shard = shardOf('default')
    const eventSubject = (worker: string, uid: string) =>
      `gq.v1.event.${shard}.default.${worker}.${uid}`
    const listed = (name: string) =>
      until(`a beat to list ${name}`, () => heard.running.find((each) => each.name === name))
    /** Publishes so many messages to a stream; resolves when all were stored and are handled. */
    const drained = async (stream: string, publish: () => number) => {
      const { last_seq: before } = await heard.stream(stream)
      const count = publish()
      let state = ''
      await until(
        () => `${stream} to take ${count} after ${before} and to drain; it has ${state}`,
        async () => {
          const { messages, last_seq } = await heard.stream(stream)
          state = `${messages}, last ${last_seq}`
          return (messages === 0 && last_seq >= before + count) || undefined
        },
        6,
      )
      return count
    }

    it('an outcome is taken from the worker that has the job alone, with its nonce and epoch', async () => {
      await watch.create([
        jobObject('twin', { payload: { ms: 120_000 } }),
        jobObject('aimed-at', { payload: { ms: 9_000, result: 'its own' } }),
      ])
      const twin = await listed('twin')
      const job = await listed('aimed-at')
      const past = await scrape(operator)
      // What is refused below is refused for what it changes of a message that is taken.
      nats.publish(eventSubject('worker-a', twin.uid), headerLines(honestHeaders(twin)), '"taken"')
      await inPhase('the honest outcome to be taken', ['twin'], 'Completed')
      expect(statusOf('twin')?.result).toBe('taken')

      const honest = honestHeaders(job)
      const forged: readonly (readonly [string, Lines])[] = [
        ['worker-a', { ...honest, 'Gq-Nonce': '0'.repeat(32) }],
        ['worker-a', { ...honest, 'Gq-Nonce': twin.nonce }],
        ['worker-a', { ...honest, 'Gq-Boot': 'another-boot' }],
        ['worker-b', honest],
        ['worker-a', { ...honest, 'Gq-Epoch': String(job.epoch - 1) }],
        ['worker-a', { ...honest, 'Gq-Epoch': String(job.epoch + 1) }],
        ['worker-a', { ...honest, 'Gq-Epoch': String(job.epoch + 2 ** 32) }],
        ['worker-a', { ...honest, 'Gq-Epoch': String(Number.MAX_SAFE_INTEGER) }],
        ['worker-a', { ...honest, 'Gq-Attempt': '2' }],
        ['worker-a', { ...honest, 'Gq-Run-Id': 'another' }],
        ['worker-a', { ...honest, 'Gq-Outcome': 'cancelled', 'Gq-Nonce': 'f'.repeat(32) }],
      ]
      for (const [worker, headers] of forged) {
        await drained('GQ_EVENTS', () => {
          nats.publish(eventSubject(worker, job.uid), headerLines(headers), '"stolen"')
          return 1
        })
      }
      const foreign = `gq.v1.event.${shardOf('elsewhere')}.elsewhere.worker-a.${job.uid}`
      await drained('GQ_EVENTS', () => {
        nats.publish(foreign, headerLines(honest), '"stolen"')
        return 1
      })
      expect(statusOf('aimed-at')).toMatchObject({ epoch: job.epoch, phase: 'Running' })
      await inPhase('the job that was aimed at to complete', ['aimed-at'], 'Completed')
      expect(statusOf('aimed-at')).toMatchObject({ result: 'its own', attempt: 1 })
      const refused = 'gopherqueue_refused_total{kind="outcome"'
      const after = await scrape(operator)
      expect(after(refused) - past(refused)).toBeGreaterThanOrEqual(forged.length + 1)
    })

    it('what cannot be read is counted, acknowledged and forgotten', async () => {
      await watch.create([jobObject('untouched', { payload: { ms: 3_000 } })])
      const job = await listed('untouched')
      const past = await scrape(operator)
      const ofWorker = await scrape(worker)
      const broken = unreadable(honestHeaders(job))
      const events = await drained('GQ_EVENTS', () =>
        publishAll(nats, broken, (n) => eventSubject(`liar-${n}`, job.uid)),
      )
      const work = await drained('GQ_WORK', () =>
        publishAll(
          nats,
          unreadable(workHeaders(job)),
          (n) => `gq.v1.work.default.${heard.cls}.${n}-${job.uid}`,
        ),
      )
      for (const [n, body] of BROKEN_BODIES.entries()) {
        nats.publish(`gq.v1.beat.${shard}.default.liar-${n}`, null, body)
        nats.publish(`gq.v1.note.${shard}.default.liar-${n}.${job.uid}`, null, body)
        nats.publish('gq.v1.ctl.default.worker-a', null, body)
        nats.publish('gq.v1.ctl.default.all', MANY_HEADERS, body)
      }
      // No addresses at all, of which nobody can be named.
      for (const subject of ['gq.v1.beat.x', 'gq.v1.beat.99.a.b', `gq.v1.note.${shard}.A.b.c`]) {
        nats.publish(subject, null, '{}')
      }
      await watch.create(plain('beside-garbage', 30))
      await completed('beside-garbage', 30)
      const rejected = (kind: string) => `gopherqueue_messages_rejected_total{kind="${kind}"}`
      const counted = async (program: Program, then: Scraped, kind: string) =>
        (await scrape(program))(rejected(kind)) - then(rejected(kind))
      expect(await counted(operator, past, 'event')).toBe(events)
      expect(await counted(operator, past, 'beat')).toBe(BROKEN_BODIES.length)
      expect(await counted(operator, past, 'note')).toBe(BROKEN_BODIES.length)
      expect(await counted(worker, ofWorker, 'work')).toBe(work)
      expect(await counted(worker, ofWorker, 'ctl')).toBe(2 * BROKEN_BODIES.length)
      await inPhase('the job that they were about to complete', ['untouched'], 'Completed')
      expect(statusOf('untouched')).toMatchObject({ attempt: 1, reason: 'Completed' })
    })

    it('outcomes of jobs that do not exist are dropped', async () => {
      const past = await scrape(operator)
      const job = { ...(heard.running[0] ?? NOBODY), name: 'nobody' }
      await drained('GQ_EVENTS', () => {
        for (let n = 0; n < 300; n++) {
          const uid = `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`
          nats.publish(eventSubject('worker-a', uid), headerLines(honestHeaders({ ...job, uid })))
        }
        return 300
      })
      const gone = 'gopherqueue_refused_total{kind="outcome",reason="gone"}'
      expect((await scrape(operator))(gone) - past(gone)).toBe(300)
    })

    it('beats that list thousands of attempts, at a high rate, cost the others little', async () => {
      await watch.create([jobObject('listed-by-liars', { payload: { ms: 8_000 } })])
      const job = await listed('listed-by-liars')
      const { uid, epoch, nonce } = job
      const mine = { uid, name: 'a', epoch, nonce, attempt: 1, ageMs: 0 }
      const strangers = Array.from({ length: 6_000 }, (_, n) => ({ ...mine, uid: `u${n}` }))
      const same = (changes: object) =>
        Array.from({ length: 6_000 }, () => ({ ...mine, ...changes }))
      const bodies = [
        beatBody(strangers),
        beatBody(same({ nonce: '0'.repeat(32) })),
        beatBody(same({ epoch: Number.MAX_SAFE_INTEGER })),
      ]
      const past = await scrape(operator)
      await watch.create(plain('beside-beats', 50))
      for (let n = 0; n < 90; n++) {
        nats.publish(`gq.v1.beat.${shard}.default.intruder-${n % 3}`, null, bodies[n % 3])
        await nats.flush()
        await sleep(20)
      }
      await completed('beside-beats', 50)
      await inPhase('the job that liars list to complete', ['listed-by-liars'], 'Completed')
      expect(statusOf('listed-by-liars')).toMatchObject({ attempt: 1 })
      const requests = 'gopherqueue_api_requests_total{verb="GET"'
      expect((await scrape(operator))(requests) - past(requests)).toBeLessThan(2_000)
    })
  })

  describe('objects that users do odd things to', () => {
    const path = (name: string) => objectPath('QueueJob', { namespace: 'default', name })
    const patch = (name: string, body: object, manager = '') =>
      watch.requests.request({
        verb: 'PATCH',
        path: path(name),
        body,
        contentType: manager ? 'application/apply-patch+yaml' : 'application/merge-patch+json',
        ...(manager ? { query: { fieldManager: manager } } : {}),
      })
    const remove = (name: string) => watch.requests.request({ verb: 'DELETE', path: path(name) })
    const starts = (name: string) =>
      system.effects().filter((effect) => effect.name === name && effect.what === 'start')
    const withMetadata = (name: string, metadata: object, spec: Record<string, unknown> = {}) => {
      const object = jobObject(name, spec) as { metadata: object }
      return { ...object, metadata: { ...object.metadata, ...metadata } }
    }

    it('a status that is sent along is not believed', async () => {
      const status = { phase: 'Completed', reason: 'Completed', epoch: 2 ** 52, result: 'mine' }
      await watch.create([{ ...(jobObject('done-before-it-began') as object), status }])
      await inPhase('it to run', ['done-before-it-began'], 'Completed')
      expect(statusOf('done-before-it-began')?.result).toBeUndefined()
      expect(starts('done-before-it-began')).toHaveLength(1)
    })

    it('an edit of a finished job is refused by the name of the field, or changes nothing of its end', async () => {
      await watch.create([jobObject('finished', { payload: { result: 1 } })])
      await inPhase('it to complete', ['finished'], 'Completed')
      const before = statusOf('finished')
      await expect(patch('finished', { spec: { type: 'other' } })).rejects.toThrow(/422 spec.type /)
      await expect(patch('finished', { spec: { payload: 2 } })).rejects.toThrow(/422 spec.payload /)
      await expect(patch('finished', { spec: { priority: 'High' } })).rejects.toThrow(/422 spec /)
      await patch('finished', { status: { phase: 'Pending', result: 'changed' } })
      await patch('finished', { spec: { suspend: true } })
      for (let n = 0; n < 20; n++) {
        const annotation = { [`example.com/${n}`]: 'x'.repeat(10_000) }
        await patch('finished', { metadata: { annotations: annotation } })
      }
      await until(
        'it to be seen',
        () => statusOf('finished')?.observedGeneration === 2 || undefined,
      )
      expect(statusOf('finished')).toEqual({ ...before, observedGeneration: 2 })
      expect(starts('finished')).toHaveLength(1)
    })

    it('fifty managers of its fields do not keep a job from running', async () => {
      await watch.create([jobObject('much-managed', { delaySeconds: 5 })])
      for (let n = 0; n < 50; n++) {
        const annotations = { [`example.com/${'k'.repeat(50)}${n}`]: 'v'.repeat(500) }
        const { apiVersion, kind } = jobObject('much-managed') as Record<string, unknown>
        await patch('much-managed', { apiVersion, kind, metadata: { annotations } }, `manager-${n}`)
      }
      await inPhase('it to complete', ['much-managed'], 'Completed')
    })

    it('a job that a foreign finalizer keeps is not started; one that runs may end', async () => {
      const finalizers = ['example.com/hold']
      await watch.create([
        withMetadata('kept-waiting', { finalizers }, { delaySeconds: 3 }),
        withMetadata('kept-running', { finalizers }, { payload: { ms: 2_000 } }),
      ])
      await until('it to start', () => starts('kept-running').length > 0 || undefined)
      await Promise.all([remove('kept-waiting'), remove('kept-running')])
      await inPhase('what runs to end', ['kept-running'], 'Completed')
      await watch.create([jobObject('after-kept', { delaySeconds: 3 })])
      await inPhase('a later job to complete', ['after-kept'], 'Completed')
      expect(starts('kept-waiting')).toEqual([])
      for (const name of ['kept-waiting', 'kept-running']) {
        await patch(name, { metadata: { finalizers: null } })
        await until(`${name} to go`, () => !watch.jobs.has(name) || undefined)
      }
    })

    it('a job may be deleted in every phase', async () => {
      const label = { labels: { 'velero.io/restore-name': 'b' } }
      const backoff = { initialSeconds: 600 }
      const objects: Readonly<Record<string, unknown>> = {
        Delayed: jobObject('delete-delayed', { delaySeconds: 3_600 }),
        Suspended: jobObject('delete-suspended', { suspend: true }),
        Blocked: withMetadata('delete-blocked', label),
        Scheduled: jobObject('delete-scheduled', { type: 'unknown' }),
        Running: jobObject('delete-running', { payload: { ms: 120_000 } }),
        Retrying: jobObject('delete-retrying', { payload: { failures: 9 }, retry: { backoff } }),
        Completed: jobObject('delete-completed'),
        Failed: jobObject('delete-failed', { payload: { permanent: true } }),
        DeadLettered: jobObject('delete-deadlettered', {
          payload: { failures: 9 },
          retry: { maxAttempts: 1 },
        }),
      }
      await watch.create(Object.values(objects))
      const names = Object.keys(objects).map((phase) => `delete-${phase.toLowerCase()}`)
      for (const phase of Object.keys(objects)) {
        await inPhase(`a job to be ${phase}`, [`delete-${phase.toLowerCase()}`], phase)
      }
      await watch.create(plain('delete-at-once', 20))
      names.push(...Array.from({ length: 20 }, (_, n) => `delete-at-once-${n}`))
      await Promise.all(names.map(remove))
      await until('them to go', () => !names.some((name) => watch.jobs.has(name)) || undefined)
      await until('the handler to be aborted', () =>
        system.effects().find(({ name, what }) => name === 'delete-running' && what === 'abort'),
      )
      await until('no attempt to be open', async () => {
        const open = (await scrape(operator))('gopherqueue_ledger_open_attempts')
        return open === 0 || undefined
      })
    })

    it('one name, created and deleted twenty times, is twenty jobs, of which the last stays', async () => {
      for (let n = 0; n < 20; n++) {
        await watch.create([jobObject('phoenix', { payload: { result: n, ms: n % 3 } })])
        if (n < 19) await remove('phoenix')
      }
      await until('the last one to complete', () => statusOf('phoenix')?.result === 19 || undefined)
      expect(statusOf('phoenix')).toMatchObject({ phase: 'Completed', attempt: 1 })
      const uids = starts('phoenix').map(({ uid }) => uid)
      expect(uids.length).toBe(new Set(uids).size)
    })
  })

  it('afterwards nothing is busy, and nobody called anything an error', async () => {
    const cpu = async () => (await scrape(operator))('process_cpu_seconds_total')
    const before = await cpu()
    await sleep(3_000)
    expect((await cpu()) - before).toBeLessThan(IDLE_CPU_SECONDS)
    expect(operator.running).toBe(true)
    expect(
      read(operator.log)
        .split('\n')
        .filter((line) => line.includes('"level":"error"')),
    ).toEqual([])
  })
})

type Status = NonNullable<ReturnType<JobsWatch['jobs']['get']>>['status']

function shown(status: Status | undefined) {
  const { phase, reason, result, error } = status ?? {}
  return { phase, reason, result, code: error?.code, message: error?.message }
}

function isAsWanted({ name, want }: HostileJob, watch: JobsWatch): boolean {
  const status = watch.jobs.get(name)?.status
  if (status?.phase !== want.phase || status.reason !== want.reason) return false
  if (want.result !== undefined && !isDeepStrictEqual(status.result, JSON.parse(want.result)))
    return false
  return `${status.message} ${status.error?.message}`.includes(want.says ?? '')
}

function told({ name, want }: HostileJob, watch: JobsWatch): string {
  return `${name.slice(0, 40)} is ${String(JSON.stringify(watch.jobs.get(name)?.status)).slice(0, 400)}, wanted ${JSON.stringify(want).slice(0, 400)}`
}
