import { describe, expect, it } from 'vitest'
import type { Fact } from '../../../src/core/facts.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import type { Verdict } from '../../../src/ingestion/admission.ts'
import { Intake, type IntakeOptions } from '../../../src/ingestion/intake.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Queues } from '../../../src/ingestion/queues.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import { aJob, anAttempt, anEntry, aQueue, epoch, newer, TERM, uid } from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

function anIntake(given: Partial<IntakeOptions> = {}) {
  const clock = new VirtualClock()
  const queues = new Queues('gopherqueue.io/default', () => clock.monotonic())
  queues.synced()
  queues.set(aQueue())
  const ledger = new Ledger(normaliser((namespace, name) => queues.get(namespace, name)))
  const said: string[] = []
  const facts: Fact[] = []
  const intake = new Intake({
    ledger,
    queues,
    admission: { verdict: () => null, queueChanged() {} },
    clock,
    logger: QUIET,
    metrics: { count() {}, set() {}, observe() {} },
    version: '1',
    leads: () => true,
    termOf: () => TERM,
    sink: {
      submit: async (_uid, fact) => {
        facts.push(fact)
        return 'written'
      },
      inform() {},
    },
    verify: () => void said.push('verify'),
    place: () => void said.push('place'),
    suspend: () => void said.push('suspend'),
    rerun: () => void said.push('rerun'),
    gone: (_entry, attempt) => void said.push(attempt ? 'gone while it runs' : 'gone'),
    unreadable: () => void said.push('unreadable'),
    ...given,
  })
  const see = (object: JobObject) => {
    intake.changed(object)
    return object
  }
  return { intake, ledger, queues, said, facts, see }
}

describe('a version of a job', () => {
  it('that is new is placed and costs no write', () => {
    const { see, said, facts } = anIntake()
    see(aJob())
    expect([said, facts]).toEqual([['place'], []])
  })

  it('that is not newer than what was read changes nothing', () => {
    const { see, said } = anIntake()
    const job = see(aJob())
    see(job)
    expect(said).toEqual(['place'])
  })

  it('that edits an ended job is seen, and nothing else', () => {
    const { see, said, facts } = anIntake()
    const status = { phase: 'Completed', epoch: epoch(1), observedGeneration: 1 } as const
    see(aJob({ generation: 2, spec: { suspend: true }, status }))
    expect(said).toEqual(['place'])
    expect(facts).toEqual([{ kind: 'seen' }])
  })

  it('of a shard that is not led is kept, and nothing else', () => {
    const { see, said, ledger } = anIntake({ leads: () => false, termOf: () => 0 })
    see(aJob())
    expect([said, ledger.size]).toEqual([[], 1])
  })

  it('with a term above ours in its status asks who leads (W6)', () => {
    const { see, said } = anIntake()
    see(aJob({ status: { epoch: epoch(1, TERM + 1), phase: 'Scheduled' } }))
    expect(said).toEqual(['verify', 'place'])
  })

  it('that was edited after a write has its generation seen', () => {
    const { see, facts } = anIntake()
    const status = { observedGeneration: 1, phase: 'Scheduled' } as const
    see(aJob({ generation: 2, status }))
    expect(facts).toEqual([{ kind: 'seen' }])
  })

  it('that is suspended while it runs is handed back (U2)', () => {
    const { see, said, ledger } = anIntake()
    const job = see(aJob())
    const entry = ledger.get(job.uid)
    if (!entry) throw new Error('no entry')
    ledger.dispatch(entry, anAttempt(), 0)
    see(newer(job, { spec: { ...job.spec, suspend: true } }))
    expect(said).toEqual(['place', 'suspend', 'place'])
  })

  it('that uses what this release does not serve is refused by one write', () => {
    const { see, facts } = anIntake()
    see(aJob({ spec: { startAfter: '0000-01-01T00:00:00Z' } }))
    expect(facts.map((fact) => fact.kind)).toEqual(['refused'])
  })

  it('in the queue of another operator is written to by nobody here', () => {
    const { see, queues, facts, said } = anIntake()
    queues.set(aQueue({ spec: { controllerName: 'example.com/other' } }))
    see(aJob({ spec: { startAfter: '0000-01-01T00:00:00Z' } }))
    expect([facts, said]).toEqual([[], ['place']])
  })
})

describe('what other jobs say', () => {
  const first = anEntry({ object: aJob({ name: 'first', uid: uid(7) }) })

  it('ends a duplicate by one write that names the first', () => {
    const duplicate = { kind: 'duplicate', first } as const
    const { see, facts } = anIntake({ admission: { verdict: () => duplicate, queueChanged() {} } })
    see(aJob())
    expect(facts).toMatchObject([{ kind: 'duplicate', first: { name: 'first', uid: uid(7) } }])
  })

  it('is not asked about a job that is refused for what it says itself', () => {
    const admission = {
      verdict: (): Verdict => {
        throw new Error('asked')
      },
      queueChanged() {},
    }
    const { see, facts } = anIntake({ admission })
    see(aJob({ spec: { startAfter: '0000-01-01T00:00:00Z' } }))
    expect(facts.map((fact) => fact.kind)).toEqual(['refused'])
  })

  it('is written once, however often it is looked at meanwhile', () => {
    const refusal = { reason: 'DependencyDeleted', message: 'it is gone' } as const
    const refused = { kind: 'refused', refusal } as const
    const { see, facts, ledger, intake } = anIntake({
      admission: { verdict: () => refused, queueChanged() {} },
    })
    const job = see(aJob())
    ledger.factQueued(job.uid)
    const entry = ledger.get(job.uid)
    if (!entry) throw new Error('no entry')
    intake.consider(entry)
    expect(facts).toEqual([{ kind: 'refused', ...refusal }])
    expect(intake.refused(entry)).toBe(true)
    expect(intake.unfit(entry)).toBe(false)
  })
})

describe('an ended job whose spec names another run (U3)', () => {
  const ended = (given: { runId?: string; is?: string; deleting?: boolean }) =>
    aJob({
      generation: 2,
      deleting: given.deleting ?? false,
      spec: given.runId === undefined ? {} : { runId: given.runId },
      status: {
        phase: 'Completed',
        epoch: epoch(1),
        observedGeneration: 1,
        ...(given.is === undefined ? {} : { runId: given.is }),
      },
    })

  it('is run again, and the write that does it tells that the edit was seen', () => {
    const { see, said, facts } = anIntake()
    see(ended({ runId: 'two', is: 'one' }))
    expect([said, facts]).toEqual([['rerun', 'place'], []])
  })

  it.each([
    ['an equal one', { runId: 'one', is: 'one' }],
    ['none', { is: 'one' }],
    ['another one while it is being deleted', { runId: 'two', is: 'one', deleting: true }],
  ])('but not for %s', (_what, given) => {
    const { see, said } = anIntake()
    see(ended(given))
    expect(said).toEqual(['place'])
  })

  it('is asked once while the answer is awaited', () => {
    const { see, said, ledger } = anIntake({ leads: () => false })
    const job = see(ended({ runId: 'two', is: 'one' }))
    ledger.factQueued(job.uid)
    const leading = anIntake({ ledger })
    leading.see(newer(job))
    expect([said, leading.said]).toEqual([[], ['place']])
  })
})

describe('a suspension of a job with an active deadline', () => {
  const spec = { activeDeadlineSeconds: 3600, suspend: true } as const

  it('is written, also when nothing was: its clock stands still', () => {
    const { see, facts } = anIntake()
    see(aJob({ spec }))
    see(aJob({ uid: uid(2), name: 'other', spec: { suspend: true } }))
    expect(facts).toEqual([{ kind: 'seen' }])
  })

  it('is not written twice', () => {
    const { see, facts } = anIntake()
    const status = { phase: 'Suspended', suspendedTime: '2026-05-01T12:00:00Z' } as const
    see(aJob({ spec, status: { ...status, observedGeneration: 1 } }))
    expect(facts).toEqual([])
  })
})

describe('a deletion (U5)', () => {
  it('is told once, with the attempt that ran', () => {
    const { see, said, ledger, intake } = anIntake()
    const job = see(aJob())
    const entry = ledger.get(job.uid)
    if (!entry) throw new Error('no entry')
    ledger.dispatch(entry, anAttempt(), 0)
    intake.removed(job, job.uid)
    intake.removed(job, job.uid)
    expect(said).toEqual(['place', 'gone while it runs'])
  })

  it('of another uid under the same name touches nothing', () => {
    const { see, said, intake } = anIntake()
    const job = see(aJob())
    intake.removed(job, 'another-uid')
    expect(said).toEqual(['place'])
  })
})

describe('a queue that changes', () => {
  it('gives its defaults to the jobs that have not started; an attempt keeps what it was told', () => {
    const { see, queues, intake, ledger } = anIntake()
    const waits = see(aJob())
    const runs = see(aJob({ uid: uid(2), name: 'runs' }))
    const entry = ledger.get(runs.uid)
    if (!entry) throw new Error('no entry')
    ledger.dispatch(entry, anAttempt(), 0)
    const defaults = { attemptDeadlineSeconds: 7 }
    const changed = aQueue({ generation: 2, spec: { defaults } })
    queues.set(changed)
    intake.queueChanged(changed)
    const deadlines = [waits, runs].map(({ uid }) => ledger.get(uid)?.record.attemptDeadlineMs)
    expect(deadlines).toEqual([7_000, 1_800_000])
  })

  it('has its waiting jobs placed anew, with its defaults', () => {
    const { see, queues, intake, ledger, said } = anIntake()
    const job = see(aJob())
    const changed = aQueue({ generation: 2, spec: { paused: true } })
    queues.set(changed)
    intake.queueChanged(changed)
    expect(said).toEqual(['place', 'place'])
    expect(ledger.get(job.uid)?.record.queue).toBe(changed.name)
  })
})
