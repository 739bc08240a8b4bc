// Events are hints for people: few, bounded, never twice, and never in anybody's way.

import { describe, expect, it } from 'vitest'
import type { Reason } from '../../../src/api/reasons.ts'
import { jobUid } from '../../../src/core/ids.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { KubeEvents } from '../../../src/kube/events.ts'
import type { EventNote } from '../../../src/observability/ports.ts'
import { KeptLog, ScriptedRequests } from './doubles.ts'

const NOON = Date.UTC(2026, 4, 1, 12)

function note(n: number, reason: Reason = 'NoWorkers', more: Partial<EventNote> = {}): EventNote {
  return {
    kind: 'QueueJob',
    regarding: { namespace: 'mail', name: `job-${n}`, uid: jobUid(`uid-${n}`) },
    reason,
    action: 'Schedule',
    note: 'no connected worker serves queue outbox',
    ...more,
  }
}

interface Sent {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly note: string
  readonly [field: string]: unknown
}

function bench(budget = Number.POSITIVE_INFINITY) {
  const clock = new VirtualClock(NOON)
  const requests = new ScriptedRequests(() => ({}))
  const logger = new KeptLog()
  const state = { left: budget }
  const events = new KubeEvents({
    requests,
    instance: 'operator-a',
    tryTake: () => state.left-- > 0,
    clock,
    random: new SeededRandom(1),
    logger,
  })
  const sent = () => requests.calls.map(({ body }) => body as Sent)
  return { clock, requests, logger, state, events, sent }
}

describe('an Event', () => {
  it('says what happened to which object, in the form of the API', async () => {
    const { clock, events, sent, requests } = bench()
    events.emit(note(1))
    await clock.advanceAsync(0)
    expect(requests.calls[0]).toMatchObject({
      verb: 'POST',
      path: '/apis/events.k8s.io/v1/namespaces/mail/events',
    })
    expect(sent()[0]).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'mail', name: expect.stringMatching(/^job-1\.[0-9a-f]{16}$/) },
      eventTime: '2026-05-01T12:00:00.000000Z',
      reportingController: 'gopherqueue.io/operator',
      reportingInstance: 'operator-a',
      type: 'Warning',
      reason: 'NoWorkers',
      action: 'Schedule',
      note: 'no connected worker serves queue outbox',
      regarding: {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'QueueJob',
        namespace: 'mail',
        name: 'job-1',
        uid: 'uid-1',
      },
    })
    expect(events.counts).toEqual({ sent: 1, dropped: 0 })
  })

  it('takes its type from the table of reasons; a reason without one makes no Event', async () => {
    const { clock, events, sent } = bench()
    events.emit(note(1, 'Completed'))
    events.emit(note(2, 'Pending'))
    await clock.advanceAsync(0)
    expect(sent().map(({ type }) => type)).toEqual(['Normal'])
  })

  it('has one line of at most 1,024 bytes, as the server counts, without half characters', async () => {
    const { clock, events, sent } = bench()
    events.emit(note(1, 'NoWorkers', { note: `a\n${'👍'.repeat(600)}` }))
    events.emit(note(2, 'NoWorkers', { note: 'x'.repeat(5_000) }))
    await clock.advanceAsync(0)
    for (const { note: text } of sent()) {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_024)
      expect(text.isWellFormed()).toBe(true)
      expect(text).not.toMatch(/\n/)
      expect(text.length).toBeGreaterThan(400)
    }
  })

  it('has a name of its own that is a name, whatever the object is called (B8)', async () => {
    const { clock, events, sent } = bench()
    const name = `${'a'.repeat(229)}.${'b'.repeat(23)}`
    events.emit(note(1, 'NoWorkers', { regarding: { namespace: 'mail', name, uid: 'u' } }))
    events.emit(note(1, 'UnknownType', { regarding: { namespace: 'mail', name, uid: 'u' } }))
    await clock.advanceAsync(0)
    const names = sent().map(({ metadata }) => metadata.name)
    expect(new Set(names).size).toBe(2)
    for (const each of names) {
      expect(each.length).toBeLessThanOrEqual(253)
      expect(each).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
    }
  })
})

describe('the same reason about the same object', () => {
  it('is told once in ten minutes', async () => {
    const { clock, events, sent } = bench()
    events.emit(note(1))
    events.emit(note(1))
    await clock.advanceAsync(599_999)
    events.emit(note(1))
    await clock.advanceAsync(1)
    expect(sent()).toHaveLength(1)
    events.emit(note(1))
    await clock.advanceAsync(0)
    expect(sent()).toHaveLength(2)
    expect(events.counts).toEqual({ sent: 2, dropped: 2 })
  })

  it('another reason, object or life of the name is another Event', async () => {
    const { clock, events, sent } = bench()
    events.emit(note(1))
    events.emit(note(1, 'UnknownType'))
    events.emit(note(2))
    const regarding = { namespace: 'mail', name: 'job-1', uid: 'uid-1-reborn' }
    events.emit(note(1, 'NoWorkers', { regarding }))
    await clock.advanceAsync(0)
    expect(sent()).toHaveLength(4)
  })

  it('is remembered for ten thousand of them, the newest', async () => {
    const { clock, events } = bench()
    for (let n = 0; n <= 10_000; n++) {
      events.emit(note(n))
      if (n % 200 === 0) await clock.advanceAsync(0)
    }
    await clock.advanceAsync(0)
    expect(events.counts).toEqual({ sent: 10_001, dropped: 0 })
    events.emit(note(1))
    expect(events.counts.dropped).toBe(1)
    events.emit(note(0))
    await clock.advanceAsync(0)
    expect(events.counts).toEqual({ sent: 10_002, dropped: 1 })
  })
})

describe('the information budget', () => {
  it('is asked before each Event; without room it waits', async () => {
    const { clock, events, sent, state } = bench(2)
    for (let n = 0; n < 4; n++) events.emit(note(n))
    await clock.advanceAsync(10_000)
    expect(sent()).toHaveLength(2)
    state.left = 1
    await clock.advanceAsync(500)
    expect(sent()).toHaveLength(3)
  })

  it('at most 256 wait: the oldest that warn of nothing go first, and may be told another time', async () => {
    const { clock, events, sent, state } = bench(0)
    events.emit(note(0, 'Completed'))
    for (let n = 1; n <= 256; n++) events.emit(note(n))
    events.emit(note(257))
    expect(events.counts).toEqual({ sent: 0, dropped: 2 })
    state.left = Number.POSITIVE_INFINITY
    await clock.advanceAsync(500)
    const told = () => sent().map(({ regarding }) => (regarding as { name: string }).name)
    await clock.advanceAsync(0)
    for (let i = 0; i < 40; i++) await clock.advanceAsync(0)
    expect(told()).toHaveLength(256)
    expect(told()[0]).toBe('job-2')
    events.emit(note(0, 'Completed'))
    await clock.advanceAsync(0)
    expect(told().at(-1)).toBe('job-0')
  })
})

describe('a server that does not take it', () => {
  it('is no trouble for anybody: one line at debug, and the next one goes out', async () => {
    const { clock, events, sent, requests, logger } = bench()
    requests.answer = (_call, n) => {
      if (n === 1) throw new Error('403')
      return {}
    }
    events.emit(note(1))
    events.emit(note(2))
    await clock.advanceAsync(0)
    expect(sent()).toHaveLength(2)
    expect(events.counts).toEqual({ sent: 1, dropped: 1 })
    expect(logger.loud).toEqual([])
    expect(logger.lines).toHaveLength(1)
  })

  it('that does not answer gets one at a time', async () => {
    const { clock, events, requests } = bench()
    requests.answer = () => new Promise(() => undefined)
    for (let n = 0; n < 5; n++) events.emit(note(n))
    await clock.advanceAsync(60_000)
    expect(requests.calls).toHaveLength(1)
    expect(requests.calls[0]?.deadlineMs).toBe(5_000)
  })
})

it('after stop nothing is sent and no timer is left', async () => {
  const { clock, events, requests, state } = bench(0)
  events.emit(note(1))
  events.stop()
  state.left = 5
  events.emit(note(2))
  await clock.advanceAsync(60_000)
  expect(requests.calls).toEqual([])
  expect(clock.pendingTimers).toBe(0)
})
