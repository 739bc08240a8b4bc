import { describe, expect, it } from 'vitest'
import { Ledger } from '../../../src/core/ledger.ts'
import { countQueues } from '../../../src/core/queue-counts.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Queues } from '../../../src/ingestion/queues.ts'
import { scrapeGauges } from '../../../src/main/gauges.ts'
import { Shards } from '../../../src/recovery/shards.ts'
import { Workers } from '../../../src/recovery/workers.ts'
import { aBeat, aJob, anAttempt, aQueue, NAMESPACE, NOON, QUEUE, uid } from '../../builders.ts'

function aScrape() {
  const ledger = new Ledger(normaliser(() => null))
  const queues = new Queues('gopherqueue.io/default', () => 0)
  const workers = new Workers({ ledger, leaseMs: 15_000 }, () => 0)
  const found = new Map<string, number>()
  const scrape = (now = NOON) => {
    found.clear()
    scrapeGauges(
      {
        ...{ shards: new Shards(new Uint8Array()), ledger, queues },
        count: () =>
          countQueues({
            jobs: ledger.entries(),
            queues: queues.all(),
            workers: Iterator.from(workers.live()).map(({ beat }) => beat),
            classes: workers.classes(),
            isReady: () => false,
          }),
        informer: { tokens: 12 },
        limits: { maxObjects: 1000, maxFinishedObjects: 200 },
        retirement: { archive: { depth: 4 }, reaper: { condemned: 5, pressure: null } },
        reporter: { depth: 6 },
        writer: { depth: 3, quarantined: 1 },
        schedules: { depth: 0 },
        actions: { depth: 2, targetsLeft: 7 },
      },
      {
        count() {},
        observe() {},
        set: (name, value, labels) =>
          void found.set(`${name} ${Object.values(labels ?? {}).join(' ')}`.trim(), value),
      },
      now,
    )
    return (name: string) => found.get(name)
  }
  return { ledger, queues, workers, scrape }
}

const of = (what: string) => `gopherqueue_queue_${what} ${NAMESPACE} ${QUEUE}`

describe('the gauges', () => {
  it('count what waits, runs and is dead in each queue, and how long the oldest has waited', () => {
    const { ledger, scrape } = aScrape()
    ledger.observe(aJob({ uid: uid(1) }), 0)
    ledger.observe(aJob({ uid: uid(2), creationMs: NOON - 9_000 }), 0)
    ledger.observe(aJob({ uid: uid(3), status: { phase: 'DeadLettered' } }), 0)
    ledger.observe(aJob({ uid: uid(4), status: { phase: 'Completed' } }), 0)
    ledger.observe(aJob({ uid: uid(5), creationMs: NOON - 99_000 }), 0)
    const running = ledger.get(uid(5))
    if (running) ledger.dispatch(running, anAttempt(), 0)
    const gauge = scrape()
    expect(gauge(of('waiting_jobs'))).toBe(2)
    expect(gauge(of('running_jobs'))).toBe(1)
    expect(gauge(of('dead_lettered_jobs'))).toBe(1)
    expect(gauge(of('oldest_waiting_seconds'))).toBe(9)
    expect(gauge('gopherqueue_ledger_jobs')).toBe(5)
    expect(gauge('gopherqueue_ledger_open_attempts')).toBe(1)
  })

  it('tell of a queue that only exists, and of one that is only served', () => {
    const { queues, workers, scrape } = aScrape()
    queues.set(aQueue({ name: 'empty' }))
    workers.heard(aBeat({ slots: 4 }))
    const gauge = scrape()
    expect(gauge(`gopherqueue_queue_waiting_jobs ${NAMESPACE} empty`)).toBe(0)
    expect([gauge(of('workers')), gauge(of('slots')), gauge(of('free_slots'))]).toEqual([1, 4, 4])
  })

  it('tell of every shard, led or not, and of what waits to be written', () => {
    const gauge = aScrape().scrape()
    expect(gauge('gopherqueue_shard_leading 15')).toBe(0)
    expect(gauge('gopherqueue_status_writer_depth')).toBe(3)
    expect(gauge('gopherqueue_status_writer_quarantined')).toBe(1)
    expect(gauge('gopherqueue_reconcile_depth queueaction')).toBe(2)
    expect(gauge('gopherqueue_action_targets_left')).toBe(7)
  })

  it('tell of the budget that the operator keeps: objects, bytes, writes that only inform', () => {
    const { ledger, scrape } = aScrape()
    ledger.observe(aJob({ uid: uid(1) }), 0)
    ledger.observe(aJob({ uid: uid(2), status: { phase: 'Completed' } }), 0)
    ledger.observe(aJob({ uid: uid(3), payload: { kind: 'stored', bytes: 100_000 } }), 0)
    const gauge = scrape()
    expect(gauge('gopherqueue_objects Pending')).toBe(2)
    expect(gauge('gopherqueue_objects Completed')).toBe(1)
    expect(gauge('gopherqueue_objects Failed')).toBe(0)
    expect(gauge('gopherqueue_objects_bytes')).toBeGreaterThan(100_000)
    expect(gauge('gopherqueue_limit_objects maxObjects')).toBe(1000)
    expect(gauge('gopherqueue_limit_objects maxFinishedObjects')).toBe(200)
    expect(gauge('gopherqueue_information_tokens')).toBe(12)
    expect(gauge('gopherqueue_history_depth')).toBe(4)
    expect(gauge('gopherqueue_retention_due_jobs')).toBe(5)
    expect(gauge('gopherqueue_retention_pressure')).toBe(0)
    expect(gauge('gopherqueue_reconcile_depth queue')).toBe(6)
  })

  it('tell the wait objective of a queue that has one, so that alerts can compare', () => {
    const { queues, scrape } = aScrape()
    queues.set(aQueue({ spec: { waitObjectiveSeconds: 30 } }))
    queues.set(aQueue({ name: 'other' }))
    const gauge = scrape()
    expect(gauge(of('wait_objective_seconds'))).toBe(30)
    const other = `gopherqueue_queue_wait_objective_seconds ${NAMESPACE} other`
    expect(gauge(other)).toBeUndefined()
  })
})
