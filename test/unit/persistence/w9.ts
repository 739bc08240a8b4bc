/**
 * The rules that the API server holds for each status write (protocol W9), in TypeScript: a twin of
 * `src/api/queuejob-rules.ts`, so that properties can ask for thousands of writes what CEL would say.
 * The contract suite shows that the server says the same.
 */
import { isDeepStrictEqual } from 'node:util'
import { TERMINAL_PHASES } from '../../../src/api/conditions.ts'
import { MAX_STATUS_BYTES, QueueJobStatus } from '../../../src/api/queuejob.ts'
import type { JobObject } from '../../../src/core/job.ts'

const terminal: ReadonlySet<string> = new Set(TERMINAL_PHASES)

/** What the server would refuse in the write of `next` over `object`; empty = it takes it. */
export function refusals(object: JobObject, next: QueueJobStatus): readonly string[] {
  const before = object.status
  const found: string[] = []
  const rule = (says: string, holds: boolean) => {
    if (!holds) found.push(says)
  }
  rule('the schema takes it', QueueJobStatus.safeParse(next).success)
  rule('it has at most 32 KiB', Buffer.byteLength(JSON.stringify(next)) <= MAX_STATUS_BYTES)
  rule('epoch does not fall or disappear', (next.epoch ?? -1) >= (before.epoch ?? -1))
  rule('observedGeneration does not fall', next.observedGeneration >= before.observedGeneration)
  rule('attempts stay within the maximum', attemptsHold(object, next))
  if (terminal.has(before.phase)) {
    if (next.phase === before.phase) {
      rule('a final epoch stays', next.epoch === before.epoch)
      rule(
        'a final result is at most dropped',
        next.result === undefined || isDeepStrictEqual(next.result, before.result),
      )
    } else rule('a final phase is left by a replay or a discard', leavesEnd(before, next))
  }
  return found
}

function leavesEnd(before: QueueJobStatus, next: QueueJobStatus): boolean {
  if (next.epoch === undefined || next.epoch <= (before.epoch ?? -1)) return false
  if (terminal.has(next.phase)) return before.phase === 'DeadLettered' && next.phase === 'Cancelled'
  return next.replays === (before.replays ?? 0) + 1
}

function attemptsHold({ spec, status }: JobObject, next: QueueJobStatus): boolean {
  const maximum = spec.retry?.maxAttempts
  if (maximum === undefined || next.attempts === undefined) return true
  return next.attempts <= maximum || next.attempts <= (status.attempts ?? -1)
}
