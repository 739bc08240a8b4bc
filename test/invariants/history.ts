// What the invariants are judged on: every status that was ever written, in the order of the writes, and
// every start of a handler. The simulator and the system tests both record it, the one from its own
// store, the others from a watch on the API server and from the effect ledgers of their handlers. The
// last state alone proves nothing: a job can be completed, run again and be completed once more.

import type { QueueJobStatus } from '../../src/api/queuejob.ts'

/** One version of a job that a status write made. */
export interface Version {
  readonly uid: string
  readonly name: string
  readonly generation: number
  /** `spec.retry.maxAttempts` as it applied; null = not known. */
  readonly maxAttempts: number | null
  readonly status: QueueJobStatus
  /** On one clock with the starts, ms. */
  readonly at: number
}

/** A handler was started. */
export interface Start {
  readonly uid: string
  readonly epoch: number
  readonly at: number
}

export interface History {
  readonly versions: readonly Version[]
  readonly starts: readonly Start[]
}

/** A sentence that names the job and says what is wrong; none = it holds. */
export type Violations = readonly string[]

export interface Move {
  readonly before: QueueJobStatus
  readonly after: Version
}

const UNWRITTEN: QueueJobStatus = { observedGeneration: -1, phase: 'Pending' }

/** Each write together with the status that it replaced. */
export function* movesOf(versions: readonly Version[]): Generator<Move> {
  const last = new Map<string, QueueJobStatus>()
  for (const after of versions) {
    yield { before: last.get(after.uid) ?? UNWRITTEN, after }
    last.set(after.uid, after.status)
  }
}

export function replaysOf({ replays }: QueueJobStatus): number {
  return replays ?? 0
}

/** Epochs of the attempts that were ended by a report or given up, as far as the status tells. */
export function endedEpochs({ history }: QueueJobStatus): readonly number[] {
  return (history ?? []).map(({ epoch }) => epoch)
}

export function epochOf({ epoch }: QueueJobStatus): number {
  return epoch ?? 0
}
