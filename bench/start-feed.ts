// When handlers were called, told by the worker itself: it connects to this process and sends a JSON
// line for each call. The API server is not asked, so telling costs nothing that is measured, and the
// time is that of the call and not of its becoming known.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type Clock, sleep } from '../src/core/clock.ts'

const lookEveryMs = 20

const StartLine = z.object({
  /** Number of the job, from its payload. */
  number: z.int().min(0),
  /** machineMicros() at the call of the handler. */
  at: z.int(),
})

export class StartFeed {
  /** TCP port on loopback. */
  readonly port: number
  readonly #startedAt = new Map<number, number>()
  readonly #close: () => Promise<void>

  static async open(): Promise<StartFeed> {
    const server = createServer((socket) => feed.#read(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => sockets.add(socket))
    const feed: StartFeed = new StartFeed((server.address() as AddressInfo).port, async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    })
    return feed
  }

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port
    this.#close = close
  }

  /** machineMicros() of the first call of the handler for a job; undefined before. */
  startedAt(number: number): number | undefined {
    return this.#startedAt.get(number)
  }

  /** Waits until every job was started, at most `withinMs`; the numbers of those that were not. */
  async waitFor(numbers: readonly number[], withinMs: number, clock: Clock): Promise<number[]> {
    const deadline = clock.monotonic() + withinMs
    for (;;) {
      const missing = numbers.filter((number) => !this.#startedAt.has(number))
      if (missing.length === 0 || clock.monotonic() > deadline) return missing
      await sleep(clock, lookEveryMs)
    }
  }

  close(): Promise<void> {
    return this.#close()
  }

  #read(socket: Socket): void {
    // A worker that is killed resets the connection.
    socket.on('error', () => undefined)
    createInterface({ input: socket }).on('line', (line) => {
      const { number, at } = StartLine.parse(JSON.parse(line))
      // A job that is started twice counts by its first start.
      if (!this.#startedAt.has(number)) this.#startedAt.set(number, at)
    })
  }
}
