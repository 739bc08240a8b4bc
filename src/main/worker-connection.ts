/**
 * How a worker connects to NATS: once for its work and once more for its heartbeats, both times as the
 * same worker (names.md, "NATS login"). Plain data, so that it can go into the heartbeat thread.
 */
import type { WorkerConfig } from '../api/config.ts'
import { type HandlerOffer, PROTOCOL_VERSION } from '../api/messages.ts'
import type { Clock, Random } from '../core/clock.ts'
import {
  type BootId,
  bootId,
  type ClassId,
  classDigest,
  inboxPrefix,
  type WorkerId,
  workerId,
} from '../core/ids.ts'
import { connectNats, type Nats } from '../nats/connect.ts'
import { encodeClaim } from '../nats/encode.ts'
import { noLogin, tokenFileLogin } from '../nats/login.ts'
import type { Logger } from '../observability/ports.ts'

export interface WorkerConnection {
  readonly url: string
  readonly caFile: string
  /** '' = no login. */
  readonly tokenFile: string
  /** User name of CONNECT: what the worker claims. */
  readonly user: string
  readonly namespace: string
  readonly worker: WorkerId
  readonly boot: BootId
  readonly cls: ClassId
}

export function workerConnection(
  config: WorkerConfig,
  offers: readonly HandlerOffer[],
  random: Random,
): WorkerConnection {
  const worker = workerId(config.workerId === '' ? uuid(random) : config.workerId)
  const boot = bootId(uuid(random))
  const user = encodeClaim({
    v: PROTOCOL_VERSION,
    role: 'worker',
    queues: config.queues,
    types: offers.map(({ type, version }) => ({ type, version })),
    boot,
    // A worker in a pod is who its token says.
    ...(config.podName === '' ? { id: worker } : {}),
  })
  return {
    url: config.natsUrl,
    caFile: config.natsCaFile,
    tokenFile: config.tokenFile,
    user,
    namespace: config.namespace,
    worker,
    boot,
    cls: classDigest(config.queues, offers),
  }
}

export interface ConnectionHost {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** @param purpose shown in the server's list of connections: `work`, `beats` */
export function connectWorker(
  connection: WorkerConnection,
  purpose: string,
  host: ConnectionHost,
): Nats {
  const { url, caFile, tokenFile, user, namespace, worker } = connection
  return connectNats({
    url,
    caFile,
    name: `gopherqueue worker ${namespace}/${worker} ${purpose}`,
    inboxPrefix: inboxPrefix(worker),
    login: tokenFile === '' ? noLogin : tokenFileLogin(user, tokenFile),
    ...host,
  })
}

/** Version 4. */
function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const cuts = [0, 8, 12, 16, 20, 32]
  return cuts
    .slice(1)
    .map((end, i) => hex.slice(cuts[i], end))
    .join('-')
}
