// What is said about many measured times: the values that half, nine in ten and ninety-nine in a
// hundred stay at or below, and the largest. No mean: one long wait among a thousand short ones is
// what people notice, and a mean hides it.

export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/**
 * The smallest measured value that at least `percent` of all values do not exceed (nearest rank):
 * always one of the values, so a percentile can be looked up among the raw times.
 * NaN when there are none.
 * @param sorted ascending
 */
export function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN
}

/** @param values in any order; not changed */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other)
  const at = (percent: number) => percentile(sorted, percent)
  return { count: values.length, p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: at(100) }
}

/** For output: a tenth of a millisecond is finer than anything that was measured. */
export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}
