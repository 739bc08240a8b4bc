/** What every room may tell the outside, and nothing it may ask: observability influences none. */
import type { Reason } from '../api/reasons.ts'
import type { JobKey, JobUid } from '../core/ids.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** The closed set of keys (names.md, "Log keys"). Values are bounded and escaped by the adapter. */
export interface LogFields {
  readonly namespace?: string
  readonly job?: string
  readonly uid?: string
  readonly queue?: string
  readonly type?: string
  readonly epoch?: number
  readonly attempt?: number
  readonly worker?: string
  readonly shard?: number
  readonly term?: number
  readonly code?: string
  readonly err?: string
  readonly [extra: string]: string | number | boolean | undefined
}

/** `msg` is a constant text; what varies goes into the fields. Implemented by `process/logger.ts`. */
export interface Logger {
  debug(msg: string, fields?: LogFields): void
  info(msg: string, fields?: LogFields): void
  warn(msg: string, fields?: LogFields): void
  error(msg: string, fields?: LogFields): void
  child(fields: LogFields): Logger
}

export type Labels = Readonly<Record<string, string>>

/** Names and labels are those of `observability/metrics.ts`. Implemented by `http/metrics.ts`. */
export interface Metrics {
  count(name: string, labels?: Labels, by?: number): void
  set(name: string, value: number, labels?: Labels): void
  /** Seconds. */
  observe(name: string, seconds: number, labels?: Labels): void
}

/** One Kubernetes Event about an object of ours. Implemented by `kube/events.ts`. */
export interface EventNote {
  readonly kind: 'QueueJob' | 'Queue' | 'QueueAction' | 'QueueSchedule'
  readonly regarding: JobKey & { readonly uid: JobUid | string }
  readonly reason: Reason
  readonly action: string
  /** ≤ 1,024 characters; never holds a payload or a result. */
  readonly note: string
}

export interface EventSink {
  /** Best effort, within the information budget; never rejects. */
  emit(note: EventNote): void
}
