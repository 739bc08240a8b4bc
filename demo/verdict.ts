// Did every example end as its manifest says? And the numbers that the demo prints at the end.

import { TERMINAL_PHASES } from '../src/api/conditions.ts'
import type { Expectation } from './expectations.ts'
import type { JobView } from './job-view.ts'

const terminal: ReadonlySet<string> = new Set(TERMINAL_PHASES)

export interface Verdict {
  /** One sentence for each thing that is not as expected; empty: all is well. */
  readonly problems: readonly string[]
  readonly jobs: number
  readonly completed: number
  readonly deadLettered: number
  readonly cancelled: number
}

/** Whether there is nothing more to wait for. */
export function allEnded(expectations: readonly Expectation[], views: readonly JobView[]): boolean {
  return expectations.every(({ name }) => terminal.has(phaseOf(name, views)))
}

export function phaseOf(name: string, views: readonly JobView[]): string {
  return views.find((view) => view.name === name)?.phase ?? 'not there'
}

export function judge(expectations: readonly Expectation[], views: readonly JobView[]): Verdict {
  const expected = new Set(expectations.map(({ name }) => name))
  const shown = views.filter(({ name }) => expected.has(name))
  const count = (phase: string) => shown.filter((view) => view.phase === phase).length
  return {
    problems: expectations.flatMap((each) => problemsOf(each, views)),
    jobs: expectations.length,
    completed: count('Completed'),
    deadLettered: count('DeadLettered'),
    cancelled: count('Cancelled'),
  }
}

function problemsOf(expectation: Expectation, views: readonly JobView[]): string[] {
  const { name, ends, attempts, delaySeconds } = expectation
  const view = views.find((each) => each.name === name)
  if (view === undefined) return [`${name} is not there`]
  if (view.phase !== ends) return [`${name} is ${view.phase}, expected ${ends}: ${view.note}`]
  const problems: string[] = []
  if (attempts !== null && view.attempt !== attempts) {
    problems.push(`${name} took ${view.attempt} attempts, expected ${attempts}`)
  }
  if (delaySeconds > 0 && (view.startedMs ?? 0) < view.createdMs + delaySeconds * 1000) {
    problems.push(`${name} started before its delay of ${delaySeconds} s was over`)
  }
  return problems
}
