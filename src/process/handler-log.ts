/**
 * The logger of users' handlers: genuine pino, because handlers are given `ctx.log` with all that pino
 * can do, on the same output and in the same form as the lines of the process (`process/logger.ts`).
 * What handlers write is theirs: it is neither bounded nor redacted.
 */
import { type Logger as Pino, pino } from 'pino'
import type { Clock } from '../core/clock.ts'
import { type LogThreshold, prettyLine } from '../observability/log.ts'
import type { LogOutput } from './logger.ts'

export interface HandlerLogOptions {
  readonly clock: Clock
  readonly level: LogThreshold
  readonly format: 'json' | 'text'
  readonly output: LogOutput
}

export function handlerLog({ clock, level, format, output }: HandlerLogOptions): Pino {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    format === 'json'
      ? output
      : { write: (line: string) => void output.write(`${prettyLine(line, false)}\n`) },
  )
}
