// Where the suites of this folder run: a namespace of the shared cluster, the client's adapter on it,
// and a hand that does what the operator would.

import { expect, inject } from 'vitest'
import type { JobKey } from '../../../src/core/ids.ts'
import { type ClientStore, clientStore } from '../../../src/kube/client-store.ts'
import { loadKubeConfig } from '../../../src/kube/config.ts'
import { KubeTransport } from '../../../src/kube/transport.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { type Door, type Json, openDoor, patch } from '../api/door.ts'

const time = { clock: realClock, random: realRandom }

export const accessOf = (kubeconfig: string) =>
  loadKubeConfig({ clock: realClock, env: {}, path: kubeconfig })

export interface Place extends ClientStore {
  readonly door: Door
  readonly namespace: string
  readonly operator: Operator
}

/** What the operator does to a job: it writes its status. */
export interface Operator {
  readonly write: (key: JobKey, status: Json) => Promise<void>
  readonly remove: (key: JobKey) => Promise<void>
}

export function operatorAt(door: Door): Operator {
  return {
    write: async ({ name }, status) => {
      const change = { status: { observedGeneration: 1, ...status } }
      const answer = await patch(door, 'queuejobs', name, change, 'status')
      expect(answer.code, answer.message).toBe(200)
    },
    remove: async ({ name }) => {
      const answer = await door.send('DELETE', door.path('queuejobs', name))
      expect(answer.code, answer.message).toBe(200)
    },
  }
}

export async function openPlace(
  namespace: string,
  kubeconfig = inject('servers').kubeconfig,
): Promise<Place> {
  const door = await openDoor(namespace)
  const access = await accessOf(kubeconfig)
  const transport = new KubeTransport({ ...time, access, version: '0.0.0', program: 'test' })
  const { server, origin } = access
  return {
    ...clientStore({ ...time, transport, server, origin }),
    door,
    namespace,
    operator: operatorAt(door),
  }
}
