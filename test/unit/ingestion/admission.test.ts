import { describe, expect, it } from 'vitest'
import type { QueueSpecInput } from '../../../src/api/queue.ts'
import type { Entry } from '../../../src/core/ledger.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { Admission } from '../../../src/ingestion/admission.ts'
import { Queues } from '../../../src/ingestion/queues.ts'
import { aQueue, NAMESPACE, NOON, QUEUE } from '../../builders.ts'
import { HeldJobs, STARTED } from './held-jobs.ts'

function anAdmission(given: { readonly maxObjects?: number } = {}) {
  const jobs = new HeldJobs()
  const clock = new VirtualClock(NOON)
  const queues = new Queues('gopherqueue.io/default', () => clock.monotonic())
  const considered: string[] = []
  const unfit = new Set<string>()
  const admission = new Admission({
    ledger: jobs.ledger,
    queues,
    clock,
    maxObjects: given.maxObjects ?? 1000,
    unfit: ({ object }) => unfit.has(object.name),
    consider: ({ object }: Entry) => void considered.push(object.name),
  })
  jobs.watch(admission)
  const tell = (spec: QueueSpecInput) => {
    queues.set(aQueue({ spec }))
    const touched = jobs.ledger.renormalise(NAMESPACE, QUEUE)
    admission.queueChanged(NAMESPACE, QUEUE, touched)
  }
  /** What is considered again from here on. */
  const soon = () => {
    considered.length = 0
    clock.advance(1)
    return [...considered]
  }
  const hold = (name: string) => admission.hold(jobs.entry(name))?.kind ?? null
  const verdict = (name: string) => admission.verdict(jobs.entry(name))?.kind ?? null
  return { jobs, admission, clock, unfit, tell, soon, hold, verdict }
}

const on = (...names: string[]) => ({ dependsOn: names.map((name) => ({ name })) })
const KEY = { idempotencyKey: 'k' }

describe('a job that changes', () => {
  it('has those that wait for it considered again, once, and not itself', () => {
    const { jobs, soon } = anAdmission()
    jobs.create('a')
    jobs.create('b', on('a'))
    jobs.create('c', on('a'))
    soon()
    jobs.end('a', 'Completed')
    jobs.write('a', { observedGeneration: 1 })
    expect(soon().sort()).toEqual(['b', 'c'])
    expect(soon()).toEqual([])
  })

  it('that is gone meanwhile is not considered', () => {
    const { jobs, soon } = anAdmission()
    jobs.create('a')
    jobs.create('b', on('a'))
    soon()
    jobs.end('a', 'Completed')
    jobs.remove('b')
    expect(soon()).not.toContain('b')
  })

  it('that starts has the others of its key considered, which are duplicates at once', () => {
    const { jobs, soon, verdict } = anAdmission()
    jobs.create('later', KEY, 2)
    jobs.start('later')
    jobs.create('first', KEY, 1)
    expect(verdict('first')).toBe('duplicate')
    jobs.create('x', { idempotencyKey: 'x' })
    jobs.create('y', { idempotencyKey: 'x' })
    soon()
    jobs.start('x')
    expect([verdict('y'), soon()]).toEqual(['duplicate', ['y']])
  })

  it('touches nobody when nothing depends on it', () => {
    const { jobs, soon } = anAdmission()
    jobs.create('a')
    jobs.start('a')
    jobs.end('a', 'Completed')
    jobs.remove('a')
    expect(soon()).toEqual([])
  })
})

describe('what holds a job', () => {
  it('is a dependency first, then the depth of its queue, then of the cluster', () => {
    const { jobs, tell, hold } = anAdmission({ maxObjects: 2 })
    tell({ maxDepth: 1 })
    jobs.create('first')
    jobs.create('second')
    jobs.create('waits', on('missing'))
    expect(['first', 'second', 'waits'].map(hold)).toEqual([null, 'queue-full', 'dependency'])
    tell({})
    expect(['first', 'second', 'waits'].map(hold)).toEqual([null, null, 'dependency'])
    jobs.create('third')
    expect(['second', 'third'].map(hold)).toEqual([null, 'cluster-full'])
  })

  it('lets a job go the moment that another one waits for it', () => {
    const { jobs, tell, hold, soon } = anAdmission()
    tell({ maxDepth: 1 })
    jobs.create('other')
    jobs.create('last')
    expect(hold('last')).toBe('queue-full')
    jobs.create('first', on('last'))
    expect([hold('last'), soon()]).toEqual([null, expect.arrayContaining(['last'])])
  })

  it('is never the room that a job would need that others wait for', () => {
    const { jobs, tell, hold } = anAdmission({ maxObjects: 1 })
    tell({ maxDepth: 1 })
    jobs.create('first', on('last'))
    jobs.create('last')
    expect(hold('last')).toBe(null)
    jobs.remove('first')
    jobs.create('other')
    expect([hold('last'), hold('other')]).toEqual([null, 'queue-full'])
  })
})

describe('what ends a job without a start', () => {
  it('is a dependency before a key', () => {
    const { jobs, verdict } = anAdmission()
    jobs.create('a', KEY)
    jobs.create('broken')
    jobs.create('b', { ...KEY, ...on('broken') })
    jobs.end('broken', 'Failed')
    expect(verdict('b')).toBe('refused')
  })

  it('keeps it from holding a key by waiting', () => {
    const { jobs, verdict, unfit } = anAdmission()
    jobs.create('broken')
    jobs.create('a', { ...KEY, ...on('broken') })
    jobs.create('b', KEY)
    expect(verdict('b')).toBe('duplicate')
    jobs.end('broken', 'Failed')
    expect(verdict('b')).toBe(null)
    jobs.create('c', { idempotencyKey: 'c' })
    jobs.create('d', { idempotencyKey: 'c' })
    unfit.add('c')
    expect(verdict('d')).toBe(null)
  })

  it('is a key for the window of the queue, 86,400 seconds where it says nothing', () => {
    const { jobs, clock, tell, verdict } = anAdmission()
    jobs.create('a', KEY)
    jobs.end('a', 'Completed', STARTED)
    jobs.create('b', KEY)
    clock.advance(86_399_000)
    expect(verdict('b')).toBe('duplicate')
    clock.advance(1_000)
    expect(verdict('b')).toBe(null)
    tell({ idempotencyWindowSeconds: 90_000 })
    expect(verdict('b')).toBe('duplicate')
  })
})

describe('since when dependencies let a job start', () => {
  it('is the end of the last one; at once without any, not known while one is waited for', () => {
    const { jobs, admission } = anAdmission()
    const since = (name: string) => admission.readySince(jobs.entry(name))
    jobs.create('free')
    jobs.create('a')
    jobs.create('b')
    jobs.create('waits', on('a', 'b'))
    expect([since('free'), since('waits')]).toEqual([0, null])
    jobs.end('a', 'Completed', { completionTime: new Date(NOON + 9_000).toISOString() })
    jobs.end('b', 'Completed', { completionTime: new Date(NOON + 5_000).toISOString() })
    expect(since('waits')).toBe(NOON + 9_000)
  })
})
