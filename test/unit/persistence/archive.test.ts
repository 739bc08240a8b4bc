import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { Archive } from '../../../src/persistence/archive.ts'
import { deletedEvent, endedEvent } from '../../../src/persistence/archive-event.ts'
import type { HistoryEvent } from '../../../src/persistence/ports.ts'
import { aJob, epoch, NOON, uid } from '../../builders.ts'

const aFinished = (n = 1) =>
  aJob({
    uid: uid(n),
    name: `job-${n}`,
    payload: { kind: 'inline', json: '{"card":"4111"}' },
    status: {
      phase: 'Completed',
      epoch: epoch(5),
      completionTime: '2026-05-01T12:00:05Z',
      result: { token: 'secret' },
    },
  })

describe('an event of the history', () => {
  it('names the job, how it ended, and when', () => {
    expect(endedEvent(aFinished())).toMatchObject({
      id: `${uid(1)}.${epoch(5)}.completed`,
      type: 'io.gopherqueue.job.completed',
      source: '/apis/gopherqueue.io/v1alpha1/namespaces/mail/queuejobs/job-1',
      subject: 'job-1',
      time: '2026-05-01T12:00:05Z',
      data: { spec: { queue: 'outbox' }, status: { phase: 'Completed' } },
    })
  })

  it('holds neither payload nor result, only how large they were', () => {
    const event = endedEvent(aFinished())
    expect(JSON.stringify(event)).not.toMatch(/4111|secret/)
    expect(event.data).toMatchObject({ payloadBytes: 15, resultBytes: 18 })
  })

  it('is another one for each end of a job that was replayed, and the same for the same end', () => {
    const first = aFinished()
    const second = { ...first, status: { ...first.status, epoch: epoch(6) } }
    expect(endedEvent(first).id).toBe(endedEvent({ ...first, resourceVersion: '9999' }).id)
    expect(endedEvent(second).id).not.toBe(endedEvent(first).id)
  })

  it('tells of a deletion what deleted it', () => {
    expect(deletedEvent(aFinished(), 'retention', NOON)).toMatchObject({
      id: `${uid(1)}.deleted`,
      type: 'io.gopherqueue.job.deleted',
      time: '2026-05-01T12:00:00Z',
      data: { deletedBy: 'retention' },
    })
  })
})

function anArchive(reachable = true) {
  const clock = new VirtualClock(NOON)
  const state = { reachable, open: 0, most: 0 }
  const stored: string[] = []
  const lost: HistoryEvent[] = []
  const archive = new Archive({
    clock,
    history: {
      async record(event) {
        state.most = Math.max(state.most, ++state.open)
        await Promise.resolve()
        state.open -= 1
        if (state.reachable) stored.push(event.id)
        return state.reachable
      },
    },
    observer: { recorded() {}, lost: (event) => void lost.push(event) },
  })
  return { archive, clock, state, stored, lost }
}

describe('the archive', () => {
  it('stores each end once, and knows it then', async () => {
    const { archive, clock, stored } = anArchive()
    archive.ended(aFinished())
    await clock.advanceAsync(100)
    archive.ended(aFinished())
    expect(await archive.recorded(aFinished())).toBe(true)
    expect(stored).toHaveLength(1)
  })

  it('asks again for an end that another leader may have stored', async () => {
    const { archive, stored } = anArchive()
    expect(await archive.recorded(aFinished())).toBe(true)
    expect(stored).toHaveLength(1)
  })

  it('keeps what cannot be sent and sends it when the history is back', async () => {
    const { archive, clock, state, stored } = anArchive(false)
    archive.ended(aFinished(1))
    archive.deleted(aFinished(2), 'request')
    await clock.advanceAsync(60_000)
    expect([stored, archive.depth]).toEqual([[], 2])
    expect(await archive.recorded(aFinished(3))).toBe(false)
    state.reachable = true
    await clock.advanceAsync(10_000)
    expect(stored.toSorted()).toEqual([`${uid(1)}.${epoch(5)}.completed`, `${uid(2)}.deleted`])
    expect(archive.depth).toBe(0)
  })

  it('holds a bounded number, drops ends first, and tells of deletions that it dropped', async () => {
    const { archive, clock, lost } = anArchive(false)
    for (let n = 0; n < 6_000; n++) archive.deleted(aFinished(n), 'request')
    for (let n = 0; n < 6_000; n++) archive.ended(aFinished(n))
    await clock.advanceAsync(100)
    expect(archive.depth).toBeLessThanOrEqual(10_100)
    expect(lost).toEqual([])
    for (let n = 6_000; n < 20_000; n++) archive.deleted(aFinished(n), 'request')
    await clock.advanceAsync(100)
    expect(archive.depth).toBeLessThanOrEqual(10_100)
    expect(lost.length).toBeGreaterThan(9_000)
    archive.stop()
  })

  it('sends a bounded number at once', async () => {
    const { archive, clock, state } = anArchive()
    for (let n = 0; n < 1_000; n++) archive.ended(aFinished(n))
    await clock.advanceAsync(1_000)
    expect(state.most).toBe(64)
    expect(archive.depth).toBe(0)
  })

  it('says of every job that it is recorded when no history is kept', async () => {
    const archive = new Archive({
      history: null,
      clock: new VirtualClock(NOON),
      observer: { recorded() {}, lost() {} },
    })
    archive.ended(aFinished())
    expect([archive.depth, await archive.recorded(aFinished())]).toEqual([0, true])
  })
})
