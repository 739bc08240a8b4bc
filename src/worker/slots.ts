/**
 * The slots of a worker: each asks for one message, serves it to its end, and asks again (wire
 * protocol, "Worker loop"). A free slot is exactly one pull that waits, so the operator's count of
 * free slots and the server's count of waiting pulls are the same number, and nothing is fetched
 * ahead that then waits behind a busy handler.
 */
import { type BackoffPolicy, backoffMs } from '../core/backoff.ts'
import { type Clock, type Random, sleep } from '../core/clock.ts'
import type { Delivery, DeliverySource, WorkerObserver } from './ports.ts'

/** A pull lasts 15 s; one that comes back empty sooner met a server that says no. */
const QUICK_MS = 500
/** The source backs off by itself; this only keeps a wrong one from becoming a hot loop. */
const AFTER_QUICK: BackoffPolicy = {
  strategy: 'Exponential',
  initialMs: 50,
  maxMs: 5_000,
  multiplier: 2,
  jitter: 0.2,
}

export class Slots {
  readonly count: number
  readonly #source: DeliverySource
  readonly #serve: (delivery: Delivery) => Promise<void>
  readonly #clock: Clock
  readonly #random: Random
  readonly #observer: Pick<WorkerObserver, 'defect'>
  readonly #draining = new AbortController()
  #busy = 0
  #loops: Promise<void> | null = null

  constructor(options: {
    readonly count: number
    readonly source: DeliverySource
    /** Resolves when the slot is free again. */
    readonly serve: (delivery: Delivery) => Promise<void>
    readonly clock: Clock
    readonly random: Random
    readonly observer: Pick<WorkerObserver, 'defect'>
  }) {
    this.count = options.count
    this.#source = options.source
    this.#serve = options.serve
    this.#clock = options.clock
    this.#random = options.random
    this.#observer = options.observer
  }

  get draining(): boolean {
    return this.#draining.signal.aborted
  }

  /** Slots that wait for work. */
  get free(): number {
    return this.draining ? 0 : this.count - this.#busy
  }

  start(): void {
    this.#loops ??= Promise.all(Array.from({ length: this.count }, () => this.#loop())).then(
      () => undefined,
    )
  }

  /** No pull from now on. Resolves when the last slot has served what it had. */
  async drain(): Promise<void> {
    this.#draining.abort()
    await this.#loops
  }

  async #loop(): Promise<void> {
    const { signal } = this.#draining
    for (let quick = 0; !signal.aborted; ) {
      const askedAt = this.#clock.monotonic()
      const delivery = await this.#source.pull(signal).catch((error: unknown) => {
        this.#observer.defect(error)
        return null
      })
      if (delivery !== null) {
        quick = 0
        await this.#occupied(delivery)
      } else if (this.#clock.monotonic() - askedAt < QUICK_MS) {
        quick += 1
        await sleep(this.#clock, backoffMs(AFTER_QUICK, quick, this.#random.uniform()), signal)
      } else {
        quick = 0
      }
    }
  }

  async #occupied(delivery: Delivery): Promise<void> {
    this.#busy += 1
    try {
      await this.#serve(delivery)
    } catch (error) {
      this.#observer.defect(error)
    } finally {
      this.#busy -= 1
    }
  }
}
