/**
 * The heartbeat thread of a worker: an event loop and a connection of its own, so that a handler that
 * blocks the main thread for minutes costs no lease (wire protocol, "Worker loop" 4). It knows nothing
 * but what the main thread posts.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { natsBeatSink } from '../nats/beats.ts'
import type { LogFields, Logger, LogLevel } from '../observability/ports.ts'
import { realClock, realRandom } from '../process/clock.ts'
import { BeatSender } from '../worker/beat-sender.ts'
import type { BeatThreadData, FromBeatThread, ToBeatThread } from './beat-wire.ts'
import { connectWorker } from './worker-connection.ts'

const port = parentPort
if (port === null) throw new Error('beat-thread.ts is started by a worker, not by hand')

const { connection, heartbeatMs } = workerData as BeatThreadData

/** Lines are written by the main thread. */
function postingLogger(bound: LogFields): Logger {
  const say = (level: LogLevel) => (msg: string, fields?: LogFields) =>
    port?.postMessage({
      kind: 'log',
      level,
      msg,
      fields: { ...bound, ...fields },
    } satisfies FromBeatThread)
  return {
    debug: say('debug'),
    info: say('debug'),
    warn: say('warn'),
    error: say('error'),
    child: (fields) => postingLogger({ ...bound, ...fields }),
  }
}

const logger = postingLogger({ logger: 'heartbeat' })
const { namespace, worker } = connection
const nats = connectWorker(connection, 'beats', { clock: realClock, random: realRandom, logger })

const sender = new BeatSender({
  clock: realClock,
  heartbeatMs,
  sink: natsBeatSink({ nats, namespace, worker, logger }),
  usage: () => {
    const { user, system } = process.cpuUsage()
    return { memoryBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 }
  },
})

// What was said while there was no connection is lost; what is true now is said when there is one.
nats.onSession(() => sender.beatNow())

port.on('message', (message: ToBeatThread) => {
  if (message.kind !== 'stop') return sender.receive(message)
  sender.stop()
  // Ends the thread, not the process.
  void nats.drain().finally(() => process.exit())
})
