/**
 * Shard records and member Leases (protocol section 2) as `coordination.k8s.io/v1` Leases in the
 * operator's namespace.
 *
 * A shard record is written by compare-and-set only: its version is the precondition, and a missing
 * one is created, which only one of two processes can do.
 *
 * A member Lease is renewed by compare-and-set, too. Each process has a boot id in it: after a restart
 * under the same identity the new process takes the Lease at once, and if the old one still lives, its
 * next renewal fails for good and it stops acting (W7). Two replicas that were given one identity by
 * mistake are found the same way.
 *
 * Renewals have sockets of their own in the transport: whatever crowds the others, they do not wait.
 */
import type { Clock, Random, WallMs } from '../core/clock.ts'
import { GopherQueueError } from '../core/errors.ts'
import type { ShardId } from '../core/ids.ts'
import type { Logger } from '../observability/ports.ts'
import type {
  CasAnswer,
  MemberLease,
  MemberLeases,
  ShardRecord,
  ShardRecords,
} from '../recovery/ports.ts'
import { badAnswer, KubeError } from './errors.ts'
import {
  absentRecord,
  MEMBER_SELECTOR,
  memberLease,
  memberLeaseName,
  type OwnLease,
  readMember,
  readOwn,
  readRecord,
  shardLease,
  shardLeaseName,
} from './lease-record.ts'
import { listPages } from './list-pages.ts'
import { metaOf } from './objects.ts'
import type { KubeCall, KubeRequests } from './transport.ts'

const collection = (namespace: string): string =>
  `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`

const MAX_LEASE_BYTES = 1_048_576
const DEADLINE_MS = 5_000

/** The one object named, or null; any other failure is thrown. */
async function readLease(requests: KubeRequests, call: KubeCall): Promise<unknown> {
  try {
    return await requests.request(call)
  } catch (error) {
    if (error instanceof KubeError && error.status === 404 && error.aboutObject) return null
    throw error
  }
}

/** A 404 to a creation is about the namespace: the object is the one that is not there yet. */
function namespaceMissing(error: unknown, namespace: string): unknown {
  if (!(error instanceof KubeError) || error.status !== 404 || !error.aboutObject) return error
  return new GopherQueueError(error.code, `namespace "${namespace}" for Leases does not exist`, {
    cause: error,
    help: `kubectl create namespace ${namespace}`,
  })
}

export interface ShardRecordsOptions {
  readonly requests: KubeRequests
  /** Of all Leases of one installation. It must exist. */
  readonly namespace: string
  readonly clock: Clock
  readonly logger: Logger
}

export class KubeShardRecords implements ShardRecords {
  readonly #options: ShardRecordsOptions

  constructor(options: ShardRecordsOptions) {
    this.#options = options
  }

  /** @throws KubeError when the record cannot be read; a missing one is not an error */
  async read(shard: ShardId): Promise<ShardRecord> {
    const { requests, namespace, logger } = this.#options
    const call: KubeCall = {
      verb: 'GET',
      path: `${collection(namespace)}/${shardLeaseName(shard)}`,
      maxBytes: MAX_LEASE_BYTES,
      deadlineMs: DEADLINE_MS,
    }
    const raw = await readLease(requests, call)
    if (raw === null) return absentRecord(shard)
    const read = readRecord(shard, raw)
    if (!read) throw badAnswer(call, 'no Lease')
    if (read.broken.length > 0) {
      logger.warn('a shard record was changed by hand', { shard, broken: read.broken.join(', ') })
    }
    return read.record
  }

  /** @throws GopherQueueError when the namespace is missing, with the command that creates it */
  async compareAndSet(next: ShardRecord): Promise<CasAnswer> {
    const { requests, namespace, clock } = this.#options
    const creating = next.resourceVersion === ''
    const body = shardLease(namespace, next, clock.now())
    const path = collection(namespace)
    const call: KubeCall = {
      verb: creating ? 'POST' : 'PATCH',
      path: creating ? path : `${path}/${shardLeaseName(next.shard)}`,
      ...(creating ? {} : { contentType: 'application/merge-patch+json' }),
      body,
      maxBytes: MAX_LEASE_BYTES,
      deadlineMs: DEADLINE_MS,
    }
    try {
      const meta = metaOf(await requests.request(call))
      if (!meta) throw badAnswer(call, 'no Lease')
      return { kind: 'set', record: { ...next, resourceVersion: meta.resourceVersion } }
    } catch (error) {
      if (!(error instanceof KubeError)) throw error
      if (error.status === 409) return { kind: 'lost' }
      // Deleted meanwhile: whoever creates it again has won.
      if (error.status === 404 && error.aboutObject && !creating) return { kind: 'lost' }
      if (error.status === 404) throw namespaceMissing(error, namespace)
      return { kind: 'unknown', detail: error.message }
    }
  }
}

export interface MemberLeasesOptions extends ShardRecordsOptions {
  readonly random: Random
  /** Duration of a member Lease. */
  readonly leaseSeconds: number
}

export class KubeMemberLeases implements MemberLeases {
  readonly #options: MemberLeasesOptions
  readonly #boot: string
  readonly #acquired: WallMs
  /** Version of our Lease as last answered; null = not known, or not held yet. */
  #version: string | null = null
  #held = false

  constructor(options: MemberLeasesOptions) {
    this.#options = options
    this.#boot = Buffer.from(options.random.bytes(8)).toString('hex')
    this.#acquired = options.clock.now()
  }

  async list(): Promise<readonly MemberLease[]> {
    const { requests, namespace, leaseSeconds } = this.#options
    const found: MemberLease[] = []
    const selectors = { label: MEMBER_SELECTOR }
    for await (const page of listPages(requests, collection(namespace), selectors, {
      pageSize: 500,
    })) {
      for (const { raw, meta } of page.items) found.push(readMember(raw, meta, leaseSeconds))
    }
    return found
  }

  /**
   * Creates or renews our Lease. False: another process has taken the identity, and this one must not
   * act any more.
   * @throws KubeError, GopherQueueError when the server did not say yes
   */
  async renew(identity: string): Promise<boolean> {
    if (this.#version === null) {
      const found = await this.#readOwn(identity)
      if (this.#isForeign(found)) return false
      this.#version = found?.resourceVersion ?? ''
    }
    const version = this.#version
    this.#version = null
    try {
      this.#version = await this.#write(identity, version)
    } catch (error) {
      if (!isRace(error)) throw error
      return this.#renewAgain(identity)
    }
    this.#held = true
    return true
  }

  /** Only a Lease that has not changed since it was read here: one that was renewed stays. */
  async remove(identity: string): Promise<void> {
    const call = this.#call('GET', identity)
    const meta = metaOf(await readLease(this.#options.requests, call))
    if (!meta) return
    const { uid, resourceVersion } = meta
    const preconditions = { uid, resourceVersion }
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions }
    try {
      await this.#options.requests.request({ ...call, verb: 'DELETE', body })
    } catch (error) {
      if (!isRace(error)) throw error
    }
  }

  /**
   * Somebody wrote or deleted it since we did: an edit, our own renewal whose answer was lost, or a
   * process with our identity. Seen once more, and once only.
   */
  async #renewAgain(identity: string): Promise<boolean> {
    const found = await this.#readOwn(identity)
    if (this.#isForeign(found)) return false
    this.#version = await this.#write(identity, found?.resourceVersion ?? '')
    this.#held = true
    return true
  }

  /** Before the first renewal any Lease of the identity is a former life's. */
  #isForeign(found: OwnLease | null): boolean {
    const foreign = this.#held && found !== null && found.boot !== this.#boot
    if (foreign) {
      this.#options.logger.error('another process uses the same identity', {
        err: 'give each replica its own identity: the default is the host name and a random part',
      })
    }
    return foreign
  }

  async #readOwn(identity: string): Promise<OwnLease | null> {
    const call = this.#call('GET', identity)
    const raw = await readLease(this.#options.requests, call)
    if (raw === null) return null
    const own = readOwn(raw)
    if (!own) throw badAnswer(call, 'no Lease')
    return own
  }

  /** The version that was written. */
  async #write(identity: string, version: string): Promise<string> {
    const { requests, namespace, clock, leaseSeconds } = this.#options
    const body = memberLease(
      namespace,
      {
        identity,
        boot: this.#boot,
        resourceVersion: version,
        durationSeconds: leaseSeconds,
        acquired: this.#acquired,
      },
      clock.now(),
    )
    const call = this.#call(version === '' ? 'POST' : 'PUT', identity)
    try {
      const meta = metaOf(await requests.request({ ...call, body }))
      if (!meta) throw badAnswer(call, 'no Lease')
      return meta.resourceVersion
    } catch (error) {
      throw version === '' ? namespaceMissing(error, namespace) : error
    }
  }

  /** A renewal leaves time for another one within the trust of W7, two thirds of the duration. */
  #call(verb: 'GET' | 'POST' | 'PUT', identity: string): KubeCall {
    const { namespace, leaseSeconds } = this.#options
    const path = collection(namespace)
    return {
      verb,
      path: verb === 'POST' ? path : `${path}/${memberLeaseName(identity)}`,
      lane: 'lease',
      maxBytes: MAX_LEASE_BYTES,
      deadlineMs: (leaseSeconds * 1000) / 5,
      retry: false,
    }
  }
}

/** Changed by somebody, created by somebody, or deleted by somebody. */
function isRace(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false
  return error.status === 409 || (error.status === 404 && error.aboutObject)
}
