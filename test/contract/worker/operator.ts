// A scripted operator: makes the streams, sends work, reads outcomes and heartbeats, over the real
// adapters of the operator. It decides nothing.

import { randomBytes } from 'node:crypto'
import { epochOf } from '../../../src/core/epoch.ts'
import { classId, jobUid, type ShardId, shardOf, type WorkerId } from '../../../src/core/ids.ts'
import type { Beat, Control, Note, Report, WorkItem } from '../../../src/core/outcome.ts'
import { natsBeatFeed } from '../../../src/nats/beats.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { natsAnnouncer } from '../../../src/nats/control.ts'
import { natsDispatcher } from '../../../src/nats/dispatch.ts'
import { natsEvents } from '../../../src/nats/events.ts'
import { natsStreams } from '../../../src/nats/streams.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import type { EventDelivery, Following, Streams } from '../../../src/recovery/ports.ts'
import type { Dispatcher } from '../../../src/scheduler/ports.ts'
import { connectTo, recordingLogger, sessionOf } from '../nats/link.ts'

export const TERM = 7
const WITHIN_MS = 15_000

interface Named {
  readonly id: string
}
interface Served {
  readonly class: string
}

/** Everything that a worker does, told with a deadline. */
export class Operator {
  readonly namespace: string
  readonly shard: ShardId
  readonly reports: Report[] = []
  readonly beats: Beat[] = []
  readonly notes: Note[] = []
  readonly rejected: string[] = []
  readonly nats: Nats
  readonly streams: Streams
  readonly dispatcher: Dispatcher
  /** Outcomes are taken from the stream; false = they stay there. */
  reading = true
  readonly #waiting = new Set<() => void>()
  #seq = 0
  #following: Following | null = null

  constructor(nats: Nats, namespace: string) {
    const logger = recordingLogger()
    this.nats = nats
    this.namespace = namespace
    this.shard = shardOf(namespace)
    this.streams = natsStreams({
      nats,
      random: realRandom,
      logger,
      replicas: 1,
      eventsMaxBytes: 64 * 1_048_576,
    })
    this.dispatcher = natsDispatcher({ nats, clock: realClock, logger })
    const feed = natsBeatFeed({ nats, clock: realClock })
    feed.beats((beat) => this.#tell(() => this.beats.push(beat)))
    feed.notes((note) => this.#tell(() => this.notes.push(note)))
    feed.rejected((_, problem) => this.rejected.push(problem))
  }

  static async start(url: string): Promise<Operator> {
    const nats = connectTo(url)
    await sessionOf(nats)
    const operator = new Operator(nats, `worker-${randomBytes(4).toString('hex')}`)
    await operator.streams.ensure()
    await operator.#follow()
    return operator
  }

  async stop(): Promise<void> {
    await this.#following?.stop()
    await this.nats.close()
  }

  async #follow(): Promise<void> {
    await this.streams.takeEvents(this.shard, TERM)
    const feed = natsEvents({ nats: this.nats, clock: realClock, logger: recordingLogger() })
    this.#following = await feed.follow(
      this.shard,
      TERM,
      (delivery) => this.#take(delivery),
      () => undefined,
    )
  }

  #take(delivery: EventDelivery): void {
    const { report } = delivery
    if (report === null) this.rejected.push(delivery.problem)
    else if (report.namespace === this.namespace) this.#tell(() => this.reports.push(report))
    delivery.ack()
  }

  /** Where the class of the worker gets its work from. */
  serve(worker: Served): Promise<void> {
    return this.streams.ensureClass(this.namespace, classId(worker.class))
  }

  itemFor(worker: Served, over: Partial<WorkItem> = {}): WorkItem {
    this.#seq += 1
    return {
      namespace: this.namespace,
      name: `job-${this.#seq}`,
      uid: jobUid(`00000000-0000-4000-8000-${String(this.#seq).padStart(12, '0')}`),
      cls: classId(worker.class),
      queue: 'default',
      type: 'test.job',
      handlerVersion: '',
      epoch: epochOf(TERM, this.#seq),
      nonce: randomBytes(16).toString('hex'),
      attempt: 1,
      maxAttempts: 3,
      runId: '',
      timeoutMs: 20_000,
      traceparent: '',
      tracestate: '',
      correlationId: '',
      payloadJson: null,
      payloadFrom: null,
      ...over,
    }
  }

  async send(worker: Served, over: Partial<WorkItem> = {}): Promise<WorkItem> {
    const item = this.itemFor(worker, over)
    const answer = await this.dispatcher.publish(item)
    if (answer.kind !== 'stored') throw new Error(`work was not stored: ${answer.kind}`)
    return item
  }

  tell(worker: Named, control: Control): void {
    natsAnnouncer(this.nats).toWorker(this.namespace, worker.id as WorkerId, control)
  }

  tellAll(control: Control): void {
    natsAnnouncer(this.nats).toNamespace(this.namespace, control)
  }

  /** The outcome of an attempt. */
  outcomeOf(item: WorkItem): Promise<Report> {
    return this.until(
      () => this.reports.find(({ uid, epoch }) => uid === item.uid && epoch === item.epoch),
      `an outcome of ${item.name}`,
    )
  }

  /** A heartbeat of this worker, from now on, of which something holds. */
  beatOf(worker: Named, holds: (beat: Beat) => boolean): Promise<Beat> {
    const from = this.beats.length
    const fits = (beat: Beat) => beat.owner.worker === worker.id && holds(beat)
    return this.until(() => this.beats.slice(from).find(fits), 'a heartbeat')
  }

  /** Looks again after each thing that the worker says. @throws after 15 s */
  until<T>(look: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel()
        this.#waiting.delete(check)
      }
      const check = () => {
        const found = look()
        if (found === undefined) return
        end()
        resolve(found)
      }
      const cancel = realClock.after(WITHIN_MS, () => {
        end()
        reject(new Error(`${what} did not come within ${WITHIN_MS} ms`))
      })
      this.#waiting.add(check)
      check()
    })
  }

  #tell(change: () => void): void {
    change()
    for (const check of [...this.#waiting]) check()
  }
}
