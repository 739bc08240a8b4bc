/**
 * What the command line hands to the program that it starts: the process, as far as a program needs
 * it, and the configuration, compiled. Everything here is made in `launch.ts`, once.
 */
import type { OperatorConfig, StandaloneConfig, WorkerConfig } from '../api/config.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { MetricsRegistry } from '../http/metrics.ts'
import type { LiveConfig } from '../process/config-watch.ts'
import type { Environment } from '../process/env.ts'
import type { LogOutput, ProcessLogger } from '../process/logger.ts'

export interface ProcessPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: ProcessLogger
  /** Where the lines of the logger go: for loggers that are handed to users' code. */
  readonly output: LogOutput
  readonly environment: Environment
  /** A program calls it once with its registry: what the process measures of itself goes there. */
  readonly measured: (registry: MetricsRegistry) => void
}

export interface Run<C> {
  readonly config: C
  /** Of now: `dispatch` and `logLevel` may change while the program runs. */
  readonly live: LiveConfig<C>
  readonly ports: ProcessPorts
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal
}

export interface HandlersRun<C> extends Run<C> {
  /** Module that exports `handlers`, and `deps` if they need any. */
  readonly handlersFile: string
}

/** Each resolves with the exit code of names.md when it has stopped. */
export interface Programs {
  operator(run: Run<OperatorConfig>): Promise<number>
  worker(run: HandlersRun<WorkerConfig>): Promise<number>
  standalone(run: HandlersRun<StandaloneConfig>): Promise<number>
}
