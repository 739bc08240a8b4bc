/**
 * JetStream's management API over the session of now. Every question has a deadline (the library's)
 * and ends with its session; a failure is one error that says what was tried and what would help.
 * "Not found" is an answer, not a failure.
 */
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { errors } from '@nats-io/transport-node'
import { GopherQueueError } from '../core/errors.ts'
import type { Nats } from './connect.ts'
import type { Session } from './session.ts'
import { cleanText } from './text.ts'

/** Codes of the server that are answers here. */
export const API_CODES = {
  consumerNotFound: 10014,
  consumerNameTaken: 10013,
  consumerExists: 10148,
  /** Two consumers of one filter on a work-queue stream. */
  consumerNotUnique: 10100,
  streamNotFound: 10059,
  streamNameTaken: 10058,
} as const

const WITHIN_MS = 5_000

export class Management {
  readonly #nats: Nats
  readonly #managers = new WeakMap<Session, Promise<JetStreamManager>>()

  constructor(nats: Nats) {
    this.#nats = nats
  }

  /**
   * @param what is tried, as in "cannot <what>"
   * @param answers codes with which `run` is over and the result is null
   * @throws GopherQueueError DispatchUnavailable
   */
  async call<T>(
    what: string,
    run: (manager: JetStreamManager) => Promise<T>,
    answers: readonly number[] = [],
  ): Promise<T | null> {
    const { session } = this.#nats
    if (!session) throw failure(what, this.#nats.link.problem)
    try {
      return await run(await this.#manager(session))
    } catch (error) {
      const code = apiCode(error)
      if (code !== null && answers.includes(code)) return null
      throw failure(what, reason(error), helpFor(error), error)
    }
  }

  #manager(session: Session): Promise<JetStreamManager> {
    let manager = this.#managers.get(session)
    if (!manager) {
      manager = jetstreamManager(session.connection, { checkAPI: false, timeout: WITHIN_MS })
      this.#managers.set(session, manager)
    }
    return manager
  }
}

/** The server's own code of a refusal; null: it was no refusal of JetStream. */
export function apiCode(error: unknown): number | null {
  const cause = error instanceof GopherQueueError ? error.cause : error
  return cause instanceof JetStreamApiError ? cause.code : null
}

function failure(what: string, why: string, help = '', cause?: unknown): GopherQueueError {
  return new GopherQueueError('DispatchUnavailable', `cannot ${what}: ${why}`, { cause, help })
}

function reason(error: unknown): string {
  if (error instanceof errors.TimeoutError) return `no answer within ${WITHIN_MS} ms`
  if (isNotEnabled(error)) return 'JetStream is not available on the NATS server'
  return cleanText(error instanceof Error ? error.message : String(error), 300)
}

function helpFor(error: unknown): string {
  return isNotEnabled(error)
    ? 'add `jetstream {}` to the configuration of nats-server, or wait until it has started'
    : ''
}

function isNotEnabled(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled'
}
