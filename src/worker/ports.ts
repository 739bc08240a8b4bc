/** What the worker room needs from outside. Implemented in `nats/` and wired in `main/`. */
import type { BeatMessage } from '../api/messages.ts'
import type { PayloadRef } from '../core/job.ts'
import type { Control, Outcome, Report, WorkItem } from '../core/outcome.ts'

/** One pulled message, before it is acknowledged. */
export interface Delivery {
  /** Null: the message could not be decoded; `problem` says why, `reject` names the job if known. */
  readonly item: WorkItem | null
  readonly problem: string
  /** Enough of the headers to report `rejected`, or null when even those were unreadable. */
  readonly partial: Pick<WorkItem, 'uid' | 'name' | 'epoch' | 'nonce' | 'attempt' | 'runId'> | null
  /** Monotonic time of the pull request that brought it (K1). */
  readonly requestedAt: number
  /** Monotonic time of its receipt (K1). */
  readonly receivedAt: number
  /** Resolves true when the server confirmed the acknowledgement (K3), false when it did not answer. */
  ack(deadlineMs: number): Promise<boolean>
  /** Give it back, to be delivered again after `delayMs`. */
  nak(delayMs: number): void
  /** Never deliver it again. */
  term(): void
}

export type PayloadAnswer =
  | { readonly kind: 'found'; readonly text: string }
  /** No such object, or no such key in it. */
  | { readonly kind: 'missing'; readonly detail: string }
  /** The worker may not read it, or its owner did not label it as a payload. */
  | { readonly kind: 'forbidden'; readonly detail: string }
  | { readonly kind: 'unreachable'; readonly detail: string }

/** Payloads by reference, read with the worker's own rights. Implemented by `kube/payloads.ts`. */
export interface PayloadSource {
  /** Never rejects; `unreachable` when the signal is aborted. */
  read(namespace: string, from: PayloadRef, signal: AbortSignal): Promise<PayloadAnswer>
}

/** Pulls of one worker class: batch 1 per free slot (wire protocol, "Worker loop"). */
export interface DeliverySource {
  /**
   * Asks for one message and resolves with it, or with null when none came before the pull expired
   * or the server said no (the source itself backs off after 409 and 503). Rejects never; resolves
   * null at once when the signal is aborted.
   */
  pull(signal: AbortSignal): Promise<Delivery | null>
}

export interface OutcomeSink {
  /**
   * Publishes a report with its message id and resolves true once the event stream has confirmed it
   * (`duplicate` counts); false when the answer did not come in time: the caller repeats it with the
   * same id (K6).
   * @param resend 0 for the first id, n for `….r<n>` (asked by `ctl resend`)
   */
  publish(report: Omit<Report, 'owner' | 'namespace'>, resend: number): Promise<boolean>
  /** Progress: throttled by the caller, fire and forget. Message at most 512 characters. */
  note(attempt: Pick<WorkItem, 'uid' | 'epoch' | 'nonce'>, percent: number, message: string): void
}

/**
 * The main connection to NATS, as far as K7 needs it. Implemented over `nats/connect.ts`: any answer
 * of the server counts as a round trip, a ping most of all; while disconnected the age grows.
 */
export interface ServerContact {
  /** Milliseconds since the last round trip with the server. */
  silentMs(): number
}

export interface ControlSource {
  /** Messages for this worker and for all of its namespace. Returns the unsubscribe. */
  subscribe(receive: (message: Control) => void): () => void
}

/** Heartbeats: from a thread and a connection of their own, so that a busy handler costs no lease. */
export interface BeatSink {
  /** Fire and forget; dropped while disconnected. */
  publish(beat: BeatMessage): void
}

/** What identifies an attempt in a report. */
export type ReportKey = Pick<WorkItem, 'uid' | 'name' | 'epoch' | 'nonce' | 'attempt' | 'runId'>

/** What the worker tells about its work. Implemented in `main/`, for logs and metrics. */
export interface WorkerObserver {
  started(item: WorkItem): void
  /** The outcome is decided. @param abandoned the handler ignored its signal and still runs */
  ended(item: WorkItem, outcome: Outcome, durationMs: number, abandoned: boolean): void
  /** A message that was not started here. `about` is null when it could not even be read. */
  refused(about: Pick<WorkItem, 'uid' | 'epoch'> | null, why: string): void
  /** A report without confirmation; it is repeated. @param failures in a row, from 1 */
  unconfirmed(about: ReportKey, failures: number): void
  /** K7: every handler was aborted. */
  lostContact(silentMs: number): void
  /** Jobs of this type may run longer than a stop of the worker waits. Told once for each type. */
  outlivesGrace(item: WorkItem, graceMs: number): void
  /** A defect of the worker itself; the slot goes on. */
  defect(error: unknown): void
}
