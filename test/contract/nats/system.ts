// A whole small system on one server: streams, an operator's side and a worker's side, each with a
// connection of its own.

import { classDigest, inboxPrefix, jobUid, shardOf } from '../../../src/core/ids.ts'
import type { Outcome, WorkItem } from '../../../src/core/outcome.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { natsDeliverySource } from '../../../src/nats/deliver.ts'
import { natsDispatcher } from '../../../src/nats/dispatch.ts'
import type { OutgoingReport } from '../../../src/nats/encode.ts'
import { natsEvents } from '../../../src/nats/events.ts'
import { natsOutcomeSink } from '../../../src/nats/report.ts'
import { natsStreams } from '../../../src/nats/streams.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import type { Delivery, DeliverySource } from '../../../src/worker/ports.ts'
import { namespace, owner, workItem } from '../../unit/nats/build.ts'
import { connectTo, recordingLogger, sessionOf } from './link.ts'

export { namespace, owner } from '../../unit/nats/build.ts'

/** Every test has a namespace's class of its own, so that no message of another one comes to it. */
let classes = 0

export interface SmallSystem {
  readonly operator: Nats
  readonly worker: Nats
  readonly logger: ReturnType<typeof recordingLogger>
  readonly streams: ReturnType<typeof natsStreams>
  readonly dispatcher: ReturnType<typeof natsDispatcher>
  readonly events: ReturnType<typeof natsEvents>
  readonly outcomes: ReturnType<typeof natsOutcomeSink>
  /** A class with a consumer. */
  readonly newClass: () => Promise<WorkItem['cls']>
  readonly source: (cls: WorkItem['cls'], nats?: Nats) => DeliverySource
  readonly close: () => Promise<void>
}

export async function startSystem(url: string): Promise<SmallSystem> {
  const logger = recordingLogger()
  const operator = connectTo(url, { logger, inboxPrefix: '_INBOX_operator' })
  const worker = connectTo(url, { logger, inboxPrefix: inboxPrefix(owner.worker) })
  await Promise.all([sessionOf(operator), sessionOf(worker)])
  const base = { clock: realClock, random: realRandom, logger }
  const streams = natsStreams({
    ...base,
    nats: operator,
    replicas: 1,
    eventsMaxBytes: 10_485_760,
  })
  await streams.ensure()
  return {
    operator,
    worker,
    logger,
    streams,
    dispatcher: natsDispatcher({ ...base, nats: operator }),
    events: natsEvents({ ...base, nats: operator }),
    outcomes: natsOutcomeSink({ nats: worker, namespace, owner, logger }),
    async newClass() {
      const cls = classDigest([`q${classes++}`], [])
      await streams.ensureClass(namespace, cls)
      return cls
    },
    source: (cls, nats = worker) => natsDeliverySource({ ...base, nats, namespace, cls }),
    async close() {
      await Promise.all([operator.close(), worker.close()])
    },
  }
}

let jobs = 0

/** A job that was never seen before. */
export function newItem(cls: WorkItem['cls'], changes: Partial<WorkItem> = {}): WorkItem {
  return workItem({ cls, uid: jobUid(`job-${jobs++}`), ...changes })
}

export function reportOf(item: WorkItem, outcome: Outcome): OutgoingReport {
  const { uid, name, epoch, nonce, attempt, runId } = item
  return { uid, name, epoch, nonce, attempt, runId, outcome, startedAgoMs: 0, durationMs: 0 }
}

/** Pulls until a message comes. */
export async function pulled(source: DeliverySource): Promise<Delivery> {
  for (;;) {
    const delivery = await source.pull(new AbortController().signal)
    if (delivery) return delivery
  }
}

export const shard = shardOf(namespace)
