// Invariants about starts, acts and what they cost (reliability.md section 4): I-S7, I-S11, I-S18.

import { isTerminal } from '../../src/core/job.ts'
import { epochOf, type History, movesOf, replaysOf, type Violations } from './history.ts'

/**
 * I-S7: attempts stay within their maximum, no two starts share a token, and no run has more starts than
 * failures, losses, snoozes and hand-backs explain. `extra` is what faults may add to a job: changes of the
 * leader, starts repeated after a fault of NATS.
 */
export function startsAreExplained(history: History, extra = 0): Violations {
  const found: string[] = []
  const explained = new Map<string, { readonly name: string; count: number }>()
  for (const { before, after } of movesOf(history.versions)) {
    const { status, uid, name, maxAttempts } = after
    const used = status.attempts ?? 0
    if (maxAttempts !== null && used > Math.max(maxAttempts, before.attempts ?? 0)) {
      found.push(`${name}: ${used} attempts of ${maxAttempts}`)
    }
    const job = explained.get(uid) ?? { name, count: 1 }
    // A start that was not written as Running is closed by a write that raises the epoch; a replay closes none.
    const raised = epochOf(status) > epochOf(before) && status.phase !== 'Running'
    const closes = raised && replaysOf(status) === replaysOf(before)
    if (closes || endsAttempt(before.phase, status.phase)) job.count += 1
    explained.set(uid, job)
  }
  const tokens = new Set(history.starts.map(({ uid, epoch }) => `${uid}.${epoch}`))
  if (tokens.size !== history.starts.length) found.push('two starts share a job and an epoch')
  for (const [uid, { name, count }] of explained) {
    const starts = history.starts.filter((start) => start.uid === uid).length
    if (starts > count + extra) found.push(`${name}: ${starts} starts, ${count} explained`)
  }
  return found
}

function endsAttempt(before: string, after: string): boolean {
  return before === 'Running' && after !== 'Running'
}

/**
 * I-S11: after a written cancel nothing of the job is accepted, and nothing starts, until a replay.
 * `slackMs` is how long a message may have been under way.
 */
export function cancelWins(history: History, slackMs: number): Violations {
  const found: string[] = []
  const cancels: { uid: string; name: string; from: number; until: number }[] = []
  for (const { before, after } of movesOf(history.versions)) {
    const { status, uid, name, at } = after
    if (status.phase === 'Cancelled' && before.phase !== 'Cancelled') {
      cancels.push({ uid, name, from: at, until: Number.POSITIVE_INFINITY })
    } else if (before.phase === 'Cancelled') {
      const open = cancels.findLast((cancel) => cancel.uid === uid)
      if (replaysOf(status) > replaysOf(before)) {
        if (open) open.until = at
      } else if (status.phase !== 'Cancelled') {
        found.push(`${name}: ${status.phase} after its cancel`)
      }
    }
  }
  for (const { uid, name, from, until } of cancels) {
    const late = history.starts.find(
      (start) => start.uid === uid && start.at > from + slackMs && start.at < until,
    )
    if (late) found.push(`${name}: started ${late.at - from} ms after its cancel`)
  }
  return found
}

/**
 * I-S18: writes of a job ≤ two for each start (one when it ended within a second) + one for each act, edit,
 * fence and replay + what only informs. `informing` counts as many as were told.
 */
export function writeBudget(
  history: History,
  allowed: (uid: string) => { readonly acts: number; readonly edits: number },
): Violations {
  const writes = new Map<string, { name: string; count: number }>()
  for (const { before, after } of movesOf(history.versions)) {
    const informs =
      !isTerminal(after.status.phase) &&
      after.status.phase !== 'Running' &&
      epochOf(after.status) === epochOf(before) &&
      after.status.observedGeneration === before.observedGeneration
    const job = writes.get(after.uid) ?? { name: after.name, count: 0 }
    if (!informs || before.observedGeneration < 0) job.count += 1
    writes.set(after.uid, job)
  }
  const found: string[] = []
  for (const [uid, { name, count }] of writes) {
    const starts = history.starts.filter((start) => start.uid === uid).length
    const { acts, edits } = allowed(uid)
    // One more for the first write, which may only inform.
    const most = 2 * starts + acts + edits + 1
    if (count > most) found.push(`${name}: ${count} writes, ${most} allowed`)
  }
  return found
}
