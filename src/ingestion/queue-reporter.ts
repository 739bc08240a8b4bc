/**
 * The one writer of Queue statuses (`core/queue-report.ts` finds what they say), and the one place where
 * a queue is paused or resumed by action.
 *
 *   edited, paused, resumed   written at once
 *   numbers changed           looked at every 5 s, one write a queue and look at most, from the
 *                             information budget: conditions first, then whoever was told longest ago
 *   nothing changed           no write, for ever
 *
 * Only the leader of a namespace writes, on exactly the version that it computed from (W1). A conflict
 * is looked at again from the version that the watch brings, an unknown answer after a back-off.
 */
import type { Cancel, Clock, MonoMs, Random } from '../core/clock.ts'
import { rfc3339 } from '../core/clock.ts'
import { type JobKey, keyText, type ShardId, shardOf } from '../core/ids.ts'
import { type Counted, noCounts, type QueueCounts } from '../core/queue-counts.ts'
import { factsPrint, type QueueFacts, queueChange, queueStatus } from '../core/queue-report.ts'
import type { QueueObject } from '../core/resources.ts'
import type { DispatchStanding } from '../core/why.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import type { WriteAnswer } from '../persistence/ports.ts'
import type { Controller, Reconciled } from '../runtime/controller.ts'
import { observedController } from './observed-controller.ts'
import type { ObjectStatusWriter, PauseAnswer, PauseRequest, QueuePauses } from './ports.ts'
import type { Queues } from './queues.ts'

export interface QueueReporterOptions {
  readonly queues: Queues
  readonly statuses: ObjectStatusWriter
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  readonly controllerName: string
  readonly leads: (shard: ShardId) => boolean
  /** One pass over the jobs; asked every few seconds. */
  readonly count: () => Counted
  /** Starts of the last minute. */
  readonly startsPerMinute: (namespace: string, queue: string) => number
  readonly dispatch: () => DispatchStanding
  readonly limit: (queue: QueueObject, counts: QueueCounts) => QueueFacts['limit']
  readonly pressure: () => QueueFacts['pressure']
  /** Takes one token of the information budget. */
  readonly tryTake: () => boolean
  /** A version that was just written, before the watch brings it. */
  readonly changed: (queue: QueueObject) => void
}

const ROUND_MS = 1_000
const COUNT_EVERY_ROUNDS = 5
/** Between two writes of numbers to one queue. */
const QUIET_MS = 5_000
const CONFLICT_MS = 500

export class QueueReporter implements QueuePauses {
  readonly #options: QueueReporterOptions
  readonly #controller: Controller<string>
  /** Numbers that the budget has room for. */
  readonly #granted = new Set<string>()
  readonly #writtenAt = new Map<string, MonoMs>()
  /** What was found to be no news: the same is none. */
  readonly #quiet = new Map<string, { readonly queue: QueueObject; readonly print: string }>()
  #counted: Counted = { queues: new Map(), phases: new Map() }
  #hasCounted = false
  #rounds = 0
  #pending = 0
  #timer: Cancel | null = null

  constructor(options: QueueReporterOptions) {
    this.#options = options
    this.#controller = observedController(options, 'queue', 4, (key) => this.#reconcile(key))
  }

  /** Queues whose status waits for a write. */
  get depth(): number {
    return this.#controller.depth + this.#pending
  }

  start(): void {
    void this.#controller.start()
    this.#arm()
  }

  stop(): Promise<void> {
    this.#timer?.()
    this.#timer = null
    return this.#controller.stop()
  }

  /** A version was told by the watch. */
  changed(queue: JobKey): void {
    this.#controller.enqueue(keyText(queue))
  }

  removed(queue: JobKey): void {
    this.#granted.delete(keyText(queue))
    this.#writtenAt.delete(keyText(queue))
    this.#quiet.delete(keyText(queue))
  }

  /** The shard is led now: what nobody wrote meanwhile is written. */
  leading(shard: ShardId): void {
    this.#recount()
    for (const queue of this.#options.queues.all()) {
      if (shardOf(queue.namespace) === shard) this.changed(queue)
    }
  }

  pause(queue: JobKey, request: PauseRequest): Promise<PauseAnswer> {
    const { by, comment, drain } = request
    const since = rfc3339(this.#options.clock.now())
    const paused = {
      by: by.slice(0, 256),
      since,
      ...(comment === '' ? {} : { comment: comment.slice(0, 256) }),
      ...(drain ? { drain } : {}),
    }
    return this.#act(queue, request.order, (status) => ({ ...status, paused }))
  }

  resume(queue: JobKey, request: Pick<PauseRequest, 'order' | 'by'>): Promise<PauseAnswer> {
    return this.#act(queue, request.order, ({ paused: _, ...status }) => status)
  }

  /** Grants what the budget has room for. Returns how many queues still wait. */
  runOnce(): number {
    if (this.#rounds++ % COUNT_EVERY_ROUNDS === 0 || this.#pending > 0) this.#recount()
    else return this.#pending
    const now = this.#options.clock.monotonic()
    const due = [...this.#options.queues.all()]
      .filter((queue) => this.#isOurs(queue) && this.#hasNews(queue))
      .map((queue) => ({ key: keyText(queue), toldAt: this.#toldAt(queue) }))
      .filter(({ key, toldAt }) => !this.#granted.has(key) && now - toldAt >= QUIET_MS)
      .sort((a, b) => a.toldAt - b.toldAt)
    let granted = 0
    for (const { key } of due) {
      if (!this.#options.tryTake()) break
      granted += 1
      this.#granted.add(key)
      this.#controller.enqueue(key)
    }
    this.#pending = due.length - granted
    return this.#pending
  }

  #arm(): void {
    this.#timer = this.#options.clock.after(ROUND_MS, () => {
      this.#arm()
      this.runOnce()
    })
  }

  #recount(): void {
    this.#counted = this.#options.count()
    this.#hasCounted = true
  }

  #toldAt(queue: JobKey): MonoMs {
    return this.#writtenAt.get(keyText(queue)) ?? Number.NEGATIVE_INFINITY
  }

  #isOurs(queue: QueueObject): boolean {
    const { controllerName, leads } = this.#options
    return queue.spec.controllerName === controllerName && leads(shardOf(queue.namespace))
  }

  #statusOf(queue: QueueObject): QueueObject['status'] {
    return queueStatus(queue, this.#factsOf(queue), this.#options.clock.now())
  }

  #hasNews(queue: QueueObject): boolean {
    const print = factsPrint(this.#factsOf(queue))
    const quiet = this.#quiet.get(keyText(queue))
    if (quiet?.queue === queue && quiet.print === print) return false
    const change = queueChange(queue.status, this.#statusOf(queue))
    if (change === 'nothing') this.#quiet.set(keyText(queue), { queue, print })
    return change === 'numbers'
  }

  #factsOf(queue: QueueObject): QueueFacts {
    const { startsPerMinute, dispatch, limit, pressure, version } = this.#options
    const { namespace, name } = queue
    if (!this.#hasCounted) this.#recount()
    const counts = this.#counted.queues.get(`${namespace}/${name}`) ?? noCounts(namespace, name)
    return {
      counts,
      limit: limit(queue, counts),
      startsPerMinute: startsPerMinute(namespace, name),
      dispatch: dispatch(),
      pressure: pressure(),
      version,
    }
  }

  async #reconcile(key: string): Promise<Reconciled> {
    const granted = this.#granted.delete(key)
    const [namespace = '', name = ''] = key.split('/')
    const queue = this.#options.queues.get(namespace, name)
    if (!queue || queue.deleting || !this.#isOurs(queue)) return { kind: 'done' }
    const next = this.#statusOf(queue)
    const change = queueChange(queue.status, next)
    if (change === 'nothing' || (change === 'numbers' && !granted)) return { kind: 'done' }
    const answer = await this.#write(queue, next)
    switch (answer.kind) {
      case 'written':
      case 'gone':
      case 'conflict':
        return { kind: 'done' }
      case 'later':
        return { kind: 'requeue', afterMs: answer.retryAfterMs }
      case 'refused':
      case 'unknown':
        throw new Error(answer.detail)
    }
  }

  async #write(queue: QueueObject, next: QueueObject['status']): Promise<WriteAnswer> {
    this.#writtenAt.set(keyText(queue), this.#options.clock.monotonic())
    const answer = await this.#options.statuses.writeStatus('Queue', queue, next)
    this.#options.metrics.count('gopherqueue_queue_status_writes_total', { result: answer.kind })
    // Until the watch brings it: no older version can be on its way, or this had been a conflict.
    if (answer.kind === 'written') {
      const { resourceVersion } = answer
      this.#options.changed({ ...queue, resourceVersion, status: next })
    }
    return answer
  }

  async #act(
    key: JobKey,
    order: number,
    apply: (status: QueueObject['status']) => QueueObject['status'],
  ): Promise<PauseAnswer> {
    const queue = this.#options.queues.get(key.namespace, key.name)
    const { controllerName } = this.#options
    if (!queue || queue.spec.controllerName !== controllerName) return { kind: 'not-found' }
    if (!this.#isOurs(queue)) return later('the queue is led by another process')
    const bySpec = queue.spec.paused === true
    const last = queue.status.actionOrder ?? 0
    if (order === last) return { kind: 'done', bySpec }
    if (order < last) return { kind: 'overtaken' }
    const acted = { ...queue, status: { ...apply(queue.status), actionOrder: order } }
    return answerOf(await this.#write(queue, this.#statusOf(acted)), bySpec)
  }
}

function later(detail: string, retryAfterMs = CONFLICT_MS): PauseAnswer {
  return { kind: 'later', retryAfterMs, detail }
}

function answerOf(answer: WriteAnswer, bySpec: boolean): PauseAnswer {
  switch (answer.kind) {
    case 'written':
      return { kind: 'done', bySpec }
    case 'gone':
      return { kind: 'not-found' }
    case 'conflict':
      return later('the queue was changed meanwhile')
    case 'later':
      return later(answer.detail, answer.retryAfterMs)
    case 'unknown':
      return later(answer.detail)
    case 'refused':
      return later(answer.detail, 60_000)
  }
}
