// Connections of tests: with a logger that remembers, real time, and an end that is waited for.

import { connectNats, type Nats, type NatsOptions } from '../../../src/nats/connect.ts'
import { noLogin } from '../../../src/nats/login.ts'
import type { Session } from '../../../src/nats/session.ts'
import type { LogFields, Logger } from '../../../src/observability/ports.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly msg: string
  readonly fields: LogFields
}

export interface RecordingLogger extends Logger {
  readonly lines: Logged[]
}

export function recordingLogger(): RecordingLogger {
  const lines: Logged[] = []
  const at =
    (level: Logged['level']) =>
    (msg: string, fields: LogFields = {}) => {
      lines.push({ level, msg, fields })
    }
  const logger: RecordingLogger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  return logger
}

export function connectTo(url: string, changes: Partial<NatsOptions> = {}): Nats {
  return connectNats({
    url,
    caFile: '',
    name: 'contract-test',
    inboxPrefix: '_INBOX_contract',
    login: noLogin,
    clock: realClock,
    random: realRandom,
    logger: recordingLogger(),
    ...changes,
  })
}

/** The next session, or the one of now. */
export function sessionOf(nats: Nats): Promise<Session> {
  return new Promise((resolve) => {
    const stop = nats.onSession((session) => {
      queueMicrotask(() => stop())
      resolve(session)
    })
  })
}

/** Resolves when the link says what is wanted, at once or later. */
export function whenLink(nats: Nats, connected: boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (nats.link.connected !== connected) return
      queueMicrotask(() => stop())
      resolve()
    }
    const stop = nats.link.onChange(look)
    look()
  })
}
