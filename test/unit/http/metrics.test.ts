// The registry: what a scrape gets, and that no mistake of a caller reaches it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMetrics, type RegistryOptions } from '../../../src/http/metrics.ts'
import { METRIC_ROWS, metricsOf } from '../../../src/observability/metrics.ts'

function registry(options: Partial<RegistryOptions> = {}) {
  const problems: string[] = []
  const metrics = createMetrics({
    rows: METRIC_ROWS,
    processMetrics: false,
    problem: (says) => problems.push(says),
    ...options,
  })
  const lines = async (name: string) =>
    (await metrics.render()).split('\n').filter((line) => line.startsWith(name))
  return { metrics, problems, lines }
}

const QUEUE = { namespace: 'shop', queue: 'default' }

describe('a scrape', () => {
  it('has counters, gauges and histograms with their labels', async () => {
    const { metrics, lines, problems } = registry()
    metrics.count('gopherqueue_dispatches_total', QUEUE)
    metrics.count('gopherqueue_dispatches_total', QUEUE, 2)
    metrics.set('gopherqueue_ledger_jobs', 7)
    metrics.observe('gopherqueue_dispatch_wait_seconds', 0.003, QUEUE)
    expect(await lines('gopherqueue_dispatches_total')).toEqual([
      'gopherqueue_dispatches_total{namespace="shop",queue="default"} 3',
    ])
    expect(await lines('gopherqueue_ledger_jobs')).toEqual(['gopherqueue_ledger_jobs 7'])
    expect(await lines('gopherqueue_dispatch_wait_seconds_bucket{le="0.005"')).toEqual([
      'gopherqueue_dispatch_wait_seconds_bucket{le="0.005",namespace="shop",queue="default"} 1',
    ])
    expect(problems).toEqual([])
  })

  it('has help and type of every row, counted or not', async () => {
    const { metrics } = registry({ rows: metricsOf('worker') })
    const text = await metrics.render()
    for (const { name, help, kind } of metricsOf('worker')) {
      expect(text).toContain(`# HELP ${name} ${help}`)
      expect(text).toContain(`# TYPE ${name} ${kind}`)
    }
    expect(text).not.toContain('gopherqueue_ledger_jobs')
  })

  it('has the metrics of the process where asked', async () => {
    const { metrics } = registry({ processMetrics: true })
    expect(await metrics.render()).toContain('process_resident_memory_bytes')
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  it('escapes what users name', async () => {
    const { metrics, lines } = registry()
    metrics.count('gopherqueue_dispatches_total', { namespace: 'a"\\\n', queue: '__proto__' })
    expect(await lines('gopherqueue_dispatches_total')).toEqual([
      'gopherqueue_dispatches_total{namespace="a\\"\\\\\\n",queue="__proto__"} 1',
    ])
  })
})

describe('gauges of queues', () => {
  it('are those that were set for this scrape: a deleted queue is gone', async () => {
    const { metrics, lines } = registry()
    const waiting = new Map([
      ['a', 1],
      ['b', 2],
    ])
    metrics.onScrape((at) => {
      for (const [queue, jobs] of waiting) {
        at.set('gopherqueue_queue_waiting_jobs', jobs, { namespace: 'shop', queue })
      }
    })
    expect(await lines('gopherqueue_queue_waiting_jobs')).toHaveLength(2)
    waiting.delete('a')
    expect(await lines('gopherqueue_queue_waiting_jobs')).toEqual([
      'gopherqueue_queue_waiting_jobs{namespace="shop",queue="b"} 2',
    ])
  })

  it('are summed, or the longest wait taken, when queues are not told apart', async () => {
    const { metrics, lines } = registry({ perQueue: false })
    metrics.onScrape((at) => {
      for (const [queue, value] of [
        ['a', 30],
        ['b', 12],
      ] as const) {
        at.set('gopherqueue_queue_waiting_jobs', value, { namespace: 'shop', queue })
        at.set('gopherqueue_queue_oldest_waiting_seconds', value, { namespace: 'shop', queue })
      }
    })
    for (let scrape = 0; scrape < 2; scrape++) {
      expect(await lines('gopherqueue_queue_waiting_jobs')).toEqual([
        'gopherqueue_queue_waiting_jobs{namespace="",queue=""} 42',
      ])
      expect(await lines('gopherqueue_queue_oldest_waiting_seconds')).toEqual([
        'gopherqueue_queue_oldest_waiting_seconds{namespace="",queue=""} 30',
      ])
    }
  })

  it('are read no more after the unsubscribe', async () => {
    const { metrics, lines } = registry()
    const stop = metrics.onScrape((at) => at.set('gopherqueue_queue_slots', 1, QUEUE))
    stop()
    expect(await lines('gopherqueue_queue_slots')).toEqual([])
  })

  it('that cannot be read leave the rest of the scrape whole', async () => {
    const { metrics, lines, problems } = registry()
    metrics.onScrape(() => {
      throw new Error('no ledger')
    })
    metrics.onScrape((at) => at.set('gopherqueue_ledger_jobs', 3))
    expect(await lines('gopherqueue_ledger_jobs')).toEqual(['gopherqueue_ledger_jobs 3'])
    expect(problems).toEqual(['a gauge could not be read: Error: no ledger'])
  })
})

describe('a mistake of a caller', () => {
  it.each<[string, (metrics: ReturnType<typeof createMetrics>) => void, string]>([
    [
      'an unknown name',
      (m) => m.count('gopherqueue_nothing_total'),
      'metric gopherqueue_nothing_total is not in the table of observability/metrics.ts',
    ],
    [
      'another kind',
      (m) => m.set('gopherqueue_beats_total', 1),
      'metric gopherqueue_beats_total is no gauge',
    ],
    [
      'a missing label',
      (m) => m.count('gopherqueue_dispatches_total', { namespace: 'a' }),
      'metric gopherqueue_dispatches_total lacks the label queue',
    ],
    [
      'an unknown label',
      (m) => m.count('gopherqueue_beats_total', { worker: 'a' }),
      'metric gopherqueue_beats_total has no label worker',
    ],
    [
      'a falling counter',
      (m) => m.count('gopherqueue_beats_total', {}, -1),
      'metric gopherqueue_beats_total was given a value that it cannot take',
    ],
    [
      'no number',
      (m) => m.observe('gopherqueue_start_wait_seconds', Number.NaN),
      'metric gopherqueue_start_wait_seconds was given a value that it cannot take',
    ],
  ])('(%s) is told once and harms nothing', async (_, act, want) => {
    const { metrics, problems } = registry()
    act(metrics)
    act(metrics)
    expect(problems).toEqual([want])
    await expect(metrics.render()).resolves.toContain('gopherqueue_beats_total')
  })
})

describe('the number of series', () => {
  it('does not grow by values outside a closed set', async () => {
    const { metrics, lines } = registry()
    for (const reason of ['Mine', 'Yours', '<script>']) {
      metrics.count('gopherqueue_attempts_lost_total', { reason })
    }
    expect(await lines('gopherqueue_attempts_lost_total')).toEqual([
      'gopherqueue_attempts_lost_total{reason="other"} 3',
    ])
  })

  it('ends at the maximum, whatever users name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { maxLength: 60 }), async (names) => {
        const { metrics, lines } = registry({ maxSeries: 10 })
        for (const queue of names) {
          metrics.count('gopherqueue_dispatches_total', { namespace: 'shop', queue })
        }
        const text = await lines('gopherqueue_dispatches_total{')
        expect(text.length).toBeLessThanOrEqual(11)
        const total = text.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
        expect(total).toBe(names.length)
      }),
      { numRuns: 50 },
    )
  })

  it('falls when a queue is forgotten, and has room for another one then', async () => {
    const { metrics, lines, problems } = registry({ maxSeries: 1 })
    metrics.count('gopherqueue_dispatches_total', QUEUE)
    metrics.forget(QUEUE)
    expect(await lines('gopherqueue_dispatches_total')).toEqual([])
    metrics.count('gopherqueue_dispatches_total', { namespace: 'shop', queue: 'new' })
    expect(problems).toEqual([])
  })

  it('falls only by what carries all of the labels', async () => {
    const { metrics, lines } = registry()
    for (const queue of ['a', 'b']) {
      metrics.observe('gopherqueue_attempt_run_seconds', 1, { namespace: 'shop', queue })
    }
    metrics.forget({ namespace: 'shop', queue: 'a' })
    expect(await lines('gopherqueue_attempt_run_seconds_count')).toEqual([
      'gopherqueue_attempt_run_seconds_count{namespace="shop",queue="b"} 1',
    ])
  })

  it('of one queue is one for all when queues are not told apart', async () => {
    const { metrics, lines, problems } = registry({ perQueue: false })
    for (const queue of ['a', 'b']) {
      metrics.count('gopherqueue_dispatches_total', { namespace: 'shop', queue })
    }
    expect(await lines('gopherqueue_dispatches_total')).toEqual([
      'gopherqueue_dispatches_total{namespace="",queue=""} 2',
    ])
    expect(problems).toEqual([])
  })
})
