/**
 * Is this worker alive, and does it want work? Pure; `main/worker-health.ts` answers probes with it.
 *
 * Not ready: it drains, or has no connection. The ReplicaSet then removes it first when it scales in.
 * Not alive: as many handlers ignore their signal as there are slots. JavaScript cannot end them, only
 * the end of the process can, and each holds memory that no attempt uses.
 */
import type { WorkerState } from './loop.ts'

export interface Health {
  readonly ok: boolean
  readonly says: string
}

export function liveness(state: WorkerState): Health {
  const { abandoned, slots } = state
  if (abandoned < slots) return { ok: true, says: 'alive' }
  return {
    ok: false,
    says: `${abandoned} handlers ignore their signal and still run; only a restart ends them`,
  }
}

/** @param natsProblem why there is no connection; '' = there is one */
export function readiness(state: WorkerState, natsProblem: string): Health {
  if (state.draining) return { ok: false, says: 'draining' }
  if (natsProblem !== '') return { ok: false, says: `no connection to NATS: ${natsProblem}` }
  return { ok: true, says: `ready, ${state.free} of ${state.slots} slots free` }
}
