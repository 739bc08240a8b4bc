// Many waits, few watches, nothing missed.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Feeds, NAMED_WATCHES } from '../../../src/client/feeds.ts'
import type { Subscriber } from '../../../src/client/follower.ts'
import type { JobView } from '../../../src/client/ports.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { FakeCluster, refusal, silence } from './fake-cluster.ts'

const namespace = 'shop'
const key = (n: number | string) => ({ namespace, name: `job-${n}` })

function setup() {
  const cluster = new FakeCluster()
  const clock = new VirtualClock()
  const feeds = new Feeds({ store: cluster, feed: cluster, clock, random: new SeededRandom(7) })
  return { cluster, clock, feeds }
}

/** A subscriber that writes down what it is told. */
function listener(job: JobView) {
  const told: string[] = []
  const versions: number[] = []
  const subscriber: Subscriber = {
    key: job,
    uid: job.uid,
    version: job.resourceVersion,
    changed: (now) => {
      told.push(now.uid === job.uid ? now.status.phase : `another's ${now.status.phase}`)
      versions.push(Number(now.resourceVersion))
    },
    gone: (last) => told.push(last === null ? 'gone' : `gone ${last.status.phase}`),
    failed: (error) => told.push(`failed ${'code' in error ? error.code : ''}`),
  }
  return { told, versions, subscriber }
}

const settle = (clock: VirtualClock) => clock.advanceAsync(0)

describe('few waits', () => {
  it('have a watch each, which tells nothing about other jobs', async () => {
    const { cluster, clock, feeds } = setup()
    const [a, b] = [listener(cluster.put(key('a'))), listener(cluster.put(key('b')))]
    feeds.subscribe(a.subscriber)
    feeds.subscribe(b.subscriber)
    await settle(clock)
    expect(cluster.openWatches).toBe(2)
    cluster.put(key('a'), { phase: 'Running' })
    cluster.put(key('other'), { phase: 'Running' })
    cluster.put(key('b'), { phase: 'Completed' })
    await settle(clock)
    expect([a.told, b.told]).toEqual([['Running'], ['Completed']])
  })

  it('need no read: the watch begins at the version that is known', async () => {
    const { cluster, clock, feeds } = setup()
    const job = cluster.put(key('a'))
    cluster.put(key('a'), { phase: 'Running' })
    const { told, subscriber } = listener(job)
    feeds.subscribe(subscriber)
    await settle(clock)
    expect(told).toEqual(['Running'])
    expect(cluster.counts).toMatchObject({ looks: 0, gets: 0, watches: 1 })
  })

  it('for one job share its watch', async () => {
    const { cluster, clock, feeds } = setup()
    const job = cluster.put(key('a'))
    const waits = [listener(job), listener(job), listener(job)]
    for (const { subscriber } of waits) feeds.subscribe(subscriber)
    await settle(clock)
    expect(cluster.openWatches).toBe(1)
    cluster.put(key('a'), { phase: 'Completed' })
    for (const { told } of waits) expect(told).toEqual(['Completed'])
  })

  it('close their watch when they leave, and leaving twice is leaving once', async () => {
    const { cluster, clock, feeds } = setup()
    const job = cluster.put(key('a'))
    const [a, b] = [listener(job), listener(job)]
    const leaveA = feeds.subscribe(a.subscriber)
    const leaveB = feeds.subscribe(b.subscriber)
    await settle(clock)
    leaveA()
    leaveA()
    await settle(clock)
    expect(cluster.openWatches).toBe(1)
    cluster.put(key('a'), { phase: 'Running' })
    leaveB()
    await settle(clock)
    expect(cluster.openWatches).toBe(0)
    expect([a.told, b.told]).toEqual([[], ['Running']])
    expect(clock.pendingTimers).toBe(0)
  })

  it('that come back after the last one left get a new watch', async () => {
    const { cluster, clock, feeds } = setup()
    const job = cluster.put(key('a'))
    feeds.subscribe(listener(job).subscriber)()
    const again = listener(job)
    feeds.subscribe(again.subscriber)
    await settle(clock)
    cluster.put(key('a'), { phase: 'Completed' })
    expect(again.told).toEqual(['Completed'])
  })
})

describe('a watch that ends', () => {
  it('goes on after the last version that it told, or that a bookmark named', async () => {
    const { cluster, clock, feeds } = setup()
    const job = cluster.put(key('a'))
    feeds.subscribe(listener(job).subscriber)
    await settle(clock)
    const running = cluster.put(key('a'), { phase: 'Running' })
    cluster.cut()
    await clock.advanceAsync(1_000)
    cluster.put(key('other'))
    cluster.bookmark()
    cluster.cut()
    await clock.advanceAsync(1_000)
    const versions = [job.resourceVersion, running.resourceVersion, cluster.version]
    expect(cluster.beginnings).toEqual(versions)
  })
})

describe('a thousand waits in one namespace', () => {
  async function thousand() {
    const parts = setup()
    const waits = Array.from({ length: 1_000 }, (_, n) => listener(parts.cluster.put(key(n))))
    for (const { subscriber } of waits) parts.feeds.subscribe(subscriber)
    await settle(parts.clock)
    return { ...parts, waits }
  }

  it('share one watch beside a few named ones', async () => {
    const { cluster, waits } = await thousand()
    expect(cluster.openWatches).toBe(NAMED_WATCHES + 1)
    for (let n = 0; n < 1_000; n++) cluster.put(key(n), { phase: 'Completed' })
    for (const { told } of waits) expect(told).toEqual(['Completed'])
    expect(cluster.counts.watches).toBe(NAMED_WATCHES + 1)
  })

  it('survive an expired version with one look each', async () => {
    const { cluster, clock, waits } = await thousand()
    for (let n = 0; n < 500; n++) cluster.put(key(n), { phase: 'Running' })
    cluster.cut()
    for (let n = 0; n < 1_000; n++) cluster.put(key(n), { phase: 'Completed' })
    cluster.compact()
    const looksBefore = cluster.counts.looks
    await clock.advanceAsync(30_000)
    for (const { told } of waits) expect(told.at(-1)).toBe('Completed')
    expect(cluster.counts.looks - looksBefore).toBeLessThanOrEqual(1_000)
  })

  it('of many namespaces stay apart', async () => {
    const { cluster, clock, feeds } = setup()
    const other = cluster.put({ namespace: 'other', name: 'job-1' })
    const mine = listener(cluster.put(key(1)))
    const theirs = listener(other)
    feeds.subscribe(mine.subscriber)
    feeds.subscribe(theirs.subscriber)
    await settle(clock)
    cluster.put({ namespace: 'other', name: 'job-1' }, { phase: 'Completed' })
    expect([mine.told, theirs.told]).toEqual([[], ['Completed']])
  })

  it('and one that knows a version from before the shared watch is looked up', async () => {
    const { cluster, clock, feeds } = setup()
    const old = cluster.put(key('old'))
    cluster.put(key('old'), { phase: 'Completed' })
    for (let n = 0; n <= NAMED_WATCHES; n++) {
      feeds.subscribe(listener(cluster.put(key(n))).subscriber)
    }
    await settle(clock)
    const { told, subscriber } = listener(old)
    feeds.subscribe(subscriber)
    await settle(clock)
    expect(told).toEqual(['Completed'])
  })

  it('and those of a second crowd share a new watch', async () => {
    const { cluster, clock, feeds } = setup()
    for (let crowd = 0; crowd < 2; crowd++) {
      const waits = Array.from({ length: 20 }, (_, n) =>
        listener(cluster.put(key(`${crowd}-${n}`))),
      )
      const leave = waits.map(({ subscriber }) => feeds.subscribe(subscriber))
      await settle(clock)
      expect(cluster.openWatches).toBe(NAMED_WATCHES + 1)
      for (let n = 0; n < 20; n++) cluster.put(key(`${crowd}-${n}`), { phase: 'Completed' })
      for (const { told } of waits) expect(told).toEqual(['Completed'])
      for (const each of leave) each()
      await settle(clock)
      expect(cluster.openWatches).toBe(0)
    }
  })

  it('and each late one that knows an old version is looked up', async () => {
    const { cluster, clock, feeds } = await thousand()
    for (const name of ['late', 'later']) {
      const old = cluster.put(key(name))
      cluster.put(key(name), { phase: 'Completed' })
      const { told, subscriber } = listener(old)
      feeds.subscribe(subscriber)
      await settle(clock)
      expect(told).toEqual(['Completed'])
    }
  })

  it.each([
    ['after the watch has told of it', false],
    ['before the watch has told of it', true],
  ])('and one that just created its job costs no read, %s', async (_, lagging) => {
    const { cluster, clock, feeds } = await thousand()
    cluster.lagging = lagging
    const { told, subscriber } = listener(cluster.put(key('late')))
    feeds.subscribe(subscriber)
    await settle(clock)
    expect(cluster.counts.looks).toBe(0)
    cluster.put(key('late'), { phase: 'Completed' })
    cluster.flush()
    expect(told).toEqual(['Completed'])
  })
})

describe('what a job that is waited for can become', () => {
  it.each(['named', 'shared'])('gone, with its last state, on a %s watch', async (kind) => {
    const { cluster, clock, feeds } = setup()
    if (kind === 'shared') {
      for (let n = 0; n < NAMED_WATCHES; n++) {
        feeds.subscribe(listener(cluster.put(key(n))).subscriber)
      }
    }
    const { told, subscriber } = listener(cluster.put(key('a'), { phase: 'Running' }))
    feeds.subscribe(subscriber)
    await settle(clock)
    cluster.remove(key('a'))
    expect(told).toEqual(['gone Running'])
    await settle(clock)
    expect(cluster.openWatches).toBe(kind === 'shared' ? NAMED_WATCHES : 0)
  })

  it('another one under its name: the old one is gone, the new one is never told', async () => {
    const { cluster, clock, feeds } = setup()
    const { told, subscriber } = listener(cluster.put(key('a')))
    feeds.subscribe(subscriber)
    await settle(clock)
    cluster.cut()
    cluster.remove(key('a'))
    cluster.put(key('a'), { phase: 'Completed' })
    cluster.compact()
    await clock.advanceAsync(10_000)
    expect(told).toEqual(['gone'])
  })

  it('another one, told about before anybody could look: it is gone', async () => {
    const { cluster, clock, feeds } = setup()
    for (let n = 0; n <= NAMED_WATCHES; n++) {
      feeds.subscribe(listener(cluster.put(key(n))).subscriber)
    }
    const old = cluster.put(key('a'))
    cluster.remove(key('a'))
    await settle(clock)
    cluster.fault = silence()
    const { told, subscriber } = listener(old)
    feeds.subscribe(subscriber)
    await settle(clock)
    cluster.put(key('a'), { phase: 'Running' })
    expect(told).toEqual(['gone'])
  })

  it('is not gone because an old deletion under its name is told late', async () => {
    const { cluster, clock, feeds } = setup()
    for (let n = 0; n < NAMED_WATCHES + 1; n++) {
      feeds.subscribe(listener(cluster.put(key(n))).subscriber)
    }
    await settle(clock)
    cluster.lagging = true
    cluster.put(key('a'))
    cluster.remove(key('a'))
    const { told, subscriber } = listener(cluster.put(key('a')))
    feeds.subscribe(subscriber)
    await settle(clock)
    cluster.flush()
    cluster.put(key('a'), { phase: 'Completed' })
    cluster.flush()
    expect(told).toEqual(['Completed'])
  })
})

describe('an API server that', () => {
  it('is away for ten minutes ends no wait', async () => {
    const { cluster, clock, feeds } = setup()
    const { told, subscriber } = listener(cluster.put(key('a')))
    feeds.subscribe(subscriber)
    await settle(clock)
    cluster.fault = silence()
    cluster.cut({ kind: 'failed', error: silence() })
    await clock.advanceAsync(600_000)
    expect(cluster.counts.watches + cluster.counts.looks).toBeLessThan(120)
    cluster.fault = null
    cluster.put(key('a'), { phase: 'Completed' })
    await clock.advanceAsync(15_000)
    expect(told).toEqual(['Completed'])
  })

  it('refuses for a moment ends no wait', async () => {
    const { cluster, clock, feeds } = setup()
    const { told, subscriber } = listener(cluster.put(key('a')))
    feeds.subscribe(subscriber)
    await settle(clock)
    cluster.fault = refusal()
    cluster.cut({ kind: 'failed', error: refusal() })
    await clock.advanceAsync(50)
    cluster.fault = null
    await clock.advanceAsync(5_000)
    cluster.put(key('a'), { phase: 'Completed' })
    expect(told).toEqual(['Completed'])
  })

  it('refuses for good tells everybody why, and is left alone', async () => {
    const { cluster, clock, feeds } = setup()
    const waits = Array.from({ length: 20 }, (_, n) => listener(cluster.put(key(n))))
    cluster.fault = refusal()
    for (const { subscriber } of waits) feeds.subscribe(subscriber)
    await clock.advanceAsync(10_000)
    for (const { told } of waits) expect(told).toEqual(['failed Forbidden'])
    const { watches, looks } = cluster.counts
    await clock.advanceAsync(600_000)
    expect(cluster.counts).toMatchObject({ watches, looks })
    expect(clock.pendingTimers).toBe(0)
  })

  it('lets everybody list and nobody watch is a refusal, too', async () => {
    const { cluster, clock, feeds } = setup()
    cluster.follow = async () => ({ kind: 'failed', error: refusal() })
    const { told, subscriber } = listener(cluster.put(key('a')))
    feeds.subscribe(subscriber)
    await clock.advanceAsync(10_000)
    expect(told).toEqual(['failed Forbidden'])
  })

  it('ends quiet watches without a word is asked again from a fresh version', async () => {
    const { cluster, clock, feeds } = setup()
    feeds.subscribe(listener(cluster.put(key('a'))).subscriber)
    await settle(clock)
    for (let i = 0; i < 4; i++) {
      cluster.cut()
      await clock.advanceAsync(20_000)
    }
    expect(cluster.counts.looks).toBeGreaterThan(0)
    expect(cluster.openWatches).toBe(1)
  })
})

describe('whatever happens between', () => {
  type Step =
    | { readonly do: 'phase' | 'remove' | 'again' | 'join' | 'leave'; readonly job: number }
    | { readonly do: 'cut' | 'compact' | 'lag' | 'flush' | 'away' | 'back' | 'time' | 'bookmark' }

  const jobs = 12
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: about('phase') },
    about('remove'),
    about('again'),
    { weight: 3, arbitrary: about('join') },
    about('leave'),
    ...(['cut', 'compact', 'lag', 'flush', 'away', 'back', 'time', 'bookmark'] as const).map(
      (what) => fc.constant<Step>({ do: what }),
    ),
  )

  function about(what: 'phase' | 'remove' | 'again' | 'join' | 'leave'): fc.Arbitrary<Step> {
    return fc.nat(jobs - 1).map((job): Step => ({ do: what, job }))
  }

  it('everybody who waits learns the last state of the job or that it is gone, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, crowded) => {
        const { cluster, clock, feeds } = setup()
        if (crowded) {
          // Fillers take the named watches, so that all others share one.
          for (let n = 0; n < NAMED_WATCHES; n++) {
            feeds.subscribe(listener(cluster.put(key(`filler-${n}`))).subscriber)
          }
        }
        const known = new Map<number, JobView>()
        for (let n = 0; n < jobs; n++) known.set(n, cluster.put(key(n)))
        const open: { heard: ReturnType<typeof listener>; job: JobView; leave: () => void }[] = []
        const left = new Set<unknown>()
        for (const each of steps) {
          const job = 'job' in each ? key(each.job) : key('none')
          const stored = cluster.jobs.find(({ name }) => name === job.name)
          if (each.do === 'phase' && stored)
            cluster.put(job, { attempts: stored.status.attempts + 1 })
          else if (each.do === 'remove') cluster.remove(job)
          else if (each.do === 'again' && !stored) known.set(each.job, cluster.put(job))
          else if (each.do === 'join') {
            const from = known.get(each.job)
            if (!from) continue
            const heard = listener(from)
            open.push({ heard, job: from, leave: feeds.subscribe(heard.subscriber) })
          } else if (each.do === 'leave') {
            const waiting = open[each.job]
            waiting?.leave()
            left.add(waiting)
          } else if (each.do === 'cut') cluster.cut()
          else if (each.do === 'compact') cluster.compact()
          else if (each.do === 'lag') cluster.lagging = true
          else if (each.do === 'flush') cluster.flush()
          else if (each.do === 'away') {
            cluster.fault = silence()
            cluster.cut({ kind: 'failed', error: silence() })
          } else if (each.do === 'back') cluster.fault = null
          else if (each.do === 'bookmark' && !cluster.lagging) cluster.bookmark()
          else if (each.do === 'time') await clock.advanceAsync(3_000)
          if (each.do !== 'time') await settleOnce()
        }
        cluster.fault = null
        cluster.lagging = false
        cluster.flush()
        await clock.advanceAsync(60_000)
        for (const waiting of open) {
          const { heard, job } = waiting
          expect(heard.told.join()).not.toContain("another's")
          expect(heard.versions).toEqual([...new Set(heard.versions)].sort((a, b) => a - b))
          if (left.has(waiting)) continue
          const now = cluster.jobs.find(({ name }) => name === job.name)
          if (now?.uid !== job.uid) expect(heard.told.at(-1)).toMatch(/^gone/)
          else if (now.resourceVersion !== job.resourceVersion) {
            expect(heard.versions.at(-1)).toBe(Number(now.resourceVersion))
          } else expect(heard.told).toEqual([])
        }
      }),
      { numRuns: 120 },
    )
  })
})

async function settleOnce(): Promise<void> {
  for (let i = 0; i < 3; i++) await Promise.resolve()
}
