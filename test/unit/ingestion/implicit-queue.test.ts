import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { ImplicitQueues } from '../../../src/ingestion/implicit-queue.ts'
import type { CreateAnswer } from '../../../src/ingestion/ports.ts'
import { Queues } from '../../../src/ingestion/queues.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import { aJob, anEntry, aQueue, NAMESPACE, NOON } from '../../builders.ts'

const DEFAULT = 'gopherqueue.io/default'
const CREATED: CreateAnswer = { kind: 'created', uid: 'q', resourceVersion: '1' }

function someQueues(answers: CreateAnswer[] = [], controllerName = DEFAULT) {
  const clock = new VirtualClock(NOON)
  const queues = new Queues(controllerName, () => clock.monotonic())
  queues.synced()
  const created: unknown[] = []
  const lines: string[] = []
  const logger: Logger = {
    ...{ debug() {}, info() {}, error() {}, child: () => logger },
    warn: (msg) => void lines.push(msg),
  }
  const implicit = new ImplicitQueues({
    ...{ queues, clock, logger, controllerName },
    creator: {
      create: async (kind, object) => {
        created.push({ kind, ...object })
        return answers.shift() ?? CREATED
      },
    },
  })
  const seen = async (namespace = NAMESPACE, queue = 'default') => {
    implicit.seen(anEntry({ object: aJob({ namespace, spec: { queue } }) }))
    await clock.advanceAsync(1)
  }
  return { clock, queues, implicit, created, lines, seen }
}

describe('Queue/default', () => {
  it('is made at the first job of a namespace that names it, once', async () => {
    const { created, seen } = someQueues()
    await seen()
    await seen()
    await seen('elsewhere')
    expect(created).toEqual(
      [NAMESPACE, 'elsewhere'].map((namespace) => ({
        kind: 'Queue',
        namespace,
        name: 'default',
        labels: { 'gopherqueue.io/implicit': 'true' },
        annotations: {},
        owner: null,
        spec: { controllerName: DEFAULT },
      })),
    )
  })

  it('is not made where it is there, nor for a job of another queue', async () => {
    const { created, queues, seen } = someQueues()
    queues.set(aQueue({ name: 'default' }))
    await seen()
    await seen('elsewhere', 'outbox')
    expect(created).toEqual([])
  })

  it('is not made before the Queues are known', async () => {
    const clock = new VirtualClock(NOON)
    const queues = new Queues(DEFAULT, () => clock.monotonic())
    const implicit = new ImplicitQueues({
      ...{ queues, clock, controllerName: DEFAULT },
      logger: { debug() {}, info() {}, warn() {}, error() {}, child: () => never() },
      creator: { create: () => never() },
    })
    implicit.seen(anEntry({ object: aJob({ spec: { queue: 'default' } }) }))
  })

  it('is made by the operator with the default controller name only', async () => {
    const { created, seen } = someQueues([], 'example.com/other')
    await seen()
    expect(created).toEqual([])
  })

  it('that somebody made meanwhile is as good', async () => {
    const { created, clock, seen } = someQueues([{ kind: 'exists' }])
    await seen()
    await clock.advanceAsync(86_400_000)
    await seen()
    expect(created).toHaveLength(1)
  })

  it('that is refused is told once, tried again an hour later, and holds nothing', async () => {
    const refusal: CreateAnswer = { kind: 'refused', status: 403, detail: 'queues is forbidden' }
    const { created, clock, lines, seen } = someQueues([refusal, refusal])
    await seen()
    await seen()
    await clock.advanceAsync(3_600_000)
    await seen()
    expect([created.length, lines.length]).toEqual([2, 1])
  })

  it.each<CreateAnswer>([
    { kind: 'terminating' },
    { kind: 'unknown', detail: 'reset' },
    { kind: 'later', retryAfterMs: 60_000, detail: 'too many requests' },
  ])('that met $kind is tried again with a job a minute later, without a word', async (answer) => {
    const { created, clock, lines, seen } = someQueues([answer])
    await seen()
    await seen()
    expect(created).toHaveLength(1)
    await clock.advanceAsync(60_000)
    await seen()
    expect([created.length, lines.length]).toEqual([2, 0])
  })

  it('that somebody deleted is made again at the next job', async () => {
    const { created, implicit, seen } = someQueues()
    await seen()
    implicit.removed(NAMESPACE, 'outbox')
    await seen()
    expect(created).toHaveLength(1)
    implicit.removed(NAMESPACE, 'default')
    await seen()
    expect(created).toHaveLength(2)
  })
})

function never(): never {
  throw new Error('nobody should have asked')
}
