/**
 * The life of a program: start, run until it is told to stop, stop, and the exit code that says how it
 * went (names.md). A stop that came in the middle of the start is a clean stop, too.
 *
 * With `wait: false` somebody wants an answer instead of patience (a test, a check in a pipeline): what
 * the program waits for must answer within half a minute, else it stops with code 69.
 */
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { describeError, GopherQueueError } from '../core/errors.ts'
import type { Component } from '../observability/health.ts'
import type { Logger } from '../observability/ports.ts'
import type { Service } from '../runtime/service.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'

export interface RunOptions {
  readonly service: Service
  /** For the log: `operator`. */
  readonly name: string
  readonly signal: AbortSignal
  /** False: end when it is not ready in time. */
  readonly wait: boolean
  readonly components: () => readonly Component[]
  readonly clock: Clock
  readonly logger: Logger
}

const READY_WITHIN_MS = 30_000
const LOOK_MS = 200

export async function runUntilStopped(options: RunOptions): Promise<number> {
  const { service, name, signal, logger } = options
  const told = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  // Also in the middle of the start; what comes of it is looked at below.
  told.then(() => service.stop()).catch(() => undefined)
  let code: number = EXIT.stopped
  try {
    await service.start()
    if (!options.wait) await ready(options)
    await told
  } catch (error) {
    code = exitCodeOf(error)
    if (code !== EXIT.stopped) {
      logger.error(`${name} fails`, { code: codeOf(error), err: describeError(error) })
    }
  }
  try {
    await service.stop()
  } catch (error) {
    logger.error(`${name} did not stop cleanly`, { err: describeError(error) })
    if (code === EXIT.stopped) code = EXIT.failed
  }
  logger.info(`${name} has stopped`, { exitCode: code })
  return code
}

function codeOf(error: unknown): string {
  return error instanceof GopherQueueError ? error.code : 'Failed'
}

/** @throws GopherQueueError `Unavailable` with the line of each component that is not ready */
async function ready({ components, clock, signal }: RunOptions): Promise<void> {
  const until = clock.monotonic() + READY_WITHIN_MS
  while (!signal.aborted) {
    const missing = components().filter(
      ({ problem, weighs }) => problem !== '' && weighs !== 'nothing',
    )
    if (missing.length === 0) return
    if (clock.monotonic() >= until) {
      const lines = missing.map((each) => `${each.name}: ${each.problem}`).join('; ')
      throw new GopherQueueError('Unavailable', `not ready within 30 s: ${lines}`, {
        help: 'without --no-wait it would wait',
      })
    }
    await sleep(clock, LOOK_MS, signal)
  }
}
