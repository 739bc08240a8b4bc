// The benchmarks' worker: a handler that does nothing but say when it was called (start-feed.ts).
// GOPHERQUEUE_SLOTS and the other settings come from the environment, as for every worker.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJob } from '@gopherqueue/sdk'
import { handle, runWorker } from '@gopherqueue/sdk/worker'
import { z } from 'zod'
import { noopType } from './noop-job.ts'
import { machineMicros } from './same-clock.ts'

/** Port of the feed; absent: nobody wants to know. */
const port = z.coerce.number().int().positive().optional().parse(process.env.BENCH_START_PORT)
const feed: Socket | undefined = port === undefined ? undefined : connect(port, '127.0.0.1')
// Telling is for the benchmark only; a worker without anybody who listens works on.
feed?.on('error', () => undefined)

const noop = defineJob({
  type: noopType,
  version: '1',
  input: z.object({ number: z.int(), ms: z.int().min(0).default(0) }),
  output: z.void(),
})

await runWorker({
  handlers: [
    handle(noop, async ({ number, ms }) => {
      feed?.write(`${JSON.stringify({ number, at: machineMicros() })}\n`)
      if (ms > 0) await sleep(ms)
    }),
  ],
})
feed?.end()
