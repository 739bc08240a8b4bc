// Lists, descriptions and manifests: golden forms, and that no text of a user reaches the terminal raw.

import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { manifestOf } from '../../../src/cli/export.ts'
import { jsonText, yamlText } from '../../../src/cli/print.ts'
import { Table } from '../../../src/cli/table.ts'
import { parseExact } from '../../../src/kube/exact-json.ts'
import { hostileText } from '../../hostile-text.ts'
import { aJob, FakePlace, NOW, stored } from './fake-place.ts'

let place: FakePlace
beforeEach(() => {
  place = new FakePlace()
})

const failed = aJob('invoice-7', 'DeadLettered', {
  created: '2026-04-29T09:30:00Z',
  labels: { team: 'billing' },
  spec: {
    type: 'invoice.send',
    priority: 'High',
    payload: { card: 4242 },
    dependsOn: [{ name: 'a' }],
  },
  status: {
    reason: 'AttemptsExhausted',
    message: 'all 2 attempts failed; the last one with NoPaper: out of paper',
    attempt: 2,
    attempts: 2,
    startTime: '2026-05-01T10:00:00Z',
    completionTime: '2026-05-01T10:00:05Z',
    worker: { pod: 'mailer-1' },
    error: { category: 'Temporary', code: 'NoPaper', message: 'out of paper' },
    history: [
      { number: 1, startTime: '2026-05-01T09:00:00Z', category: 'System', cause: 'LeaseLost' },
      { number: 2, endTime: '2026-05-01T10:00:05Z', worker: { pod: 'mailer-1' }, code: 'NoPaper' },
    ],
  },
})

describe('gq list', () => {
  beforeEach(() => {
    place.objects.put(aJob('a'), failed, aJob('b', 'Running', { spec: { queue: 'other' } }))
    place.objects.put(aJob('elsewhere', 'Completed', { namespace: 'lab' }))
  })

  it('prints columns as kubectl does', async () => {
    const { code, out } = await place.run('list')
    expect(code).toBe(0)
    expect(out).toBe(
      `${[
        'NAME        QUEUE   TYPE           PHASE          REASON              ATTEMPT   AGE',
        'a           mail    email.send     Pending        -                   0         1h',
        'invoice-7   mail    invoice.send   DeadLettered   AttemptsExhausted   2         2d2h',
        'b           other   email.send     Running        -                   0         1h',
      ].join('\n')}\n`,
    )
  })

  it('shows more with -o wide, and local times with their offset', async () => {
    const { out } = await place.run('list', '-o', 'wide', '--failed')
    expect(out).toContain('PRIORITY')
    expect(out).toContain('2026-05-01 12:00:05 +02:00')
    expect((await place.run('list', '-o', 'wide', '--utc')).out).toContain(
      '2026-05-01 10:00:05 UTC',
    )
  })

  it('prints names, JSON and YAML that kubectl reads', async () => {
    expect((await place.run('list', '--failed', '-o', 'name')).out).toBe(
      'queuejob.gopherqueue.io/invoice-7\n',
    )
    const json = JSON.parse((await place.run('list', '-o', 'json')).out)
    expect(json).toMatchObject({ kind: 'List', apiVersion: 'v1' })
    expect(json.items).toHaveLength(3)
    expect(parse((await place.run('list', '-o', 'yaml')).out)).toEqual(json)
  })

  it.each(['json', 'yaml'])('prints an empty list as a list (%s)', async (form) => {
    const { code, out, err } = await place.run('list', '--queue', 'none', '-o', form)
    expect(parse(out)).toEqual({ apiVersion: 'v1', kind: 'List', items: [] })
    expect({ code, err }).toEqual({
      code: 0,
      err: 'no job matches in queue none in namespace shop\n',
    })
  })

  it('prints any number of pages as one list', async () => {
    place.objects.pageSize = 1
    expect(JSON.parse((await place.run('list', '-o', 'json')).out).items).toHaveLength(3)
    expect(parse((await place.run('list', '-o', 'yaml')).out).items).toHaveLength(3)
    expect((await place.run('list')).out.match(/NAME/g)).toHaveLength(1)
    expect((await place.run('list', '--limit', '2', '-o', 'name')).out.split('\n')).toHaveLength(3)
  })

  it.each([
    [
      ['--queue', 'mail'],
      ['a', 'invoice-7'],
    ],
    [['--type', 'invoice.send'], ['invoice-7']],
    [['--phase', 'running'], ['b']],
    [
      ['--phase', 'running,pending'],
      ['a', 'b'],
    ],
    [
      ['--phase', 'Running', '--failed'],
      ['invoice-7', 'b'],
    ],
    [['-l', 'team=billing'], ['invoice-7']],
    [['--error-code', 'NoPaper'], ['invoice-7']],
    [['--reason', 'AttemptsExhausted'], ['invoice-7']],
    [['--since', '3h'], ['invoice-7']],
    [['--since', '1h'], []],
    [['--before', '2026-05-01T12:00:05'], []],
    [['--before', '2026-05-01T12:00:06'], ['invoice-7']],
    [['-A', '--phase', 'Completed'], ['elsewhere']],
    [['-n', 'lab'], ['elsewhere']],
  ])('selects by %j', async (words, want) => {
    const { out } = await place.run('list', '-o', 'name', ...words)
    expect(
      out
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('/')[1]),
    ).toEqual(want)
  })

  it('lets the API server select phases, also several', async () => {
    await place.run('list', '--phase', 'Running', '--queue', 'a,b=c')
    expect(place.objects.asked.at(-1)?.field).toBe('spec.queue=a\\,b\\=c,status.phase=Running')
    await place.run('list', '--failed')
    expect(place.objects.asked.at(-1)?.field).toContain('status.phase!=Completed')
    expect(place.objects.asked.at(-1)?.field).not.toContain('DeadLettered')
  })

  it.each([
    [['--phase', 'Runing'], 'did you mean Running?'],
    [['-o', 'xml'], 'one of table, wide, json, yaml, name'],
    [['--limit', '0'], 'is no whole number'],
    [['--since', 'yesterday'], 'is no time'],
    [['--since', '1h', '--before', '2h'], 'no job can match'],
    [['--qeue', 'a'], 'Did you mean --queue?'],
    [['stray'], 'too many arguments'],
  ])('ends with 64 for %j and says what is right', async (words, says) => {
    const { code, out, err } = await place.run('list', ...words)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toContain(says)
  })
})

describe('gq get', () => {
  it('describes a job, with its attempts and without its payload', async () => {
    place.objects.put(failed)
    const { code, out } = await place.run('get', 'invoice-7')
    expect(code).toBe(0)
    expect(out).not.toContain('4242')
    expect(out).toMatchInlineSnapshot(`
      "Name:         invoice-7
      Namespace:    shop
      Uid:          uid-invoice-7
      Queue:        mail
      Type:         invoice.send
      Priority:     High
      Labels:       team=billing
      Created:      2026-04-29 11:30:00 +02:00 (2d2h ago)
      Phase:        DeadLettered (AttemptsExhausted)
      Why:          all 2 attempts failed; the last one with NoPaper: out of paper
      Attempts:     2 started, 2 used up
      Worker:       mailer-1
      Started:      2026-05-01 12:00:00 +02:00 (2h ago)
      Finished:     2026-05-01 12:00:05 +02:00 (1h59m ago)
      Depends on:   a
      Error:        Temporary NoPaper: out of paper
      Payload:      13 bytes of JSON, shown with --payload
      History:
        ATTEMPT   STARTED                      ENDED                        WORKER     CATEGORY   CODE        MESSAGE
        1         2026-05-01 11:00:00 +02:00   -                            -          System     LeaseLost   -
        2         -                            2026-05-01 12:00:05 +02:00   mailer-1   -          NoPaper     -
      "
    `)
    expect((await place.run('get', 'invoice-7', '--payload')).out).toContain('{"card":4242}')
  })

  it('prints one object as itself and several as a list', async () => {
    place.objects.put(failed, aJob('a'))
    expect(JSON.parse((await place.run('get', 'a', '-o', 'json')).out).kind).toBe('QueueJob')
    expect(JSON.parse((await place.run('get', 'a', 'invoice-7', '-o', 'json')).out).kind).toBe(
      'List',
    )
  })

  it('offers the nearest name where there is none, with code 4', async () => {
    place.objects.put(failed)
    const { code, err } = await place.run('get', 'invoice-8')
    expect(code).toBe(4)
    expect(err).toContain('there is no QueueJob invoice-8 in namespace shop')
    expect(err).toContain('did you mean invoice-7?')
  })
})

describe('what users wrote', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u2028\u2029\p{Cf}\p{Cs}]/u

  it('reaches the terminal as printable text, in every form', async () => {
    await fc.assert(
      fc.asyncProperty(hostileText(), async (text) => {
        const at = new FakePlace()
        at.objects.put(
          aJob('a', 'Failed', {
            labels: { [text]: text },
            spec: { type: text, payload: { [text]: text } },
            status: {
              reason: text,
              message: text,
              error: { category: text, code: text, message: text },
            },
          }),
        )
        for (const words of [
          ['list', '-o', 'wide'],
          ['get', 'a', '--payload'],
          ['why', 'a'],
        ]) {
          expect((await at.run(...words)).out).not.toMatch(RAW)
        }
        for (const form of ['json', 'yaml']) {
          const { out } = await at.run('get', 'a', '-o', form)
          expect(out).not.toMatch(RAW)
          const [object] = at.objects.objects
          if (text.isWellFormed())
            expect(parse(out)).toEqual(JSON.parse(JSON.stringify(object?.raw)))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('is printed with every digit, as the API server keeps it', () => {
    const value = parseExact('{"id":12345678901234567890,"list":[9007199254740993]}')
    expect(jsonText(value, 0)).toBe('{"id":12345678901234567890,"list":[9007199254740993]}')
    expect(yamlText(value)).toContain('id: 12345678901234567890')
  })

  it('that is wider than the first page pushes only its own line', () => {
    const table = new Table<string>([
      { name: 'A', value: (row) => row },
      { name: 'B', value: () => 'x' },
    ])
    expect(table.page(['short'])).toBe('A       B\nshort   x\n')
    expect(table.page(['much longer', ''])).toBe('much longer   x\n-       x\n')
  })
})

describe('gq export', () => {
  const facts = { now: NOW, met: new Map([['shop/done', 'Succeeded'] as const]) }

  it('leaves out what is about this very object, and the status', () => {
    const job = aJob('a', 'Pending', {
      labels: { team: 'x' },
      annotations: {
        'gopherqueue.io/submission': 'me',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
        'gopherqueue.io/traceparent': '00-1',
      },
    })
    expect(manifestOf(job, facts)).toEqual({
      apiVersion: 'gopherqueue.io/v1alpha1',
      kind: 'QueueJob',
      metadata: {
        name: 'a',
        namespace: 'shop',
        labels: { team: 'x' },
        annotations: { 'gopherqueue.io/traceparent': '00-1' },
      },
      spec: { queue: 'mail', type: 'email.send', priority: 'Normal' },
    })
  })

  it.each(['Completed', 'Failed', 'DeadLettered', 'Cancelled'])(
    'suspends a job that ended %s: it would run again',
    (phase) => expect(manifestOf(aJob('a', phase), facts).spec).toMatchObject({ suspend: true }),
  )

  it.each(['Pending', 'Delayed', 'Blocked', 'Scheduled', 'Running', 'Retrying'])(
    'lets a job that is %s run',
    (phase) => expect(manifestOf(aJob('a', phase), facts).spec).not.toHaveProperty('suspend'),
  )

  it('lets a delay end when it would have', () => {
    const spec = (delaySeconds: number) =>
      manifestOf(aJob('a', 'Delayed', { spec: { delaySeconds } }), facts).spec
    expect(spec(7_200)).toMatchObject({ startAfter: '2026-05-01T13:00:00Z' })
    expect(spec(7_200)).not.toHaveProperty('delaySeconds')
    expect(spec(60)).toEqual({ queue: 'mail', type: 'email.send', priority: 'Normal' })
  })

  it('leaves out the dependencies that are met: they come back suspended', () => {
    const dependsOn = [{ name: 'done' }, { name: 'open', when: 'Finished' }]
    expect(manifestOf(aJob('a', 'Blocked', { spec: { dependsOn } }), facts).spec).toMatchObject({
      dependsOn: [{ name: 'open', when: 'Finished' }],
    })
    const met = [{ name: 'done' }]
    expect(
      manifestOf(aJob('a', 'Blocked', { spec: { dependsOn: met } }), facts).spec,
    ).not.toHaveProperty('dependsOn')
  })

  it('prints one document for each job', async () => {
    place.objects.put(aJob('a'), failed, aJob('far', 'Pending', { namespace: 'lab' }))
    const { out, err } = await place.run('export')
    expect(
      out
        .split('---\n')
        .slice(1)
        .map((each) => parse(each).metadata.name),
    ).toEqual(['a', 'invoice-7'])
    expect(err).toContain('2 jobs were exported')
    expect((await place.run('export', '-A', '--queue', 'mail')).out.match(/^---$/gm)).toHaveLength(
      3,
    )
    expect((await place.run('export', '-o', 'table')).code).toBe(64)
  })
})

describe('gq queue and schedule', () => {
  const queue = stored('Queue', 'mail', {
    spec: { paused: true, concurrency: { max: 3 } },
    status: {
      waiting: 12,
      running: 3,
      deadLettered: 1,
      oldestWaitingSeconds: 90,
      workers: 2,
      slots: 8,
      freeSlots: 5,
      types: ['email.send'],
      paused: { by: 'jane', since: '2026-05-01T11:00:00Z', comment: 'incident', drain: true },
      conditions: [{ type: 'Ready', status: 'False', message: 'paused' }],
    },
  })

  it('list queues with their counts', async () => {
    place.objects.put(queue, stored('Queue', 'new'))
    expect((await place.run('queue', 'list')).out).toMatchInlineSnapshot(`
      "NAME   WAITING   RUNNING   DEAD   OLDEST   WORKERS   PAUSED     AGE
      mail   12        3         1      1m30s    2         draining   1h
      new    0         0         0      -        0         no         1h
      "
    `)
    expect((await place.run('queue', 'list', '-A')).out).toContain('NAMESPACE')
  })

  it('describe a queue, with who paused it', async () => {
    place.objects.put(queue)
    const { out } = await place.run('queue', 'get', 'mail', '--utc')
    expect(out).toContain(
      'being drained by jane, since 2026-05-01 11:00:00 UTC, incident, and spec.paused is true',
    )
    expect(out).toContain('concurrency {"max":3}')
    expect((await place.run('queue', 'get', 'mial')).err).toContain('did you mean mail?')
  })

  it('list schedules with their next times', async () => {
    place.objects.put(
      stored('QueueSchedule', 'nightly', {
        spec: { schedule: '0 3 * * *', timeZone: 'Europe/Berlin' },
        status: { nextTickTime: '2026-05-02T01:00:00Z', active: ['a'] },
      }),
    )
    expect((await place.run('schedule', 'list', '--utc')).out).toMatchInlineSnapshot(`
      "NAME      SCHEDULE    TIMEZONE        SUSPENDED   ACTIVE   LAST   NEXT
      nightly   0 3 * * *   Europe/Berlin   no          1        -      2026-05-02 01:00:00 UTC
      "
    `)
  })

  it('suspend a schedule in its spec, and say when a GitOps tool may set it back', async () => {
    place.objects.put(
      stored('QueueSchedule', 'nightly', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }),
    )
    const { out, err } = await place.run('schedule', 'suspend', 'nightly')
    expect(place.objects.patches).toEqual([
      { key: { namespace: 'shop', name: 'nightly' }, change: { spec: { suspend: true } } },
    ])
    expect(out).toBe('queueschedule.gopherqueue.io/nightly suspended\n')
    expect(err).toContain('GitOps')
  })
})
