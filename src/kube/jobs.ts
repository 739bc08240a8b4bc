/**
 * QueueJobs on the API server: decoding for the watch, the status store of `persistence/`, the payload
 * reader of `scheduler/`.
 *
 * The watch carries a thousand versions a second, so a version is validated once, here, and what the
 * rooms do not need is left behind: managed fields, owners, finalizers, users' labels (B29), and a
 * payload above 2 KiB, which is read again before the job is dispatched.
 */
import { ANNOTATIONS, GITOPS_MARKS, GROUP, RESTORE_LABEL } from '../api/conditions.ts'
import { QueueJobSpec, QueueJobStatus, UNWRITTEN_STATUS } from '../api/queuejob.ts'
import { depthOf, MAX_PAYLOAD_DEPTH } from '../core/depth.ts'
import { describeError } from '../core/errors.ts'
import { type JobKey, type JobUid, jobUid } from '../core/ids.ts'
import type { JobObject, JobTags, Payload, PayloadAnswer } from '../core/job.ts'
import type { ReadAnswer, StatusStore, WriteAnswer, WriteTarget } from '../persistence/ports.ts'
import type { PayloadReader } from '../scheduler/ports.ts'
import { identityOf, partOf } from './decode.ts'
import { badAnswer, KubeError } from './errors.ts'
import { parseExact, textOf } from './exact-json.ts'
import {
  type Decoded,
  isRecord,
  metaOf,
  type ObjectMeta,
  type RawObject,
  textAt,
  unreadable,
} from './objects.ts'
import { objectPath } from './paths.ts'
import { comeBackAfter, putStatus } from './status-write.ts'
import type { KubeRequests } from './transport.ts'

/** Payloads up to this size, in bytes of UTF-8, stay in the cache. */
export const MAX_INLINE_PAYLOAD = 2_048

const Spec = QueueJobSpec.omit({ payload: true })
/** Fields of a newer version stay, because the whole status is written back. */
const Status = QueueJobStatus.loose()

/** Validates one version of a QueueJob. Never throws. */
export function decodeJob(raw: RawObject, meta: ObjectMeta): Decoded<JobObject> {
  const spec = partOf(Spec, 'spec', raw.spec)
  if (!spec.ok) return unreadable(meta, spec.problem)
  const status = partOf(Status, 'status', raw.status ?? UNWRITTEN_STATUS)
  if (!status.ok) return unreadable(meta, status.problem)
  return {
    kind: 'object',
    object: {
      ...identityOf(meta),
      uid: jobUid(meta.uid),
      tags: tagsOf(meta, raw),
      spec: spec.value,
      payload: payloadOf(raw),
      status: status.value,
    },
  }
}

/** Of a QueueJob, or the one that a QueueAction brings along. */
export function payloadOf(raw: RawObject): Payload {
  const value = payloadValue(raw)
  if (value === undefined || value === null) return { kind: 'absent' }
  const json = textOf(value)
  // Without a text it nests even deeper. The job is refused, not left out (B17).
  if (json === null || depthOf(json) > MAX_PAYLOAD_DEPTH) return { kind: 'too-deep' }
  const bytes = Buffer.byteLength(json)
  return bytes <= MAX_INLINE_PAYLOAD ? { kind: 'inline', json } : { kind: 'stored', bytes }
}

function payloadValue(raw: RawObject): unknown {
  return isRecord(raw.spec) && Object.hasOwn(raw.spec, 'payload') ? raw.spec.payload : undefined
}

const VISIBLE = /^[ -~]*$/
/** W3C trace context: version, trace, parent, flags; no part all zeros, no version ff. */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]*)?$/

/** Annotations are the user's: what is malformed counts as absent (B31). */
function tagsOf(meta: ObjectMeta, raw: RawObject): JobTags {
  const { annotations, labels } = meta
  const traceparent = bounded(textAt(annotations, ANNOTATIONS.traceparent), 128, TRACEPARENT)
  return {
    traceparent,
    tracestate:
      traceparent === '' ? '' : bounded(textAt(annotations, ANNOTATIONS.tracestate), 512, VISIBLE),
    correlationId: bounded(textAt(annotations, ANNOTATIONS.correlationId), 256, VISIBLE),
    restored: Object.hasOwn(labels, RESTORE_LABEL),
    gitOps: isGitOpsManaged(annotations, labels),
    schedule: scheduleOf(raw),
  }
}

/** The owner, not the label: anybody may put a label on a job. */
function scheduleOf({ metadata }: RawObject): string {
  const owners = isRecord(metadata) ? metadata.ownerReferences : undefined
  if (!Array.isArray(owners)) return ''
  const owner: unknown = owners.find(
    (each) =>
      isRecord(each) &&
      each.kind === 'QueueSchedule' &&
      each.controller === true &&
      String(each.apiVersion).startsWith(`${GROUP}/`),
  )
  return isRecord(owner) && typeof owner.uid === 'string' ? owner.uid : ''
}

/** By the marks that the tools themselves put on what they manage (names.md, "GitOps-managed"). */
function isGitOpsManaged(
  annotations: ObjectMeta['annotations'],
  labels: ObjectMeta['labels'],
): boolean {
  return (
    Object.hasOwn(annotations, GITOPS_MARKS.annotation) ||
    GITOPS_MARKS.labels.some((label) => Object.hasOwn(labels, label)) ||
    textAt(labels, GITOPS_MARKS.managedBy.label) === GITOPS_MARKS.managedBy.value
  )
}

function bounded(text: string, max: number, pattern: RegExp): string {
  return text.length <= max && pattern.test(text) ? text : ''
}

/** Longest job: 1.5 MiB is what etcd takes, 3 MiB what the API server takes in a request. */
const MAX_JOB_BYTES = 4 * 1_048_576
const READ_DEADLINE_MS = 10_000

type Live =
  | { readonly kind: 'read'; readonly raw: RawObject; readonly meta: ObjectMeta }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }

/** A consistent read past every cache. Never rejects. */
async function readLive(
  requests: KubeRequests,
  key: JobKey,
  kind: 'QueueJob' | 'QueueAction' = 'QueueJob',
): Promise<Live> {
  const asked = { verb: 'GET', path: objectPath(kind, key) } as const
  try {
    const text = await requests.requestText({
      ...asked,
      maxBytes: MAX_JOB_BYTES,
      deadlineMs: READ_DEADLINE_MS,
    })
    const raw = parseExact(text)
    const meta = metaOf(raw)
    if (!meta || !isRecord(raw)) throw badAnswer(asked, 'no object')
    return { kind: 'read', raw, meta }
  } catch (error) {
    if (!(error instanceof KubeError)) return later(describeError(error))
    if (error.status === 404 && error.aboutObject) return { kind: 'gone' }
    return later(error.message, comeBackAfter(error))
  }
}

function later(detail: string, retryAfterMs = 1_000): Live & { kind: 'later' } {
  return { kind: 'later', retryAfterMs, detail }
}

/** A version that our schema does not take will not be another one soon. */
const UNREADABLE_MS = 30_000

export class KubeStatusStore implements StatusStore {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  writeStatus(
    target: WriteTarget,
    _before: QueueJobStatus,
    next: QueueJobStatus,
  ): Promise<WriteAnswer> {
    return putStatus(this.#requests, 'QueueJob', target, next)
  }

  async readJob(key: JobKey): Promise<ReadAnswer> {
    const live = await readLive(this.#requests, key)
    if (live.kind !== 'read') return live
    const decoded = decodeJob(live.raw, live.meta)
    return decoded.kind === 'object'
      ? { kind: 'found', object: decoded.object }
      : later(decoded.object.problem, UNREADABLE_MS)
  }
}

export class KubePayloadReader implements PayloadReader {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  readPayload(key: JobKey, uid: JobUid): Promise<PayloadAnswer> {
    return this.#read('QueueJob', key, uid)
  }

  readActionPayload(key: JobKey, uid: string): Promise<PayloadAnswer> {
    return this.#read('QueueAction', key, uid)
  }

  /** Another object under the name is gone, not a payload (U5). */
  async #read(kind: 'QueueJob' | 'QueueAction', key: JobKey, uid: string): Promise<PayloadAnswer> {
    const live = await readLive(this.#requests, key, kind)
    if (live.kind === 'later') return { kind: 'later', retryAfterMs: live.retryAfterMs }
    if (live.kind === 'gone' || live.meta.uid !== uid) return { kind: 'gone' }
    const value = payloadValue(live.raw)
    if (value === undefined || value === null) return { kind: 'found', json: null }
    const json = textOf(value)
    return json === null ? { kind: 'later', retryAfterMs: UNREADABLE_MS } : { kind: 'found', json }
  }
}
