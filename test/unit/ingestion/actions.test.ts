// QueueActions carried out: whom they reach, how fast, what is told, and that a crash at any call makes
// no target take one twice.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActionObject } from '../../../src/core/resources.ts'
import { ActionWorld } from './actions-world.ts'

type Spec = Partial<ActionObject['spec']>
const every = (action: ActionObject['spec']['action'], more: Spec = {}): Spec => ({
  action,
  target: { kind: 'QueueJob', all: true },
  ...more,
})
const one = (action: ActionObject['spec']['action'], name: string, more: Spec = {}): Spec => ({
  action,
  target: { kind: 'QueueJob', name },
  ...more,
})
const onQueue = (action: ActionObject['spec']['action'], name: string, more: Spec = {}): Spec => ({
  action,
  target: { kind: 'Queue', name },
  ...more,
})

describe('an action on jobs', () => {
  it('reaches the one that is named, with the order, the asker and the grace', async () => {
    const world = new ActionWorld()
    world.job('a')
    world.job('b')
    const { resourceVersion } = world.act(
      one('Cancel', 'a', { graceSeconds: 5, requestedBy: 'eve' }),
    )
    expect(await world.untilEnded()).toMatchObject({ phase: 'Completed', matched: 1, done: 1 })
    expect(world.acts).toMatchObject([
      {
        name: 'a',
        graceMs: 5_000,
        request: { kind: 'cancel', order: Number(resourceVersion), by: 'eve' },
      },
    ])
    expect(world.jobs.get('b')?.status.phase).toBe('Pending')
  })

  it('reaches a job that the watch has not told of yet', async () => {
    const world = new ActionWorld()
    world.watches = false
    world.job('a')
    world.watches = true
    world.act(every('Cancel'))
    expect(await world.untilEnded()).toMatchObject({ matched: 1, done: 1 })
  })

  it('reaches those of a selection, and counts and names why others needed nothing', async () => {
    const world = new ActionWorld()
    for (const name of ['a', 'b', 'c']) world.job(name)
    world.job('other', { spec: { queue: 'inbox' } })
    world.act({ action: 'Cancel', target: { kind: 'QueueJob', selector: { queue: 'outbox' } } })
    world.change('b', { phase: 'Completed' })
    const status = await world.untilEnded()
    expect(status).toMatchObject({ matched: 3, done: 2, skipped: 1, failed: 0 })
    expect(status.message).toContain('the target had ended before: Completed (1)')
    expect(world.jobs.get('other')?.status.phase).toBe('Pending')
  })

  it('is a failure when one could not be changed, and names it', async () => {
    const world = new ActionWorld()
    world.job('a', { status: { phase: 'Failed', replays: 10 } })
    world.job('b', { status: { phase: 'Failed' } })
    world.act(every('Replay'))
    const status = await world.untilEnded()
    expect(status).toMatchObject({ phase: 'Failed', reason: 'TargetsFailed', done: 1, failed: 1 })
    expect(status.failures).toMatchObject([{ name: 'a', reason: 'ReplayLimit' }])
  })

  it('names at most twenty of them and counts all', async () => {
    const world = new ActionWorld()
    for (let i = 0; i < 30; i++) world.job(`job-${i}`, { status: { phase: 'Failed', replays: 10 } })
    world.act(every('Replay', { ratePerSecond: 1000 }))
    const status = await world.untilEnded()
    expect(status.failed).toBe(30)
    expect(status.failures).toHaveLength(20)
  })

  it('that moves on under each act is left alone in the end', async () => {
    const world = new ActionWorld()
    world.job('a')
    world.actAnswers.push('overtaken', 'overtaken', 'overtaken')
    world.act(one('Cancel', 'a'))
    expect(await world.untilEnded()).toMatchObject({ phase: 'Completed', skipped: 1 })
  })

  it('waits while this process may not write, and does not give up', async () => {
    const world = new ActionWorld()
    world.job('a')
    world.actAnswers.push('stopped', 'stopped')
    world.act(one('Cancel', 'a'))
    expect(await world.untilEnded()).toMatchObject({ done: 1 })
  })
})

describe('nothing is touched', () => {
  it('by a dry run, which counts', async () => {
    const world = new ActionWorld()
    for (const name of ['a', 'b']) world.job(name)
    world.act(every('Cancel', { dryRun: true }))
    expect(await world.untilEnded()).toMatchObject({ reason: 'DryRun', matched: 2 })
    expect(world.acts).toEqual([])
  })

  it('when more match than maxTargets', async () => {
    const world = new ActionWorld()
    for (const name of ['a', 'b', 'c']) world.job(name)
    world.act(every('Cancel', { maxTargets: 2 }))
    expect(await world.untilEnded()).toMatchObject({ phase: 'Failed', reason: 'TooManyTargets' })
    expect(world.acts).toEqual([])
  })

  it('while nobody checked who may do it', async () => {
    const world = new ActionWorld()
    world.guard = 'missing'
    world.job('a')
    world.act(one('Cancel', 'a'))
    expect(await world.untilEnded()).toMatchObject({ reason: 'ActionsUnguarded' })
    expect([world.acts, world.lists]).toEqual([[], []])
  })

  it('by a payload that no job would take: it is refused at once', async () => {
    const world = new ActionWorld()
    world.job('a', { status: { phase: 'Failed' } })
    world.payload = '{"id":12345678901234567890}'
    world.act(one('Replay', 'a'), { payload: { kind: 'stored', bytes: 5_000 } })
    expect(await world.untilEnded()).toMatchObject({ phase: 'Failed', reason: 'InvalidPayload' })
    expect(world.acts).toEqual([])
  })

  it('that was created after the action was', async () => {
    const world = new ActionWorld()
    for (let i = 0; i < 5; i++) world.job(`job-${i}`)
    world.act(every('Cancel', { ratePerSecond: 1 }))
    await world.pass(2_000)
    world.job('job-0-later')
    expect(await world.untilEnded()).toMatchObject({ matched: 5, done: 5 })
    expect(world.jobs.get('job-0-later')?.status.phase).toBe('Pending')
  })

  it('that was created after the action, when the operator comes late', async () => {
    const world = new ActionWorld()
    world.job('before')
    world.life.dead = true
    world.act(every('Cancel'))
    await world.pass(3_600_000)
    world.job('an-hour-later')
    world.restart()
    expect(await world.untilEnded()).toMatchObject({ matched: 1, done: 1 })
    expect(world.jobs.get('an-hour-later')?.status.phase).toBe('Pending')
  })

  it('of one second the revisions tell what was first, also after it was written', async () => {
    const world = new ActionWorld()
    world.job('before')
    await world.pass(5)
    world.act(every('Cancel'))
    world.change('before', { phase: 'Running', epoch: 1 })
    world.job('after')
    expect(await world.untilEnded()).toMatchObject({ matched: 1, done: 1 })
    expect(world.jobs.get('after')?.status.phase).toBe('Pending')
  })

  it('once the action is deleted', async () => {
    const world = new ActionWorld()
    for (let i = 0; i < 10; i++) world.job(`job-${i}`)
    const { name } = world.act(every('Cancel', { ratePerSecond: 2 }))
    await world.until(() => world.acts.length === 3)
    world.removeAction(name)
    await world.pass(60_000)
    expect(world.acts.length).toBeLessThanOrEqual(4)
  })
})

describe('the way through many targets', () => {
  it('is in the order of their names, at the rate that was asked for', async () => {
    const world = new ActionWorld()
    for (const name of ['c', 'a', 'e', 'b', 'd']) world.job(name)
    world.act(every('Cancel', { ratePerSecond: 2 }))
    await world.untilEnded()
    expect(world.acts.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e'])
    const times = world.acts.map(({ at }) => at)
    for (const [i, at] of times.slice(1).entries()) {
      expect(at - (times[i] ?? 0)).toBeGreaterThanOrEqual(400)
    }
  })

  it('is written about once a second, and not at all while the budget has no room', async () => {
    const slow = every('Cancel', { ratePerSecond: 10 })
    const write = async (informs: boolean) => {
      const world = new ActionWorld()
      world.informs = informs
      for (let i = 0; i < 50; i++) world.job(`job-${String(i).padStart(2, '0')}`)
      world.act(slow)
      await world.until(() => world.acts.length === 35)
      const { cursor = '', done } = world.action.status
      return { writes: world.statusWrites.length, cursor, done }
    }
    const told = await write(true)
    expect(told.writes).toBeGreaterThanOrEqual(3)
    expect(told.writes).toBeLessThanOrEqual(5)
    expect(told.done).toBeGreaterThan(15)
    expect(told.cursor).toMatch(/^\d+\/job-\d\d$/)
    expect((await write(false)).writes).toBe(1)
  })

  it('goes on when somebody labels the action meanwhile', async () => {
    const world = new ActionWorld()
    for (let i = 0; i < 30; i++) world.job(`job-${i}`)
    const { name } = world.act(every('Cancel', { ratePerSecond: 10 }))
    for (let i = 0; i < 4; i++) {
      await world.pass(700)
      world.label(name)
    }
    expect(await world.untilEnded()).toMatchObject({ matched: 30, done: 30, skipped: 0 })
    expect([...world.touched.values()]).toEqual(Array(30).fill(1))
  })

  it('asks for whole objects only where it must', async () => {
    const world = new ActionWorld()
    world.job('a')
    world.act(every('Cancel'))
    await world.untilEnded()
    expect(world.lists).toEqual([{ kind: 'QueueJob', revision: '', brief: true }])
  })

  it('of five bulk actions in one namespace four are under way, and the fifth has its turn', async () => {
    const world = new ActionWorld()
    for (let i = 0; i < 4; i++) world.job(`job-${i}`)
    const names = [1, 2, 3, 4, 5].map(() => world.act(every('Retry', { ratePerSecond: 1 })).name)
    const phase = (name: string) => world.actions.get(name)?.status.phase
    await world.pass(1_500)
    expect(names.filter((name) => phase(name) === 'Running')).toHaveLength(4)
    await world.until(() => names.every((name) => phase(name) === 'Completed'))
    expect(names.map(phase)).toEqual(Array(5).fill('Completed'))
  })
})

describe('queues', () => {
  it.each([
    ['Pause', false],
    ['Drain', true],
    ['Resume', undefined],
  ] as const)('%s', async (action, drain) => {
    const world = new ActionWorld()
    world.queues.add('outbox')
    const { resourceVersion } = world.act(onQueue(action, 'outbox'))
    expect(await world.untilEnded()).toMatchObject({ phase: 'Completed', done: 1 })
    expect(world.paused).toEqual([{ name: 'outbox', order: Number(resourceVersion), drain }])
  })

  it('a resume says so when the manifest still pauses the queue', async () => {
    const world = new ActionWorld()
    world.queues.add('outbox')
    world.pauseAnswers.push({ kind: 'done', bySpec: true })
    world.act(onQueue('Resume', 'outbox'))
    expect((await world.untilEnded()).message).toContain('spec.paused still pauses the queue')
  })

  it('one that the watch has not told of yet is waited for, one that stays away is not', async () => {
    const world = new ActionWorld()
    world.queues.add('outbox')
    const missing = { kind: 'not-found' } as const
    world.pauseAnswers.push(missing, missing)
    world.act(onQueue('Pause', 'outbox'))
    expect(await world.untilEnded()).toMatchObject({ done: 1 })
    const other = new ActionWorld()
    other.queues.add('outbox')
    other.pauseAnswers.push(...Array<typeof missing>(50).fill(missing))
    other.act(onQueue('Pause', 'outbox'))
    expect(await other.untilEnded(60_000)).toMatchObject({ done: 0, skipped: 1 })
  })
})

describe('a purge', () => {
  it('deletes the waiting jobs of the queue, and leaves those that run or have ended', async () => {
    const world = new ActionWorld()
    world.queues.add('outbox')
    world.job('waits')
    world.job('delayed', { status: { phase: 'Delayed' } })
    world.job('runs', { status: { phase: 'Running' } })
    world.job('ended', { status: { phase: 'Completed' } })
    world.job('elsewhere', { spec: { queue: 'inbox' } })
    world.act(onQueue('Purge', 'outbox'))
    expect(await world.untilEnded()).toMatchObject({ matched: 2, done: 2 })
    expect([...world.jobs.keys()].sort()).toEqual(['elsewhere', 'ended', 'runs'])
  })

  it('lets a job alone that was dispatched a moment ago and is not written as running yet', async () => {
    const world = new ActionWorld()
    world.queues.add('outbox')
    const job = world.job('taken')
    await world.pass(10)
    const entry = world.life.ledger.get(job.uid)
    if (!entry) throw new Error('no entry')
    const start = { epoch: 5, attempt: 1, runId: '', cls: 'c' as never }
    world.life.ledger.dispatch(entry, start, 0)
    world.act(onQueue('Purge', 'outbox'))
    expect(await world.untilEnded()).toMatchObject({ matched: 1, done: 0, skipped: 1 })
    expect(world.jobs.has('taken')).toBe(true)
  })

  it('looks again at a job that changed under it, and says who was not let go', async () => {
    const world = new ActionWorld()
    world.queues.add('outbox')
    world.job('a')
    world.job('b')
    world.deleteAnswers.push({ kind: 'conflict' })
    world.deleteAnswers.push({ kind: 'refused', status: 403, detail: 'a policy says no' })
    world.act(onQueue('Purge', 'outbox', { ratePerSecond: 1 }))
    const status = await world.untilEnded()
    expect(status).toMatchObject({ phase: 'Failed', done: 1, failed: 1 })
    expect(status.failures).toMatchObject([{ reason: 'TargetRefused' }])
    expect(status.message).toContain('a policy says no')
  })

  it('of a queue that is not there is refused', async () => {
    const world = new ActionWorld()
    world.job('a')
    world.act(onQueue('Purge', 'outbox'))
    expect(await world.untilEnded()).toMatchObject({ reason: 'TargetNotFound' })
    expect(world.jobs.has('a')).toBe(true)
  })
})

describe('a run of a schedule', () => {
  const run: Spec = { action: 'Run', target: { kind: 'QueueSchedule', name: 'nightly' } }
  it('asks for one job, whose name depends on the action', async () => {
    const world = new ActionWorld()
    world.schedules.add('nightly')
    const { name } = world.act(run)
    const status = await world.untilEnded()
    expect(world.runs).toMatchObject([{ schedule: 'nightly', action: name }])
    expect(status.message).toContain(`QueueJob ${world.runs[0]?.job} was made`)
  })
  it('that is refused is a failure', async () => {
    const world = new ActionWorld()
    world.schedules.add('nightly')
    world.runAnswers.push({ kind: 'refused', detail: 'exceeded quota' })
    world.act(run)
    expect(await world.untilEnded()).toMatchObject({ phase: 'Failed', failed: 1 })
  })
})

describe('an action that has ended', () => {
  it('is removed after its time, on the version that was seen', async () => {
    const world = new ActionWorld()
    world.job('a')
    const { name } = world.act(one('Cancel', 'a', { ttlSecondsAfterFinished: 60 }))
    await world.untilEnded()
    await world.pass(59_000)
    expect(world.actions.has(name)).toBe(true)
    await world.pass(2_000)
    expect(world.deletions).toEqual([`QueueAction ${name}`])
  })

  it('stays a day when nothing is asked for', async () => {
    const world = new ActionWorld()
    world.job('a')
    const { name } = world.act(one('Cancel', 'a'))
    await world.untilEnded()
    await world.pass(86_300_000)
    expect(world.actions.has(name)).toBe(true)
    await world.pass(200_000)
    expect(world.actions.has(name)).toBe(false)
  })

  it('stays while a job has its payload from it (decision 0020)', async () => {
    const world = new ActionWorld()
    world.job('a', { status: { phase: 'Failed' } })
    const asked = one('Replay', 'a', { ttlSecondsAfterFinished: 60 })
    const action = world.act(asked, { payload: { kind: 'inline', json: '{"to":"b"}' } })
    await world.untilEnded()
    world.change('a', { payloadAction: { name: action.name, uid: action.uid } })
    await world.pass(600_000)
    expect(world.actions.has(action.name)).toBe(true)
    world.remove('a')
    await world.pass(120_000)
    expect(world.actions.has(action.name)).toBe(false)
  })

  it('is told once: an Event, a metric, by its reason', async () => {
    const world = new ActionWorld()
    world.job('a')
    const { name } = world.act(one('Cancel', 'a'))
    await world.untilEnded()
    world.restart()
    await world.pass(60_000)
    expect(world.events).toMatchObject([
      { kind: 'QueueAction', regarding: { name }, reason: 'ActionDone', action: 'Cancel' },
    ])
    expect(world.counted.get('gopherqueue_actions_ended_total Cancel ActionDone')).toBe(1)
    expect(world.counted.get('gopherqueue_action_targets_total Cancel done')).toBe(1)
  })
})

/** One run with deaths at the given calls; the world at its end. */
async function withDeaths(
  spec: Spec,
  deaths: readonly { at: number; before: boolean }[],
  options: { readonly jobs: number; readonly compacted: boolean; readonly later: boolean },
) {
  const world = new ActionWorld()
  world.queues.add('outbox')
  for (let i = 0; i < options.jobs; i++) world.job(`job-${String(i).padStart(2, '0')}`)
  const before = [...world.jobs.values()]
  await world.pass(1_000)
  world.act(spec)
  for (const { at, before: dieBefore } of deaths) {
    world.dieAt = at
    world.dieBefore = dieBefore
    const ended = () => ['Completed', 'Failed'].includes(world.action.status.phase)
    await world.until(() => world.life.dead || ended(), 60_000)
    // Between two leaders the world goes on.
    await world.pass(1_000)
    if (options.later) world.job(`job-00-later-${world.jobs.size}`)
    if (options.compacted) world.compact()
    world.restart()
  }
  const status = await world.untilEnded()
  return { world, status, before }
}

const deaths = fc.array(fc.record({ at: fc.integer({ min: 1, max: 40 }), before: fc.boolean() }), {
  maxLength: 5,
})
const options = fc.record({
  jobs: fc.integer({ min: 0, max: 25 }),
  compacted: fc.boolean(),
  later: fc.boolean(),
})

describe('whenever the operator dies, at any call, before it takes effect or after', () => {
  it('every target takes the action once, later ones never, and the counts say so', async () => {
    await fc.assert(
      fc.asyncProperty(deaths, options, async (dies, given) => {
        const spec = every('Cancel', { ratePerSecond: 20 })
        const { world, status, before } = await withDeaths(spec, dies, given)
        expect(status).toMatchObject({ phase: 'Completed', matched: given.jobs, done: given.jobs })
        expect(before.map(({ uid }) => world.touched.get(uid))).toEqual(before.map(() => 1))
        expect(world.touched.size).toBe(before.length)
      }),
      { numRuns: 60 },
    )
  })

  it('a purge deletes what waited, and nothing that came later', async () => {
    await fc.assert(
      fc.asyncProperty(deaths, options, async (dies, given) => {
        const spec = onQueue('Purge', 'outbox', { ratePerSecond: 20 })
        const { world, status, before } = await withDeaths(spec, dies, given)
        expect(status).toMatchObject({ phase: 'Completed', matched: given.jobs })
        expect((status.done ?? 0) + (status.skipped ?? 0)).toBe(given.jobs)
        expect(before.filter(({ name }) => world.jobs.has(name))).toEqual([])
        expect(world.deletions).toHaveLength(given.jobs)
      }),
      { numRuns: 40 },
    )
  })

  it('a job that a later action touched is not touched again by the earlier one', async () => {
    await fc.assert(
      fc.asyncProperty(deaths, async (dies) => {
        const world = new ActionWorld()
        for (let i = 0; i < 6; i++) world.job(`job-${i}`, { status: { phase: 'Failed' } })
        await world.pass(1_000)
        const cancel = world.act(every('Replay', { ratePerSecond: 2 }))
        for (const { at, before } of dies) {
          world.dieAt = at
          world.dieBefore = before
          await world.until(() => world.life.dead, 3_000)
          world.change('job-5', {
            phase: 'Failed',
            actionOrder: Number(cancel.resourceVersion) + 900,
          })
          world.restart()
        }
        world.change('job-5', {
          phase: 'Failed',
          actionOrder: Number(cancel.resourceVersion) + 900,
        })
        await world.untilEnded()
        const last = world.acts.filter(({ name }) => name === 'job-5')
        expect(last.length).toBeLessThanOrEqual(1)
        for (const count of world.touched.values()) expect(count).toBe(1)
      }),
      { numRuns: 30 },
    )
  })
})
