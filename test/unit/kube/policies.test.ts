// Whether the admission policy of actions stands, as far as it can be read; doubt never counts as yes.

import { describe, expect, it } from 'vitest'
import { ACTION_POLICY, ACTION_POLICY_BINDING } from '../../../src/api/action-policy.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { errorOfAnswer } from '../../../src/kube/errors.ts'
import { ActionPolicyCheck } from '../../../src/kube/policies.ts'
import type { KubeCall } from '../../../src/kube/transport.ts'
import { ScriptedRequests } from './doubles.ts'

type Json = Record<string, unknown>

const refusal = (call: KubeCall, status: number) => {
  const details = { name: 'gopherqueue-actions', kind: 'validatingadmissionpolicies' }
  return errorOfAnswer(call, status, '', { details, message: `answer ${status}` })
}

/** A server with these two objects; a number is a refusal with that status. */
function server(policy: unknown = ACTION_POLICY, binding: unknown = ACTION_POLICY_BINDING) {
  const objects = { policy, binding }
  const requests = new ScriptedRequests((call) => {
    const found = call.path.includes('policybindings/') ? objects.binding : objects.policy
    if (typeof found === 'number') throw refusal(call, found)
    return found
  })
  const clock = new VirtualClock()
  return { objects, requests, clock, check: new ActionPolicyCheck(requests, clock) }
}

const withSpec = (object: { spec: unknown }, change: Json) => ({
  ...object,
  spec: { ...(object.spec as Json), ...change },
})
const policyWith = (change: Json) => withSpec(ACTION_POLICY, change)
const bindingWith = (change: Json) => withSpec(ACTION_POLICY_BINDING, change)

/** What the API server fills in where nothing was said. */
const FILLED = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} }

describe('actions are guarded', () => {
  it.each<[string, unknown, unknown]>([
    ['by policy and binding', ACTION_POLICY, ACTION_POLICY_BINDING],
    [
      'also as the server completes them',
      policyWith({
        matchConstraints: {
          ...FILLED,
          resourceRules: ACTION_POLICY.spec.matchConstraints.resourceRules.map((rule) => ({
            ...rule,
            scope: '*',
          })),
        },
      }),
      bindingWith({ matchResources: FILLED }),
    ],
    [
      'also by a later policy that checks more',
      policyWith({ validations: [{ expression: 'a' }, { expression: 'b' }, { expression: 'c' }] }),
      bindingWith({ validationActions: ['Audit', 'Deny'] }),
    ],
  ])('%s', async (_what, policy, binding) => {
    const { check } = server(policy, binding)
    expect(await check.check()).toBe('guarded')
    expect(check.problem).toBe('')
  })
})

describe('they are not', () => {
  const rule = ACTION_POLICY.spec.matchConstraints.resourceRules[0]
  const rules = (change: Json) =>
    policyWith({ matchConstraints: { resourceRules: [{ ...rule, ...change }] } })
  const selector = { matchLabels: { a: 'b' } }

  it.each<[string, unknown, unknown, string]>([
    ['without the policy', 404, ACTION_POLICY_BINDING, 'there is no ValidatingAdmissionPolicy '],
    ['without the binding', ACTION_POLICY, 404, 'there is no ValidatingAdmissionPolicyBinding '],
    ['failures ignored', policyWith({ failurePolicy: 'Ignore' }), ACTION_POLICY_BINDING, 'ignores'],
    ['nothing checked', policyWith({ validations: [] }), ACTION_POLICY_BINDING, 'checks nothing'],
    [
      'a condition in front',
      policyWith({ matchConditions: [{ name: 'a', expression: 'false' }] }),
      ACTION_POLICY_BINDING,
      'does not match every creation',
    ],
    ['updates only', rules({ operations: ['UPDATE'] }), ACTION_POLICY_BINDING, 'every creation'],
    ['another resource', rules({ resources: ['queues'] }), ACTION_POLICY_BINDING, 'every creation'],
    ['some names only', rules({ resourceNames: ['a'] }), ACTION_POLICY_BINDING, 'every creation'],
    ['no rules', policyWith({ matchConstraints: {} }), ACTION_POLICY_BINDING, 'every creation'],
    [
      'some namespaces only',
      policyWith({
        matchConstraints: { ...ACTION_POLICY.spec.matchConstraints, namespaceSelector: selector },
      }),
      ACTION_POLICY_BINDING,
      'every creation',
    ],
    ['warnings only', ACTION_POLICY, bindingWith({ validationActions: ['Warn'] }), 'does not deny'],
    ['a foreign policy bound', ACTION_POLICY, bindingWith({ policyName: 'x' }), 'another policy'],
    [
      'some objects left out',
      ACTION_POLICY,
      bindingWith({ matchResources: { objectSelector: selector } }),
      'leaves objects out',
    ],
    [
      'some resources left out',
      ACTION_POLICY,
      bindingWith({ matchResources: { excludeResourceRules: [{ resources: ['*'] }] } }),
      'leaves objects out',
    ],
    ['an answer that is something else', [], ACTION_POLICY_BINDING, 'there is no'],
  ])('%s, and the command that mends it is named', async (_what, policy, binding, words) => {
    const { check } = server(policy, binding)
    expect(await check.check()).toBe('missing')
    expect(check.problem).toContain(words)
    expect(check.problem).toContain('kubectl apply --filename policies/queueactions.yaml')
  })
})

describe('nobody knows', () => {
  it.each([401, 403, 429, 500, 503])('after %d, and it is looked at again soon', async (code) => {
    const { check, objects, clock } = server(code)
    expect(await check.check()).toBe('unknown')
    expect(check.problem).toContain(String(code))
    objects.policy = ACTION_POLICY
    expect(await check.check()).toBe('unknown')
    clock.advance(5_000)
    expect(await check.check()).toBe('guarded')
  })
})

describe('the answer', () => {
  it('is good for a minute', async () => {
    const { check, objects, requests, clock } = server()
    expect(await check.check()).toBe('guarded')
    objects.policy = 404
    clock.advance(59_999)
    expect(await check.check()).toBe('guarded')
    expect(requests.calls).toHaveLength(2)
    clock.advance(1)
    expect(await check.check()).toBe('missing')
  })

  it('is fetched once for all who ask at the same time', async () => {
    const { check, requests } = server()
    await Promise.all(Array.from({ length: 20 }, () => check.check()))
    expect(requests.calls).toHaveLength(2)
  })
})
