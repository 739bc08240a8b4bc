/**
 * Everything that travels over NATS, version 1 (wire-protocol.md, protocol.md section 4). Header
 * names are constants here; every value is bounded; unknown headers and fields are ignored, so an old
 * and a new process can meet on a rolling upgrade.
 *
 * Namespace and worker are never read from a message: only from the subject on which it came.
 * A schema takes what is on the wire (header values are strings) and gives what the code works with
 * (integers); the JSON Schemas in docs/protocol describe the wire side.
 */
import { z } from 'zod'
import { FAILURE_CATEGORIES } from './conditions.ts'
import { type DeepReadonly, PATTERNS } from './fields.ts'

/** Header `Gq-Proto` and field `v`; the operator accepts this and the one before. */
export const PROTOCOL_VERSION = 1
/** Largest messages that are read at all, in bytes; the streams have the same limits. */
export const MESSAGE_LIMITS = {
  workBytes: 262_144,
  eventBytes: 65_536,
  beatBytes: 1_048_576,
  noteBytes: 4096,
  controlBytes: 65_536,
  /** Attempts in one beat, running or finished. */
  beatAttempts: 10_000,
  /** Reports that one resend asks for. */
  resendReports: 500,
  /** Handlers and queues that one worker offers. */
  handlers: 1000,
  queues: 16,
} as const

export const OUTCOMES = [
  'succeeded',
  'failed',
  'snoozed',
  'cancelled',
  'timed-out',
  'handed-back',
  'rejected',
] as const

/** Why the operator cancels an attempt. */
export const CANCEL_REASONS = ['cancelled', 'suspended', 'deleted', 'void', 'timeout'] as const

/** Property in the code → header on the wire. */
export const WORK_HEADERS = {
  proto: 'Gq-Proto',
  uid: 'Gq-Job-Uid',
  name: 'Gq-Job-Name',
  namespace: 'Gq-Namespace',
  queue: 'Gq-Queue',
  type: 'Gq-Type',
  handlerVersion: 'Gq-Handler-Version',
  epoch: 'Gq-Epoch',
  nonce: 'Gq-Nonce',
  attempt: 'Gq-Attempt',
  maxAttempts: 'Gq-Max-Attempts',
  runId: 'Gq-Run-Id',
  timeoutMs: 'Gq-Timeout-Ms',
  deadline: 'Gq-Deadline',
  correlationId: 'Gq-Correlation-Id',
  item: 'Gq-Item',
  checkpoint: 'Gq-Checkpoint',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  contentType: 'Content-Type',
  payloadFrom: 'Gq-Payload-From',
} as const

export const EVENT_HEADERS = {
  proto: 'Gq-Proto',
  uid: 'Gq-Job-Uid',
  name: 'Gq-Job-Name',
  epoch: 'Gq-Epoch',
  nonce: 'Gq-Nonce',
  attempt: 'Gq-Attempt',
  runId: 'Gq-Run-Id',
  boot: 'Gq-Boot',
  outcome: 'Gq-Outcome',
  category: 'Gq-Category',
  code: 'Gq-Error-Code',
  retryAfterMs: 'Gq-Retry-After-Ms',
  startedAgoMs: 'Gq-Started-Ago-Ms',
  durationMs: 'Gq-Duration-Ms',
} as const

/** Identity of a message for JetStream's de-duplication; built by `core/ids.ts`. */
export const MESSAGE_ID_HEADER = 'Nats-Msg-Id'

/** Longest wait or duration on the wire: ten years in milliseconds. */
const MS_MAX = 315_360_000_000

/** A decimal integer as header text, without sign, point or leading zeros. */
function decimal(min: number, max: number) {
  return z
    .string()
    .max(String(max).length)
    .regex(/^(0|[1-9][0-9]*)$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be ${min} … ${max}`)
}

const uid = z.string().min(1).max(64).regex(PATTERNS.uid)
const objectName = z.string().min(1).max(253).regex(PATTERNS.objectName)
const label = z.string().min(1).max(63).regex(PATTERNS.label)
const handlerType = z.string().min(1).max(63).regex(PATTERNS.handlerType)
/** Empty means any version. */
const handlerVersion = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/)
const runId = handlerVersion
const nonce = z.string().regex(/^[0-9a-f]{32}$/)
const boot = z.string().min(8).max(64).regex(PATTERNS.uid)
const code = z.string().min(1).max(64).regex(PATTERNS.code)
/** Visible ASCII: correlation ids and trace context are passed on as they came, or not at all. */
const opaque = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[ -~]*$/)

const epochNumber = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const term = z
  .int()
  .min(0)
  .max(2 ** 21 - 1)
const millis = z.int().min(0).max(MS_MAX)

/** `ConfigMap/<name>/<key>` or `Secret/<name>/<key>`, in the namespace of the job; empty: the body is the payload. */
const payloadReference = z
  .string()
  .max(512)
  .regex(/^((ConfigMap|Secret)\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[A-Za-z0-9_.-]+)?$/)

/** Headers of a work message; the body is the payload, exactly the JSON value of the object. */
export const WorkHeaders = z.object({
  proto: decimal(1, 99),
  uid,
  name: objectName,
  namespace: label,
  queue: label,
  type: handlerType,
  handlerVersion: handlerVersion.default(''),
  epoch: decimal(1, Number.MAX_SAFE_INTEGER),
  nonce,
  attempt: decimal(1, 1_000_000),
  maxAttempts: decimal(1, 100),
  runId: runId.default(''),
  timeoutMs: decimal(1, MS_MAX),
  deadline: opaque(35).default(''),
  correlationId: opaque(256).default(''),
  item: opaque(16).default(''),
  checkpoint: opaque(64).default(''),
  traceparent: opaque(128).default(''),
  tracestate: opaque(512).default(''),
  contentType: opaque(64).default(''),
  payloadFrom: payloadReference.default(''),
})
export type WorkHeaders = DeepReadonly<z.infer<typeof WorkHeaders>>

/** Headers of an event message: what became of one attempt. */
export const EventHeaders = z.object({
  proto: decimal(1, 99),
  uid,
  name: objectName,
  epoch: decimal(1, Number.MAX_SAFE_INTEGER),
  nonce,
  attempt: decimal(1, 1_000_000),
  runId: runId.default(''),
  boot,
  outcome: z.enum(OUTCOMES),
  /** Absent: Temporary for `failed`, Timeout for `timed-out`, System for `rejected`. */
  category: z.enum(FAILURE_CATEGORIES).optional(),
  code: code.optional(),
  /** `failed`: wait instead of the curve. `snoozed`: how long. */
  retryAfterMs: decimal(0, MS_MAX).optional(),
  startedAgoMs: decimal(0, MS_MAX).default(0),
  durationMs: decimal(0, MS_MAX).default(0),
})
export type EventHeaders = DeepReadonly<z.infer<typeof EventHeaders>>

/** Body of an event whose outcome is a failure. Longer texts are cut by the worker. */
export const EventError = z.object({
  code: code.optional(),
  message: z.string().max(16_384).default(''),
  stack: z.string().max(32_768).default(''),
})
export type EventError = DeepReadonly<z.infer<typeof EventError>>

export const RunningEntry = z.object({
  uid,
  name: objectName,
  epoch: epochNumber,
  nonce,
  attempt: z.int().min(1).max(1_000_000),
  runId: runId.default(''),
  item: z.int().min(0).max(1_000_000).optional(),
  /** Since the handler was started. */
  ageMs: millis,
  /** Since the handler last gave a sign of life. */
  lastSignMs: millis.default(0),
})
export type RunningEntry = DeepReadonly<z.infer<typeof RunningEntry>>

export const FinishedEntry = z.object({
  uid,
  name: objectName,
  epoch: epochNumber,
  nonce,
  /** The event stream confirmed the report. */
  confirmed: z.boolean(),
})
export type FinishedEntry = DeepReadonly<z.infer<typeof FinishedEntry>>

export const HandlerOffer = z.object({
  type: handlerType,
  version: handlerVersion.default(''),
  /** Digest of the input schema, hex; '' when there is none. */
  inputDigest: z
    .string()
    .max(64)
    .regex(/^[0-9a-f]*$/)
    .default(''),
})
export type HandlerOffer = DeepReadonly<z.infer<typeof HandlerOffer>>

/** Heartbeat: every 5 s, and whenever the running set changes. */
export const BeatMessage = z.object({
  v: z.int().min(1).max(99),
  boot,
  /** Highest announced term; 0 = none yet. */
  term,
  class: z.string().regex(/^[0-9a-f]{32}$/),
  queues: z.array(label).min(1).max(MESSAGE_LIMITS.queues),
  handlers: z.array(HandlerOffer).max(MESSAGE_LIMITS.handlers),
  slots: z.int().min(0).max(10_000),
  free: z.int().min(0).max(10_000),
  draining: z.boolean().default(false),
  running: z.array(RunningEntry).max(MESSAGE_LIMITS.beatAttempts),
  finished: z.array(FinishedEntry).max(MESSAGE_LIMITS.beatAttempts),
  loopLagMs: millis.default(0),
  memoryBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  cpuMs: millis.default(0),
  /** For people; '' without a pod. */
  pod: opaque(253).default(''),
  node: opaque(253).default(''),
})
export type BeatMessage = DeepReadonly<z.infer<typeof BeatMessage>>

/** Progress; throttled and lossy. The operator escapes the text before it is shown. */
export const NoteMessage = z.object({
  v: z.int().min(1).max(99),
  boot,
  epoch: epochNumber,
  nonce,
  percent: z.int().min(0).max(100),
  message: z.string().max(512).default(''),
})
export type NoteMessage = DeepReadonly<z.infer<typeof NoteMessage>>

const version = z.int().min(1).max(99)

export const LeaderMessage = z.object({
  v: version,
  kind: z.literal('leader'),
  term,
  shard: z.int().min(0).max(15),
  /** The worker answers with a beat at once. */
  report: z.boolean(),
})
export const CancelMessage = z.object({
  v: version,
  kind: z.literal('cancel'),
  term,
  uid,
  /** Only attempts of the uid with an epoch up to this one are aborted. */
  epochMax: epochNumber,
  reason: z.enum(CANCEL_REASONS),
  /** How long a handler may take to end. Absent: as long as the worker gives it by itself. */
  graceMs: millis.optional(),
})
export const ResendMessage = z.object({
  v: version,
  kind: z.literal('resend'),
  term,
  reports: z.array(z.object({ uid, epoch: epochNumber })).max(MESSAGE_LIMITS.resendReports),
})
export const DrainMessage = z.object({ v: version, kind: z.literal('drain'), term })

/** Operator to worker. A term below the highest announced one of the shard is ignored. */
export const ControlMessage = z.discriminatedUnion('kind', [
  LeaderMessage,
  CancelMessage,
  ResendMessage,
  DrainMessage,
])
export type ControlMessage = DeepReadonly<z.infer<typeof ControlMessage>>

/** What a worker claims when it connects: JSON in the user name of CONNECT (names.md). */
export const ConnectClaim = z.object({
  v: version,
  role: z.literal('worker'),
  queues: z.array(label).min(1).max(MESSAGE_LIMITS.queues),
  types: z
    .array(z.object({ type: handlerType, version: handlerVersion.default('') }))
    .max(MESSAGE_LIMITS.handlers),
  boot,
  /** Only from a worker without a pod. */
  id: uid.optional(),
})
export type ConnectClaim = DeepReadonly<z.infer<typeof ConnectClaim>>

/**
 * The headers of a message as input of a schema: absent and empty ones are left out, so that a
 * default applies.
 */
export function readHeaders<H extends Readonly<Record<string, string>>>(
  names: H,
  get: (header: string) => string | null | undefined,
): Readonly<Partial<Record<keyof H, string>>> {
  const found: Partial<Record<keyof H, string>> = {}
  for (const key of Object.keys(names) as (keyof H & string)[]) {
    const value = get(names[key] as string)
    if (value !== undefined && value !== null && value !== '') found[key] = value
  }
  return found
}

/** Header name and value of every property that says something. */
export function writeHeaders<H extends Readonly<Record<string, string>>>(
  names: H,
  values: Readonly<Partial<Record<keyof H, string | number>>>,
): readonly (readonly [string, string])[] {
  const lines: [string, string][] = []
  for (const key of Object.keys(names) as (keyof H & string)[]) {
    const value = values[key]
    if (value !== undefined && value !== '') lines.push([names[key] as string, String(value)])
  }
  return lines
}
