// Submitting a job and waiting for jobs.

import { beforeEach, describe, expect, it } from 'vitest'
import { Interrupted } from '../../../src/cli/exit.ts'
import { jobView } from '../../../src/kube/client-views.ts'
import { aJob, FakePlace } from './fake-place.ts'

let place: FakePlace
beforeEach(() => {
  place = new FakePlace()
})

describe('gq submit', () => {
  const created = () => place.objects.created[0]?.object

  it('stores a job of that type under a name that is made of it', async () => {
    const { code, out } = await place.run('submit', 'email.send', '--payload', '{"to":"a"}')
    expect(code).toBe(0)
    expect(created()).toMatchObject({
      namespace: 'shop',
      name: expect.stringMatching(/^email-send-[a-z0-9]{10}$/),
      spec: { type: 'email.send', payload: { to: 'a' } },
    })
    expect(out).toBe(`queuejob.gopherqueue.io/${created()?.name} submitted\n`)
  })

  it('says everything that options can say', async () => {
    place.files.set('-', '[1,2]')
    await place.run(
      ...['submit', 'a', '--payload', '-', '--queue', 'q', '--priority', 'high', '--name', 'n'],
      ...['--start-after', '2026-05-01T18:00', '--idempotency-key', 'i', '--concurrency-key', 'c'],
      ...['--fairness-key', 'f', '--depends-on', 'x,y:Finished', '--depends-on', 'z'],
      ...['--handler-version', '2', '--run-id', 'r', '--max-attempts', '5', '--ttl', '1d'],
      ...['--attempt-deadline', '5m', '--active-deadline', '1h', '--suspend'],
      ...[
        '--label',
        'a=1',
        '--label',
        'b=x,y',
        '--annotation',
        'note=hi',
        '--correlation-id',
        'id',
      ],
    )
    expect(created()).toMatchObject({
      name: 'n',
      labels: { a: '1', b: 'x,y' },
      annotations: { note: 'hi', 'gopherqueue.io/correlation-id': 'id' },
    })
    expect(created()?.spec).toEqual({
      type: 'a',
      payload: [1, 2],
      queue: 'q',
      priority: 'High',
      startAfter: '2026-05-01T16:00:00.000Z',
      idempotencyKey: 'i',
      concurrencyKey: 'c',
      fairnessKey: 'f',
      dependsOn: [{ name: 'x' }, { name: 'y', when: 'Finished' }, { name: 'z' }],
      handlerVersion: '2',
      runId: 'r',
      retry: { maxAttempts: 5 },
      ttlSecondsAfterFinished: 86_400,
      attemptDeadlineSeconds: 300,
      activeDeadlineSeconds: 3_600,
      suspend: true,
    })
  })

  it('lets the API server check it with --dry-run, and stores nothing', async () => {
    const { out } = await place.run('submit', 'a', '--dry-run', '-o', 'yaml')
    expect(place.objects.created[0]?.dryRun).toBe(true)
    expect(place.objects.objects).toEqual([])
    expect(out).toContain('kind: QueueJob')
  })

  it.each([
    [['a', '--payload', 'x'], 64, 'is no JSON'],
    [['a', '--payload', '{"id":9007199254740993}'], 64, 'beyond 2^53'],
    [['a', '--payload', `"${'x'.repeat(140_000)}"`], 64, 'the limit is 131072'],
    [['Not A Type'], 64, 'type "Not A Type" is not valid'],
    [['a', '--priority', 'urgent'], 64, 'one of Critical'],
    [['a', '--delay', '2y'], 64, 'is no duration'],
    [['a', '--delay', '1h', '--start-after', '2026-05-01T18:00Z'], 64, 'do not go together'],
    [['a', '--max-attempts', '0'], 64, 'from 1 to 100'],
    [['a', '--queue', 'no.dots'], 64, 'spec.queue'],
    [['a', '--label', 'x'], 64, 'is no label'],
    [['a', '--wait', '--dry-run'], 64, 'do not go together'],
    [[], 64, "missing required argument 'type'"],
  ])('%j is refused before a job exists', async (words, want, says) => {
    const { code, err } = await place.run('submit', ...words)
    expect({ code, created: place.objects.created.filter(({ dryRun }) => !dryRun) }).toEqual({
      code: want,
      created: [],
    })
    expect(err).toContain(says)
    expect(err.length).toBeLessThan(1_000)
  })

  it('makes no second job of a name that is taken', async () => {
    place.objects.put(aJob('n'))
    const { code, err } = await place.run('submit', 'a', '--name', 'n')
    expect(code).toBe(64)
    expect(err).toContain('exists already')
  })
})

describe('gq wait', () => {
  const put = (name: string, phase: string, status = {}) =>
    place.putJobs(aJob(name, phase, { status }))

  it.each([
    ['Completed', {}, 0, 'a Completed'],
    ['Failed', { reason: 'PermanentFailure', message: 'no' }, 1, 'a Failed: PermanentFailure: no'],
    ['DeadLettered', { reason: 'AttemptsExhausted', message: 'm' }, 1, 'AttemptsExhausted'],
    ['Cancelled', { reason: 'Cancelled', message: 'by jane' }, 3, 'a Cancelled: by jane'],
    ['Cancelled', { reason: 'Discarded', message: 'by jane' }, 3, 'Discarded'],
    ['Failed', { reason: 'OfALaterRelease' }, 1, 'OfALaterRelease'],
  ])('a job that is %s with %j ends it with %i', async (phase, status, want, says) => {
    put('a', phase, status)
    const { code, out } = await place.run('wait', 'a')
    expect(code).toBe(want)
    expect(out).toContain(says)
    expect((await place.run('wait', 'a', '--for', 'finished')).code).toBe(0)
  })

  it('ends when the last of the jobs has ended, with the worst of their codes', async () => {
    put('a', 'Completed')
    put('b', 'Running')
    place.clock.after(5_000, () => {
      place.jobs.put(
        { namespace: 'shop', name: 'b' },
        { phase: 'Failed', reason: 'PermanentFailure' },
      )
    })
    const { code, out, err } = await place.run('wait', 'a', 'b')
    expect(code).toBe(1)
    expect(out.split('\n').slice(0, 2)).toEqual(['a Completed', 'b Failed: PermanentFailure: '])
    expect(err).toContain('waiting for 1 of 2 jobs: b is Running')
    expect(place.jobs.openWatches).toBe(0)
  })

  it('gives up after the time that was given, with code 2; the job goes on', async () => {
    put('a', 'Running')
    const { code, err } = await place.run('wait', 'a', '--timeout', '30s')
    expect(code).toBe(2)
    expect(err).toContain('has not ended within 30000 ms')
    expect(err).toContain('the job goes on')
    expect(place.jobs.openWatches).toBe(0)
  })

  it('says that a job was deleted, or never was there, with code 4', async () => {
    put('a', 'Running')
    place.clock.after(5_000, () => place.jobs.remove({ namespace: 'shop', name: 'a' }))
    expect((await place.run('wait', 'a')).code).toBe(4)
    const { code, err } = await place.run('wait', 'nobody')
    expect(code).toBe(4)
    expect(err).toContain('there is no QueueJob nobody')
  })

  it('is left tidily by Ctrl-C, with code 130', async () => {
    put('a', 'Running')
    place.redraws = true
    place.clock.after(5_000, () => place.stopper.abort(new Interrupted()))
    const { code, err } = await place.run('wait', 'a')
    expect(code).toBe(130)
    expect(err).toContain('\r\u001b[Kgq: interrupted')
    expect(place.jobs.openWatches).toBe(0)
  })

  it('follows what is submitted with --wait', async () => {
    const end = () => {
      const [stored] = place.objects.objects
      if (stored)
        place.jobs.put(
          jobView(stored.raw, stored.meta),
          { phase: 'Completed' },
          { uid: stored.meta.uid },
        )
    }
    place.clock.after(5_000, end)
    const { code, out } = await place.run(
      'submit',
      'a',
      '--name',
      'n',
      '--wait',
      '--timeout',
      '60s',
    )
    expect(code).toBe(0)
    expect(out).toContain('n Completed')
  })

  it.each([['wait'], ['wait', 'a', '--for', 'ever'], ['wait', 'a', '--timeout', 'x']])(
    '%s %s %s is a mistake of usage',
    async (...words) => {
      put('a', 'Running')
      expect((await place.run(...words.filter(Boolean))).code).toBe(64)
    },
  )
})
