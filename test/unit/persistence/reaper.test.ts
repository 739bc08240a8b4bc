import { describe, expect, it } from 'vitest'
import type { QueueSpecInput } from '../../../src/api/queue.ts'
import type { Clock } from '../../../src/core/clock.ts'
import type { JobUid } from '../../../src/core/ids.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type { DeleteAnswer } from '../../../src/persistence/ports.ts'
import { Reaper } from '../../../src/persistence/reaper.ts'
import { aJob, aQueue, epoch, NOON, newer, uid } from '../../builders.ts'

interface Given {
  readonly spec?: QueueSpecInput
  readonly maxFinished?: number
  readonly answers?: DeleteAnswer[]
  readonly tookMs?: number
}

function aReaper({ spec = {}, maxFinished = 20_000, answers = [], tookMs = 5 }: Given = {}) {
  const virtual = new VirtualClock(NOON)
  const state = { leads: true, recorded: true, ahead: 0, open: 0, most: 0 }
  const clock: Clock = {
    now: () => virtual.now() + state.ahead,
    monotonic: () => virtual.monotonic(),
    after: (ms, run) => virtual.after(ms, run),
  }
  const queue = { ...aQueue({ spec }) }
  const ledger = new Ledger(normaliser(() => queue))
  const needed = new Set<JobUid>()
  const deleted: { readonly name: string; readonly at: number }[] = []
  const told: string[] = []
  const trims: JobUid[] = []
  const reaper = new Reaper({
    ...{ ledger, clock, maxFinished },
    deleter: {
      delete: async (_kind, target) => {
        state.most = Math.max(state.most, ++state.open)
        await new Promise<void>((resolve) => virtual.after(tookMs, resolve))
        state.open -= 1
        const answer = answers.shift() ?? { kind: 'deleted' }
        if (answer.kind === 'deleted') {
          deleted.push({ name: target.name, at: virtual.now() - NOON })
          ledger.forget(target.uid as JobUid)
          reaper.gone(target.uid as JobUid)
        }
        return answer
      },
    },
    sink: {
      submit: async (id) => {
        trims.push(id)
        return 'written'
      },
      inform() {},
    },
    recorded: async () => state.recorded,
    queueOf: () => queue,
    leads: () => state.leads,
    needed: (job) => needed.has(job.uid),
    observer: {
      deleted() {},
      unrecorded: ({ name }) => void told.push(`unrecorded ${name}`),
      troubled: ({ name }, { kind }) => void told.push(`${kind} ${name}`),
      clockJumped: (by) => void told.push(`jumped ${by}`),
    },
  })
  ledger.watch({ changed: (entry) => reaper.look(entry), removed() {} })
  reaper.start()
  const put = (object: JobObject) => ledger.observe(object, 0)
  /** `count` jobs that ended a second after one another, the last one now. */
  const finish = (count: number, given: Parameters<typeof aJob>[0] = {}) => {
    for (let n = 0; n < count; n++) {
      const completionTime = new Date(clock.now() - (count - n) * 1_000).toISOString()
      const status = { phase: 'Completed', epoch: epoch(1), completionTime, result: 1 } as const
      put(aJob({ uid: uid(n), name: `job-${n}`, status, ...given }))
    }
  }
  const pass = (ms: number) => virtual.advanceAsync(ms)
  return { reaper, ledger, state, needed, deleted, told, trims, put, finish, pass }
}

const MINUTE = 60_000
const SHORT: QueueSpecInput = { retention: { succeededSeconds: 60 } }

describe('the reaper', () => {
  it('deletes what was finished for long enough, each once', async () => {
    const { deleted, finish, pass } = aReaper({ spec: SHORT })
    finish(3)
    await pass(56_000)
    expect(deleted).toEqual([])
    await pass(10_000)
    expect(deleted.map(({ name }) => name)).toEqual(['job-0', 'job-1', 'job-2'])
    await pass(10 * MINUTE)
    expect(deleted).toHaveLength(3)
  })

  it('has a bounded number of deletions on their way, at a bounded rate', async () => {
    const { state, deleted, finish, pass } = aReaper({ spec: SHORT, tookMs: 20 })
    finish(2_000)
    await pass(MINUTE)
    const early = deleted.length
    expect(state.most).toBe(8)
    // Two for each of the last thousand that ended at most, then fifty a second.
    expect(early).toBeLessThanOrEqual(1_000 + 50 * 60)
    await pass(2 * MINUTE)
    expect(deleted).toHaveLength(2_000)
  })

  it('keeps up with jobs that end faster than fifty a second', async () => {
    const { reaper, finish, pass } = aReaper({ spec: { retention: { maxSucceeded: 10 } } })
    for (let second = 0; second < 20; second++) {
      for (let n = 0; n < 300; n++) {
        finish(1, { uid: uid(second * 300 + n), name: `s${second}-${n}` })
      }
      await pass(1_000)
    }
    await pass(5_000)
    expect(reaper.finished).toBe(10)
  })

  it('deletes nothing because the wall clock jumped, and what is due an hour later', async () => {
    const { state, deleted, told, finish, pass } = aReaper()
    finish(5)
    state.ahead = 365 * 24 * 60 * MINUTE
    await pass(30 * MINUTE)
    expect([deleted, told]).toEqual([[], [`jumped ${state.ahead}`]])
    state.ahead = 0
    await pass(20 * MINUTE)
    expect(deleted).toEqual([])
    await pass(15 * MINUTE)
    expect(deleted).toHaveLength(5)
  })

  it('deletes later when the wall clock went back, by no more than the step', async () => {
    const { state, deleted, finish, pass } = aReaper({ spec: SHORT })
    finish(1)
    state.ahead = -10 * MINUTE
    await pass(10 * MINUTE)
    expect(deleted).toEqual([])
    await pass(MINUTE + 30_000)
    expect(deleted).toHaveLength(1)
  })

  it('leaves a job alone that another one needs, looks again, and lets it go then', async () => {
    const { deleted, needed, finish, pass } = aReaper({ spec: SHORT })
    needed.add(uid(0))
    finish(1)
    await pass(10 * MINUTE)
    expect(deleted).toEqual([])
    needed.clear()
    await pass(MINUTE)
    expect(deleted).toHaveLength(1)
  })

  it('leaves a job alone that was replayed while its end was being recorded', async () => {
    const { ledger, deleted, put, finish, pass } = aReaper({ spec: SHORT })
    finish(1)
    const object = ledger.get(uid(0))?.object ?? aJob()
    const status = { ...object.status, phase: 'Scheduled', epoch: epoch(2) } as const
    put(newer(object, { status }))
    await pass(10 * MINUTE)
    expect(deleted).toEqual([])
  })

  it('leaves all alone that another process leads, and takes it up with the shard', async () => {
    const { reaper, ledger, state, deleted, finish, pass } = aReaper({ spec: SHORT })
    state.leads = false
    finish(2)
    await pass(10 * MINUTE)
    expect([deleted, reaper.finished]).toEqual([[], 2])
    state.leads = true
    const shard = ledger.get(uid(0))?.shard
    if (shard === undefined) throw new Error('no entry')
    reaper.leading(shard)
    await pass(MINUTE)
    expect(deleted).toHaveLength(2)
  })

  it('forgets a shard that it gave up', async () => {
    const { reaper, ledger, deleted, finish, pass } = aReaper({ spec: SHORT })
    finish(2)
    const shard = ledger.get(uid(0))?.shard
    if (shard !== undefined) reaper.steppedDown(shard)
    await pass(10 * MINUTE)
    expect(deleted).toEqual([])
  })

  it.each<{ answer: DeleteAnswer; after: number; told: string[] }>([
    { answer: { kind: 'conflict' }, after: 5_000, told: [] },
    { answer: { kind: 'unknown', detail: 'reset' }, after: 5_000, told: ['unknown job-0'] },
    {
      answer: { kind: 'later', retryAfterMs: 20_000, detail: '' },
      after: 30_000,
      told: ['later job-0'],
    },
    {
      answer: { kind: 'refused', status: 403, detail: 'forbidden' },
      after: 6 * MINUTE,
      told: ['refused job-0'],
    },
  ])('comes back after $answer.kind, later and not at once', async (row) => {
    const { deleted, told, finish, pass } = aReaper({ spec: SHORT, answers: [row.answer] })
    finish(1)
    await pass(59_100)
    expect(deleted).toEqual([])
    await pass(row.after)
    expect([deleted.length, told]).toEqual([1, row.told])
  })

  it('waits for the history, and does not spin meanwhile', async () => {
    const { state, deleted, told, finish, pass } = aReaper({ spec: SHORT })
    state.recorded = false
    finish(20)
    await pass(60 * MINUTE)
    expect([deleted, told]).toEqual([[], []])
    state.recorded = true
    await pass(MINUTE)
    expect(deleted).toHaveLength(20)
  })

  it('goes on without the history above the limit, down to it, and says so for each job', async () => {
    const { reaper, state, told, finish, pass } = aReaper({ maxFinished: 15 })
    state.recorded = false
    finish(20)
    await pass(10 * MINUTE)
    expect(reaper.finished).toBe(15)
    const skipped = [0, 1, 2, 3, 4].map((n) => `unrecorded job-${n}`)
    expect(told).toEqual(skipped)
  })

  it('tells of pressure while it lasts and for ten minutes', async () => {
    const { reaper, finish, pass } = aReaper({ maxFinished: 3 })
    finish(5)
    expect(reaper.pressure).toBeNull()
    await pass(2 * MINUTE)
    expect(reaper.pressure).toEqual({ objects: 3, limit: 3 })
    await pass(12 * MINUTE)
    expect(reaper.pressure).toBeNull()
  })

  it('trims what stays for good, once', async () => {
    const { trims, deleted, finish, pass } = aReaper({ spec: SHORT })
    finish(1, { tags: { gitOps: true } })
    await pass(10 * MINUTE)
    expect([trims, deleted]).toEqual([[uid(0)], []])
  })
})
