/**
 * Makes and keeps the two streams and their consumers (implements `Streams` of recovery). What they
 * look like stands in `definitions.ts`, what becomes of
 * one that differs in `stream-keeper.ts`; when they may be made again, and by whom: protocol T3.
 *
 * Nothing here deletes a stream but `recreate`.
 */
import type { StreamInfo } from '@nats-io/jetstream'
import type { Random } from '../core/clock.ts'
import type { Term } from '../core/epoch.ts'
import { GopherQueueError } from '../core/errors.ts'
import {
  type ClassId,
  classConsumer,
  eventConsumer,
  type JobUid,
  type ShardId,
  streamNames,
  subjects,
} from '../core/ids.ts'
import type { Logger } from '../observability/ports.ts'
import type { StoredMessage, StreamState, Streams } from '../recovery/ports.ts'
import type { Nats } from './connect.ts'
import {
  classConsumerConfig,
  eventConsumerConfig,
  eventStream,
  type StreamDefinition,
  type StreamSizes,
  termOfConsumer,
  workStream,
} from './definitions.ts'
import { API_CODES, apiCode, Management } from './management.ts'
import { identityOf, StreamKeeper } from './stream-keeper.ts'
import { filters } from './subjects.ts'

export interface StreamsOptions extends StreamSizes {
  readonly nats: Nats
  readonly random: Random
  readonly logger: Logger
}

export function natsStreams(options: StreamsOptions): Streams {
  return new NatsStreams(options)
}

/** Take-overs that cross each other are settled after one look more; this many are a fault. */
const TAKE_TRIES = 5

class NatsStreams implements Streams {
  readonly #management: Management
  readonly #keeper: StreamKeeper
  readonly #logger: Logger
  readonly #work: StreamDefinition
  readonly #events: StreamDefinition

  constructor(options: StreamsOptions) {
    this.#management = new Management(options.nats)
    this.#keeper = new StreamKeeper({ ...options, management: this.#management })
    this.#logger = options.logger
    this.#work = workStream(options)
    this.#events = eventStream(options)
  }

  async ensure(): Promise<{ readonly work: StreamState; readonly events: StreamState }> {
    const work = await this.#ensure(this.#work)
    return { work, events: await this.#ensure(this.#events) }
  }

  async #ensure(wanted: StreamDefinition): Promise<StreamState> {
    return stateOf(await this.#keeper.ensure(wanted))
  }

  async state(): Promise<{ readonly work: StreamState; readonly events: StreamState } | null> {
    const [work, events] = await Promise.all([
      this.#keeper.info(streamNames.work),
      this.#keeper.info(streamNames.events),
    ])
    return work && events ? { work: stateOf(work), events: stateOf(events) } : null
  }

  async recreate(): Promise<void> {
    for (const name of [streamNames.work, streamNames.events]) {
      // The server removes the files of a deleted stream later; deleted twice in a moment (by two
      // leaders), the second leaves its files to the next stream of the name. So they are emptied.
      await this.#management.call(
        `empty stream ${name}`,
        (manager) => manager.streams.purge(name),
        [API_CODES.streamNotFound],
      )
      await this.#management.call(
        `delete stream ${name}`,
        (manager) => manager.streams.delete(name),
        [API_CODES.streamNotFound],
      )
      this.#logger.warn('deleted a stream that was replaced or rolled back', { stream: name })
    }
    await this.ensure()
  }

  async takeEvents(shard: ShardId, term: Term): Promise<'taken' | 'higher-term'> {
    for (let tries = 0; tries < TAKE_TRIES; tries++) {
      const terms = await this.#eventTerms(shard)
      if (terms.some((other) => other > term)) return 'higher-term'
      for (const lower of terms.filter((other) => other < term)) {
        await this.releaseEvents(shard, lower)
      }
      if (await this.#createEventConsumer(shard, term)) return 'taken'
    }
    throw new GopherQueueError(
      'DispatchUnavailable',
      `cannot take over the events of shard ${shard}: another consumer of it appears again and again`,
      { help: `see \`nats consumer ls ${streamNames.events}\`` },
    )
  }

  async releaseEvents(shard: ShardId, term: Term): Promise<void> {
    await this.#deleteConsumer(streamNames.events, eventConsumer(shard, term))
  }

  async ensureClass(namespace: string, cls: ClassId): Promise<void> {
    const config = classConsumerConfig(namespace, cls)
    const made = await this.#management.call(
      `create consumer ${config.durable_name}`,
      (manager) => manager.consumers.add(streamNames.work, config),
      [API_CODES.consumerExists, API_CODES.consumerNameTaken],
    )
    if (!made) await this.#correctClass(namespace, cls)
  }

  async removeClass(namespace: string, cls: ClassId): Promise<void> {
    await this.#deleteConsumer(streamNames.work, classConsumer(namespace, cls))
  }

  async workNamespaces(): Promise<readonly string[]> {
    const info = await this.#management.call('list the jobs in the work stream', (manager) =>
      manager.streams.info(streamNames.work, { subjects_filter: filters.work }),
    )
    const names = new Set<string>()
    for (const subject of Object.keys(info?.state.subjects ?? {})) {
      const namespace = subject.split('.', 4)[3]
      if (namespace) names.add(namespace)
    }
    return [...names]
  }

  async purgeWork(namespace: string): Promise<void> {
    await this.#management.call(`purge the jobs of namespace ${namespace}`, (manager) =>
      manager.streams.purge(streamNames.work, { filter: subjects.workOfNamespace(namespace) }),
    )
  }

  async lastWork(namespace: string, cls: ClassId, uid: JobUid): Promise<StoredMessage | null> {
    const seq = await this.#last(streamNames.work, subjects.work(namespace, cls, uid))
    return seq === null ? null : { seq }
  }

  async storedEvent(shard: ShardId, namespace: string, uid: JobUid): Promise<boolean> {
    const subject = subjects.eventsOfJob(shard, namespace, uid)
    return (await this.#last(streamNames.events, subject)) !== null
  }

  async #last(stream: string, subject: string): Promise<number | null> {
    const message = await this.#management.call(`read ${stream}`, (manager) =>
      manager.streams.getMessage(stream, { last_by_subj: subject }),
    )
    return message?.seq ?? null
  }

  async #eventTerms(shard: ShardId): Promise<readonly Term[]> {
    const consumers = await this.#management.call('list the event consumers', async (manager) => {
      const names: string[] = []
      for await (const consumer of manager.consumers.list(streamNames.events)) {
        names.push(consumer.name)
      }
      return names
    })
    return (consumers ?? [])
      .map((name) => termOfConsumer(shard, name))
      .filter((term): term is Term => term !== null)
  }

  /** False: a consumer of another term was there first. */
  async #createEventConsumer(shard: ShardId, term: Term): Promise<boolean> {
    const made = await this.#management.call(
      `create the event consumer of shard ${shard}`,
      (manager) => manager.consumers.add(streamNames.events, eventConsumerConfig(shard, term)),
      [API_CODES.consumerNotUnique],
    )
    return made !== null
  }

  async #deleteConsumer(stream: string, name: string): Promise<void> {
    await this.#management.call(
      `delete consumer ${name}`,
      (manager) => manager.consumers.delete(stream, name),
      [API_CODES.consumerNotFound, API_CODES.streamNotFound],
    )
  }

  /**
   * A consumer of an older version, or one made by hand. What the server does not change is made
   * again: messages stay in the stream, and a delivery that is lost with it is not acknowledged.
   */
  async #correctClass(namespace: string, cls: ClassId): Promise<void> {
    const config = classConsumerConfig(namespace, cls)
    const { durable_name: name = '', ...changes } = config
    this.#logger.warn('a consumer differs from its definition', { namespace, consumer: name })
    try {
      await this.#management.call(`update consumer ${name}`, (manager) =>
        manager.consumers.update(streamNames.work, name, changes),
      )
    } catch (error) {
      if (apiCode(error) === null) throw error
      await this.#deleteConsumer(streamNames.work, name)
      await this.#management.call(`create consumer ${name}`, (manager) =>
        manager.consumers.add(streamNames.work, config),
      )
    }
  }
}

function stateOf(info: StreamInfo): StreamState {
  // A restored store keeps the server's time of creation; a stream made twice in one has another name.
  return { created: `${info.created} ${identityOf(info)}`, lastSeq: info.state.last_seq }
}
