/**
 * From a compiled configuration to a running program: the logger, the signals, the watch on the
 * configuration file, and an end whatever happens. The program itself is one of `Programs`.
 *
 * An error that nobody caught ends the process with code 1 after one line in the log: whatever it left
 * half done is in etcd or in NATS, and the next process finds it there. Going on would be guessing.
 */
import type { z } from 'zod'
import { describeError } from '../core/errors.ts'
import type { LogThreshold } from '../observability/log.ts'
import { realClock, realRandom } from '../process/clock.ts'
import type { Compiled } from '../process/config-layers.ts'
import { ConfigWatch } from '../process/config-watch.ts'
import { type Environment, readConfigFile } from '../process/env.ts'
import { createLogger, type ProcessLogger, standardOutput } from '../process/logger.ts'
import { stopSignal } from '../process/signals.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import type { ProcessPorts, Run } from './process-ports.ts'
import { selfMetrics } from './self-metrics.ts'

export interface LaunchOptions<S extends z.ZodType> {
  readonly schema: S
  readonly compiled: Compiled<z.output<S>>
  readonly flags: ReadonlyMap<string, string>
  readonly environment: Environment
  /** null: there is no configuration file. */
  readonly configFile: string | null
  readonly program: (run: Run<z.output<S>>) => Promise<number>
}

/** What every configuration has. */
interface Common {
  readonly logLevel: LogThreshold
  readonly logFormat: 'json' | 'text'
}

/** Time for the last lines to be written. */
const FLUSH_WITHIN_MS = 1_000

export async function launch<S extends z.ZodType>(options: LaunchOptions<S>): Promise<number> {
  const { schema, compiled, flags, environment, configFile, program } = options
  const { logLevel, logFormat } = compiled.config as Common
  const output = standardOutput()
  const logger = createLogger({
    clock: realClock,
    level: logLevel,
    format: logFormat,
    colours: process.stdout.isTTY === true,
    output,
  })
  const stopper = stopSignal({
    source: process,
    exit: (code) => process.exit(code),
    heard: (signal, count) => logger.info('signal received', { signal, count }),
  })
  endOnDefects(logger)
  const self = selfMetrics(realClock, logger)
  const live = new ConfigWatch({
    schema,
    first: compiled,
    layers: { flags, environment },
    file: configFile,
    read: readConfigFile,
    clock: realClock,
    logger,
    metrics: self.metrics,
  })
  live.onChange((next) => logger.setLevel((next as Common).logLevel))
  const ports: ProcessPorts = {
    clock: realClock,
    random: realRandom,
    logger,
    output,
    environment,
    measured: (registry) => self.attach(registry),
  }
  await Promise.all([self.start(), live.start()])
  const run = { config: compiled.config, live, ports, signal: stopper.signal }
  const code = await program(run).catch((error: unknown) => {
    logger.error('cannot start', { err: describeError(error) })
    return exitCodeOf(error)
  })
  await Promise.all([self.stop(), live.stop()])
  stopper.release()
  await flushed(logger)
  return code
}

function endOnDefects(logger: ProcessLogger): void {
  const end = (error: unknown) => {
    const frames = error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 4) : []
    const stack = frames.map((frame) => frame.trim()).join(' ')
    logger.error('defect: the process ends', { err: describeError(error), stack })
    void flushed(logger).then(() => process.exit(EXIT.failed))
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
}

function flushed(logger: ProcessLogger): Promise<void> {
  return Promise.race([
    logger.flush(),
    new Promise<void>((resolve) => void realClock.after(FLUSH_WITHIN_MS, resolve)),
  ])
}
