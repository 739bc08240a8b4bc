// What the client may rely on, whoever implements its ports: run on the fake of the unit tests and on
// the genuine API server.

import { beforeAll, describe, expect, it } from 'vitest'
import type {
  ActionStore,
  FeedEnd,
  FeedEvent,
  Identity,
  JobFeed,
  JobStore,
  JobView,
  NewAction,
  NewJob,
} from '../../../src/client/ports.ts'
import type { JobKey } from '../../../src/core/ids.ts'
import { isNewer } from '../../../src/core/ledger.ts'

export interface StorePlace {
  readonly store: JobStore
  readonly feed: JobFeed
  readonly actions: ActionStore
  readonly identity: Identity
  /** An empty namespace. */
  readonly namespace: string
  /** As the operator would. */
  readonly setPhase: (key: JobKey, phase: string) => Promise<void>
  readonly remove: (key: JobKey) => Promise<void>
  /** A version that is too old to be watched from. */
  readonly ancient: string
}

export function describeStore(name: string, open: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace
    beforeAll(async () => {
      place = await open()
    })

    let made = 0
    const newJob = (fields: Partial<NewJob> = {}): NewJob => ({
      namespace: place.namespace,
      name: `job-${++made}`,
      labels: {},
      annotations: {},
      spec: { type: 'email.send' },
      ...fields,
    })

    async function created(fields: Partial<NewJob> = {}): Promise<JobView> {
      const answer = await place.store.create(newJob(fields))
      if (answer.kind !== 'created') throw new Error('it exists')
      return answer.object
    }

    /** Follows until `until` holds or the watch ends; what was told. */
    async function follow(
      from: string,
      job: string | null,
      until: (events: readonly FeedEvent[]) => boolean,
      meanwhile: () => Promise<void>,
    ): Promise<{ events: FeedEvent[]; end: FeedEnd }> {
      const aborter = new AbortController()
      const events: FeedEvent[] = []
      const following = place.feed.follow({
        namespace: place.namespace,
        name: job,
        version: from,
        tell: (event) => {
          if (event.kind === 'bookmark') return
          events.push(event)
          if (until(events)) aborter.abort()
        },
        signal: aborter.signal,
      })
      await meanwhile()
      return { end: await following, events }
    }

    const told = (events: readonly FeedEvent[]) =>
      events.map((event) =>
        event.kind === 'bookmark'
          ? ''
          : `${event.kind} ${event.job.name} ${event.job.status.phase}`,
      )

    describe('a create', () => {
      it('gives the object as it is stored', async () => {
        const job = newJob({
          annotations: { 'gopherqueue.io/submission': 'cafe' },
          spec: { type: 'email.send', queue: 'mail', priority: 'High', payload: { a: 1 } },
        })
        const answer = await place.store.create(job)
        expect(answer).toMatchObject({
          kind: 'created',
          object: {
            namespace: place.namespace,
            name: job.name,
            uid: expect.stringMatching(/.+/),
            submission: 'cafe',
            queue: 'mail',
            type: 'email.send',
            priority: 'High',
            status: { phase: 'Pending', reason: '', attempts: 0, error: null, progress: null },
          },
        })
      })

      it('of a name that is there changes nothing', async () => {
        const job = await created()
        const again = newJob({ name: job.name, spec: { type: 'other' } })
        expect(await place.store.create(again)).toEqual({ kind: 'exists' })
        expect(await place.store.get(job)).toEqual(job)
      })
    })

    describe('a read', () => {
      it('gives the newest version', async () => {
        const job = await created()
        await place.setPhase(job, 'Running')
        const read = await place.store.get(job)
        expect(read).toMatchObject({ uid: job.uid, status: { phase: 'Running' } })
        expect(isNewer(read?.resourceVersion ?? '', job.resourceVersion)).toBe(true)
      })

      it('of no job gives null', async () => {
        expect(await place.store.get({ namespace: place.namespace, name: 'none' })).toBeNull()
        const look = await place.store.look({ namespace: place.namespace, name: 'none' })
        expect(look.job).toBeNull()
        expect(look.version).toMatch(/^\d+$/)
      })

      it('with its version says from when nothing is missed', async () => {
        const job = await created()
        const look = await place.store.look(job)
        expect(look.job).toEqual(job)
        expect(isNewer(job.resourceVersion, look.version)).toBe(false)
        const { events } = await follow(
          look.version,
          job.name,
          (all) => all.length === 1,
          () => place.setPhase(job, 'Running'),
        )
        expect(told(events)).toEqual([`changed ${job.name} Running`])
      })
    })

    describe('a list', () => {
      it('gives what matches, each once, in the order of names', async () => {
        const spec = { type: 'listed', queue: 'listed' } as const
        const jobs = [await created({ spec }), await created({ spec }), await created({ spec })]
        await created({ spec: { ...spec, type: 'other' } })
        await created({ spec: { ...spec, queue: 'other' } })
        const [first, second] = jobs
        if (!first || !second) throw new Error('no jobs')
        await place.setPhase(first, 'Running')
        const names = async (selection: Parameters<JobStore['list']>[1]) => {
          const found: string[] = []
          for await (const job of place.store.list(place.namespace, selection)) found.push(job.name)
          return found
        }
        const all = { queue: 'listed', type: 'listed' }
        expect(await names(all)).toEqual(jobs.map(({ name: each }) => each).sort())
        expect(await names({ ...all, phase: 'Running' })).toEqual([first.name])
        expect(await names({ ...all, phase: 'Failed' })).toEqual([])
        expect((await names({})).length).toBeGreaterThan(5)
      })
    })

    describe('a watch', () => {
      it('of one job tells about it what came after the version, in order, and nothing else', async () => {
        const [job, other] = [await created(), await created()]
        const { events, end } = await follow(
          job.resourceVersion,
          job.name,
          (all) => all.length === 3,
          async () => {
            await place.setPhase(job, 'Running')
            await place.setPhase(other, 'Running')
            await place.setPhase(job, 'Completed')
            await place.remove(job)
          },
        )
        expect(told(events)).toEqual([
          `changed ${job.name} Running`,
          `changed ${job.name} Completed`,
          `removed ${job.name} Completed`,
        ])
        const versions = events.map((event) =>
          event.kind === 'bookmark' ? '' : event.job.resourceVersion,
        )
        expect(isNewer(versions[2] ?? '', versions[1] ?? '')).toBe(true)
        expect(end).toEqual({ kind: 'ended' })
      })

      it('of a namespace tells about all of them, also what happened before it was opened', async () => {
        const first = await created()
        await place.setPhase(first, 'Running')
        const second = await created()
        const { events } = await follow(
          first.resourceVersion,
          null,
          (all) => all.length === 3,
          () => place.setPhase(second, 'Failed'),
        )
        expect(told(events)).toEqual([
          `changed ${first.name} Running`,
          `changed ${second.name} Pending`,
          `changed ${second.name} Failed`,
        ])
      })

      it('from too old a version is expired', async () => {
        const job = await created()
        const { end } = await follow(
          place.ancient,
          job.name,
          () => false,
          async () => {},
        )
        expect(end).toEqual({ kind: 'expired' })
      })

      it('that is not wanted any more ends without a word', async () => {
        const { version } = await place.store.look({ namespace: place.namespace, name: 'none' })
        const signal = AbortSignal.abort()
        const request = { namespace: place.namespace, name: null, version, tell: () => {}, signal }
        expect(await place.feed.follow(request)).toEqual({ kind: 'ended' })
      })
    })

    describe('an action', () => {
      const cancel = (job: JobKey): NewAction => ({
        namespace: place.namespace,
        name: `cancel-${job.name}`,
        labels: {},
        annotations: {},
        spec: { action: 'Cancel', target: { kind: 'QueueJob', name: job.name } },
      })

      it('is stored once and can be read', async () => {
        const job = await created()
        const action = cancel(job)
        const answer = await place.actions.create(action)
        expect(answer).toMatchObject({
          kind: 'created',
          object: { name: action.name, phase: 'Pending', reason: '', failure: null },
        })
        expect(await place.actions.create(action)).toEqual({ kind: 'exists' })
        expect(await place.actions.get(action)).toMatchObject({ phase: 'Pending' })
        const none = { namespace: place.namespace, name: 'none' }
        expect(await place.actions.get(none)).toBeNull()
      })
    })

    it('knows who asks', async () => {
      expect(await place.identity.whoAmI()).toMatch(/.+/)
    })
  })
}
