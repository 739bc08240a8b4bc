/**
 * A worker with everything it stands on: connection, dependencies, heartbeat thread, health server, and
 * the worker loop on top. Started in order and stopped in reverse: the loop drains first, while
 * everything that it needs still works and `/readyz` already says no.
 */
import type { WorkerConfig } from '../api/config.ts'
import { type Clock, type Random, sleep } from '../core/clock.ts'
import { describeError, GopherQueueError } from '../core/errors.ts'
import { createMetrics, type MetricsRegistry } from '../http/metrics.ts'
import { HttpServer } from '../http/server.ts'
import type { Nats } from '../nats/connect.ts'
import { natsControlSource } from '../nats/control.ts'
import { natsDeliverySource } from '../nats/deliver.ts'
import { natsOutcomeSink } from '../nats/report.ts'
import { redact } from '../observability/log.ts'
import { metricsOf } from '../observability/metrics.ts'
import { handlerLog } from '../process/handler-log.ts'
import type { LogOutput, ProcessLogger } from '../process/logger.ts'
import { type Service, ServiceGroup, serviceOf } from '../runtime/service.ts'
import { DRAIN_SETTLE_MS } from '../worker/attempt.ts'
import type { Handler } from '../worker/handler.ts'
import { LAST_REPORTS_MS, WorkerLoop } from '../worker/loop.ts'
import { type Registry, registryOf } from '../worker/registry.ts'
import type { WorkerState } from '../worker/state.ts'
import { BeatHost } from './beat-host.ts'
import { VERSION } from './version.ts'
import { connectWorker, type WorkerConnection, workerConnection } from './worker-connection.ts'
import { workerRoutes } from './worker-health.ts'
import { jobKeys, workerObserver } from './worker-observer.ts'
import type { OpenPayloads } from './worker-payloads.ts'

/** What `deps` gives: the value for `ctx.deps`, and how to close it after the last handler. */
export interface Opened<Deps> {
  readonly value: Deps
  readonly close?: () => unknown
}

export interface RunningWorker {
  /** Uid of the pod, or the id that a worker without a pod has. */
  readonly id: string
  /** Random for each start of a worker. */
  readonly boot: string
  /** Digest of queues and handlers: workers of one class are interchangeable. */
  readonly class: string
  /** Where `/livez`, `/readyz` and `/metrics` answer. */
  readonly healthUrl: string
  readonly state: WorkerState
  /** Drains and closes. @param graceSeconds for handlers; default: that of the configuration */
  stop(graceSeconds?: number): Promise<void>
  /** Resolves when everything that was opened is closed. */
  readonly drained: Promise<void>
}

/** What a worker shares with the rest of its process. Default: real time, standard output. */
export interface WorkerHost {
  readonly clock: Clock
  readonly random: Random
  readonly logger: ProcessLogger
  readonly output: LogOutput
  /** What the process measures of itself goes into the registry of the worker. */
  readonly measured?: (registry: MetricsRegistry) => void
}

export interface WorkerPlan<Deps> {
  readonly config: WorkerConfig
  readonly handlers: readonly Handler<Deps>[]
  readonly deps: (() => Opened<Deps> | Promise<Opened<Deps>>) | undefined
}

/** For closing what stands after the loop has drained. */
const CLOSE_WITHIN_MS = 10_000
/** `wait: false`: time for the first connection. */
const FIRST_CONTACT_MS = 10_000
const LOOK_MS = 50

export class WorkerProcess<Deps> implements RunningWorker {
  readonly #plan: WorkerPlan<Deps>
  readonly #host: WorkerHost
  readonly #registry: Registry<Deps>
  readonly #connection: WorkerConnection
  readonly #metrics: MetricsRegistry
  readonly #http: HttpServer
  readonly #beats: BeatHost
  readonly #nats: Nats
  readonly #group: ServiceGroup
  readonly #drained = Promise.withResolvers<void>()
  #opened: Opened<Deps> | null = null
  #loop: WorkerLoop<Deps> | null = null
  #payloads: OpenPayloads | null = null
  #graceMs: number

  constructor(plan: WorkerPlan<Deps>, host: WorkerHost) {
    this.#plan = plan
    this.#host = host
    const { config, handlers } = plan
    const { clock, random, logger } = host
    this.#graceMs = config.graceSeconds * 1000
    this.#registry = registryOf(handlers)
    this.#connection = workerConnection(config, this.#registry.offers, random)
    this.#metrics = createMetrics({
      rows: metricsOf('worker'),
      processMetrics: true,
      problem: (says) => logger.error('a metric was used wrongly', { err: says }),
    })
    host.measured?.(this.#metrics)
    this.#http = new HttpServer({
      routes: workerRoutes({
        state: () => this.state,
        natsProblem: () => this.#nats.link.problem,
        metrics: this.#metrics,
      }),
      // Probes and scrapes come from outside of a pod; without one nobody else needs to know.
      host: config.podName === '' ? '127.0.0.1' : '0.0.0.0',
      port: config.httpPort,
      name: 'health',
      clock,
      logger,
    })
    this.#beats = new BeatHost({
      data: { connection: this.#connection, heartbeatMs: config.heartbeatMs },
      clock,
      logger,
    })
    this.#nats = connectWorker(this.#connection, 'work', { clock, random, logger })
    this.#group = this.#buildGroup()
  }

  get id(): string {
    return this.#connection.worker
  }

  get boot(): string {
    return this.#connection.boot
  }

  get class(): string {
    return this.#connection.cls
  }

  get healthUrl(): string {
    return this.#http.port === 0 ? '' : `http://127.0.0.1:${this.#http.port}`
  }

  get state(): WorkerState {
    const { slots } = this.#plan.config
    const none = { slots, free: 0, running: 0, unconfirmed: 0, abandoned: 0, draining: false }
    return this.#loop?.state ?? none
  }

  get drained(): Promise<void> {
    return this.#drained.promise
  }

  async start(): Promise<void> {
    const { logger } = this.#host
    const { namespace, queues, slots, natsUrl } = this.#plan.config
    logger.info('worker starts', { version: VERSION, namespace, worker: this.id, nats: natsUrl })
    await this.#group.start()
    await this.#firstContact()
    const types = this.#registry.offers.map(({ type, version }) => `${type}@${version}`)
    logger.info('worker serves', {
      namespace,
      queues: queues.join(','),
      types: types.join(','),
      slots,
      health: this.healthUrl,
    })
  }

  async stop(graceSeconds: number = this.#plan.config.graceSeconds): Promise<void> {
    this.#graceMs = Math.min(this.#graceMs, graceSeconds * 1000)
    // A second call with a shorter grace hurries; the group is stopped once.
    void this.#loop?.stop(this.#graceMs)
    try {
      await this.#group.stop()
    } catch (error) {
      this.#host.logger.error('worker did not stop cleanly', { err: describeError(error) })
    }
    this.#drained.resolve()
  }

  #buildGroup(): ServiceGroup {
    return new ServiceGroup({
      clock: this.#host.clock,
      stopWithinMs: this.#graceMs + DRAIN_SETTLE_MS + LAST_REPORTS_MS + CLOSE_WITHIN_MS,
      members: [
        { name: 'NATS connection', service: serviceOf({ stop: () => this.#nats.drain() }) },
        { name: 'payloads by reference', service: this.#payloadSource() },
        { name: 'dependencies', service: this.#dependencies() },
        {
          name: 'heartbeats',
          service: serviceOf({ start: () => this.#beats.start(), stop: () => this.#beats.stop() }),
        },
        { name: 'health server', service: this.#http },
        { name: 'worker loop', service: this.#loopService() },
      ],
    })
  }

  /** Only a worker that is told not to wait looks whether anybody is there. */
  async #firstContact(): Promise<void> {
    if (this.#plan.config.wait) return
    const { clock } = this.#host
    const { link } = this.#nats
    const until = clock.monotonic() + FIRST_CONTACT_MS
    while (!link.connected && !this.state.draining) {
      if (clock.monotonic() >= until) {
        const { problem } = link
        await this.stop()
        throw new GopherQueueError('NatsUnreachable', problem, {
          help: 'start NATS, correct GOPHERQUEUE_NATS_URL, or leave out --no-wait to wait for it',
        })
      }
      await sleep(clock, LOOK_MS)
    }
  }

  #dependencies(): Service {
    return serviceOf({
      start: async () => {
        this.#opened = (await this.#plan.deps?.()) ?? null
      },
      stop: async () => {
        await this.#opened?.close?.()
      },
    })
  }

  #payloadSource(): Service {
    const { payloadFrom, kubeconfig } = this.#plan.config
    return serviceOf({
      start: async () => {
        if (!payloadFrom) return
        // What speaks to Kubernetes is loaded only here: it is most of what such a worker weighs.
        const { openPayloads } = await import('./worker-payloads.ts')
        this.#payloads = await openPayloads(kubeconfig, this.#host)
      },
      stop: async () => {
        await this.#payloads?.close()
      },
    })
  }

  #loopService(): Service {
    return serviceOf({
      start: () => {
        const loop = this.#buildLoop()
        this.#loop = loop
        this.#scrape(loop)
        loop.start()
      },
      stop: () => this.#loop?.stop(this.#graceMs),
    })
  }

  #buildLoop(): WorkerLoop<Deps> {
    const { config } = this.#plan
    const { clock, random, logger, output } = this.#host
    const { namespace, worker, boot, cls } = this.#connection
    const nats = this.#nats
    const { logLevel: level, logFormat: format } = config
    const handlerLogger = handlerLog({ clock, level, format, output })
    return new WorkerLoop<Deps>({
      namespace,
      queues: config.queues,
      boot,
      pod: config.podName,
      node: config.nodeName,
      slots: config.slots,
      graceMs: config.graceSeconds * 1000,
      heartbeatMs: config.heartbeatMs,
      lostAfterMs: config.lostAfterSeconds * 1000,
      registry: this.#registry,
      // Without `deps` the handlers ask for none: `WithDeps`.
      deps: this.#opened?.value as Deps,
      jobLog: (item) => handlerLogger.child(jobKeys(item)),
      redact,
      payloads: this.#payloads?.source ?? null,
      worker: config.podName || worker,
      source: natsDeliverySource({ nats, namespace, cls, clock, random }),
      sink: natsOutcomeSink({ nats, namespace, owner: { worker, boot }, logger }),
      control: natsControlSource({
        nats,
        namespace,
        worker,
        logger,
        rejected: () => this.#metrics.count('gopherqueue_messages_rejected_total', { kind: 'ctl' }),
      }),
      contact: nats,
      beats: this.#beats,
      observer: workerObserver(logger, this.#metrics),
      clock,
      random,
    })
  }

  #scrape(loop: WorkerLoop<Deps>): void {
    this.#metrics.onScrape((metrics) => {
      const { slots, free, unconfirmed, abandoned } = loop.state
      metrics.set('gopherqueue_worker_slots', slots)
      metrics.set('gopherqueue_worker_free_slots', free)
      metrics.set('gopherqueue_worker_unconfirmed_outcomes', unconfirmed)
      metrics.set('gopherqueue_worker_abandoned_handlers', abandoned)
      metrics.set('gopherqueue_nats_connected', this.#nats.link.connected ? 1 : 0)
      metrics.set('gopherqueue_build_info', 1, { version: VERSION, node: process.version })
    })
  }
}
