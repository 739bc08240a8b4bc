// The table of metrics: the rules for names and labels, and that the code counts nothing else.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REASON_NAMES, REASONS } from '../../../src/api/reasons.ts'
import {
  codeClass,
  LABELS,
  labelOf,
  METRIC_ROWS,
  METRICS,
  metricsOf,
  SECONDS_BUCKETS,
} from '../../../src/observability/metrics.ts'

const SOURCES = join(import.meta.dirname, '../../../src')

describe.each(METRIC_ROWS.map((row) => [row.name, row] as const))('%s', (name, row) => {
  it('has a name of the prefix, lower case and base units', () => {
    expect(name).toMatch(/^gopherqueue(_[a-z]+)+$/)
    expect(name).not.toMatch(/_(ms|millis|milliseconds|minutes|hours|kb|mb|percent)(_|$)/)
    expect(name.endsWith('_total')).toBe(row.kind === 'counter')
    expect(name.endsWith('_seconds')).toBe(
      row.kind === 'histogram' || /_(oldest|objective)_/.test(name),
    )
  })

  it('says what it is in one sentence', () => {
    expect(row.help).toMatch(/^[A-Z0-9].*\.$/)
    expect(row.help).not.toContain('\n')
  })

  it('has labels of the table, none twice, type on counters only', () => {
    for (const label of row.labels) expect(labelOf(name, label).says).not.toBe('')
    expect(new Set(row.labels).size).toBe(row.labels.length)
    if (row.kind !== 'counter') expect(row.labels).not.toContain('type')
  })

  it('belongs to a program', () => {
    expect(row.programs.length).toBeGreaterThan(0)
  })
})

describe('the table', () => {
  it('has twelve buckets from a millisecond to an hour, rising', () => {
    expect(SECONDS_BUCKETS).toHaveLength(12)
    expect(SECONDS_BUCKETS[0]).toBe(0.001)
    expect(SECONDS_BUCKETS[11]).toBe(3600)
    expect([...SECONDS_BUCKETS].sort((a, b) => a - b)).toEqual(SECONDS_BUCKETS)
  })

  it('has no label that no metric uses', () => {
    const used = new Set(
      METRIC_ROWS.flatMap(({ name, labels }) =>
        labels.flatMap((label) => [label, `${label}:${name.replace('gopherqueue_', '')}`]),
      ),
    )
    expect(Object.keys(LABELS).filter((label) => !used.has(label))).toEqual([])
  })

  it('refuses a label that it does not have', () => {
    expect(() => labelOf('gopherqueue_beats_total', 'payload')).toThrow(RangeError)
  })

  it('gives each program its own rows', () => {
    const names = (program: 'operator' | 'worker') => metricsOf(program).map(({ name }) => name)
    expect(names('worker')).toContain('gopherqueue_worker_slots')
    expect(names('worker')).not.toContain('gopherqueue_ledger_jobs')
    expect(names('operator')).toContain('gopherqueue_nats_connected')
  })

  it('knows every reason as a value of the label', () => {
    for (const reason of REASON_NAMES) {
      expect(LABELS.reason.values).toContain(REASONS[reason].metricLabel)
    }
  })

  it('costs at most 50 series for a queue in which jobs end in four ways', () => {
    const series = METRIC_ROWS.filter(({ labels }) => labels.includes('queue'))
      .filter(({ programs }) => programs.includes('operator'))
      .map(({ kind, labels, buckets }) => {
        const ways = labels.includes('reason') ? 4 : 1
        return ways * (kind === 'histogram' ? (buckets?.length ?? 0) + 3 : 1)
      })
    expect(series.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(50)
  })
})

/** Names of metrics in string literals of the code; imports, paths and prose have other forms. */
function counted(): readonly (readonly [string, string])[] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('observability/metrics'))
    .flatMap((file) =>
      [...readFileSync(join(SOURCES, file), 'utf8').matchAll(/'(gopherqueue(?:_[a-z]+)+)'/g)].map(
        ([, name]): [string, string] => [file, name ?? ''],
      ),
    )
}

describe('the code', () => {
  it('counts only what stands in the table', () => {
    const found = counted()
    expect(found.length).toBeGreaterThan(0)
    expect(found.filter(([, name]) => !Object.hasOwn(METRICS, name))).toEqual([])
  })
})

describe('a status code', () => {
  it.each([
    [0, 'none'],
    [200, '2xx'],
    [201, '2xx'],
    [409, '4xx'],
    [503, '5xx'],
  ])('%d is counted as %s', (status, want) => {
    expect(codeClass(status)).toBe(want)
    expect(LABELS.code.values).toContain(want)
  })
})
