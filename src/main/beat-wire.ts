/** What the main thread and the heartbeat thread say to each other. Plain data: it is copied. */
import type { LogFields, LogLevel } from '../observability/ports.ts'
import type { BeatPost } from '../worker/beat-sender.ts'
import type { WorkerConnection } from './worker-connection.ts'

/** Given to the thread when it is made. */
export interface BeatThreadData {
  readonly connection: WorkerConnection
  readonly heartbeatMs: number
}

export type ToBeatThread = BeatPost | { readonly kind: 'stop' }

/** The thread has no output of its own: two writers would tear each other's lines. */
export interface FromBeatThread {
  readonly kind: 'log'
  readonly level: LogLevel
  readonly msg: string
  readonly fields: LogFields
}
