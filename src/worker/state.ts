/** What a worker says of itself at one moment: for health, metrics and people. */
export interface WorkerState {
  readonly slots: number
  readonly free: number
  readonly running: number
  /** Outcomes that the event stream has not confirmed. */
  readonly unconfirmed: number
  /** Handlers that ignored their signal and still run; their outcome was reported without them. */
  readonly abandoned: number
  readonly draining: boolean
}
