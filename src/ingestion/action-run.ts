/**
 * One action on its way through its targets: what is left, how fast, what came of it. Memory of one
 * leader; all that must survive it stands in the status (`tally`), so a run can be dropped at any
 * moment and made again from there.
 *
 *   next     the targets that are due, in the order of their names
 *   settle   what came of them, in that order: up to the first that must be tried again
 *   isDone   nothing is left
 */
import { cut } from '../api/text.ts'
import type { MonoMs } from '../core/clock.ts'
import type { ActionObject } from '../core/resources.ts'
import type { ActionFailure, Tally } from './action.ts'
import type { TargetOutcome } from './action-job.ts'
import { type Pace, paceOf, takeDue } from './action-pace.ts'
import { byName, cursorOf, cursorText, type Target } from './action-targets.ts'

/** Failures that are kept by name; `failed` counts all. */
const MOST_FAILURES = 20
const FAILURE_MESSAGE_MAX = 256
/** Kinds of notes that are counted; the rest is one more kind. */
const MOST_NOTES = 5

export class ActionRun {
  readonly uid: string
  readonly #targets: readonly Target[]
  readonly #revision: string
  readonly #matched: number
  readonly #failures: ActionFailure[]
  readonly #notes = new Map<string, number>()
  #next = 0
  #pace: Pace
  #last: string
  #done: number
  #skipped: number
  #failed: number
  #unsaved = 0
  #savedAt: MonoMs

  /**
   * @param action whose order is taken
   * @param targets of the list at its cursor's revision, or what is left of them
   */
  constructor(action: ActionObject, targets: readonly Target[], now: MonoMs) {
    const { status, spec } = action
    const { revision, last } = cursorOf(action)
    this.uid = action.uid
    this.#revision = revision
    this.#last = last
    this.#targets = [...targets].sort(byName).filter(({ name }) => name > last)
    this.#matched = status.matched ?? 0
    this.#done = status.done ?? 0
    this.#skipped = status.skipped ?? 0
    this.#failed = status.failed ?? 0
    this.#failures = (status.failures ?? []).map((each) => ({
      ...each,
      message: each.message ?? '',
    }))
    this.#pace = paceOf(spec.ratePerSecond, now)
    this.#savedAt = now
  }

  get isDone(): boolean {
    return this.#next >= this.#targets.length
  }

  get left(): number {
    return this.#targets.length - this.#next
  }

  /** Until the next target is due. */
  dueIn(now: MonoMs): number {
    return Math.max(0, this.#pace.nextAt - now)
  }

  next(now: MonoMs): readonly Target[] {
    if (this.isDone) return []
    const { due, pace } = takeDue(this.#pace, now)
    this.#pace = pace
    return this.#targets.slice(this.#next, this.#next + due)
  }

  /** The number of outcomes that count; what comes after a `later` is worked on again (U4). */
  settle(targets: readonly Target[], outcomes: readonly TargetOutcome[]): number {
    let settled = 0
    for (const [i, outcome] of outcomes.entries()) {
      const target = targets[i]
      if (outcome.kind === 'later' || !target) break
      this.#count(target, outcome)
      settled += 1
    }
    this.#next += settled
    this.#unsaved += settled
    return settled
  }

  /** Something is not in the status yet, and the last progress was written so long ago. */
  isWorthSaving(now: MonoMs, intervalMs: number): boolean {
    return this.#unsaved > 0 && now - this.#savedAt >= intervalMs
  }

  saved(now: MonoMs): void {
    this.#unsaved = 0
    this.#savedAt = now
  }

  tally(): Tally {
    return {
      done: this.#done,
      skipped: this.#skipped,
      failed: this.#failed,
      cursor: cursorText({ revision: this.#revision, last: this.#last }),
      failures: this.#failures,
    }
  }

  /** At the end: targets that were not met again after a change of leader needed no change, or are gone. */
  finalTally(): Tally {
    const unmet = Math.max(0, this.#matched - this.#done - this.#skipped - this.#failed)
    return { ...this.tally(), skipped: this.#skipped + unmet }
  }

  /** Why targets were skipped and what else was said, most frequent first. */
  notes(): string {
    const most = [...this.#notes].sort(([, a], [, b]) => b - a)
    if (this.#matched === 1) return most[0]?.[0] ?? ''
    return most.map(([note, count]) => `${note} (${count})`).join('; ')
  }

  #count({ name }: Target, outcome: Exclude<TargetOutcome, { kind: 'later' }>): void {
    this.#last = name
    switch (outcome.kind) {
      case 'done':
        this.#done += 1
        this.#note(outcome.note)
        return
      case 'skipped':
        this.#skipped += 1
        this.#note(outcome.note)
        return
      case 'failed':
        this.#failed += 1
        if (this.#failures.length >= MOST_FAILURES) return
        this.#failures.push({
          name,
          reason: outcome.reason,
          message: cut(outcome.message, FAILURE_MESSAGE_MAX),
        })
    }
  }

  #note(note: string): void {
    if (note === '') return
    const known = this.#notes.has(note) || this.#notes.size < MOST_NOTES
    const kind = known ? note : 'other reasons'
    this.#notes.set(kind, (this.#notes.get(kind) ?? 0) + 1)
  }
}
