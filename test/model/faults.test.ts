// Random faults, each run decided by its seed: whatever dies, every job ends, and ends once (P1). A
// failing seed is printed; SEED=<n> runs it alone.

import { describe, expect, it } from 'vitest'
import type { WorkItem } from '../../src/core/outcome.ts'
import { SeededRandom } from '../../src/core/virtual-clock.ts'
import type { FakeWorker } from './fake-worker.ts'
import { World } from './world.ts'

const JOBS = 25
const SEEDS = Number(process.env.SEEDS ?? 150)
const TERMINAL = ['Completed', 'Failed', 'DeadLettered', 'Cancelled']

class Chaos {
  readonly world: World
  readonly #random: SeededRandom
  readonly #workers = new Map<string, FakeWorker>()
  readonly log: string[] = []
  #crashes = 0
  #disturbances = 0

  constructor(seed: number) {
    this.world = new World(seed)
    this.#random = new SeededRandom(seed * 7919)
  }

  async run(): Promise<void> {
    const { world } = this
    world.startOperator()
    for (const id of ['pod-a', 'pod-b', 'pod-c']) this.#startWorker(id)
    for (let n = 0; n < JOBS; n++) {
      // Crashes are many here on purpose; the crash budget is another test's.
      world.submit(`job-${n}`, {
        spec: { crashBudget: { max: 1000 }, retry: { maxAttempts: 100 } },
      })
      await world.pass(this.#below(400))
      if (this.#random.uniform() < 0.35) await this.#disturb()
    }
    await this.#calm()
  }

  /** Starts that the protocol promises at most (P4). */
  get mostStarts(): number {
    return JOBS * (2 + this.#disturbances) + this.#crashes * 2
  }

  #below(max: number): number {
    return Math.floor(this.#random.uniform() * max)
  }

  #startWorker(id: string): void {
    const runMs = (item: WorkItem) => 20 + ((item.epoch * 37 + item.uid.length * 101) % 4_000)
    const outcome = (item: WorkItem) =>
      item.epoch % 11 === 0
        ? ({
            kind: 'failed',
            failure: { category: 'Temporary', code: 'oops', message: '' },
            retryAfterMs: null,
          } as const)
        : ({ kind: 'succeeded', resultJson: '1' } as const)
    this.#workers.set(id, this.world.startWorker({ id, slots: 3, runMs, outcome }))
  }

  async #disturb(): Promise<void> {
    const { world } = this
    this.#disturbances++
    const what = this.#below(9)
    this.log.push(`${world.clock.monotonic()}: ${what}`)
    switch (what) {
      case 0:
        world.killOperator()
        await world.pass(this.#below(5_000))
        world.startOperator()
        return
      case 1:
        await world.stopOperator()
        world.startOperator()
        return
      case 2:
      case 3: {
        world.nats.stop(what === 3)
        await world.pass(this.#below(20_000))
        world.nats.start()
        return
      }
      case 4: {
        const id = ['pod-a', 'pod-b', 'pod-c'][this.#below(3)] ?? 'pod-a'
        this.#crashes += this.#workers.get(id)?.running ?? 0
        this.#workers.get(id)?.kill()
        await world.pass(this.#below(3_000))
        this.#startWorker(id)
        return
      }
      case 5:
        world.api.reachable = false
        await world.pass(this.#below(20_000))
        world.api.reachable = true
        return
      case 6:
        for (let n = this.#below(5); n >= 0; n--) {
          const applied = this.#random.uniform() < 0.5
          world.api.faults.push({ answer: { kind: 'unknown', detail: 'reset' }, applied })
        }
        return
      case 7: {
        const frozen = world.operator
        if (!frozen) return
        world.freezeOperator(frozen, true)
        world.startOperator()
        await world.pass(this.#below(40_000))
        world.freezeOperator(frozen, false)
        await world.pass(this.#below(5_000))
        world.killOperator(frozen)
        return
      }
      default: {
        const worker = [...this.#workers.values()][this.#below(3)]
        worker?.freeze(true)
        await world.pass(this.#below(25_000))
        worker?.freeze(false)
      }
    }
  }

  async #calm(): Promise<void> {
    const { world } = this
    world.api.reachable = true
    world.api.faults.length = 0
    world.nats.start()
    if (!world.operator) world.startOperator()
    const ended = () =>
      [...world.api.jobs.values()].every((job) => TERMINAL.includes(job.status.phase))
    await world.until(ended, 600_000)
  }
}

function seeds(): readonly number[] {
  const one = process.env.SEED
  return one === undefined ? Array.from({ length: SEEDS }, (_, n) => n + 1) : [Number(one)]
}

describe('under random faults', () => {
  it(`every job ends, and ends once, in ${SEEDS} seeded worlds`, { timeout: 300_000 }, async () => {
    for (const seed of seeds()) {
      const chaos = new Chaos(seed)
      await chaos.run()
      const { world } = chaos
      const open = [...world.api.jobs.values()].filter(
        (job) => !TERMINAL.includes(job.status.phase),
      )
      expect(
        open.map((job) => [job.name, job.status]),
        `SEED=${seed} ${chaos.log.join(' ')}`,
      ).toEqual([])
      for (let n = 0; n < JOBS; n++) {
        const ends = world.history(`job-${n}`).filter((phase) => TERMINAL.includes(phase))
        expect(ends, `SEED=${seed} job-${n}`).toHaveLength(1)
      }
      const starts = world.workers.reduce((sum, worker) => sum + worker.starts.length, 0)
      expect(starts, `SEED=${seed}`).toBeLessThanOrEqual(chaos.mostStarts)
    }
  })

  it('no two starts ever share a job and an epoch (P5)', { timeout: 300_000 }, async () => {
    for (const seed of seeds().slice(0, 40)) {
      const chaos = new Chaos(seed + 10_000)
      await chaos.run()
      const starts = chaos.world.workers.flatMap((worker) =>
        worker.starts.map(({ uid, epoch }) => `${uid}.${epoch}`),
      )
      expect(new Set(starts).size, `SEED=${seed}`).toBe(starts.length)
    }
  })
})
