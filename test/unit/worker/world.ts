// A worker loop on a virtual clock, with a server and an operator that do what a test says.

import { pino } from 'pino'
import { z } from 'zod'
import type { BeatMessage } from '../../../src/api/messages.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { type Epoch, epochOf } from '../../../src/core/epoch.ts'
import {
  bootId,
  type ClassId,
  classDigest,
  type JobUid,
  jobUid,
  shardOf,
} from '../../../src/core/ids.ts'
import type { Control, Outcome, WorkItem } from '../../../src/core/outcome.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { BeatSender } from '../../../src/worker/beat-sender.ts'
import { type Handler, type HandlerContext, handle } from '../../../src/worker/handler.ts'
import { WorkerLoop, type WorkerLoopOptions } from '../../../src/worker/loop.ts'
import type { Delivery, OutcomeSink, WorkerObserver } from '../../../src/worker/ports.ts'
import { registryOf } from '../../../src/worker/registry.ts'

export const UID = jobUid('6f9d2c1e-0000-4000-8000-000000000001')
export const TERM = 7
export const BOOT = bootId('boot-0000-1111')

export function epoch(seq: number, term = TERM): Epoch {
  return epochOf(term, seq)
}

export function itemOf(over: Partial<WorkItem> = {}): WorkItem {
  return {
    namespace: 'shop',
    name: 'job-1',
    uid: UID,
    cls: '0123456789abcdef0123456789abcdef' as ClassId,
    queue: 'default',
    type: 'test.job',
    handlerVersion: '',
    epoch: epoch(1),
    nonce: '00112233445566778899aabbccddeeff',
    attempt: 1,
    maxAttempts: 3,
    runId: '',
    timeoutMs: 20_000,
    traceparent: '',
    tracestate: '',
    correlationId: '',
    payloadJson: null,
    payloadFrom: null,
    ...over,
  }
}

export const anyJob = defineJob({
  type: 'test.job',
  version: '1',
  input: z.unknown(),
  output: z.unknown(),
})

export type Body = (input: unknown, ctx: HandlerContext) => unknown

export function handlerOf(body: Body): Handler {
  return handle(anyJob, async (input, ctx) => body(input, ctx))
}

/** A worker whose one handler is held. */
export function held(obeys = true, over: ConstructorParameters<typeof World>[1] = {}) {
  const handler = new Held(obeys)
  return { handler, world: new World([handlerOf(handler.body)], over) }
}

/** Of the shard of the namespace `shop`. */
export function leader(term: number, report = false): Control {
  return { kind: 'leader', term, shard: shardOf('shop'), report }
}

/** A handler that ends when the test says so, or, obedient, when its signal is aborted. */
export class Held {
  readonly starts: HandlerContext[] = []
  readonly #ends: PromiseWithResolvers<unknown>[] = []
  readonly body: Body = (_, ctx) => {
    const end = Promise.withResolvers<unknown>()
    this.starts.push(ctx)
    this.#ends.push(end)
    if (this.obeys) ctx.signal.addEventListener('abort', () => end.reject(ctx.signal.reason))
    return end.promise
  }
  readonly obeys: boolean

  constructor(obeys = true) {
    this.obeys = obeys
  }

  end(index: number, value: unknown): void {
    this.#ends[index]?.resolve(value)
  }

  fail(index: number, thrown: unknown): void {
    this.#ends[index]?.reject(thrown)
  }

  /** `signal.reason.reason` of a start, or null. */
  reason(index: number): string | null {
    const signal = this.starts[index]?.signal
    return signal?.aborted ? (signal.reason as { reason: string }).reason : null
  }
}

/** What the server does with an acknowledgement. */
export type AckAnswer =
  | 'confirms'
  | 'never answers'
  | { readonly confirmsAfterMs: number }
  | (() => Promise<boolean>)

export class FakeDelivery implements Delivery {
  readonly item: WorkItem | null
  readonly problem: string
  readonly partial: Delivery['partial']
  readonly requestedAt: number
  readonly receivedAt: number
  /** In order: 'ack', 'nak 1000', 'term'. */
  readonly said: string[] = []
  /** The worker was told that its acknowledgement counts. */
  confirmed = false
  readonly #clock: VirtualClock
  readonly #answer: AckAnswer

  constructor(options: {
    readonly clock: VirtualClock
    readonly item: WorkItem | null
    readonly answer?: AckAnswer
    readonly requestedAt?: number
    readonly receivedAt?: number
    readonly problem?: string
    readonly partial?: Delivery['partial']
  }) {
    this.#clock = options.clock
    this.item = options.item
    this.#answer = options.answer ?? 'confirms'
    this.problem = options.problem ?? ''
    this.partial = options.partial ?? null
    this.requestedAt = options.requestedAt ?? options.clock.monotonic()
    this.receivedAt = options.receivedAt ?? options.clock.monotonic()
  }

  async ack(deadlineMs: number): Promise<boolean> {
    this.said.push('ack')
    this.confirmed = await this.#answered(deadlineMs)
    return this.confirmed
  }

  #answered(deadlineMs: number): Promise<boolean> {
    const answer = this.#answer
    if (answer === 'confirms') return Promise.resolve(true)
    if (typeof answer === 'function') return answer()
    const afterMs = answer === 'never answers' ? Number.POSITIVE_INFINITY : answer.confirmsAfterMs
    return new Promise((resolve) => {
      this.#clock.after(Math.min(afterMs, deadlineMs), () => resolve(afterMs <= deadlineMs))
    })
  }

  nak(delayMs: number): void {
    this.said.push(`nak ${delayMs}`)
  }

  term(): void {
    this.said.push('term')
  }
}

type Published = Parameters<OutcomeSink['publish']>[0] & { readonly resend: number }

export class World {
  readonly clock = new VirtualClock()
  readonly loop: WorkerLoop<unknown>
  /** Everything that was published, in order, repeats included. */
  readonly published: Published[] = []
  /** What the event stream has, without repeats. */
  readonly stored: Published[] = []
  readonly notes: { readonly percent: number; readonly message: string }[] = []
  readonly beats: BeatMessage[] = []
  readonly log: string[] = []
  /** The event stream answers. */
  up = true
  /** Answers of the server to anything. */
  silentMs: () => number = () => 0
  readonly #pulls: ((delivery: Delivery | null) => void)[] = []
  #tell: (message: Control) => void = () => undefined

  constructor(
    handlers: readonly Handler[],
    over: Partial<WorkerLoopOptions<unknown>> & { readonly start?: boolean } = {},
  ) {
    const sender = new BeatSender({
      clock: this.clock,
      heartbeatMs: 5_000,
      usage: () => ({ memoryBytes: 1, cpuMs: 2 }),
      sink: { publish: (beat) => this.beats.push(beat) },
    })
    this.loop = new WorkerLoop<unknown>({
      namespace: 'shop',
      queues: ['default'],
      boot: BOOT,
      pod: 'worker-1',
      payloads: null,
      worker: 'worker-1',
      node: 'node-1',
      slots: 4,
      graceMs: 25_000,
      heartbeatMs: 5_000,
      lostAfterMs: 300_000,
      registry: registryOf(handlers),
      deps: undefined,
      jobLog: () => pino({ level: 'silent' }),
      redact: (text) => text,
      clock: this.clock,
      random: new SeededRandom(1),
      observer: this.#observer(),
      contact: { silentMs: () => this.silentMs() },
      control: {
        subscribe: (receive) => {
          this.#tell = receive
          return () => {
            this.#tell = () => undefined
          }
        },
      },
      source: { pull: (signal) => this.#pull(signal) },
      sink: {
        publish: (report, resend) => this.#publish({ ...report, resend }),
        note: (_, percent, message) => this.notes.push({ percent, message }),
      },
      beats: {
        post: (basis) => sender.receive({ kind: 'basis', basis }),
        started: (attempt) => sender.receive({ kind: 'started', attempt }),
      },
      ...over,
    })
    if (over.start !== false) this.loop.start()
  }

  get cls(): ClassId {
    return classDigest(['default'], [{ type: 'test.job', version: '1' }])
  }

  get waitingPulls(): number {
    return this.#pulls.length
  }

  /** Hands a message to a waiting pull and lets the worker act. @throws when no slot is free */
  async deliver(
    item: WorkItem | null,
    over: Partial<ConstructorParameters<typeof FakeDelivery>[0]> = {},
  ): Promise<FakeDelivery> {
    await this.pass(0)
    const delivery = this.hand(item, over)
    await this.pass(0)
    return delivery
  }

  /** As `deliver`, but the worker has not acted yet. */
  hand(
    item: WorkItem | null,
    over: Partial<ConstructorParameters<typeof FakeDelivery>[0]> = {},
  ): FakeDelivery {
    const pull = this.#pulls.shift()
    if (!pull) throw new Error('no slot pulls')
    const delivery = new FakeDelivery({ clock: this.clock, item, ...over })
    pull(delivery)
    return delivery
  }

  async tell(message: Control): Promise<void> {
    this.#tell(message)
    await this.pass(0)
  }

  cancel(uid: JobUid, epochMax: Epoch, reason = 'cancelled' as const, term = TERM): Promise<void> {
    return this.tell({ kind: 'cancel', term, uid, epochMax, reason })
  }

  pass(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms)
  }

  /** Outcomes by epoch, as the event stream has them. */
  outcomes(): readonly Outcome[] {
    return this.stored.map(({ outcome }) => outcome)
  }

  get lastBeat(): BeatMessage {
    const beat = this.beats.at(-1)
    if (!beat) throw new Error('no heartbeat yet')
    return beat
  }

  #pull(signal: AbortSignal): Promise<Delivery | null> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(null)
      const done = (delivery: Delivery | null): void => {
        cancel()
        signal.removeEventListener('abort', none)
        resolve(delivery)
      }
      const none = (): void => {
        this.#pulls.splice(this.#pulls.indexOf(done), 1)
        done(null)
      }
      const cancel = this.clock.after(15_000, none)
      signal.addEventListener('abort', none)
      this.#pulls.push(done)
    })
  }

  #publish(report: Published): Promise<boolean> {
    this.published.push(report)
    if (!this.up) {
      return new Promise((resolve) => this.clock.after(2_000, () => resolve(false)))
    }
    const id = idOf(report)
    if (!this.stored.some((stored) => idOf(stored) === id)) this.stored.push(report)
    return Promise.resolve(true)
  }

  #observer(): WorkerObserver {
    return {
      started: (item) => this.log.push(`started ${item.uid} ${item.epoch}`),
      ended: (_, outcome, ms, abandoned) =>
        this.log.push(`ended ${outcome.kind} after ${ms}${abandoned ? ' abandoned' : ''}`),
      refused: (_, why) => this.log.push(`refused ${why}`),
      unconfirmed: (_, failures) => this.log.push(`unconfirmed ${failures}`),
      lostContact: (silentMs) => this.log.push(`lost contact ${silentMs}`),
      outlivesGrace: (item) => this.log.push(`outlives grace ${item.type}`),
      defect: (error) => this.log.push(`defect ${String(error)}`),
    }
  }
}

function idOf({ uid, epoch: at, nonce, resend }: Published): string {
  return `${uid}.${at}.${nonce}.${resend}`
}
