// The whole state machine of a job under random commands on a virtual clock: what users do to jobs, what
// handlers answer, workers that die, clocks that step and operators that are killed, in any order. After
// every run the invariants of reliability.md section 4 are judged on all that was written.
//
// Each run is decided by its seed. A failing one is printed with the shortest sequence of commands that
// still fails; SEED=<n> runs it alone, SEEDS=<n> says how many.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTerminal, isWaiting } from '../../src/core/job.ts'
import type { Outcome, WorkItem } from '../../src/core/outcome.ts'
import type { ActionObject } from '../../src/core/resources.ts'
import type { History, Violations } from '../invariants/history.ts'
import { cancelWins, startsAreExplained, writeBudget } from '../invariants/runs.ts'
import {
  deadLettersComplete,
  epochRises,
  fencing,
  oneEffectiveCompletion,
  statusIsHonest,
  terminalIsFinal,
} from '../invariants/status.ts'
import type { FakeWorker } from './fake-worker.ts'
import { World } from './world.ts'

const SEEDS = Number(process.env.SEEDS ?? 150)
const HOUR = 3_600_000
const DAY = 24 * HOUR
const JOBS = 4
/** Longer than any job waits or runs by itself. */
const CALM_MS = 600_000

const OUTCOMES: readonly Outcome[] = [
  { kind: 'succeeded', resultJson: '{"sent":true}' },
  { kind: 'succeeded', resultJson: `"${'x'.repeat(17_000)}"` },
  {
    kind: 'failed',
    failure: { category: 'Temporary', code: 'Busy', message: '' },
    retryAfterMs: null,
  },
  {
    kind: 'failed',
    failure: { category: 'Temporary', code: 'Busy', message: '' },
    retryAfterMs: 2_000,
  },
  {
    kind: 'failed',
    failure: { category: 'Permanent', code: 'Bad', message: '' },
    retryAfterMs: null,
  },
  { kind: 'timed-out', failure: { category: 'Timeout', code: 'AttemptTimeout', message: '' } },
  { kind: 'snoozed', delayMs: 5_000 },
  { kind: 'handed-back' },
]

/** What happens, and to which job or worker. */
type Command =
  | { readonly do: 'submit'; readonly job: number; readonly spec: number }
  | {
      readonly do: 'act'
      readonly job: number
      readonly act: 'Cancel' | 'Replay' | 'Retry' | 'Discard'
    }
  | { readonly do: 'suspend'; readonly job: number; readonly on: boolean }
  | { readonly do: 'rerun'; readonly job: number; readonly run: number }
  | { readonly do: 'hurry'; readonly job: number }
  | { readonly do: 'delete'; readonly job: number }
  | { readonly do: 'kill-worker'; readonly worker: number }
  | { readonly do: 'restart-operator'; readonly clean: boolean }
  | { readonly do: 'step-clock'; readonly ms: number }
  | { readonly do: 'pass'; readonly ms: number }

const SPECS = [
  {},
  { retry: { maxAttempts: 1 } },
  { activeDeadlineSeconds: 30, attemptDeadlineSeconds: 20 },
  { delaySeconds: 10, runId: 'run-0' },
  { crashBudget: { max: 0, windowSeconds: 600 }, runId: 'run-0' },
  { suspend: true, activeDeadlineSeconds: 60, attemptDeadlineSeconds: 20 },
] as const

const job = fc.nat({ max: JOBS - 1 })
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('submit'),
      job,
      spec: fc.nat({ max: SPECS.length - 1 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('act'),
      job,
      act: fc.constantFrom('Cancel', 'Replay', 'Retry', 'Discard'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('suspend'), job, on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rerun'), job, run: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hurry'), job }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), job }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('kill-worker'), worker: fc.nat({ max: 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-operator'), clean: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('step-clock'),
      ms: fc.constantFrom(HOUR, -HOUR, DAY, -DAY),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('pass'),
      ms: fc.constantFrom(1, 30, 500, 3_000, 20_000),
    }),
  },
) as fc.Arbitrary<Command>

class Life {
  readonly world: World
  readonly #seed: number
  readonly #workers: FakeWorker[] = []
  readonly #acts = new Map<string, number>()
  readonly #edits = new Map<string, number>()
  readonly #generations = new Map<string, number>()
  #stepped = 0
  /** How far ahead of the truth the clock may ever have been. */
  #ahead = 0
  #numbered = 0
  /** What a change of the leader or of a worker may add to the starts of each job (P4). */
  extra = 0

  constructor(seed: number) {
    this.#seed = seed
    this.world = new World(seed)
    // A slow server lets facts gather for one write, and the watch overtake the answers.
    this.world.api.answerMs = [0, 20, 400][seed % 3] ?? 0
    this.world.startOperator()
    for (const n of [0, 1]) this.#startWorker(n)
    for (let n = 0; n < JOBS; n++) this.#submit(n, SPECS[(seed + n) % SPECS.length] ?? {})
  }

  #startWorker(n: number): void {
    // Long enough for some to be written as Running, and decided by job and epoch alone.
    const draw = ({ uid, epoch }: WorkItem) => (epoch * 31 + uid.length * 7 + this.#seed * 17) >>> 0
    this.#workers[n] = this.world.startWorker({
      id: `pod-${n}`,
      slots: 2,
      deaf: n === 1,
      runMs: (item) => [15, 400, 1_800, 6_000][draw(item) % 4] ?? 15,
      outcome: (item) => OUTCOMES[(draw(item) >> 2) % OUTCOMES.length] ?? { kind: 'handed-back' },
    })
  }

  async apply(command: Command): Promise<void> {
    const { world } = this
    switch (command.do) {
      case 'pass':
        return world.pass(command.ms)
      case 'submit':
        return this.#submit(command.job, SPECS[command.spec] ?? {})
      case 'act':
        return this.#act(command.job, command.act)
      case 'suspend':
        return this.#edit(command.job, { suspend: command.on })
      case 'rerun':
        return this.#edit(command.job, { runId: `run-${command.run}` })
      case 'hurry':
        if (isWaiting(this.#job(command.job)?.status.phase ?? 'Running')) {
          this.#edit(command.job, { priority: 'High' })
        }
        return
      case 'delete':
        return world.api.delete({ namespace: 'default', name: this.#name(command.job) })
      case 'kill-worker':
        this.extra += 1
        this.#workers[command.worker]?.kill()
        return this.#startWorker(command.worker)
      case 'restart-operator':
        this.extra += 1
        if (command.clean) await world.stopOperator()
        else world.killOperator()
        world.startOperator()
        return
      case 'step-clock':
        this.#stepped += command.ms
        this.#ahead += Math.max(0, command.ms)
        return world.clock.stepWall(command.ms)
    }
  }

  /** Nothing holds a job any more: the clock is right, nobody suspends, everybody works. */
  async calm(): Promise<void> {
    this.world.clock.stepWall(-this.#stepped)
    for (let n = 0; n < JOBS; n++) {
      if (this.#job(n)?.spec.suspend) this.#edit(n, { suspend: false })
    }
    // What was asked for last is under way.
    await this.world.pass(60_000)
    const ended = () => this.open().length === 0
    if (!(await this.world.until(ended, CALM_MS))) {
      // A wait that was written while the clock was ahead lasts longer by the step, and no longer.
      this.world.clock.stepWall(this.#ahead + HOUR)
      await this.world.until(ended, CALM_MS)
    }
    await this.world.pass(20_000)
  }

  open(): readonly string[] {
    return [...this.world.api.jobs.values()]
      .filter(({ status }) => !isTerminal(status.phase))
      .map(({ name, status }) => `${name}: ${JSON.stringify(status)}`)
  }

  history(): History {
    const { api, workers } = this.world
    return {
      versions: api.written.map(({ uid, name, status, object, at }) => ({
        ...{ uid, name, status, at },
        generation: object.generation,
        maxAttempts: object.spec.retry?.maxAttempts ?? 3,
      })),
      starts: workers.flatMap(({ starts }) =>
        starts.map(({ uid, epoch, mono }) => ({ uid, epoch, at: mono })),
      ),
    }
  }

  allowed(uid: string): { acts: number; edits: number } {
    return { acts: this.#acts.get(uid) ?? 0, edits: (this.#edits.get(uid) ?? 0) + 2 * this.extra }
  }

  #name(n: number): string {
    return `job-${n}`
  }

  #job(n: number) {
    return this.world.api.jobs.get(`default/${this.#name(n)}`)
  }

  #submit(n: number, spec: (typeof SPECS)[number]): void {
    if (this.#job(n)) return
    const name = this.#name(n)
    const made = (this.#generations.get(name) ?? 0) + 1
    this.#generations.set(name, made)
    this.world.submit(name, { spec, uid: `uid-${name}-${made}` as never })
  }

  #edit(n: number, spec: Record<string, unknown>): void {
    const known = this.#job(n)
    if (!known) return
    const [key, value] = Object.entries(spec)[0] ?? []
    // The API server bumps no generation for a manifest that changes nothing.
    if ((known.spec as Record<string, unknown>)[key ?? ''] === value) return
    this.#count(this.#edits, known.uid, 2)
    this.world.api.edit(known, spec)
  }

  #act(n: number, action: ActionObject['spec']['action']): void {
    const known = this.#job(n)
    if (!known) return
    this.#count(this.#acts, known.uid, 1)
    const target = { kind: 'QueueJob' as const, name: known.name }
    this.world.api.actions.create(`act-${++this.#numbered}`, { action, target })
  }

  #count(counts: Map<string, number>, uid: string, by: number): void {
    counts.set(uid, (counts.get(uid) ?? 0) + by)
  }
}

function violationsOf(life: Life): Violations {
  const history = life.history()
  return [
    ...life.world.api.broken,
    ...life.open().map((job) => `I-S1 ${job}`),
    ...[
      ...oneEffectiveCompletion(history),
      ...fencing(history),
      ...epochRises(history),
      ...startsAreExplained(history, life.extra),
      ...terminalIsFinal(history),
      ...deadLettersComplete(history),
      // One hop of a message that was on its way when its subject was purged.
      ...cancelWins(history, 5),
      ...writeBudget(history, (uid) => life.allowed(uid)),
      ...statusIsHonest(history),
    ],
  ]
}

function seeds(): readonly number[] {
  const one = process.env.SEED
  return one === undefined ? Array.from({ length: SEEDS }, (_, n) => n + 1) : [Number(one)]
}

describe('the life of jobs', () => {
  it(`keeps every invariant in ${SEEDS} seeded worlds`, { timeout: 600_000 }, async () => {
    for (const seed of seeds()) {
      const property = fc.asyncProperty(
        fc.array(command, { minLength: 10, maxLength: 60, size: 'max' }),
        async (commands) => {
          const life = new Life(seed)
          await life.world.pass(1_000)
          for (const each of commands) await life.apply(each)
          await life.calm()
          expect(violationsOf(life), `SEED=${seed}`).toEqual([])
        },
      )
      await fc.assert(property, { seed, numRuns: 1, endOnFailure: process.env.SEED === undefined })
    }
  })
})
