// What a worker tells of its work: lines and counts.

import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../../src/http/metrics.ts'
import { workerObserver } from '../../../src/main/worker-observer.ts'
import { metricsOf } from '../../../src/observability/metrics.ts'
import type { LogFields, Logger } from '../../../src/observability/ports.ts'
import { itemOf, UID } from '../worker/world.ts'

function observed() {
  const lines: [level: string, msg: string, fields: LogFields][] = []
  const problems: string[] = []
  const at =
    (level: string) =>
    (msg: string, fields: LogFields = {}) =>
      void lines.push([level, msg, fields])
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  const metrics = createMetrics({
    rows: metricsOf('worker'),
    processMetrics: false,
    problem: (says) => problems.push(says),
  })
  return { lines, problems, metrics, observer: workerObserver(logger, metrics) }
}

describe('the observer of a worker', () => {
  it('tells an attempt in two lines with the keys of the job', () => {
    const { lines, observer } = observed()
    const failure = { category: 'Temporary', code: 'ECONNREFUSED', message: 'no route' } as const
    observer.started(itemOf())
    observer.ended(itemOf(), { kind: 'failed', failure, retryAfterMs: null }, 12.4, false)
    const keys = {
      namespace: 'shop',
      job: 'job-1',
      uid: UID,
      queue: 'default',
      type: 'test.job',
      attempt: 1,
    }
    expect(lines).toMatchObject([
      ['info', 'attempt started', keys],
      [
        'info',
        'attempt ended',
        { ...keys, outcome: 'failed', durationMs: 12, code: 'ECONNREFUSED', err: 'no route' },
      ],
    ])
  })

  it('counts attempts by outcome, with labels of the table only', async () => {
    const { problems, metrics, observer } = observed()
    observer.ended(itemOf(), { kind: 'succeeded', resultJson: null }, 1_500, false)
    observer.ended(itemOf(), { kind: 'handed-back' }, 0, false)
    observer.refused(null, 'unreadable: not JSON')
    const text = await metrics.render()
    expect(text).toContain(
      'gopherqueue_worker_attempts_total{queue="default",type="test.job",outcome="succeeded"} 1',
    )
    expect(text).toContain(
      'gopherqueue_worker_attempts_total{queue="default",type="test.job",outcome="handed-back"} 1',
    )
    expect(text).toContain('gopherqueue_worker_attempt_seconds_sum{queue="default"} 1.5')
    expect(text).toContain('gopherqueue_messages_rejected_total{kind="work"} 1')
    expect(problems).toEqual([])
  })

  it('warns of a handler that ignores its signal', () => {
    const { lines, observer } = observed()
    observer.ended(itemOf(), { kind: 'cancelled' }, 5_000, true)
    expect(lines.at(-1)).toMatchObject([
      'warn',
      'handler ignores its signal and still runs',
      { uid: UID },
    ])
  })

  it('tells an outage of the event stream less often the longer it lasts', () => {
    const { lines, observer } = observed()
    for (let failures = 1; failures <= 100; failures++) observer.unconfirmed(itemOf(), failures)
    expect(lines.map(([, , { failures }]) => failures)).toEqual([2, 4, 8, 16, 32, 64])
  })

  it('says what would keep a rollout from cutting attempts off', () => {
    const { lines, observer } = observed()
    observer.outlivesGrace(itemOf({ timeoutMs: 1_800_000 }), 25_000)
    const [level, msg, fields] = lines[0] ?? []
    expect([level, msg]).toEqual(['warn', expect.stringContaining('grace period')])
    expect(fields).toMatchObject({ attemptDeadlineSeconds: 1_800, graceSeconds: 25 })
    expect(fields?.help).toContain('GOPHERQUEUE_GRACE_SECONDS')
  })
})
