/**
 * What our two kinds of Lease say (protocol section 2), as records and back. Pure.
 *
 *   gopherqueue-shard-<k>            holder in the spec; term, floor and salts as annotations
 *   gopherqueue-member-<identity>    holder, duration and six-digit times in the spec
 *
 * A Lease is an object that anybody with the right may edit, so nothing in it is trusted to be there
 * or to be well formed (B45). What is broken is read so that no promise can break: terms never fall,
 * a floor that is lost rises to the term, which voids outcomes but accepts no wrong one.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { GROUP } from '../api/conditions.ts'
import { rfc3339Micro, type WallMs } from '../core/clock.ts'
import { MAX_TERM, type Term } from '../core/epoch.ts'
import type { ShardId } from '../core/ids.ts'
import type { MemberLease, Salt, ShardRecord } from '../recovery/ports.ts'
import { isRecord, metaOf, type ObjectMeta, type RawObject, textAt } from './objects.ts'

const TERM = `${GROUP}/term`
const FLOOR = `${GROUP}/floor`
const SALTS = `${GROUP}/salts`
/** Random for each start of a process: tells two processes with one identity apart. */
const BOOT = `${GROUP}/boot`

/** What a salts annotation may hold at most; 512 salts are 40 KiB. */
const MAX_SALTS_TEXT = 131_072

export function shardLeaseName(shard: ShardId): string {
  return `gopherqueue-shard-${shard}`
}

const MEMBER_PREFIX = 'gopherqueue-member-'
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** Any identity has a name of its own; one that is no object name gets a digest (B8). */
export function memberLeaseName(identity: string): string {
  if (OBJECT_NAME.test(identity) && identity.length <= 200) return `${MEMBER_PREFIX}${identity}`
  const readable = identity
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 100)
  const digest = createHash('sha256').update(identity).digest('hex').slice(0, 16)
  return `${MEMBER_PREFIX}x${readable}-${digest}`
}

const MEMBER_LABELS = {
  'app.kubernetes.io/managed-by': 'gopherqueue',
  'app.kubernetes.io/component': 'member-lease',
} as const

export const MEMBER_SELECTOR = Object.entries(MEMBER_LABELS)
  .map(([key, value]) => `${key}=${value}`)
  .join(',')

export interface ReadRecord {
  readonly record: ShardRecord
  /** Names of annotations that were missing or broken. */
  readonly broken: readonly string[]
}

/** Before anybody wrote one (T1: created with floor 0). */
export function absentRecord(shard: ShardId): ShardRecord {
  return { shard, resourceVersion: '', holder: '', term: 0, floor: 0, salts: {} }
}

/** Null: no Lease at all, whatever it is. */
export function readRecord(shard: ShardId, raw: unknown): ReadRecord | null {
  const meta = metaOf(raw)
  if (!meta || !isRecord(raw)) return null
  const salts = saltsOf(textAt(meta.annotations, SALTS))
  const term = termOf(textAt(meta.annotations, TERM))
  const floor = termOf(textAt(meta.annotations, FLOOR))
  const highest = Math.max(term ?? 0, floor ?? 0, ...Object.keys(salts.read).map(Number))
  return {
    record: {
      shard,
      resourceVersion: meta.resourceVersion,
      holder: specText(raw, 'holderIdentity'),
      term: highest,
      floor: floor ?? highest,
      salts: salts.read,
    },
    broken: [
      ...(term === null ? [TERM] : []),
      ...(floor === null ? [FLOOR] : []),
      ...(salts.whole ? [] : [SALTS]),
    ],
  }
}

function termOf(text: string): Term | null {
  if (!/^\d{1,7}$/.test(text)) return null
  const term = Number(text)
  return term <= MAX_TERM ? term : null
}

const SaltEntry = z.object({
  hex: z.string().regex(/^[0-9a-f]{32}$/),
  madeAt: z.int().min(0),
})

/** Every entry that can be read; one broken entry costs only itself. */
function saltsOf(text: string): { read: Record<string, Salt>; whole: boolean } {
  const value = text.length <= MAX_SALTS_TEXT ? parsed(text) : undefined
  if (!isRecord(value)) return { read: {}, whole: false }
  const entries = Object.entries(value)
  const good = entries.flatMap(([key, entry]): [string, Salt][] => {
    const term = termOf(key)
    const salt = SaltEntry.safeParse(entry)
    return term !== null && salt.success ? [[String(term), salt.data]] : []
  })
  return { read: Object.fromEntries(good), whole: good.length === entries.length }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * The Lease that says the record: to be created, or, with a version, as a merge patch. Not for a PUT,
 * which creates a Lease that was deleted, whatever version it names.
 */
export function shardLease(namespace: string, record: ShardRecord, now: WallMs): RawObject {
  const { shard, resourceVersion, holder, term, floor, salts } = record
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      namespace,
      name: shardLeaseName(shard),
      ...(resourceVersion === '' ? {} : { resourceVersion }),
      labels: {
        'app.kubernetes.io/managed-by': 'gopherqueue',
        'app.kubernetes.io/component': 'shard-record',
      },
      annotations: {
        [TERM]: String(term),
        [FLOOR]: String(floor),
        [SALTS]: JSON.stringify(salts),
      },
    },
    // The server refuses an empty holder.
    spec: { holderIdentity: holder === '' ? null : holder, acquireTime: rfc3339Micro(now) },
  }
}

/** A member Lease as its own process sees it: which version, and of which process. */
export interface OwnLease {
  readonly resourceVersion: string
  readonly boot: string
}

export function readOwn(raw: unknown): OwnLease | null {
  const meta = metaOf(raw)
  return meta && { resourceVersion: meta.resourceVersion, boot: textAt(meta.annotations, BOOT) }
}

export interface MemberFields {
  readonly identity: string
  readonly boot: string
  /** '' = to be created. */
  readonly resourceVersion: string
  readonly durationSeconds: number
  /** When this process began to hold it. */
  readonly acquired: WallMs
}

export function memberLease(namespace: string, fields: MemberFields, now: WallMs): RawObject {
  const { identity, boot, resourceVersion, durationSeconds, acquired } = fields
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      namespace,
      name: memberLeaseName(identity),
      ...(resourceVersion === '' ? {} : { resourceVersion }),
      labels: MEMBER_LABELS,
      annotations: { [BOOT]: boot },
    },
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: durationSeconds,
      acquireTime: rfc3339Micro(acquired),
      renewTime: rfc3339Micro(now),
    },
  }
}

/** A longer duration is not ours, and would hold shards for too long. */
const LONGEST_SECONDS = 3_600

/**
 * Another process's Lease. A broken time or duration, or a foreign holder, changes nothing about whose
 * it is: it is held until it was seen unchanged for a full duration (B45).
 */
export function readMember(raw: RawObject, meta: ObjectMeta, usualSeconds: number): MemberLease {
  const holder = specText(raw, 'holderIdentity')
  const seconds = isRecord(raw.spec) ? raw.spec.leaseDurationSeconds : undefined
  const sound = typeof seconds === 'number' && seconds >= 1 && seconds <= LONGEST_SECONDS
  return {
    identity:
      memberLeaseName(holder) === meta.name ? holder : meta.name.slice(MEMBER_PREFIX.length),
    resourceVersion: meta.resourceVersion,
    renewTime: specText(raw, 'renewTime'),
    durationSeconds: sound ? seconds : usualSeconds,
  }
}

function specText(raw: RawObject, field: string): string {
  return isRecord(raw.spec) ? textAt(raw.spec, field) : ''
}
