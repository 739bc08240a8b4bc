// What a process measures of itself, before and after a program has a registry.

import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { createMetrics } from '../../../src/http/metrics.ts'
import { selfMetrics } from '../../../src/main/self-metrics.ts'
import { metricsOf } from '../../../src/observability/metrics.ts'
import type { ProcessLogger } from '../../../src/process/logger.ts'

function measured() {
  const clock = new VirtualClock()
  const none = () => undefined
  let dropped = 0
  const logger: ProcessLogger = {
    debug: none,
    info: none,
    warn: none,
    error: none,
    child: () => logger,
    setLevel: none,
    flush: async () => undefined,
    get dropped() {
      return dropped
    },
  }
  const problems: string[] = []
  const registry = createMetrics({
    rows: metricsOf('worker'),
    processMetrics: false,
    problem: (says) => problems.push(says),
  })
  const value = async (name: string) =>
    (await registry.render())
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1)
  const lose = (lines: number) => {
    dropped += lines
  }
  return { clock, self: selfMetrics(clock, logger), registry, value, lose, problems }
}

describe('a process', () => {
  it('counts lost lines once, those before it had a registry included', async () => {
    const t = measured()
    t.lose(3)
    t.self.attach(t.registry)
    expect(await t.value('gopherqueue_log_lines_dropped_total')).toBe('3')
    t.lose(2)
    expect(await t.value('gopherqueue_log_lines_dropped_total')).toBe('5')
    expect(await t.value('gopherqueue_log_lines_dropped_total')).toBe('5')
    expect(t.problems).toEqual([])
  })

  it('measures its event loop from the start to the stop', async () => {
    const t = measured()
    t.self.attach(t.registry)
    await t.self.start()
    await t.clock.advanceAsync(2_000)
    expect(await t.value('gopherqueue_event_loop_lag_seconds_count')).toBe('4')
    await t.self.stop()
    await t.clock.advanceAsync(2_000)
    expect(await t.value('gopherqueue_event_loop_lag_seconds_count')).toBe('4')
  })

  it('takes counts for parts that are older than the registry, and drops those before it', async () => {
    const t = measured()
    t.self.metrics.count('gopherqueue_config_reloads_total', { result: 'taken' })
    t.self.attach(t.registry)
    t.self.metrics.count('gopherqueue_config_reloads_total', { result: 'taken' })
    expect(await t.value('gopherqueue_config_reloads_total{result="taken"}')).toBe('1')
  })
})
