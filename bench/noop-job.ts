// The job that the benchmarks create: it does nothing, so that what is measured is the queue. Its
// payload is its number, by which the worker tells when its handler was called.

import type { QueueJobSpecInput } from '../src/api/queuejob.ts'

export const noopType = 'bench.noop'

/** @param ms how long the handler holds its slot; default: not at all */
export function noopJob(number: number, ms?: number): QueueJobSpecInput {
  return { type: noopType, payload: ms === undefined ? { number } : { number, ms } }
}
