/**
 * The main thread's end of the heartbeat thread: starts it, passes on what the worker loop posts,
 * ticks, and starts it again should it ever end by itself, because a worker without heartbeats loses
 * every attempt within one lease.
 */
import { Worker } from 'node:worker_threads'
import type { Cancel, Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../observability/ports.ts'
import type { BeatPort } from '../worker/beat-poster.ts'
import { TICK_MS } from '../worker/beat-sender.ts'
import type { BeatBasis, RunningBasis } from '../worker/heartbeat.ts'
import type { BeatThreadData, FromBeatThread, ToBeatThread } from './beat-wire.ts'

/** Before a thread that failed is replaced: a wrong installation must not become a hot loop. */
const RESTART_MS = 1_000
/** For the last heartbeat to leave the process. */
const STOP_WITHIN_MS = 3_000

/** The thread's program lies beside this file, as source or bundled. */
const PROGRAM = new URL(
  `./beat-thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
)

/** What is used of a thread. */
export interface BeatThread {
  postMessage(message: ToBeatThread): void
  on(event: 'message', listener: (message: FromBeatThread) => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  once(event: 'exit', listener: () => void): unknown
  terminate(): unknown
}

function realThread(workerData: BeatThreadData): BeatThread {
  return new Worker(PROGRAM, { workerData, name: 'gopherqueue-heartbeat' })
}

export class BeatHost implements BeatPort {
  readonly #data: BeatThreadData
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #make: (data: BeatThreadData) => BeatThread
  #thread: BeatThread | null = null
  #exited = Promise.resolve()
  #last: BeatBasis | null = null
  #cancelTick: Cancel = () => undefined
  #cancelRestart: Cancel = () => undefined
  #stopping = false

  constructor(options: {
    readonly data: BeatThreadData
    readonly clock: Clock
    readonly logger: Logger
    /** Default: a genuine thread. */
    readonly make?: (data: BeatThreadData) => BeatThread
  }) {
    this.#data = options.data
    this.#clock = options.clock
    this.#logger = options.logger
    this.#make = options.make ?? realThread
  }

  start(): void {
    this.#launch()
    this.#tick()
  }

  post(basis: BeatBasis): void {
    this.#last = basis
    this.#send({ kind: 'basis', basis })
  }

  started(attempt: RunningBasis): void {
    this.#send({ kind: 'started', attempt })
  }

  /** Resolves when the thread has sent what it had and is gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#cancelTick()
    this.#cancelRestart()
    const thread = this.#thread
    if (thread === null) return
    this.#send({ kind: 'stop' })
    const cancel = this.#clock.after(STOP_WITHIN_MS, () => void thread.terminate())
    await this.#exited
    cancel()
  }

  #launch(): void {
    const thread = this.#make(this.#data)
    this.#thread = thread
    thread.on('message', (message) => {
      this.#logger[message.level](message.msg, message.fields)
    })
    thread.on('error', (error) => {
      this.#logger.error('heartbeat thread failed', { err: describeError(error) })
    })
    this.#exited = new Promise((resolve) => {
      thread.once('exit', () => {
        this.#thread = null
        resolve()
        if (!this.#stopping)
          this.#cancelRestart = this.#clock.after(RESTART_MS, () => this.#again())
      })
    })
  }

  #again(): void {
    this.#launch()
    if (this.#last) this.#send({ kind: 'basis', basis: this.#last })
  }

  #send(message: ToBeatThread): void {
    this.#thread?.postMessage(message)
  }

  #tick(): void {
    this.#send({ kind: 'tick' })
    this.#cancelTick = this.#clock.after(TICK_MS, () => this.#tick())
  }
}
