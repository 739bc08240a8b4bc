/**
 * The slots of a worker: each asks for one message, serves it to its end, and asks again (wire
 * protocol, "Worker loop"). A free slot is exactly one pull that waits, so the operator's count of
 * free slots and the server's count of waiting pulls are the same number, and nothing is fetched
 * ahead that then waits behind a busy handler.
 */
import { type Clock, sleep } from '../core/clock.ts'
import type { Delivery, DeliverySource, WorkerObserver } from './ports.ts'

/** A pull lasts 15 s, and its source backs off by itself; this keeps a wrong one from a hot loop. */
const BETWEEN_EMPTY_MS = 50

export class Slots {
  readonly count: number
  readonly #source: DeliverySource
  readonly #serve: (delivery: Delivery) => Promise<void>
  readonly #clock: Clock
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
    readonly observer: Pick<WorkerObserver, 'defect'>
  }) {
    this.count = options.count
    this.#source = options.source
    this.#serve = options.serve
    this.#clock = options.clock
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
    while (!signal.aborted) {
      const delivery = await this.#source.pull(signal).catch((error: unknown) => {
        this.#observer.defect(error)
        return null
      })
      if (delivery !== null) await this.#occupied(delivery)
      else await sleep(this.#clock, BETWEEN_EMPTY_MS, signal)
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
