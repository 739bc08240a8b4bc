/**
 * Composition of a worker: configuration, connection, heartbeat thread, health, and the worker loop
 * with the user's handlers on top; also the entry of `@gopherqueue/sdk/worker`. It shares nothing with
 * the operator but the wire.
 *
 * It starts without a NATS server and waits for one. What it opens it closes again in reverse: the
 * loop drains first, while everything that it needs still works and `/readyz` already says no.
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
import { realClock, realRandom } from '../process/clock.ts'
import { processEnvironment } from '../process/env.ts'
import { handlerLog } from '../process/handler-log.ts'
import {
  createLogger,
  type LogOutput,
  type ProcessLogger,
  standardOutput,
} from '../process/logger.ts'
import { stopSignal } from '../process/signals.ts'
import { type Service, ServiceGroup, serviceOf } from '../runtime/service.ts'
import { DRAIN_SETTLE_MS } from '../worker/attempt.ts'
import { type HandleFor, type Handler, handle } from '../worker/handler.ts'
import { LAST_REPORTS_MS, WorkerLoop } from '../worker/loop.ts'
import { type Registry, registryOf } from '../worker/registry.ts'
import type { WorkerState } from '../worker/state.ts'
import { BeatHost } from './beat-host.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { VERSION } from './version.ts'
import { compiledConfig, layeredConfig, type WorkerSettings } from './worker-config.ts'
import { connectWorker, type WorkerConnection, workerConnection } from './worker-connection.ts'
import { workerRoutes } from './worker-health.ts'
import { jobKeys, workerObserver } from './worker-observer.ts'

/** What `deps` gives: the value for `ctx.deps`, and how to close it after the last handler. */
export interface Opened<Deps> {
  readonly value: Deps
  readonly close?: () => unknown
}

export interface WorkerOptions<Deps> extends WorkerSettings {
  /** As a function they are given a `handle` that knows the type of `deps`. */
  readonly handlers:
    | readonly Handler<Deps>[]
    | ((handle: HandleFor<Deps>) => readonly Handler<Deps>[])
  /** Opened once before the first job, closed after the drain. */
  readonly deps?: () => Opened<Deps> | Promise<Opened<Deps>>
}

/** Handlers that need dependencies cannot be started without `deps`. */
type WithDeps<Deps> = unknown extends Deps
  ? unknown
  : { readonly deps: () => Opened<Deps> | Promise<Opened<Deps>> }

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
}

/**
 * Starts a worker inside this process: no signals, no environment, no flags.
 * @throws GopherQueueError `InvalidConfiguration`; `PortTaken`; `NatsUnreachable` with `wait: false`
 */
export async function startWorker<Deps = unknown>(
  options: WorkerOptions<Deps> & WithDeps<Deps>,
  host?: WorkerHost,
): Promise<RunningWorker> {
  const { handlers, deps, ...settings } = options
  const config = compiledConfig(settings)
  return started({ config, handlers: listed(handlers), deps }, host ?? realHost(config))
}

/**
 * Runs a worker until SIGTERM or SIGINT, drains it, and resolves. Never rejects for a job's fault.
 * Settings come from flags, then GOPHERQUEUE_… variables, then `--config`, then these options; without
 * a usable configuration the process ends with code 64.
 */
export async function runWorker<Deps = unknown>(
  options: WorkerOptions<Deps> & WithDeps<Deps>,
): Promise<void> {
  const { handlers, deps, ...settings } = options
  try {
    const sources = { args: process.argv.slice(2), environment: processEnvironment() }
    const config = await layeredConfig(settings, sources)
    await untilSignal({ config, handlers: listed(handlers), deps }, realHost(config))
  } catch (error) {
    const code = exitCodeOf(error)
    if (code === EXIT.failed) throw error
    process.stderr.write(`${describeError(error)}\n`)
    process.exit(code)
  }
}

interface Plan<Deps> {
  readonly config: WorkerConfig
  readonly handlers: readonly Handler<Deps>[]
  readonly deps: WorkerOptions<Deps>['deps']
}

function listed<Deps>(handlers: WorkerOptions<Deps>['handlers']): readonly Handler<Deps>[] {
  return typeof handlers === 'function' ? handlers(handle) : handlers
}

/** Handlers that ignored their signal keep the process from ending by itself; then it is ended. */
const EXIT_WITHIN_MS = 5_000

async function untilSignal<Deps>(plan: Plan<Deps>, host: WorkerHost): Promise<void> {
  const { logger } = host
  const stopper = stopSignal({
    source: process,
    exit: (code) => process.exit(code),
    heard: (signal, count) => logger.info('signal received', { signal, count }),
  })
  const worker = await started(plan, host)
  if (stopper.signal.aborted) void worker.stop()
  else stopper.signal.addEventListener('abort', () => void worker.stop(), { once: true })
  await worker.drained
  await logger.flush()
  stopper.release()
  if (worker.state.abandoned > 0) setTimeout(() => process.exit(0), EXIT_WITHIN_MS).unref()
}

function realHost({ logLevel, logFormat }: WorkerConfig): WorkerHost {
  const output = standardOutput()
  const logger = createLogger({ clock: realClock, level: logLevel, format: logFormat, output })
  return { clock: realClock, random: realRandom, logger, output }
}

async function started<Deps>(plan: Plan<Deps>, host: WorkerHost): Promise<RunningWorker> {
  const worker = new WorkerProcess(plan, host)
  await worker.start()
  return worker
}

/** For closing what stands after the loop has drained. */
const CLOSE_WITHIN_MS = 10_000
/** `wait: false`: time for the first connection. */
const FIRST_CONTACT_MS = 10_000

class WorkerProcess<Deps> implements RunningWorker {
  readonly #plan: Plan<Deps>
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
  #graceMs: number

  constructor(plan: Plan<Deps>, host: WorkerHost) {
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
        { name: 'first contact', service: serviceOf({ start: () => this.#firstContact() }) },
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
    while (!link.connected && clock.monotonic() < until) await sleep(clock, 50)
    if (link.connected) return
    throw new GopherQueueError('NatsUnreachable', `NATS does not answer: ${link.problem}`, {
      help: 'start it, correct GOPHERQUEUE_NATS_URL, or leave out --wait=false to wait for it',
    })
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
      source: natsDeliverySource({ nats, namespace, cls, clock, random }),
      sink: natsOutcomeSink({ nats, namespace, owner: { worker, boot }, logger }),
      control: natsControlSource({ nats, namespace, worker, logger }),
      contact: nats,
      beats: this.#beats,
      observer: workerObserver(logger, this.#metrics),
      clock,
      random,
    })
  }

  #scrape(loop: WorkerLoop<Deps>): void {
    this.#metrics.onScrape((metrics) => {
      const { slots, free } = loop.state
      metrics.set('gopherqueue_worker_slots', slots)
      metrics.set('gopherqueue_worker_free_slots', free)
      metrics.set('gopherqueue_nats_connected', this.#nats.link.connected ? 1 : 0)
      metrics.set('gopherqueue_build_info', 1, { version: VERSION, node: process.version })
    })
  }
}
