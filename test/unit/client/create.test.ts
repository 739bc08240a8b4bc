// One object, whatever becomes of the answers.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CreateEnd, type Creation, createOnce } from '../../../src/client/create.ts'
import type { JobView } from '../../../src/client/ports.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { FakeCluster, type Fate, notNow } from './fake-cluster.ts'

const namespace = 'shop'
const TIMEOUT_MS = 60_000

interface Case {
  readonly cluster?: FakeCluster
  readonly chosen?: boolean
  readonly repeatable?: boolean
  readonly mark?: string
}

function creationOn(cluster: FakeCluster, of: Case): Creation<JobView> {
  const mark = of.mark ?? 'mine'
  let names = 0
  return {
    name: 'a',
    anotherName: of.chosen ? null : () => `a-${++names}`,
    create: (name) =>
      cluster.create({
        namespace,
        name,
        labels: {},
        annotations: { 'gopherqueue.io/submission': mark },
        spec: { type: 'email.send' },
      }),
    find: (name) => cluster.get({ namespace, name }),
    own: (found) => found.submission === mark,
    repeatable: of.repeatable ?? true,
  }
}

type Ran = CreateEnd<JobView> | { readonly kind: 'error'; readonly code: string }

/** Runs it to its end on a virtual clock. */
async function run(
  cluster: FakeCluster,
  of: Case = {},
  signal?: AbortSignal,
): Promise<{ end: Ran; tookMs: number }> {
  const clock = new VirtualClock()
  let end: Ran | null = null
  createOnce(creationOn(cluster, of), {
    clock,
    random: new SeededRandom(1),
    timeoutMs: TIMEOUT_MS,
    signal,
  }).then(
    (ended) => {
      end = ended
    },
    (error) => {
      end = { kind: 'error', code: error.code ?? String(error) }
    },
  )
  for (let i = 0; i < 200 && end === null; i++) await clock.advanceAsync(1_000)
  if (end === null) throw new Error('it does not end')
  return { end, tookMs: clock.monotonic() }
}

function clusterWith(...fates: readonly Fate[]): FakeCluster {
  const cluster = new FakeCluster()
  cluster.fates.push(...fates)
  return cluster
}

describe('a create', () => {
  it('that is answered is done at once', async () => {
    const cluster = clusterWith()
    expect(await run(cluster)).toMatchObject({ end: { kind: 'created', object: { name: 'a' } } })
    expect(cluster.counts).toMatchObject({ creates: 1, gets: 0 })
  })

  it.each<[string, readonly Fate[]]>([
    ['whose request was lost is sent again', ['lose-request']],
    ['whose answer was lost finds what it made', ['lose-answer']],
    ['whose answers are lost twice still makes one object', ['lose-answer', 'lose-answer']],
    ['that is told "not now" comes back', ['busy', 'busy', 'busy']],
    ['with every fault in a row gets there', ['busy', 'lose-request', 'lose-answer', 'busy']],
  ])('%s', async (_, fates) => {
    for (const chosen of [true, false]) {
      const cluster = clusterWith(...fates)
      const { end } = await run(cluster, { chosen })
      expect(end).toMatchObject({ kind: 'created', object: { name: 'a', submission: 'mine' } })
      expect(cluster.jobs).toHaveLength(1)
    }
  })

  it('waits as long as the server asks', async () => {
    const cluster = clusterWith()
    const create = cluster.create.bind(cluster)
    let first = true
    cluster.create = async (job) => {
      if (!first) return create(job)
      first = false
      throw notNow(7_000)
    }
    const { end, tookMs } = await run(cluster)
    expect(end.kind).toBe('created')
    expect(tookMs).toBeGreaterThanOrEqual(7_000)
  })

  it('that is refused is not tried again', async () => {
    const cluster = clusterWith('forbid')
    expect((await run(cluster)).end).toEqual({ kind: 'error', code: 'Forbidden' })
    expect(cluster.counts.creates).toBe(1)
  })

  it('that is refused only because its lost twin used up the quota finds the twin', async () => {
    const cluster = clusterWith('lose-answer', 'forbid')
    expect((await run(cluster)).end.kind).toBe('created')
    expect(cluster.jobs).toHaveLength(1)
  })

  it('that is refused after a lost request says that nothing is known', async () => {
    const cluster = clusterWith('lose-request', 'forbid')
    expect((await run(cluster)).end).toMatchObject({
      kind: 'unknown',
      cause: { code: 'Forbidden' },
    })
  })

  it('that was never answered ends as unknown, within its time', async () => {
    const cluster = clusterWith(...Array.from({ length: 100 }, (): Fate => 'lose-request'))
    const { end, tookMs } = await run(cluster)
    expect(end).toMatchObject({ kind: 'unknown', name: 'a' })
    expect(tookMs).toBeLessThanOrEqual(TIMEOUT_MS + 1_000)
  })

  it('that certainly did not happen ends with the reason, not as unknown', async () => {
    const cluster = clusterWith(...Array.from({ length: 100 }, (): Fate => 'busy'))
    expect((await run(cluster)).end).toEqual({ kind: 'error', code: 'TooManyRequests' })
  })

  it('ends with the reason of its signal', async () => {
    const cluster = clusterWith(...Array.from({ length: 100 }, (): Fate => 'busy'))
    const aborter = new AbortController()
    aborter.abort('enough')
    expect((await run(cluster, {}, aborter.signal)).end).toEqual({ kind: 'error', code: 'enough' })
    expect(cluster.counts.creates).toBe(0)
  })
})

describe('a name that is taken', () => {
  it('by chance is made anew', async () => {
    const cluster = clusterWith()
    cluster.put({ namespace, name: 'a' })
    const { end } = await run(cluster)
    expect(end).toMatchObject({ kind: 'created', object: { name: 'a-1' } })
  })

  it('five times is no chance', async () => {
    const cluster = clusterWith()
    for (const name of ['a', 'a-1', 'a-2', 'a-3', 'a-4']) cluster.put({ namespace, name })
    expect((await run(cluster)).end).toEqual({ kind: 'taken', name: 'a-4' })
  })

  it('and was chosen by the caller is told, and the object is left alone', async () => {
    const cluster = clusterWith()
    const before = cluster.put({ namespace, name: 'a' })
    expect((await run(cluster, { chosen: true })).end).toEqual({ kind: 'taken', name: 'a' })
    expect(cluster.jobs).toEqual([before])
  })

  it("is told apart from one's own by its mark, also after a lost answer", async () => {
    const cluster = clusterWith('lose-request')
    cluster.put({ namespace, name: 'a' }, {}, { submission: 'of another program' })
    expect((await run(cluster, { chosen: true })).end).toEqual({ kind: 'taken', name: 'a' })
  })
})

describe('an object that may be gone again soon', () => {
  it('is not created a second time after an unknown outcome', async () => {
    const cluster = clusterWith('lose-answer')
    const create = cluster.create.bind(cluster)
    cluster.create = (job) => {
      const answer = create(job)
      cluster.remove({ namespace, name: 'a' })
      return answer
    }
    expect((await run(cluster, { repeatable: false })).end).toMatchObject({ kind: 'unknown' })
    expect(cluster.counts.creates).toBe(1)
  })

  it('is found when the lost request arrives late', async () => {
    const cluster = clusterWith('lose-request')
    const get = cluster.get.bind(cluster)
    let looks = 0
    cluster.get = (key) => {
      if (++looks === 3) cluster.put(key, {}, { submission: 'mine' })
      return get(key)
    }
    expect((await run(cluster, { repeatable: false })).end.kind).toBe('created')
    expect(cluster.counts.creates).toBe(1)
  })
})

describe('whatever becomes of requests and answers', () => {
  const fate = fc.constantFrom<Fate>('lose-request', 'lose-answer', 'busy', 'forbid', 'answer')

  it('at most one object of this creation exists, and it says "created" only when it does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 12 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        async (fates, chosen, repeatable, taken) => {
          const cluster = clusterWith(...fates)
          if (taken) cluster.put({ namespace, name: 'a' }, {}, { submission: 'other' })
          const { end } = await run(cluster, { chosen, repeatable })
          const own = cluster.jobs.filter(({ submission }) => submission === 'mine')
          expect(own.length).toBeLessThanOrEqual(1)
          if (end.kind === 'created') expect(own).toEqual([end.object])
          if (end.kind === 'taken') expect(own).toEqual([])
          if (end.kind === 'error') expect(own).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  })
})
