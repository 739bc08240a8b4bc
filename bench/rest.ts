// What a start of the operator costs: the time from the start of its process until it is ready, which
// includes taking over all shards, and the memory it holds when there is nothing to do. Whether it is
// ready is asked every 40 ms: that is the grain of the time.

import type { ManagedProcess } from '../devcluster/process.ts'
import { type Clock, sleep } from '../src/core/clock.ts'
import { type Spread, spreadOf } from './percentiles.ts'
import { costOf } from './process-cost.ts'

export interface StartRun {
  readonly readyMs: Spread
  /** After the last start, at rest; undefined where the system does not tell. */
  readonly residentBytes: number | undefined
}

export interface StartOptions {
  readonly operator: ManagedProcess
  readonly starts: number
  /** Between the last start and the reading of its memory. */
  readonly restMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

export async function measureStart(options: StartOptions): Promise<StartRun> {
  const { operator, starts, restMs, clock, signal } = options
  const readyMs: number[] = []
  for (let count = 1; count <= starts; count++) {
    await operator.stop()
    signal.throwIfAborted()
    const begun = clock.monotonic()
    await operator.start()
    readyMs.push(clock.monotonic() - begun)
  }
  await sleep(clock, restMs, signal)
  const cost = operator.pid === undefined ? undefined : costOf(operator.pid)
  return { readyMs: spreadOf(readyMs), residentBytes: cost?.residentBytes }
}
