// The one status writer: how facts of a job come to an answer, whatever the API server answers.

import { describe, expect, it } from 'vitest'
import { NO_STOPS } from '../../../src/core/active-deadline.ts'
import type { Fact } from '../../../src/core/facts.ts'
import { type JobUid, type ShardId, shardOf } from '../../../src/core/ids.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type { FailurePolicy, Settled, WriteAnswer } from '../../../src/persistence/ports.ts'
import { StatusWriter, type StatusWriterOptions } from '../../../src/persistence/writer.ts'
import { failurePolicy } from '../../../src/scheduler/retry.ts'
import { aJob, epoch, NAMESPACE, newer, uid } from '../../builders.ts'
import { cancel, failure, outcome, progress, replay, running, seen, waiting } from './facts.ts'
import { CONFLICT, GONE, later, REFUSED, ScriptedStore, UNKNOWN, UNKNOWN_WRITTEN } from './store.ts'

const SHARD = shardOf(NAMESPACE)
const manyJobs = (count: number) =>
  Array.from({ length: count }, (_, n) => aJob({ uid: uid(n + 1), name: `job-${n + 1}` }))

function setup(given: Partial<StatusWriterOptions> = {}, objects = [aJob()]) {
  const clock = new VirtualClock()
  const store = new ScriptedStore(clock, objects)
  const ledger = new Ledger(normaliser(() => null))
  for (const object of objects) ledger.observe(object, 0)
  const troubles: [WriteAnswer['kind'], string][] = []
  const changes: string[] = []
  const led = new Set<ShardId>([SHARD])
  const writer = new StatusWriter({
    store,
    ledger,
    policy: failurePolicy,
    stopsOf: () => NO_STOPS,
    observer: {
      wrote: ({ object, before }) => changes.push(`${before.phase} → ${object.status.phase}`),
      troubled: (_key, kind, detail) => troubles.push([kind, detail]),
    },
    clock,
    random: new SeededRandom(1),
    maxInFlight: 4,
    mayWrite: (shard) => led.has(shard),
    ...given,
  })
  const settled: [Fact['kind'], Settled][] = []
  const submit = (fact: Fact, of: JobUid = uid(1)) => {
    void writer.submit(of, fact).then((result) => settled.push([fact.kind, result]))
  }
  const facts = (of: JobUid = uid(1)) => ledger.get(of)?.facts
  return { clock, store, ledger, writer, submit, settled, troubles, changes, led, facts }
}

/** Time passes until nothing is left to do, an hour at most. */
const rest = (clock: VirtualClock, ms = 3_600_000) => clock.advanceAsync(ms)

describe('a fact', () => {
  it('is written at once, on the version that was read, and then settled', async () => {
    const { clock, store, submit, settled, changes, writer, ledger } = setup()
    submit(outcome())
    await rest(clock, 0)
    expect(store.get(aJob()).status.phase).toBe('Completed')
    expect(store.writes.map(({ target }) => target.resourceVersion)).toEqual(['1000'])
    expect(settled).toEqual([['outcome', 'written']])
    expect(changes).toEqual(['Pending → Completed'])
    expect(writer.written).toBe(1)
    expect(ledger.get(uid(1))?.object.status.phase).toBe('Completed')
  })

  it('counts at its job until it is settled, so that nothing is dispatched before (D6)', async () => {
    const { clock, store, submit, facts } = setup()
    store.latencyMs = 100
    submit(running())
    submit(waiting())
    expect(facts()).toBe(2)
    await rest(clock, 99)
    expect(facts()).toBe(2)
    await rest(clock, 1)
    expect(facts()).toBe(0)
  })

  it('that the world has overtaken writes nothing', async () => {
    const { clock, store, submit, settled } = setup({}, [aJob({ status: { phase: 'Completed' } })])
    submit(outcome())
    await rest(clock, 0)
    expect(store.writes).toEqual([])
    expect(settled).toEqual([['outcome', 'overtaken']])
  })

  it('of a job that is not known is settled as gone', async () => {
    const { clock, submit, settled } = setup()
    submit(outcome(), uid(9))
    await rest(clock, 0)
    expect(settled).toEqual([['outcome', 'gone']])
  })

  it('of a shard that this process may not write for is settled as stopped (W7)', async () => {
    const { clock, store, submit, settled, led, facts } = setup()
    led.clear()
    submit(outcome())
    await rest(clock)
    expect(store.writes).toEqual([])
    expect(settled).toEqual([['outcome', 'stopped']])
    expect(facts()).toBe(0)
  })
})

describe('facts of one job', () => {
  it('that come together are one write', async () => {
    const { clock, store, submit, settled } = setup({ maxInFlight: 1 }, manyJobs(2))
    store.latencyMs = 50
    submit(waiting(), uid(2))
    submit(running())
    submit(outcome())
    await rest(clock)
    expect(store.writes).toHaveLength(2)
    expect(settled.slice(1)).toEqual([
      ['running', 'written'],
      ['outcome', 'written'],
    ])
  })

  it('that come during a write are the next one: one write in flight per job (W1)', async () => {
    const { clock, store, submit, changes } = setup()
    store.latencyMs = 50
    submit(running())
    await rest(clock, 10)
    submit(outcome())
    submit(waiting())
    await rest(clock)
    expect(store.mostOfOneJob).toBe(1)
    expect(changes).toEqual(['Pending → Running', 'Running → Completed'])
  })

  it('are each settled by what became of them', async () => {
    const { clock, submit, settled } = setup({ maxInFlight: 1 }, manyJobs(2))
    submit(waiting(), uid(2))
    submit(outcome())
    submit(cancel())
    await rest(clock)
    expect(settled).toContainEqual(['outcome', 'written'])
    expect(settled).toContainEqual(['cancel', 'overtaken'])
  })
})

describe('many jobs', () => {
  it('are written so many at once, first come first served', async () => {
    const { clock, store, submit, writer } = setup({}, manyJobs(10))
    store.latencyMs = 10
    for (let n = 1; n <= 10; n++) submit(outcome(), uid(n))
    expect(writer.depth).toBe(10)
    expect(writer.busy).toBe(true)
    await rest(clock)
    expect(store.mostAtOnce).toBe(4)
    expect(store.writes.map(({ target }) => target.uid)).toEqual(
      Array.from({ length: 10 }, (_, n) => uid(n + 1)),
    )
    expect(store.writes.at(-1)?.at).toBe(20)
    expect(writer.depth).toBe(0)
    expect(writer.busy).toBe(false)
  })

  it('keep their places while they wait for a retry: a server in trouble slows the writer down', async () => {
    const { clock, store, submit, settled } = setup({ maxInFlight: 2 }, manyJobs(3))
    store.script(later(60_000), later(60_000))
    for (const n of [1, 2, 3]) submit(outcome(), uid(n))
    await rest(clock, 59_999)
    expect(store.writes).toHaveLength(2)
    await rest(clock, 1)
    expect(settled).toHaveLength(3)
  })
})

describe('409', () => {
  it('reads live, plans again and writes on the newer version (W3)', async () => {
    const { clock, store, submit, settled } = setup()
    store.put(newer(aJob(), { generation: 2 }))
    submit(outcome())
    await rest(clock, 0)
    expect(store.writes.map(({ target }) => target.resourceVersion)).toEqual(['1000', '1001'])
    expect(store.get(aJob()).status.observedGeneration).toBe(2)
    expect(settled).toEqual([['outcome', 'written']])
  })

  it('settles as overtaken what the newer version makes void', async () => {
    const { clock, store, submit, settled } = setup()
    const status = { ...aJob().status, phase: 'Cancelled', epoch: epoch(5) } as const
    store.put(newer(aJob(), { status }))
    submit(outcome())
    await rest(clock, 0)
    expect(store.writes).toHaveLength(1)
    expect(settled).toEqual([['outcome', 'overtaken']])
  })

  it('takes along what came meanwhile', async () => {
    const { clock, store, submit, settled } = setup()
    store.latencyMs = 10
    store.script(CONFLICT)
    submit(running())
    await rest(clock, 5)
    submit(outcome())
    await rest(clock)
    expect(store.writes).toHaveLength(2)
    expect(settled.map(([, result]) => result)).toEqual(['written', 'written'])
  })

  it('again and again is met more and more slowly', async () => {
    const { clock, store, submit, settled } = setup()
    store.script(...Array.from({ length: 12 }, () => CONFLICT))
    submit(outcome())
    await rest(clock, 0)
    expect(store.writes.length).toBeLessThanOrEqual(4)
    await rest(clock)
    expect(settled).toEqual([['outcome', 'written']])
    const gaps = store.writes.map(({ at }, i) => at - (store.writes[i - 1]?.at ?? 0))
    expect(gaps.at(-1)).toBeGreaterThan(5_000)
  })
})

describe('an unknown answer', () => {
  it('whose write did not happen is repeated (W3)', async () => {
    const { clock, store, submit, settled } = setup()
    store.script(UNKNOWN)
    submit(outcome())
    await rest(clock)
    expect(store.writes).toHaveLength(2)
    expect(store.reads).toBe(1)
    expect(settled).toEqual([['outcome', 'written']])
  })

  it('whose write happened is not repeated: the fact is contained (W3)', async () => {
    const { clock, store, submit, settled, writer } = setup()
    store.script(UNKNOWN_WRITTEN)
    submit(failure())
    await rest(clock)
    expect(store.writes).toHaveLength(1)
    expect(store.get(aJob()).status.attempts).toBe(1)
    expect(settled).toEqual([['outcome', 'overtaken']])
    expect(writer.depth).toBe(0)
  })

  it('of a broken adapter is one, too', async () => {
    const { clock, store, submit, settled, troubles } = setup()
    store.script({ kind: 'throws', error: new Error('undefined is not a function') })
    store.scriptReads(new Error('undefined is not a function'))
    submit(outcome())
    await rest(clock)
    expect(settled).toEqual([['outcome', 'written']])
    expect(troubles).toEqual([['unknown', 'undefined is not a function']])
  })

  it('waits before it looks, and longer with each try', async () => {
    const { clock, store, submit } = setup()
    store.script(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
    submit(outcome())
    await rest(clock)
    const gaps = store.writes.slice(1).map(({ at }, i) => at - (store.writes[i]?.at ?? 0))
    expect(gaps[0]).toBeGreaterThan(50)
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThan(gaps[i - 1] ?? 0)
  })
})

describe('404', () => {
  it('forgets the job and settles everything as gone (W4)', async () => {
    const { clock, store, submit, settled, ledger } = setup()
    store.script(GONE)
    submit(running())
    submit(outcome())
    await rest(clock, 0)
    expect(settled).toEqual([
      ['running', 'gone'],
      ['outcome', 'gone'],
    ])
    expect(ledger.get(uid(1))).toBeUndefined()
  })

  it('on the read after a conflict is one, too', async () => {
    const { clock, store, submit, settled, ledger } = setup()
    store.script(CONFLICT)
    store.remove(aJob())
    submit(outcome())
    await rest(clock)
    expect(settled).toEqual([['outcome', 'gone']])
    expect(ledger.get(uid(1))).toBeUndefined()
  })

  it('another uid under the name is one, too: a name alone is nobody (W4)', async () => {
    const { clock, store, submit, settled, ledger } = setup()
    store.put(aJob({ uid: uid(7), resourceVersion: '1005' }))
    store.script(CONFLICT)
    submit(outcome())
    await rest(clock)
    expect(settled).toEqual([['outcome', 'gone']])
    expect(store.writes).toHaveLength(1)
    expect(ledger.get(uid(1))).toBeUndefined()
    expect(store.get(aJob()).status.phase).toBe('Pending')
  })

  it('a read that cannot be answered now is asked again until it can', async () => {
    const { clock, store, submit, settled } = setup()
    store.script(CONFLICT)
    const busy = { kind: 'later', retryAfterMs: 5000, detail: 'too many requests' } as const
    store.scriptReads(busy, busy)
    submit(outcome())
    await rest(clock, 9_999)
    expect(settled).toEqual([])
    await rest(clock)
    expect(settled).toEqual([['outcome', 'written']])
    expect(store.reads).toBe(3)
  })
})

describe('422 and 413', () => {
  it('are never answered by the same status: first it is stripped (W5)', async () => {
    const { clock, store, submit, settled, troubles } = setup()
    store.script(REFUSED)
    submit(outcome({ outcome: { kind: 'succeeded', resultJson: '{"a":1}' } }))
    await rest(clock, 0)
    expect(store.writes[0]?.next.result).toEqual({ a: 1 })
    expect(store.get(aJob()).status).toMatchObject({ phase: 'Completed', epoch: epoch(1) })
    expect(store.get(aJob()).status).not.toHaveProperty('result')
    expect(settled).toEqual([['outcome', 'written']])
    expect(troubles).toEqual([['refused', 'status.result: too deep']])
  })

  it('of the stripped one make an end that says so', async () => {
    const { clock, store, submit, settled } = setup()
    store.script(REFUSED, REFUSED)
    submit(outcome())
    await rest(clock, 0)
    expect(store.get(aJob()).status).toMatchObject({
      phase: 'Failed',
      reason: 'StatusRefused',
      message: 'the API server refused the status of this job: status.result: too deep',
      epoch: epoch(1),
    })
    expect(settled).toEqual([['outcome', 'written']])
  })

  it('of that end, too, put the job into quarantine; its neighbours go on', async () => {
    const { clock, store, submit, settled, writer, facts } = setup({}, manyJobs(2))
    store.script(REFUSED, REFUSED, REFUSED)
    submit(outcome())
    await rest(clock, 0)
    submit(running({ epoch: epoch(3) }))
    submit(outcome(), uid(2))
    await rest(clock)
    expect(settled).toEqual([
      ['outcome', 'quarantined'],
      ['running', 'quarantined'],
      ['outcome', 'written'],
    ])
    expect(store.writes).toHaveLength(4)
    expect(writer.quarantined).toBe(1)
    expect(facts()).toBe(0)
  })

  it('a quarantine ends with its job', async () => {
    const { clock, store, submit, writer, ledger } = setup()
    store.script(REFUSED, REFUSED, REFUSED)
    submit(outcome())
    await rest(clock, 0)
    ledger.forget(uid(1))
    expect(writer.quarantined).toBe(0)
  })

  it('never take the life of a job for what only informs', async () => {
    const object = aJob({ status: { phase: 'Running', epoch: epoch(1) } })
    const { clock, store, submit, settled, writer } = setup({}, [object])
    store.script(REFUSED)
    submit(progress())
    await rest(clock)
    expect(settled).toEqual([['progress', 'overtaken']])
    expect(store.writes).toHaveLength(1)
    expect(writer.quarantined).toBe(0)
    submit(outcome())
    await rest(clock, 0)
    expect(store.get(object).status.phase).toBe('Completed')
  })

  it('on a job that has ended are not answered by another end (W9)', async () => {
    const ended = aJob({ generation: 2, status: { phase: 'Completed', observedGeneration: 1 } })
    const { clock, store, submit, settled } = setup({}, [ended])
    store.script(REFUSED, REFUSED)
    submit({ kind: 'seen' })
    await rest(clock)
    expect(settled).toEqual([['seen', 'quarantined']])
    expect(store.writes.every(({ next }) => next.phase === 'Completed')).toBe(true)
  })

  it('the smaller form is kept when the world moves on meanwhile', async () => {
    const { clock, store, submit } = setup()
    store.script(REFUSED, CONFLICT)
    submit(outcome({ outcome: { kind: 'succeeded', resultJson: '{"a":1}' } }))
    await rest(clock)
    expect(store.writes.map(({ next }) => 'result' in next)).toEqual([true, false, false])
  })
})

describe('429', () => {
  it('waits as long as the server asks (W3)', async () => {
    const { clock, store, submit, settled } = setup()
    store.script(later(7000))
    submit(outcome())
    await rest(clock, 6999)
    expect(store.writes).toHaveLength(1)
    await rest(clock, 1)
    expect(settled).toEqual([['outcome', 'written']])
  })

  it('that asks for no wait is no hot loop', async () => {
    const { clock, store, submit } = setup()
    store.script(...Array.from({ length: 50 }, () => later(0)))
    submit(outcome())
    await rest(clock, 1000)
    expect(store.writes.length).toBeLessThan(6)
  })
})

describe('losing the right to write', () => {
  it('while an answer is unknown settles as stopped, not as gone: the outcome is not lost', async () => {
    const { clock, store, submit, settled, led, ledger } = setup()
    store.script(UNKNOWN)
    submit(outcome())
    await rest(clock, 0)
    led.clear()
    await rest(clock)
    expect(settled).toEqual([['outcome', 'stopped']])
    expect(ledger.get(uid(1))).toBeDefined()
    expect(store.reads).toBe(0)
  })

  it('a shard that was given up writes nothing of before, also when it comes back (W6)', async () => {
    const { clock, store, submit, settled, writer, facts } = setup({ maxInFlight: 1 }, manyJobs(2))
    store.script(later(5000))
    submit(outcome(), uid(2))
    submit(outcome())
    await rest(clock, 0)
    writer.abandon(SHARD)
    await rest(clock, 0)
    expect(settled).toEqual([
      ['outcome', 'stopped'],
      ['outcome', 'stopped'],
    ])
    expect([facts(uid(1)), facts(uid(2))]).toEqual([0, 0])
    await rest(clock)
    expect(store.writes).toHaveLength(1)
  })

  it('what is handed in after the shard came back is written, and only that', async () => {
    const { clock, store, submit, settled, writer } = setup()
    store.script(later(5000))
    submit(running())
    await rest(clock, 0)
    writer.abandon(SHARD)
    submit(running({ epoch: epoch(1, 8) }))
    await rest(clock)
    expect(settled).toEqual([
      ['running', 'stopped'],
      ['running', 'written'],
    ])
    expect(store.get(aJob()).status.epoch).toBe(epoch(1, 8))
  })

  it('a fact is settled once: the count of those that came later stays right', async () => {
    const { clock, store, submit, writer, facts } = setup()
    store.latencyMs = 100
    submit(running())
    await rest(clock, 0)
    writer.abandon(SHARD)
    submit(running({ epoch: epoch(1, 8) }))
    expect(facts()).toBe(1)
    await rest(clock, 100)
    // The write of before was answered; the new one is under way.
    expect(facts()).toBe(1)
    await rest(clock)
    expect(facts()).toBe(0)
  })

  it('other shards go on', async () => {
    const elsewhere = aJob({ namespace: 'shop', uid: uid(2) })
    const { clock, store, submit, settled, writer, led } = setup({}, [aJob(), elsewhere])
    led.add(shardOf('shop'))
    expect(shardOf('shop')).not.toBe(SHARD)
    store.latencyMs = 10
    submit(outcome(), uid(2))
    writer.abandon(SHARD)
    await rest(clock)
    expect(settled).toEqual([['outcome', 'written']])
  })
})

describe('a failure of our own code', () => {
  it('costs the one job, not its neighbours nor the process', async () => {
    const policy: FailurePolicy = {
      decide: () => {
        throw new Error('a bug')
      },
    }
    const { clock, submit, settled, troubles, writer } = setup({ policy }, manyJobs(2))
    submit(failure())
    submit(outcome(), uid(2))
    await rest(clock, 0)
    expect(settled).toContainEqual(['outcome', 'quarantined'])
    expect(settled).toContainEqual(['outcome', 'written'])
    expect(troubles).toEqual([['refused', 'a bug']])
    expect(writer.quarantined).toBe(1)
  })
})

describe('an entry that is forgotten and comes back', () => {
  it('knows of the facts that are still under way', async () => {
    const { clock, store, submit, ledger, facts } = setup()
    store.latencyMs = 100
    submit(running())
    await rest(clock, 0)
    ledger.forget(uid(1))
    ledger.observe(aJob(), 0)
    expect(facts()).toBe(1)
    await rest(clock)
    expect(facts()).toBe(0)
  })
})

describe('an end and what happens after it', () => {
  it('are two writes, however close together they were handed in', async () => {
    const { clock, store, submit, settled, changes } = setup({}, [
      aJob({ spec: { retry: { maxAttempts: 1 } } }),
    ])
    submit(failure())
    submit(replay())
    submit(seen)
    await rest(clock)
    expect(changes).toEqual(['Pending → DeadLettered', 'DeadLettered → Scheduled'])
    expect(settled).toEqual([
      ['outcome', 'written'],
      ['replay', 'written'],
      ['seen', 'overtaken'],
    ])
    expect(store.get(aJob()).status).toMatchObject({ phase: 'Scheduled', replays: 1 })
  })

  it('stay two writes when the answer to the first is lost (W3)', async () => {
    const { clock, store, submit, changes, settled } = setup({}, [
      aJob({ spec: { retry: { maxAttempts: 1 } } }),
    ])
    store.script(UNKNOWN_WRITTEN)
    submit(failure())
    submit(replay())
    await rest(clock)
    expect(store.writes.map(({ next }) => next.phase)).toEqual(['DeadLettered', 'Scheduled'])
    expect(changes).toEqual(['DeadLettered → Scheduled'])
    expect(settled.map(([kind]) => kind)).toEqual(['outcome', 'replay'])
  })
})

describe('stop', () => {
  it('takes no new facts', async () => {
    const { clock, store, submit, settled, writer } = setup()
    void writer.stop(1000)
    submit(outcome())
    await rest(clock, 0)
    expect(settled).toEqual([['outcome', 'stopped']])
    expect(store.writes).toEqual([])
  })

  it('resolves at once when nothing is under way', async () => {
    const { clock, writer } = setup()
    await writer.stop(1000)
    expect(clock.pendingTimers).toBe(0)
  })

  it('waits for what was handed in', async () => {
    const { clock, store, submit, settled, writer } = setup({ maxInFlight: 1 }, manyJobs(3))
    store.latencyMs = 100
    for (const n of [1, 2, 3]) submit(outcome(), uid(n))
    let stopped = 0
    void writer.stop(1000).then(() => {
      stopped = clock.monotonic()
    })
    await rest(clock, 299)
    expect(stopped).toBe(0)
    await rest(clock, 1)
    expect(stopped).toBe(300)
    expect(settled.map(([, result]) => result)).toEqual(['written', 'written', 'written'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not wait longer than the deadline, and leaves nobody waiting', async () => {
    const { clock, store, submit, settled, writer, facts } = setup({ maxInFlight: 1 }, manyJobs(2))
    store.script(later(60_000))
    submit(outcome(), uid(1))
    submit(outcome(), uid(2))
    let stopped = 0
    void writer.stop(1000).then(() => {
      stopped = clock.monotonic()
    })
    await rest(clock, 1000)
    expect(stopped).toBe(1000)
    expect(settled.map(([, result]) => result)).toEqual(['stopped', 'stopped'])
    expect([facts(uid(1)), facts(uid(2))]).toEqual([0, 0])
  })
})
