import { describe, expect, it } from 'vitest'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import type { Fact } from '../../../src/core/facts.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { StatusObserver } from '../../../src/main/status-observer.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import { aJob, anAttempt, anOwner, epoch, NOON, newer, uid } from '../../builders.ts'

function anObserver() {
  const lines: string[] = []
  const counted: string[] = []
  const ended: string[] = []
  const events: string[] = []
  const say = (msg: string) => void lines.push(msg)
  const logger: Logger = { debug: say, info: say, warn: say, error: say, child: () => logger }
  const ledger = new Ledger(normaliser(() => null))
  const observer = new StatusObserver({
    logger,
    ledger,
    metrics: {
      count: (name, labels) =>
        void counted.push(`${name} ${Object.values(labels ?? {}).join(' ')}`.trim()),
      set() {},
      observe() {},
    },
    events: { emit: (note) => void events.push(note.reason) },
    ended: ({ status }) => void ended.push(status.phase),
  })
  const wrote = (before: Partial<QueueJobStatus>, after: Partial<QueueJobStatus>) =>
    observer.wrote({
      object: aJob({ status: after }),
      before: aJob({ status: before }).status,
      tookMs: 5,
    })
  return { observer, ledger, lines, counted, ended, events, wrote }
}

describe('a status that was written', () => {
  const startTime = new Date(NOON).toISOString()

  it('tells the story of a job in one line for each move', () => {
    const { wrote, lines } = anObserver()
    wrote({}, { phase: 'Running', epoch: epoch(1), reason: 'Running' })
    wrote(
      { phase: 'Running', epoch: epoch(1), reason: 'Running' },
      { phase: 'Completed', epoch: epoch(1), reason: 'Completed', startTime },
    )
    expect(lines).toEqual(['a job has started', 'a job has ended'])
  })

  it('counts the end of a job and of its attempt once', () => {
    const { wrote, counted } = anObserver()
    wrote({}, { phase: 'Completed', epoch: epoch(1), reason: 'Completed', startTime })
    const ends = counted.filter((name) => !name.includes('status_writes'))
    expect(ends.map((name) => name.split(' ')[0])).toEqual([
      'gopherqueue_attempts_ended_total',
      'gopherqueue_jobs_finished_total',
    ])
  })

  it.each([
    ['a replay', { phase: 'Failed' }, { phase: 'Scheduled', reason: 'Replayed' }],
    [
      'a cancel of a job that waits',
      { phase: 'Retrying' },
      { phase: 'Cancelled', reason: 'Cancelled' },
    ],
    ['a discard', { phase: 'DeadLettered' }, { phase: 'Cancelled', reason: 'Discarded' }],
  ] as const)('of %s ends no attempt, though it raises the epoch', (_what, before, after) => {
    const { wrote, counted } = anObserver()
    const history = [{ number: 1, epoch: epoch(1) }]
    const ran = { startTime, history }
    wrote({ ...ran, ...before, epoch: epoch(1) }, { ...ran, ...after, epoch: epoch(2) })
    expect(counted.join()).not.toContain('attempts_ended')
  })

  it('of an attempt that ended in less than a second counts it, also in the second of the one before', () => {
    const { wrote, counted } = anObserver()
    const entry = (seq: number) => ({ number: seq, epoch: epoch(seq) })
    const before = {
      phase: 'Retrying',
      epoch: epoch(1),
      startTime,
      history: [entry(1)],
      reason: 'BackingOff',
    } as const
    const after = {
      ...before,
      epoch: epoch(2),
      history: [entry(1), entry(2)],
      reason: 'BackingOff',
    }
    wrote(before, after)
    expect(counted.join()).toContain('attempts_ended')
  })

  it('that only informs is counted as such, and says nothing twice', () => {
    const { wrote, counted, lines } = anObserver()
    const waits = { phase: 'Scheduled', reason: 'NoWorkers' } as const
    wrote(waits, { ...waits, observedGeneration: 2 })
    expect(counted).toEqual(['gopherqueue_status_writes_total information written'])
    expect(lines).toEqual([])
  })
})

describe('a write that did not go through', () => {
  it.each([
    ['conflict', 0],
    ['gone', 0],
    ['refused', 1],
    ['unknown', 1],
  ] as const)('(%s) is counted, and logged when it is no ordinary race', (kind, logged) => {
    const { observer, counted, lines } = anObserver()
    observer.troubled(aJob(), kind, 'why')
    expect(counted).toEqual([`gopherqueue_status_writes_total protocol ${kind}`])
    expect(lines).toHaveLength(logged)
  })
})

describe('progress', () => {
  const note = { uid: uid(1), epoch: epoch(1), percent: 40, message: 'on its way' }

  function told(sent: Partial<typeof note> & { readonly worker?: string }, reported = false) {
    const { observer, ledger } = anObserver()
    ledger.observe(aJob(), 0)
    const entry = ledger.get(uid(1))
    if (!entry) throw new Error('no entry')
    ledger.dispatch(entry, anAttempt(), 0)
    ledger.list(entry, anOwner(), 0, NOON, 0)
    if (reported) ledger.report(entry, anOwner())
    ledger.observe(newer(entry.object), 1)
    const facts: Fact[] = []
    const { worker, ...said } = sent
    const owner = worker ? anOwner({ worker: worker as never }) : anOwner()
    const message = { ...note, ...said, owner, namespace: 'mail' }
    observer.progress(message as never, { inform: (_, fact) => void facts.push(fact) })
    return facts.length
  }

  it('of the current attempt is handed on', () => {
    expect(told({})).toBe(1)
  })

  it('of another attempt, of another worker, or of one that has reported is not', () => {
    expect([told({ epoch: epoch(9) }), told({ worker: 'pod-b' }), told({}, true)]).toEqual([
      0, 0, 0,
    ])
  })
})
