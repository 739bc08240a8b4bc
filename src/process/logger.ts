/**
 * Log lines on standard output: pino behind the Logger port of `observability/ports.ts`. One JSON
 * object a line, with the keys and within the bounds of `observability/log.ts`; times are ISO 8601 in
 * UTC. Output for eyes is made from the same lines, and only when asked for.
 *
 * - A reader that does not read costs lines, never the process: writing is asynchronous, and what
 *   does not fit into 4 MiB is dropped and counted. What is buffered is flushed when the process ends.
 * - The level may change at any time, for every child at once: it is kept here and not in pino, whose
 *   children keep the level they were born with.
 * - Fields of a child and of a call are merged before they are written: no key stands twice in a line.
 */
import { type DestinationStream, type Logger as Pino, pino } from 'pino'
import type { Clock } from '../core/clock.ts'
import {
  isLogged,
  type LogRecord,
  type LogThreshold,
  logRecord,
  prettyLine,
} from '../observability/log.ts'
import type { LogFields, Logger, LogLevel } from '../observability/ports.ts'

export interface ProcessLogger extends Logger {
  /** For this logger, its parents and all of their children. */
  setLevel(level: LogThreshold): void
  /** Lines that were lost because nobody read them. */
  readonly dropped: number
  /** Resolves when everything logged so far is written. */
  flush(): Promise<void>
}

export interface LogOutput extends DestinationStream {
  flush?(done: (error?: Error) => void): void
  readonly dropped?: number
}

export interface LoggerOptions {
  readonly clock: Clock
  readonly level: LogThreshold
  readonly format: 'json' | 'text'
  /** In `text` only. Default: false. */
  readonly colours?: boolean
  /** Default: standard output. */
  readonly output?: LogOutput
}

const MAX_BUFFERED_BYTES = 4 * 1_048_576
const STDOUT = 1

interface Shared {
  readonly pino: Pino
  readonly output: LogOutput
  threshold: LogThreshold
}

class PinoLogger implements ProcessLogger {
  readonly #shared: Shared
  readonly #fields: LogRecord

  constructor(shared: Shared, fields: LogRecord) {
    this.#shared = shared
    this.#fields = fields
  }

  get dropped(): number {
    return this.#shared.output.dropped ?? 0
  }

  debug(msg: string, fields?: LogFields): void {
    this.#write('debug', msg, fields)
  }

  info(msg: string, fields?: LogFields): void {
    this.#write('info', msg, fields)
  }

  warn(msg: string, fields?: LogFields): void {
    this.#write('warn', msg, fields)
  }

  error(msg: string, fields?: LogFields): void {
    this.#write('error', msg, fields)
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#shared, { ...this.#fields, ...logRecord(fields) })
  }

  setLevel(level: LogThreshold): void {
    this.#shared.threshold = level
  }

  flush(): Promise<void> {
    const { output } = this.#shared
    // A stream that is closed or broken has nothing left to write.
    return new Promise((resolve) => (output.flush ? output.flush(() => resolve()) : resolve()))
  }

  #write(level: LogLevel, msg: string, fields: LogFields | undefined): void {
    if (!isLogged(level, this.#shared.threshold)) return
    const record = fields ? { ...this.#fields, ...logRecord(fields) } : this.#fields
    this.#shared.pino[level](record, msg)
  }
}

export function createLogger(options: LoggerOptions): ProcessLogger {
  const { clock, level, format, colours = false } = options
  const output = options.output ?? standardOutput()
  const destination: DestinationStream =
    format === 'json'
      ? output
      : { write: (line: string) => output.write(`${prettyLine(line, colours)}\n`) }
  const root = pino(
    {
      // Chosen above, for all children at once.
      level: 'trace',
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return new PinoLogger({ pino: root, output, threshold: level }, {})
}

/** Shared by all who write lines of this process. */
export function standardOutput(): LogOutput {
  const stream = pino.destination({
    dest: STDOUT,
    sync: false,
    // Each line is written at once; with 0 the stream would call a flush done before it is.
    minLength: 1,
    maxLength: MAX_BUFFERED_BYTES,
  })
  let dropped = 0
  stream.on('drop', () => {
    dropped++
  })
  return {
    write: (line) => void stream.write(line),
    flush: (done) => stream.flush(done),
    get dropped() {
      return dropped
    },
  }
}
