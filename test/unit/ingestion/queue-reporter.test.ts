import { describe, expect, it } from 'vitest'
import { rfc3339 } from '../../../src/core/clock.ts'
import { noCounts, type QueueCounts } from '../../../src/core/queue-counts.ts'
import type { QueueObject } from '../../../src/core/resources.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { QueueReporter } from '../../../src/ingestion/queue-reporter.ts'
import { Queues } from '../../../src/ingestion/queues.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import type { WriteAnswer } from '../../../src/persistence/ports.ts'
import { aQueue, NAMESPACE, NOON, newer, QUEUE } from '../../builders.ts'

const OURS = 'gopherqueue.io/default'
const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }
const KEY = { namespace: NAMESPACE, name: QUEUE }

function aReporter(answers: WriteAnswer[] = [], leads = true) {
  const clock = new VirtualClock(NOON)
  const queues = new Queues(OURS, () => clock.monotonic())
  queues.synced()
  const counts = new Map<string, Partial<QueueCounts>>()
  const written: { name: string; status: QueueObject['status'] }[] = []
  const state = { tokens: 1_000, starts: 0, version: 1_000, counted: 0 }
  const reporter = new QueueReporter({
    queues,
    clock,
    random: new SeededRandom(1),
    logger: QUIET,
    metrics: { count() {}, set() {}, observe() {} },
    version: '1',
    controllerName: OURS,
    leads: () => leads,
    count() {
      state.counted += 1
      const all = [...counts].map(([name, given]) => {
        const whole = { ...noCounts(NAMESPACE, name), ...given }
        return [`${NAMESPACE}/${name}`, whole] as const
      })
      return { queues: new Map(all), phases: new Map() }
    },
    startsPerMinute: () => state.starts,
    dispatch: () => ({ kind: 'open' }),
    limit: () => null,
    pressure: () => null,
    tryTake: () => state.tokens-- > 0,
    changed: (queue) => queues.set(queue),
    statuses: {
      writeStatus: async (_kind, target, status) => {
        const answer = answers.shift() ?? {
          kind: 'written',
          resourceVersion: String(++state.version),
        }
        if (answer.kind === 'written') written.push({ name: target.name, status: status as never })
        return answer
      },
    },
  })
  reporter.start()
  const watch = (queue: QueueObject) => {
    queues.set(queue)
    reporter.changed(queue)
  }
  return { clock, queues, counts, written, state, reporter, watch }
}

/** A queue whose status was written. */
async function aKnown(...args: Parameters<typeof aReporter>) {
  const test = aReporter(...args)
  test.watch(aQueue())
  await test.clock.advanceAsync(10_000)
  test.written.length = 0
  return test
}

describe('the status of a queue', () => {
  it('is written at once for a version that nobody answered yet, and then not again', async () => {
    const { clock, written, watch } = aReporter()
    watch(aQueue())
    await clock.advanceAsync(100)
    expect(written).toMatchObject([{ status: { observedGeneration: 1, waiting: 0 } }])
    await clock.advanceAsync(1_800_000)
    expect(written).toHaveLength(1)
  })

  it('follows its numbers within seconds, one write for each look that found a change', async () => {
    const { clock, counts, written } = await aKnown()
    counts.set(QUEUE, { waiting: 3 })
    await clock.advanceAsync(6_000)
    expect(written.map(({ status }) => status.waiting)).toEqual([3])
    for (let n = 0; n < 60; n++) {
      counts.set(QUEUE, { waiting: n })
      await clock.advanceAsync(1_000)
    }
    expect(written.length).toBeGreaterThan(8)
    expect(written.length).toBeLessThanOrEqual(14)
  })

  it('is not written while only the oldest job grows older', async () => {
    const { clock, counts, written } = await aKnown()
    counts.set(QUEUE, { waiting: 1, oldest: NOON })
    await clock.advanceAsync(1_800_000)
    expect(written).toHaveLength(1)
  })

  it('says once that starts have ceased', async () => {
    const { clock, counts, written, state } = await aKnown()
    counts.set(QUEUE, { running: 1 })
    state.starts = 30
    await clock.advanceAsync(6_000)
    state.starts = 0
    await clock.advanceAsync(600_000)
    expect(written.map(({ status }) => status.startsPerMinute)).toEqual([30, 0])
  })

  it('takes its numbers from the information budget, whoever was told longest ago first', async () => {
    const { clock, counts, written, state, watch } = aReporter()
    for (const name of ['a', 'b', 'c']) watch(aQueue({ name, uid: name }))
    await clock.advanceAsync(10_000)
    counts.set('a', { waiting: 1 })
    await clock.advanceAsync(6_000)
    written.length = 0
    state.tokens = 2
    for (const name of ['a', 'b', 'c']) counts.set(name, { waiting: 2 })
    await clock.advanceAsync(20_000)
    expect(written.map(({ name }) => name).sort()).toEqual(['b', 'c'])
    state.tokens = 1
    await clock.advanceAsync(2_000)
    expect(written.at(-1)?.name).toBe('a')
  })

  it('needs no budget for what a person edited', async () => {
    const { clock, queues, written, state, watch } = await aKnown()
    state.tokens = 0
    const known = queues.get(NAMESPACE, QUEUE) ?? aQueue()
    watch(newer(known, { generation: 2, spec: aQueue({ spec: { paused: true } }).spec }))
    await clock.advanceAsync(50)
    expect(written).toMatchObject([
      { status: { observedGeneration: 2, pauses: [{ startTime: rfc3339(NOON + 10_000) }] } },
    ])
  })

  it('is repeated when the answer is not known, later when asked to, and left to the watch on a conflict', async () => {
    const { clock, written, watch } = aReporter([
      { kind: 'unknown', detail: 'reset' },
      { kind: 'later', retryAfterMs: 2_000, detail: '' },
      { kind: 'conflict' },
    ])
    watch(aQueue())
    await clock.advanceAsync(60_000)
    expect(written).toHaveLength(0)
    watch(aQueue({ resourceVersion: '901' }))
    await clock.advanceAsync(1_000)
    expect(written).toHaveLength(1)
  })

  it.each([
    { who: 'another operator', spec: { controllerName: 'example.com/other' }, leads: true },
    { who: 'another leader', spec: {}, leads: false },
  ])('is left to $who', async ({ spec, leads }) => {
    const { clock, written, watch } = aReporter([], leads)
    watch(aQueue({ spec }))
    await clock.advanceAsync(60_000)
    expect(written).toHaveLength(0)
  })

  it('is looked at for a queue that is gone no more', async () => {
    const { clock, queues, reporter, counts, written } = await aKnown()
    counts.set(QUEUE, { waiting: 3 })
    queues.remove(KEY)
    reporter.removed(KEY)
    await clock.advanceAsync(60_000)
    expect(written).toHaveLength(0)
  })
})

describe('a pause by action', () => {
  const request = { order: 7, by: 'anna', comment: 'the mail server is down', drain: false }

  it('is in etcd when it is answered, with who, since when and why', async () => {
    const { reporter, written, queues } = await aKnown()
    expect(await reporter.pause(KEY, request)).toEqual({ kind: 'done', bySpec: false })
    const since = rfc3339(NOON + 10_000)
    expect(written).toMatchObject([
      {
        status: {
          paused: { by: 'anna', since, comment: 'the mail server is down' },
          pauses: [{ startTime: since }],
          actionOrder: 7,
          conditions: [{ type: 'Ready' }, { type: 'Paused', reason: 'QueuePaused' }],
        },
      },
    ])
    expect(queues.state(NAMESPACE, QUEUE).kind).toBe('paused')
  })

  it('may be a drain', async () => {
    const { reporter, written } = await aKnown()
    await reporter.pause(KEY, { ...request, drain: true })
    expect(written[0]?.status.conditions).toMatchObject([{}, { reason: 'QueueDraining' }])
  })

  it('is lifted by a later one, and the interval ends', async () => {
    const { clock, reporter, written, queues } = await aKnown()
    await reporter.pause(KEY, request)
    await clock.advanceAsync(60_000)
    expect(await reporter.resume(KEY, { order: 8, by: 'ben' })).toEqual({
      kind: 'done',
      bySpec: false,
    })
    expect(written.at(-1)?.status).not.toHaveProperty('paused')
    expect(written.at(-1)?.status.pauses).toEqual([
      { startTime: rfc3339(NOON + 10_000), endTime: rfc3339(NOON + 70_000) },
    ])
    expect(queues.state(NAMESPACE, QUEUE).kind).toBe('open')
  })

  it('that is lifted leaves the queue paused where its spec says so, and says that', async () => {
    const test = aReporter()
    test.watch(aQueue({ spec: { paused: true } }))
    await test.clock.advanceAsync(10_000)
    await test.reporter.pause(KEY, request)
    const answer = await test.reporter.resume(KEY, { order: 8, by: 'ben' })
    expect(answer).toEqual({ kind: 'done', bySpec: true })
    expect(test.queues.state(NAMESPACE, QUEUE).kind).toBe('paused')
    expect(test.written.at(-1)?.status.pauses).toHaveLength(1)
  })

  it('repeated by the same action changes nothing; an earlier one is overtaken', async () => {
    const { reporter, written } = await aKnown()
    await reporter.pause(KEY, request)
    expect(await reporter.pause(KEY, request)).toEqual({ kind: 'done', bySpec: false })
    expect(await reporter.resume(KEY, { order: 6, by: 'ben' })).toEqual({ kind: 'overtaken' })
    expect(written).toHaveLength(1)
  })

  it.each<{ answer: WriteAnswer; want: object }>([
    { answer: { kind: 'conflict' }, want: { kind: 'later', retryAfterMs: 500 } },
    { answer: { kind: 'unknown', detail: 'reset' }, want: { kind: 'later', detail: 'reset' } },
    {
      answer: { kind: 'later', retryAfterMs: 3_000, detail: '' },
      want: { kind: 'later', retryAfterMs: 3_000 },
    },
    { answer: { kind: 'gone' }, want: { kind: 'not-found' } },
    { answer: { kind: 'refused', status: 422, detail: 'no' }, want: { kind: 'later' } },
  ])('that met $answer.kind is answered so', async ({ answer, want }) => {
    const answers: WriteAnswer[] = []
    const { reporter, queues } = await aKnown(answers)
    answers.push(answer)
    expect(await reporter.pause(KEY, request)).toMatchObject(want)
    expect(queues.state(NAMESPACE, QUEUE).kind).toBe('open')
  })

  it('finds no queue that is not there, or that another operator serves', async () => {
    const { reporter, watch } = await aKnown()
    watch(aQueue({ name: 'other', spec: { controllerName: 'example.com/other' } }))
    expect(await reporter.pause({ ...KEY, name: 'never' }, request)).toEqual({ kind: 'not-found' })
    expect(await reporter.pause({ ...KEY, name: 'other' }, request)).toEqual({ kind: 'not-found' })
  })
})
