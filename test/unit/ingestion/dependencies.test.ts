import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Phase } from '../../../src/api/conditions.ts'
import { PRIORITIES } from '../../../src/api/conditions.ts'
import { isTerminal, type PriorityRank } from '../../../src/core/job.ts'
import type { Entry } from '../../../src/core/ledger.ts'
import { awaitsFirstStart } from '../../../src/core/started.ts'
import { chainText, Dependencies } from '../../../src/ingestion/dependencies.ts'
import { aJob, anEntry } from '../../builders.ts'
import { HeldJobs, STARTED } from './held-jobs.ts'

function aGraph() {
  const jobs = new HeldJobs()
  const touched = new Set<Entry>()
  const dependencies = new Dependencies((entry) => void touched.add(entry))
  jobs.watch({
    changed: (entry) => dependencies.changed(entry, jobs.now),
    removed: (entry) => dependencies.removed(entry, jobs.now),
  })
  const standing = (name: string) => dependencies.standing(jobs.entry(name))
  const message = (name: string) => {
    const found = standing(name)
    return found.kind === 'refused' ? found.refusal.message : found.kind
  }
  return { jobs, dependencies, touched, standing, message }
}

const on = (...names: string[]) => ({ dependsOn: names.map((name) => ({ name })) })

describe('row 6, a dependency', () => {
  it.each<[string, 'Succeeded' | 'Finished', Phase, 'met' | 'waits' | 'refused']>([
    ['that completed meets Succeeded', 'Succeeded', 'Completed', 'met'],
    ['that failed breaks Succeeded', 'Succeeded', 'Failed', 'refused'],
    ['that was dead-lettered breaks Succeeded', 'Succeeded', 'DeadLettered', 'refused'],
    ['that was cancelled breaks Succeeded', 'Succeeded', 'Cancelled', 'refused'],
    ['that completed meets Finished', 'Finished', 'Completed', 'met'],
    ['that failed meets Finished', 'Finished', 'Failed', 'met'],
    ['that was cancelled meets Finished', 'Finished', 'Cancelled', 'met'],
    ['that runs is waited for', 'Succeeded', 'Running', 'waits'],
    ['that backs off is waited for', 'Finished', 'Retrying', 'waits'],
    ['that is suspended is waited for', 'Finished', 'Suspended', 'waits'],
  ])('%s', (_says, when, phase, kind) => {
    const { jobs, standing } = aGraph()
    jobs.create('b', { dependsOn: [{ name: 'a', when }] })
    jobs.create('a')
    jobs.end('a', phase)
    expect(standing('b').kind).toBe(kind)
  })

  it('without a `when` must succeed', () => {
    const { jobs, message } = aGraph()
    jobs.create('b', on('a'))
    jobs.create('a')
    jobs.end('a', 'Cancelled')
    expect(message('b')).toBe('dependency a ended Cancelled; the chain is a → b')
  })

  it('that ended as a Duplicate counts as completed', () => {
    const { jobs, standing } = aGraph()
    jobs.create('b', on('a'))
    jobs.create('a')
    jobs.end('a', 'Completed', { reason: 'Duplicate', duplicateOf: { name: 'x', uid: 'u' } })
    expect(standing('b').kind).toBe('met')
  })

  it('is told as the first one that is not met, with its phase and how many are not', () => {
    const { jobs, standing } = aGraph()
    jobs.create('a')
    jobs.create('c')
    jobs.end('a', 'Completed')
    jobs.now = 7
    jobs.create('all', on('a', 'missing', 'c'))
    const first = { kind: 'dependency', name: 'missing', phase: null, missingSince: 7, unmet: 2 }
    expect(standing('all')).toEqual({ kind: 'waits', hold: first })
    jobs.create('missing')
    jobs.end('missing', 'Completed')
    const then = { kind: 'dependency', name: 'c', phase: 'Pending', unmet: 1 }
    expect(standing('all')).toMatchObject({ kind: 'waits', hold: then })
  })

  it('of another namespace is another job', () => {
    const { jobs, dependencies, standing } = aGraph()
    jobs.create('b', on('a'))
    const status = { phase: 'Completed' } as const
    dependencies.changed(anEntry({ object: aJob({ name: 'a', namespace: 'other', status }) }), 0)
    expect(standing('b').kind).toBe('waits')
  })

  it('that was seen and deleted before its end refuses the job', () => {
    const { jobs, message } = aGraph()
    jobs.create('a')
    jobs.create('b', on('a'))
    jobs.remove('a')
    expect(message('b')).toBe('dependency a was deleted before it had finished')
  })

  it('that was deleted after its end counts as it ended', () => {
    const { jobs, standing } = aGraph()
    jobs.create('a')
    jobs.create('b', on('a'))
    jobs.end('a', 'Completed')
    jobs.remove('a')
    expect(standing('b').kind).toBe('met')
  })

  it('that was deleted before the job came is only missing', () => {
    const { jobs, standing } = aGraph()
    jobs.create('a')
    jobs.create('b', on('a'))
    jobs.remove('a')
    jobs.create('late', on('a'))
    expect([standing('b').kind, standing('late').kind]).toEqual(['refused', 'waits'])
  })

  it('that came again under its name is judged by what it is now', () => {
    const { jobs, standing } = aGraph()
    jobs.create('a')
    jobs.create('b', on('a'))
    jobs.end('a', 'Completed')
    jobs.remove('a')
    jobs.create('a')
    expect(standing('b').kind).toBe('waits')
  })

  it('that runs again holds who still waits, and nobody who has started', () => {
    const { jobs, standing } = aGraph()
    jobs.create('a')
    jobs.end('a', 'Completed', STARTED)
    jobs.create('waits', on('a'))
    jobs.create('started', on('a'))
    jobs.start('started')
    jobs.write('a', { phase: 'Scheduled' })
    expect([standing('waits').kind, standing('started').kind]).toEqual(['waits', 'met'])
  })

  it('is no question any more for a job between two attempts', () => {
    const { jobs, standing } = aGraph()
    jobs.create('a')
    jobs.create('b', on('a'))
    jobs.write('b', { phase: 'Retrying', ...STARTED })
    jobs.end('a', 'Failed')
    expect(standing('b').kind).toBe('met')
  })
})

describe('row 6, the chain that is told', () => {
  it('leads from the job that failed first to this one', () => {
    const { jobs, message } = aGraph()
    jobs.create('root')
    jobs.create('middle', on('fine', 'root'))
    jobs.create('fine')
    jobs.create('leaf', on('middle'))
    jobs.end('root', 'DeadLettered')
    jobs.end('middle', 'Failed', { reason: 'DependencyFailed' })
    expect(message('leaf')).toBe(
      'dependency middle ended Failed; the chain is root → middle → leaf',
    )
  })

  it('ends where an object is gone', () => {
    const { jobs, message } = aGraph()
    jobs.create('root')
    jobs.create('middle', on('root'))
    jobs.create('leaf', on('middle'))
    jobs.end('root', 'Failed')
    jobs.end('middle', 'Failed', { reason: 'DependencyFailed' })
    jobs.remove('root')
    expect(message('leaf')).toBe('dependency middle ended Failed; the chain is middle → leaf')
  })

  it('is cut in its middle, and each name at its end, so that a sentence holds both ends', () => {
    const names = Array.from({ length: 99 }, (_, n) => `${'x'.repeat(250)}${n}`)
    expect(chainText(['a', 'b', 'c', 'd', 'e'])).toBe('a → b → c → d → e')
    expect(chainText(['a', 'b', 'c', 'd', 'e', 'f'])).toBe('a → b → (2 more) → e → f')
    expect(chainText(names).length).toBeLessThanOrEqual(256)
  })
})

describe('row 6, a cycle', () => {
  it.each([
    ['a job that names itself', { a: ['a'] }, { a: 'a → a' }],
    ['two', { a: ['b'], b: ['a'] }, { a: 'a → b → a', b: 'b → a → b' }],
    ['three, told from any of them', { a: ['b'], b: ['c'], c: ['a'] }, { b: 'b → a → c → b' }],
  ])('of %s is refused', (_says, graph: Record<string, string[]>, told) => {
    const { jobs, message } = aGraph()
    for (const [name, names] of Object.entries(graph)) jobs.create(name, on(...names))
    for (const [name, chain] of Object.entries(told)) {
      expect(message(name)).toBe(`the dependencies form a cycle or are deeper than 100: ${chain}`)
    }
  })

  it('refuses those on it: who waits for them waits until they have ended', () => {
    const { jobs, standing } = aGraph()
    jobs.create('above', on('a'))
    jobs.create('a', on('b'))
    jobs.create('b', on('a', 'below'))
    jobs.create('below')
    const kinds = ['above', 'a', 'b', 'below'].map((name) => standing(name).kind)
    expect(kinds).toEqual(['waits', 'refused', 'refused', 'met'])
  })

  it('is found also when it is closed through a job above another one', () => {
    const { jobs, standing } = aGraph()
    jobs.create('above', on('a'))
    jobs.create('a', on('b', 'a'))
    expect(standing('above').kind).toBe('waits')
    jobs.create('b', on('above'))
    expect([standing('above').kind, standing('b').kind]).toEqual(['refused', 'refused'])
  })

  it('is broken by deleting one of its jobs', () => {
    const { jobs, message } = aGraph()
    jobs.create('a', on('b'))
    jobs.create('b', on('a'))
    jobs.remove('a')
    expect(message('b')).toContain('was deleted')
  })

  it('of 1,000 jobs is found, without a stack as deep', () => {
    const { jobs, standing } = aGraph()
    for (let n = 0; n < 1000; n++) jobs.create(`job-${n}`, on(`job-${(n + 1) % 1000}`))
    expect(standing('job-0').kind).toBe('refused')
    expect(standing('job-500').kind).toBe('refused')
  })
})

describe('row 6, a chain', () => {
  const orders: [string, (names: number[]) => number[]][] = [
    ['from its beginning', (names) => names],
    ['from its end', (names) => [...names].reverse()],
    ['from its middle', (names) => [...names.slice(60), ...names.slice(0, 60)]],
  ]

  it.each(orders)('of 100 waits is fine and one of 101 is not, submitted %s', (_says, order) => {
    const { jobs, standing, message } = aGraph()
    for (const n of order(Array.from({ length: 102 }, (_, k) => k))) {
      jobs.create(`job-${n}`, n === 0 ? {} : on(`job-${n - 1}`))
    }
    expect([standing('job-99').kind, standing('job-100').kind]).toEqual(['waits', 'waits'])
    expect(message('job-101')).toContain('job-0 → job-1 → (98 more) → job-100 → job-101')
  })

  it('may go on for ever when its beginning has ended: only what is waited for counts', () => {
    const { jobs, standing } = aGraph()
    jobs.create('job-0')
    for (let n = 1; n < 500; n++) {
      jobs.create(`job-${n}`, on(`job-${n - 1}`))
      if (n >= 2) jobs.end(`job-${n - 2}`, 'Completed', STARTED)
      expect(standing(`job-${n}`).kind).toBe('waits')
    }
  })
})

describe('row 1, the class of a job that others wait for', () => {
  const rank = (graph: ReturnType<typeof aGraph>, name: string) =>
    PRIORITIES[graph.dependencies.rankOf(graph.jobs.entry(name))]

  it('is the highest of all that wait for it, through others too', () => {
    const graph = aGraph()
    graph.jobs.create('root', { priority: 'Bulk' })
    graph.jobs.create('middle', { priority: 'Low', ...on('root') })
    expect(rank(graph, 'root')).toBe('Low')
    graph.jobs.create('leaf', { priority: 'Critical', ...on('middle') })
    expect([rank(graph, 'root'), rank(graph, 'middle')]).toEqual(['Critical', 'Critical'])
  })

  it('is lent to a job that comes later than its dependents', () => {
    const graph = aGraph()
    graph.jobs.create('leaf', { priority: 'High', ...on('root') })
    graph.jobs.create('root', { priority: 'Bulk' })
    expect(rank(graph, 'root')).toBe('High')
  })

  it('is its own again when they have gone, ended, started, or were given a lower one', () => {
    const graph = aGraph()
    const { jobs } = graph
    jobs.create('root', { priority: 'Bulk' })
    for (const name of ['a', 'b', 'c', 'd']) jobs.create(name, { priority: 'High', ...on('root') })
    jobs.remove('a')
    jobs.end('b', 'Cancelled')
    jobs.start('c')
    expect(rank(graph, 'root')).toBe('High')
    jobs.edit('d', { priority: 'Low' })
    expect(rank(graph, 'root')).toBe('Low')
  })

  it('never goes down by a lower dependent', () => {
    const graph = aGraph()
    graph.jobs.create('root', { priority: 'Critical' })
    graph.jobs.create('leaf', { priority: 'Bulk', ...on('root') })
    expect(rank(graph, 'root')).toBe('Critical')
  })
})

describe('what retention must not delete', () => {
  it('is a job, ended or not, that one names which still waits for its first start', () => {
    const { jobs, dependencies } = aGraph()
    jobs.create('a')
    jobs.create('b', on('a', 'c'))
    const needed = () => dependencies.isNeeded(jobs.entry('a'))
    expect(needed()).toBe(true)
    jobs.end('a', 'Completed')
    expect(needed()).toBe(true)
    jobs.create('c')
    jobs.end('c', 'Failed')
    jobs.end('b', 'Failed')
    expect(needed()).toBe(false)
  })
})

/** The same from nothing but the jobs as they stand, and what was deleted while somebody waited for it. */
class Oracle {
  readonly #jobs: HeldJobs
  readonly #past: ReadonlyMap<string, Phase>

  constructor(jobs: HeldJobs, past: ReadonlyMap<string, Phase>) {
    this.#jobs = jobs
    this.#past = past
  }

  kind(name: string): string {
    if (!this.#waits(name)) return 'met'
    const states = this.#edges(name).map((edge) => this.#state(name, edge))
    if (states.includes('broken') || this.isOnCycle(name)) return 'refused'
    return states.includes('waits') ? 'waits' : 'met'
  }

  isOnCycle(name: string): boolean {
    return this.#below(name).has(name)
  }

  rank(name: string, seen: ReadonlySet<string> = new Set()): PriorityRank {
    const own = this.#jobs.entry(name).record.priority
    const lent = this.#jobs.names().flatMap((other) => {
      if (seen.has(other) || !this.#waits(other)) return []
      const isMine = this.#edges(other).some(
        (edge) => edge.name === name && this.#state(other, edge) === 'waits',
      )
      return isMine ? [this.rank(other, new Set([...seen, name]))] : []
    })
    return Math.min(own, ...lent) as PriorityRank
  }

  needed(name: string): boolean {
    return this.#jobs
      .names()
      .some((other) => this.#waits(other) && this.#edges(other).some((edge) => edge.name === name))
  }

  #waits(name: string): boolean {
    return this.#jobs.has(name) && awaitsFirstStart(this.#jobs.entry(name))
  }

  #edges(name: string) {
    return this.#jobs.entry(name).record.dependsOn
  }

  #state(of: string, { name, when }: { name: string; when: string }): 'waits' | 'met' | 'broken' {
    const phase = this.#jobs.has(name)
      ? this.#jobs.entry(name).object.status.phase
      : this.#past.get(`${this.#jobs.entry(of).uid} ${name}`)
    if (phase === undefined) return 'waits'
    if (!isTerminal(phase)) return this.#jobs.has(name) ? 'waits' : 'broken'
    return when === 'Finished' || phase === 'Completed' ? 'met' : 'broken'
  }

  #below(name: string): ReadonlySet<string> {
    const found = new Set<string>()
    const open = [name]
    for (const at of open) {
      if (!this.#waits(at)) continue
      for (const edge of this.#edges(at)) {
        if (this.#state(at, edge) !== 'waits' || found.has(edge.name)) continue
        found.add(edge.name)
        open.push(edge.name)
      }
    }
    return found
  }
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const name = fc.constantFrom(...NAMES)
const when = fc.constantFrom('Succeeded' as const, 'Finished' as const)
const priority = fc.constantFrom(...PRIORITIES)

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('create' as const),
      name,
      priority,
      dependsOn: fc.uniqueArray(fc.record({ name, when }), {
        maxLength: 3,
        selector: (d) => d.name,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('end' as const),
      name,
      phase: fc.constantFrom<Phase>('Completed', 'Failed', 'Cancelled'),
      started: fc.boolean(),
    }),
  },
  fc.record({ does: fc.constant('start' as const), name }),
  fc.record({ does: fc.constant('run again' as const), name }),
  fc.record({ does: fc.constant('give class' as const), name, priority }),
  fc.record({ does: fc.constant('delete' as const), name }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

describe('the graph, whatever happens to jobs in whatever order', () => {
  it('says what the objects say, and tells of every job that stands otherwise', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const graph = aGraph()
        const past = new Map<string, Phase>()
        let before = snapshot(graph, past)
        for (const each of steps) {
          graph.touched.clear()
          const changed = take(graph.jobs, past, each)
          const after = snapshot(graph, past)
          for (const [uid, { told, is, entry }] of after.jobs) {
            expect([each, told]).toEqual([each, is])
            const old = before.jobs.get(uid)?.told
            // Who stands above a cycle is told when the jobs of the cycle end.
            if (!old || before.cyclic || entry.object.name === changed) continue
            const differs = told.kind !== old.kind || told.needed !== old.needed
            const otherRank = told.rank !== old.rank && told.rank !== '-' && old.rank !== '-'
            const was = [each, entry.object.name, old, told]
            expect([...was, graph.touched.has(entry) || !(differs || otherRank)]).toEqual([
              ...was,
              true,
            ])
          }
          before = after
        }
      }),
      { numRuns: 400 },
    )
  })
})

function snapshot({ jobs, dependencies }: ReturnType<typeof aGraph>, past: Map<string, Phase>) {
  const oracle = new Oracle(jobs, past)
  // A class may be lent round a cycle until its jobs are refused.
  const cyclic = jobs.names().some((each) => oracle.isOnCycle(each))
  const entries = [...jobs.ledger.entries()]
  const all = entries.map((entry) => {
    const at = entry.object.name
    const rank = (value: PriorityRank) => (!awaitsFirstStart(entry) || cyclic ? '-' : value)
    const told = {
      kind: dependencies.standing(entry).kind,
      rank: rank(dependencies.rankOf(entry)),
      needed: dependencies.isNeeded(entry),
    }
    const is = { kind: oracle.kind(at), rank: rank(oracle.rank(at)), needed: oracle.needed(at) }
    return [entry.uid, { entry, told, is }] as const
  })
  return { cyclic, jobs: new Map(all) }
}

/** @returns the job that was changed, which whoever changed it looks at anyway */
function take(jobs: HeldJobs, past: Map<string, Phase>, each: Step): string {
  const known = jobs.has(each.name)
  const waiting = () => [...jobs.ledger.entries()].filter(awaitsFirstStart)
  if (each.does === 'create' && !known) {
    for (const { uid } of waiting()) past.delete(`${uid} ${each.name}`)
    jobs.create(each.name, { priority: each.priority, dependsOn: each.dependsOn })
  }
  if (!known) return each.name
  const { object } = jobs.entry(each.name)
  const ended = isTerminal(object.status.phase)
  if (each.does === 'end' && !ended) {
    jobs.end(each.name, each.phase, each.started ? STARTED : {})
  } else if (each.does === 'start' && !ended && !jobs.entry(each.name).attempt) {
    jobs.start(each.name)
  } else if (each.does === 'run again' && ended) {
    for (const edge of jobs.entry(each.name).record.dependsOn)
      past.delete(`${object.uid} ${edge.name}`)
    jobs.write(each.name, { phase: 'Scheduled' })
  } else if (each.does === 'give class') {
    jobs.edit(each.name, { priority: each.priority })
  } else if (each.does === 'delete') {
    for (const { uid } of waiting()) past.set(`${uid} ${each.name}`, object.status.phase)
    jobs.remove(each.name)
  }
  return each.name
}
