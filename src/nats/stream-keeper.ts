/**
 * Makes a stream, or compares the one that is there with its definition: a difference is logged field
 * by field and corrected where the server lets it be corrected; where not, the log says what would.
 * Nothing here deletes a stream.
 */
import type { StreamInfo, StreamUpdateConfig } from '@nats-io/jetstream'
import type { Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../observability/ports.ts'
import { differences, IDENTITY_KEY, type StreamDefinition } from './definitions.ts'
import { API_CODES, type Management } from './management.ts'

export interface StreamKeeperOptions {
  readonly management: Management
  readonly random: Random
  readonly logger: Logger
}

export class StreamKeeper {
  readonly #options: StreamKeeperOptions

  constructor(options: StreamKeeperOptions) {
    this.#options = options
  }

  /** Null: it is missing. @throws GopherQueueError */
  info(name: string): Promise<StreamInfo | null> {
    return this.#options.management.call(
      `look at stream ${name}`,
      (manager) => manager.streams.info(name),
      [API_CODES.streamNotFound],
    )
  }

  /** @throws GopherQueueError */
  async ensure(wanted: StreamDefinition): Promise<StreamInfo> {
    const found = (await this.info(wanted.name)) ?? (await this.#create(wanted))
    return found ? this.#verified(found, wanted) : this.ensure(wanted)
  }

  /** Null: another process was faster. */
  async #create(wanted: StreamDefinition): Promise<StreamInfo | null> {
    const identity = Buffer.from(this.#options.random.bytes(16)).toString('hex')
    const made = await this.#options.management.call(
      `create stream ${wanted.name}`,
      (manager) => manager.streams.add({ ...wanted, metadata: { [IDENTITY_KEY]: identity } }),
      [API_CODES.streamNameTaken],
    )
    if (made) this.#options.logger.info('made a stream', { stream: wanted.name })
    return made
  }

  async #verified(found: StreamInfo, wanted: StreamDefinition): Promise<StreamInfo> {
    const drift = differences(found.config, wanted)
    const anonymous = identityOf(found) === ''
    if (drift.length === 0 && !anonymous) return found
    for (const { field, has, wants } of drift) {
      this.#options.logger.warn('a stream differs from its definition', {
        stream: wanted.name,
        field,
        has,
        wants,
      })
    }
    try {
      return (await this.#correct(found, wanted)) ?? found
    } catch (error) {
      this.#options.logger.error('a stream cannot be corrected', {
        stream: wanted.name,
        err: describeError(error),
        help: `delete it (nats stream rm ${wanted.name}): no job is lost, and it is made again`,
      })
      return found
    }
  }

  #correct(found: StreamInfo, wanted: StreamDefinition): Promise<StreamInfo | null> {
    const identity =
      identityOf(found) || Buffer.from(this.#options.random.bytes(16)).toString('hex')
    const { name, ...rest } = wanted
    const update: Partial<StreamUpdateConfig> = {
      ...rest,
      metadata: { ...found.config.metadata, [IDENTITY_KEY]: identity },
    }
    return this.#options.management.call(`update stream ${name}`, (manager) =>
      manager.streams.update(name, update),
    )
  }
}

export function identityOf(info: StreamInfo): string {
  return info.config.metadata?.[IDENTITY_KEY] ?? ''
}
