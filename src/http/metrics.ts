/**
 * The Metrics port of `observability/ports.ts` on prom-client, and the text that a scrape gets.
 *
 * It takes the rows of `observability/metrics.ts` and holds their rules at run time, because a metric
 * must never hurt what it measures: nothing here throws. An unknown name or label is left out and told
 * once; a value outside its closed set becomes `other`; beyond `maxSeries` label sets of one metric
 * the names that users choose become `other`, too, so 100,000 queues cost no memory.
 *
 * Gauges of queues live for one scrape: they are cleared and then set by the functions given to
 * `onScrape`, so a deleted queue is gone from the next scrape. Its counters go with `forget`.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type LabelRow, labelOf, type MetricRow, OTHER } from '../observability/metrics.ts'
import type { Labels, Metrics } from '../observability/ports.ts'

export interface MetricsRegistry extends Metrics {
  /** Called before each scrape is answered: the place to set gauges. Returns the unsubscribe. */
  onScrape(collect: (metrics: Metrics) => void): () => void
  /** Drops every series that carries all of these labels, e.g. those of a deleted queue. */
  forget(labels: Labels): void
  /** The text format of Prometheus. */
  render(): Promise<string>
  readonly contentType: string
}

export interface RegistryOptions {
  readonly rows: readonly MetricRow[]
  /** False: namespace and queue are left empty (O2). Default: true. */
  readonly perQueue?: boolean
  /** Label sets of one metric. Default: 10,000. */
  readonly maxSeries?: number
  /** Adds the metrics of process and Node.js: memory, CPU, handles, garbage collection. */
  readonly processMetrics: boolean
  /** A mistake of the code: one line, told once. */
  readonly problem: (says: string) => void
}

const MAX_SERIES = 10_000
const PER_QUEUE: ReadonlySet<string> = new Set(['namespace', 'queue'])

interface Bound {
  readonly row: MetricRow
  readonly labels: ReadonlyMap<string, LabelRow>
  readonly metric: Counter | Gauge | Histogram
  /** Label sets that exist, by their values. */
  readonly series: Map<string, Labels>
  /** A gauge of each queue: set at the scrape only. */
  readonly atScrape: boolean
  /** What it has come to in this scrape, when queues are not told apart. */
  together: number | null
}

interface Found {
  readonly metric: Bound['metric']
  readonly labels: Record<string, string>
}

class PromRegistry implements MetricsRegistry {
  readonly #options: RegistryOptions
  readonly #registry = new Registry()
  readonly #bound: ReadonlyMap<string, Bound>
  readonly #collectors = new Set<(metrics: Metrics) => void>()
  readonly #told = new Set<string>()

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#bound = new Map(options.rows.map((row) => [row.name, bind(row, this.#registry)]))
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    const found = this.#find(name, labels, by >= 0 ? by : Number.NaN)
    if (found?.metric instanceof Counter) found.metric.inc(found.labels, by)
    else if (found) this.#problem(`metric ${name} is no counter`)
  }

  observe(name: string, seconds: number, labels: Labels = {}): void {
    const found = this.#find(name, labels, seconds)
    if (found?.metric instanceof Histogram) found.metric.observe(found.labels, seconds)
    else if (found) this.#problem(`metric ${name} is no histogram`)
  }

  set(name: string, value: number, labels: Labels = {}): void {
    const found = this.#find(name, labels, value)
    if (found?.metric instanceof Gauge) found.metric.set(found.labels, this.#together(name, value))
    else if (found) this.#problem(`metric ${name} is no gauge`)
  }

  onScrape(collect: (metrics: Metrics) => void): () => void {
    this.#collectors.add(collect)
    return () => {
      this.#collectors.delete(collect)
    }
  }

  forget(labels: Labels): void {
    const wanted = Object.entries(labels)
    for (const { metric, series } of this.#bound.values()) {
      for (const [key, set] of series) {
        if (!wanted.every(([name, value]) => set[name] === value)) continue
        metric.remove({ ...set })
        series.delete(key)
      }
    }
  }

  render(): Promise<string> {
    for (const bound of this.#bound.values()) {
      if (!bound.atScrape) continue
      bound.metric.reset()
      bound.series.clear()
      bound.together = null
    }
    for (const collect of this.#collectors) {
      try {
        collect(this)
      } catch (error) {
        this.#problem(`a gauge could not be read: ${error}`)
      }
    }
    return this.#registry.metrics()
  }

  #find(name: string, labels: Labels, value: number): Found | null {
    const bound = this.#bound.get(name)
    if (!bound) {
      this.#problem(`metric ${name} is not in the table of observability/metrics.ts`)
      return null
    }
    if (!Number.isFinite(value)) {
      this.#problem(`metric ${name} was given a value that it cannot take`)
      return null
    }
    return { metric: bound.metric, labels: this.#admit(bound, this.#labels(bound, labels)) }
  }

  /** Without labels of queues, the gauges of all queues of one scrape are one number. */
  #together(name: string, value: number): number {
    const bound = this.#bound.get(name)
    if (!bound?.atScrape || this.#options.perQueue !== false) return value
    const { together, row } = bound
    const sum =
      row.together === 'max' ? Math.max(value, together ?? value) : value + (together ?? 0)
    bound.together = sum
    return sum
  }

  /** The labels of the row, in its order, each with a value that it may have. */
  #labels(bound: Bound, given: Labels): Record<string, string> {
    const clean: Record<string, string> = {}
    for (const [name, { values }] of bound.labels) {
      const value = this.#options.perQueue === false && PER_QUEUE.has(name) ? '' : given[name]
      if (value === undefined) this.#problem(`metric ${bound.row.name} lacks the label ${name}`)
      const allowed = values === null || values.includes(value ?? '')
      clean[name] = value === undefined ? '' : allowed ? value : OTHER
    }
    for (const name of Object.keys(given)) {
      if (!bound.labels.has(name)) this.#problem(`metric ${bound.row.name} has no label ${name}`)
    }
    return clean
  }

  #admit(bound: Bound, clean: Record<string, string>): Record<string, string> {
    const key = Object.values(clean).join('\u0000')
    if (bound.series.has(key)) return clean
    if (bound.series.size < (this.#options.maxSeries ?? MAX_SERIES)) {
      bound.series.set(key, clean)
      return clean
    }
    this.#problem(`metric ${bound.row.name} has too many series; further names count as ${OTHER}`)
    const open = Object.entries(clean).map(([name, value]): [string, string] => [
      name,
      bound.labels.get(name)?.values === null ? OTHER : value,
    ])
    return Object.fromEntries(open)
  }

  #problem(says: string): void {
    if (this.#told.has(says) || this.#told.size >= 100) return
    this.#told.add(says)
    this.#options.problem(says)
  }
}

export function createMetrics(options: RegistryOptions): MetricsRegistry {
  return new PromRegistry(options)
}

function bind(row: MetricRow, registry: Registry): Bound {
  const { name, help, kind, labels: labelNames, buckets } = row
  const configuration = { name, help, labelNames: [...labelNames], registers: [registry] }
  const metric =
    kind === 'counter'
      ? new Counter(configuration)
      : kind === 'gauge'
        ? new Gauge(configuration)
        : new Histogram({ ...configuration, buckets: [...(buckets ?? [])] })
  return {
    row,
    metric,
    labels: new Map(labelNames.map((label) => [label, labelOf(name, label)])),
    series: new Map(),
    atScrape: kind === 'gauge' && labelNames.includes('queue'),
    together: null,
  }
}
