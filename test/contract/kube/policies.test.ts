// The admission policy of actions on a genuine API server: seen when it is there, missed when it or
// its binding is not, and not guessed without the right to look.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { ACTION_POLICY, ACTION_POLICY_BINDING } from '../../../src/api/action-policy.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { KubeError } from '../../../src/kube/errors.ts'
import { ActionPolicyCheck } from '../../../src/kube/policies.ts'
import { type Connection, connect, transportAs } from './connect.ts'

let kube: Connection
beforeAll(async () => {
  kube = await connect('kube-policies')
})
afterAll(async () => {
  await removeBoth()
  await kube.close()
})

const base = '/apis/admissionregistration.k8s.io/v1'
const policies = `${base}/validatingadmissionpolicies`
const bindings = `${base}/validatingadmissionpolicybindings`

async function remove(path: string): Promise<void> {
  try {
    await kube.transport.request({ verb: 'DELETE', path: `${path}/gopherqueue-actions` })
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) throw error
  }
}

async function removeBoth(): Promise<void> {
  await remove(bindings)
  await remove(policies)
}

const look = () => new ActionPolicyCheck(kube.transport, new VirtualClock()).check()

it('missing, half there, there, changed', async () => {
  await removeBoth()
  expect(await look()).toBe('missing')
  await kube.transport.request({ verb: 'POST', path: policies, body: ACTION_POLICY })
  expect(await look()).toBe('missing')
  await kube.transport.request({ verb: 'POST', path: bindings, body: ACTION_POLICY_BINDING })
  expect(await look()).toBe('guarded')
  await kube.transport.request({
    verb: 'PATCH',
    path: `${bindings}/gopherqueue-actions`,
    contentType: 'application/merge-patch+json',
    body: { spec: { validationActions: ['Audit'] } },
  })
  expect(await look()).toBe('missing')
})

it('without the right to read it nobody knows', async () => {
  const transport = await transportAs('nobody')
  const check = new ActionPolicyCheck(transport, new VirtualClock())
  expect(await check.check()).toBe('unknown')
  expect(check.problem).toMatch(/403/)
  await transport.close()
})
