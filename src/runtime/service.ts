/**
 * One shape for everything that lives: it is started once, stopped once, and both may be called at any
 * time and any number of times.
 *
 *   new ──start──▶ starting ──▶ running ──stop──▶ stopping ──▶ stopped
 *    └─────────────────stop (also while starting)────────────────▲
 *
 * A group starts its members in order and stops them in the reverse order, so that a member may use
 * those before it for its whole life. Promises:
 * - `start` resolves only when everything runs. When a member fails, those before it are stopped again
 *   and `start` rejects with the member's name. A stop in mid-start ends it: `ServiceStopped`.
 * - `stop` takes one deadline for all. A member that hangs costs the rest of it; the members behind it
 *   are still told to stop, at once and without being waited for, because a process that ends hands
 *   over better with a word than without.
 * - `stop` goes on whatever fails, and rejects at the end with one error that names every failure.
 */
import type { Clock } from '../core/clock.ts'
import { describeError, GopherQueueError } from '../core/errors.ts'

export interface Service {
  /** Resolves when it runs. A second call gets the answer of the first. */
  start(): Promise<void>
  /** Resolves when nothing of it runs any more. A second call gets the answer of the first. */
  stop(): Promise<void>
}

/** Code of the error with which `start` rejects when `stop` came first. */
export const SERVICE_STOPPED = 'ServiceStopped'

export interface Life {
  /** Never called after `stop`. */
  start?(): Promise<void> | void
  /** Called once, after `start` was answered; not at all when `start` was never called or failed. */
  stop?(): Promise<void> | void
}

/** A service from two plain functions: order, repetition and early stops are kept here. */
export function serviceOf(life: Life): Service {
  let starting: Promise<void> | null = null
  let stopping: Promise<void> | null = null
  const end = async (): Promise<void> => {
    if (starting === null) return
    const started = await starting.then(
      () => true,
      () => false,
    )
    if (started) await life.stop?.()
  }
  return {
    start() {
      if (starting === null && stopping !== null) return Promise.reject(stoppedBefore('it'))
      starting ??= (async () => life.start?.())()
      return starting
    },
    stop() {
      stopping ??= end()
      return stopping
    },
  }
}

export interface Member {
  /** For errors: `nats connection`, `intake`. */
  readonly name: string
  readonly service: Service
}

export interface GroupOptions {
  readonly members: readonly Member[]
  readonly clock: Clock
  /** For the stop of all members together. */
  readonly stopWithinMs: number
}

export class ServiceGroup implements Service {
  readonly #options: GroupOptions
  /** Members whose start was called, in order. */
  readonly #begun: Member[] = []
  readonly #started = Promise.withResolvers<void>()
  #starting = false
  #stopping: Promise<void> | null = null

  constructor(options: GroupOptions) {
    this.#options = options
  }

  start(): Promise<void> {
    if (!this.#starting) {
      this.#starting = true
      this.#startAll().then(this.#started.resolve, this.#started.reject)
    }
    return this.#started.promise
  }

  stop(): Promise<void> {
    // The stop answers for a member whose start never does.
    this.#stopping ??= this.#stopAll().finally(() => {
      if (this.#starting) this.#started.reject(stoppedBefore('all of it'))
    })
    return this.#stopping
  }

  async #startAll(): Promise<void> {
    for (const member of this.#options.members) {
      if (this.#stopping) throw stoppedBefore(member.name)
      this.#begun.push(member)
      try {
        await member.service.start()
      } catch (error) {
        if (this.#stopping) throw stoppedBefore(member.name, error)
        throw await this.#failed(member, error)
      }
    }
    if (this.#stopping) throw stoppedBefore('all of it')
  }

  /** Takes down what runs; what the stops say is second to why they happen. */
  async #failed(member: Member, error: unknown): Promise<GopherQueueError> {
    this.#stopping = this.#stopAll()
    await this.#stopping.catch(() => undefined)
    const known = error instanceof GopherQueueError ? error : null
    return new GopherQueueError(known?.code ?? 'StartFailed', `${member.name} did not start`, {
      cause: error,
      help: known?.help ?? '',
    })
  }

  async #stopAll(): Promise<void> {
    const { clock, stopWithinMs } = this.#options
    const until = clock.monotonic() + stopWithinMs
    const failures: string[] = []
    for (const member of [...this.#begun].reverse()) {
      const stopped = member.service.stop().then(
        () => '',
        (error: unknown) => `${member.name}: ${describeError(error)}`,
      )
      const late = `${member.name}: did not stop within ${stopWithinMs} ms`
      const failure = await within(clock, until - clock.monotonic(), stopped, late)
      if (failure !== '') failures.push(failure)
    }
    if (failures.length > 0) throw new GopherQueueError('StopFailed', failures.join('; '))
  }
}

function stoppedBefore(what: string, cause?: unknown): GopherQueueError {
  return new GopherQueueError(SERVICE_STOPPED, `stopped before ${what} had started`, { cause })
}

/** The answer, or `late` when it does not come in time. */
function within<T>(clock: Clock, ms: number, answer: Promise<T>, late: T): Promise<T> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(late))
    void answer.then((value) => {
      cancel()
      resolve(value)
    })
  })
}
