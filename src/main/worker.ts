/**
 * A worker as its author starts it; the entry of `@gopherqueue/sdk/worker`. `startWorker` starts one
 * inside a process, `runWorker` makes a process of it: settings from outside, signals, exit codes. What
 * a worker is made of: `worker-process.ts`.
 */
import type { WorkerConfig } from '../api/config.ts'
import { describeError } from '../core/errors.ts'
import { realClock, realRandom } from '../process/clock.ts'
import { processEnvironment } from '../process/env.ts'
import { createLogger, standardOutput } from '../process/logger.ts'
import { stopSignal } from '../process/signals.ts'
import { type HandleFor, type Handler, handle } from '../worker/handler.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { selfMetrics } from './self-metrics.ts'
import { compiledConfig, layeredConfig, type WorkerSettings } from './worker-config.ts'
import {
  type Opened,
  type RunningWorker,
  type WorkerHost,
  type WorkerPlan,
  WorkerProcess,
} from './worker-process.ts'

export type { Opened, RunningWorker, WorkerHost } from './worker-process.ts'

export interface WorkerOptions<Deps> extends WorkerSettings {
  /** As a function they are given a `handle` that knows the type of `deps`. */
  readonly handlers:
    | readonly Handler<Deps>[]
    | ((handle: HandleFor<Deps>) => readonly Handler<Deps>[])
  /** Opened once before the first job, closed after the drain. */
  readonly deps?: () => Opened<Deps> | Promise<Opened<Deps>>
}

export interface RunWorkerOptions<Deps> extends WorkerOptions<Deps> {
  /** Where flags are looked for. Default: the arguments of the process. */
  readonly args?: readonly string[]
}

/** Handlers that need dependencies cannot be started without `deps`. */
type WithDeps<Deps> = unknown extends Deps
  ? unknown
  : { readonly deps: () => Opened<Deps> | Promise<Opened<Deps>> }

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
  const plan = { config, handlers: listed(handlers), deps }
  const worker = new WorkerProcess<Deps>(plan, host ?? realHost(config))
  await worker.start()
  return worker
}

/**
 * Runs a worker until SIGTERM or SIGINT, drains it, and resolves. Never rejects for a job's fault.
 * Settings come from flags, then GOPHERQUEUE_… variables, then `--config`, then these options. Without
 * a usable configuration the process ends with code 64, with `wait: false` and no NATS with 69.
 */
export async function runWorker<Deps = unknown>(
  options: RunWorkerOptions<Deps> & WithDeps<Deps>,
): Promise<void> {
  const { handlers, deps, args = process.argv.slice(2), ...settings } = options
  try {
    const config = await layeredConfig(settings, { args, environment: processEnvironment() })
    await untilSignal({ config, handlers: listed(handlers), deps }, realHost(config))
  } catch (error) {
    const code = exitCodeOf(error)
    if (code === EXIT.failed) throw error
    process.stderr.write(`${describeError(error)}\n`)
    process.exit(code)
  }
}

function listed<Deps>(handlers: WorkerOptions<Deps>['handlers']): readonly Handler<Deps>[] {
  return typeof handlers === 'function' ? handlers(handle) : handlers
}

/** Handlers that ignored their signal keep the process from ending by itself; then it is ended. */
const EXIT_WITHIN_MS = 5_000

async function untilSignal<Deps>(plan: WorkerPlan<Deps>, host: WorkerHost): Promise<void> {
  const { logger } = host
  const stopper = stopSignal({
    source: process,
    exit: (code) => process.exit(code),
    heard: (signal, count) => logger.info('signal received', { signal, count }),
  })
  const self = selfMetrics(host.clock, logger)
  const measured: WorkerHost['measured'] = (registry) => self.attach(registry)
  const worker = new WorkerProcess(plan, { ...host, measured })
  // Also in the middle of the start, which then ends.
  stopper.signal.addEventListener('abort', () => void worker.stop(), { once: true })
  await self.start()
  try {
    await worker.start()
    await worker.drained
  } catch (error) {
    if (!stopper.signal.aborted) throw error
    await worker.drained
  } finally {
    await self.stop()
  }
  logger.info('worker has stopped', { worker: worker.id })
  await logger.flush()
  stopper.release()
  if (worker.state.abandoned > 0) setTimeout(() => process.exit(0), EXIT_WITHIN_MS).unref()
}

function realHost({ logLevel, logFormat }: WorkerConfig): WorkerHost {
  const output = standardOutput()
  const logger = createLogger({ clock: realClock, level: logLevel, format: logFormat, output })
  return { clock: realClock, random: realRandom, logger, output }
}
