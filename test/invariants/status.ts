// Invariants of what is written to a job (reliability.md section 4): I-S4, I-S5, I-S6, I-S8, I-S10, I-S19.

import type { QueueJobStatus } from '../../src/api/queuejob.ts'
import { isTerminal } from '../../src/core/job.ts'
import {
  endedEpochs,
  epochOf,
  type History,
  type Move,
  movesOf,
  replaysOf,
  type Violations,
} from './history.ts'

/** A check of each single write. */
function onMoves({ versions }: History, check: (move: Move) => string | null): Violations {
  const found: string[] = []
  for (const move of movesOf(versions)) {
    const problem = check(move)
    if (problem) found.push(`${move.after.name} at ${move.after.at}: ${problem}`)
  }
  return found
}

/** I-S4: at most one end between two replays, and no attempt that is ended twice. */
export function oneEffectiveCompletion(history: History): Violations {
  const ends = new Map<string, number>()
  return onMoves(history, ({ before, after }) => {
    const { status, uid } = after
    const ended = endedEpochs(status)
    if (new Set(ended).size !== ended.length) return `an attempt ended twice: ${ended.join(', ')}`
    if (!isTerminal(status.phase) || isTerminal(before.phase)) return null
    const run = `${uid}.${replaysOf(status)}`
    const count = (ends.get(run) ?? 0) + 1
    ends.set(run, count)
    return count === 1 ? null : `it ended ${count} times in run ${replaysOf(status)}`
  })
}

/** I-S5: what a write says of an attempt that just ended is never about one that was fenced before. */
export function fencing(history: History): Violations {
  return onMoves(history, ({ before, after }) => {
    const known = new Set(endedEpochs(before))
    const fresh = endedEpochs(after.status).filter((epoch) => !known.has(epoch))
    const stale = fresh.find(
      (epoch) =>
        epoch < epochOf(before) || (epoch === epochOf(before) && before.phase !== 'Running'),
    )
    return stale === undefined ? null : `attempt ${stale} counted after ${epochOf(before)}`
  })
}

/** I-S6: epochs never fall, and rise with each start, each end by an act, and each replay. */
export function epochRises(history: History): Violations {
  return onMoves(history, ({ before, after: { status } }) => {
    const [was, is] = [epochOf(before), epochOf(status)]
    if (is < was) return `epoch ${is} after ${was}`
    const starts = status.phase === 'Running' && before.phase !== 'Running'
    const acted = status.actionOrder !== before.actionOrder && isTerminal(status.phase)
    const replayed = replaysOf(status) !== replaysOf(before)
    return is === was && (starts || acted || replayed) ? `epoch ${is} stayed` : null
  })
}

/** I-S8: an end is left by a replay alone, or a dead letter by a discard, always with a higher epoch. */
export function terminalIsFinal(history: History): Violations {
  return onMoves(history, ({ before, after: { status } }) => {
    if (!isTerminal(before.phase) || status.phase === before.phase) return null
    const rises = epochOf(status) > epochOf(before)
    const discarded = before.phase === 'DeadLettered' && status.phase === 'Cancelled'
    const replayed = !isTerminal(status.phase) && replaysOf(status) === replaysOf(before) + 1
    return rises && (discarded || replayed) ? null : `${before.phase} became ${status.phase}`
  })
}

const DEAD_LETTER_REASONS: ReadonlySet<string> = new Set([
  'AttemptsExhausted',
  'CrashBudgetExceeded',
  'SnoozeLimit',
  'ActiveDeadlineExceeded',
  'DeadLetterRule',
])

/** I-S10: a dead letter says by which budget, and keeps its last failure and its last attempts. */
export function deadLettersComplete(history: History): Violations {
  return onMoves(history, ({ before, after: { status } }) => {
    if (status.phase === before.phase) return null
    if (status.phase === 'Failed') return status.error ? null : 'failed without an error'
    if (status.phase !== 'DeadLettered') return null
    if (!DEAD_LETTER_REASONS.has(status.reason ?? '')) return `a dead letter by ${status.reason}`
    if (status.reason !== 'SnoozeLimit' && !status.error) return 'a dead letter without its error'
    const failures = (status.attempts ?? 0) + (status.crashes ?? 0)
    const kept = status.history?.length ?? 0
    return kept >= Math.min(10, failures) ? null : `it keeps ${kept} of ${failures} attempts`
  })
}

/** I-S19: observedGeneration follows the spec, and no job both succeeds and fails. */
export function statusIsHonest(history: History): Violations {
  return onMoves(history, ({ before, after: { status, generation } }) => {
    if (status.observedGeneration > generation) return 'observedGeneration is ahead of generation'
    if (status.observedGeneration < before.observedGeneration) return 'observedGeneration fell'
    const succeeded = conditionOf(status, 'Succeeded')
    const wanted = isTerminal(status.phase) ? String(status.phase === 'Completed') : undefined
    if ((succeeded === undefined ? undefined : succeeded.toLowerCase()) !== wanted) {
      return `it is ${status.phase} and Succeeded=${succeeded}`
    }
    if (status.phase === 'Completed' && status.error) return 'completed with an error'
    return null
  })
}

function conditionOf(status: QueueJobStatus, type: string): string | undefined {
  return status.conditions?.find((condition) => condition.type === type)?.status
}
