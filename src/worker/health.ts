/**
 * What keeps a worker from being ready or alive, in lines for `/readyz` and `/livez`. Pure.
 *
 * Not ready: it drains, or has no connection. The ReplicaSet then removes it first when it scales in.
 * Not alive: as many handlers ignore their signal as there are slots. JavaScript cannot end them, only
 * the end of the process can, and each holds memory that no attempt uses.
 */
import type { WorkerState } from './state.ts'

export interface WorkerComponent {
  readonly name: string
  /** One line; '' = well. */
  readonly problem: string
  readonly weighs: 'ready' | 'alive'
}

/** @param natsProblem why there is no connection; '' = there is one */
export function workerComponents(
  state: WorkerState,
  natsProblem: string,
): readonly WorkerComponent[] {
  const { slots, free, running, abandoned, draining } = state
  const stuck =
    abandoned < slots ? '' : `${abandoned} ignore their signal: only a restart ends them`
  const leaving = draining ? `draining, ${running} attempts still run` : ''
  return [
    { name: `slots (${free} of ${slots} free)`, problem: leaving, weighs: 'ready' },
    { name: 'nats', problem: natsProblem, weighs: 'ready' },
    { name: 'handlers', problem: stuck, weighs: 'alive' },
  ]
}
