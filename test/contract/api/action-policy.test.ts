// Who may create which QueueAction: the admission policy on the genuine API server. Every denial is
// shown beside its twin that is allowed, and beside the fact that nothing was created: a denial alone
// proves nothing when everybody is refused for another reason.

import path from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Answer, api, type Door, expectAccepted, type Json, openDoor } from './door.ts'
import { kubectl } from './kubectl.ts'

let door: Door
let elsewhere: Door

const settled = { timeout: 30_000, interval: 10 }
/** Has the right to create actions and no other. */
const nobody = 'nobody'
const policies = path.join(import.meta.dirname, '..', '..', '..', 'policies')
const rbac = '/apis/rbac.authorization.k8s.io/v1'

beforeAll(async () => {
  door = await openDoor('api-action-policy')
  elsewhere = await openDoor('api-action-policy-other')
  const applied = await kubectl(['apply', '--server-side', '--filename', policies])
  expect(applied.code, applied.err).toBe(0)
  await inForce()
})

/** A policy counts a moment after it was stored: until then the API server lets everybody pass. */
async function inForce(): Promise<void> {
  await mayCreateActions(nobody)
  const spec = { action: 'Cancel', target: { kind: 'QueueJob', name: 'probe' } }
  await vi.waitFor(async () => expect((await act(nobody, spec)).code).toBe(403), settled)
}

type Rule = { verbs: string[]; resources: string[]; resourceNames?: string[] }

async function grant(
  user: string,
  name: string,
  rules: readonly Rule[],
  at: Door = door,
): Promise<void> {
  const base = `${rbac}/namespaces/${at.namespace}`
  const withGroup = rules.map((rule) => ({ apiGroups: ['gopherqueue.io'], ...rule }))
  const role = await door.send('POST', `${base}/roles`, { metadata: { name }, rules: withGroup })
  expect(role.code, role.message).toBe(201)
  const binding = await door.send('POST', `${base}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  })
  expect(binding.code, binding.message).toBe(201)
  await vi.waitFor(async () => {
    for (const rule of rules) expect(await allowed(user, rule, at)).toBe(true)
  }, settled)
}

/** The authorizer, too, learns of a binding a moment after it was stored. */
async function allowed(user: string, rule: Rule, at: Door): Promise<boolean> {
  const [resource = '', subresource] = (rule.resources[0] ?? '').split('/')
  const review = await door.send('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    spec: {
      user,
      resourceAttributes: {
        group: 'gopherqueue.io',
        namespace: at.namespace,
        verb: rule.verbs[0],
        resource,
        ...(subresource === undefined ? {} : { subresource }),
        ...(rule.resourceNames === undefined ? {} : { name: rule.resourceNames[0] }),
      },
    },
  })
  return (review.body.status as { allowed?: boolean } | undefined)?.allowed ?? false
}

/** RBAC's own right to create actions, which everybody here has: the policy is what is asked. */
async function mayCreateActions(user: string): Promise<void> {
  for (const at of [door, elsewhere]) {
    await grant(user, `create-${user}`, [{ verbs: ['create'], resources: ['queueactions'] }], at)
  }
}

let users = 0
/** A new user with these rights besides creating actions. */
async function userWith(...rules: readonly Rule[]): Promise<string> {
  users += 1
  const user = `user-${users}`
  await mayCreateActions(user)
  if (rules.length > 0) await grant(user, user, rules)
  return user
}

/** The creation really takes place: what is denied must also leave nothing behind. */
function act(user: string, spec: Json, at: Door = door): Promise<Answer> {
  return at.send('POST', at.path('queueactions'), api('QueueAction', spec), { as: user })
}

async function actionsIn(at: Door): Promise<number> {
  const list = await at.send('GET', at.path('queueactions'))
  return (list.body.items as unknown[]).length
}

async function expectDenied(
  words: string,
  ask: () => Promise<Answer>,
  at: Door = door,
): Promise<void> {
  const before = await actionsIn(at)
  const answer = await ask()
  expect(answer.code, answer.message).toBe(403)
  expect(answer.message).toContain(words)
  expect(answer.message).toContain('gopherqueue-actions')
  expect(await actionsIn(at), 'something was created').toBe(before)
}

const rights: readonly { kind: string; resource: string; actions: readonly string[] }[] = [
  {
    kind: 'QueueJob',
    resource: 'queuejobs',
    actions: ['Cancel', 'Retry', 'Replay', 'Discard', 'Resume'],
  },
  { kind: 'Queue', resource: 'queues', actions: ['Pause', 'Resume', 'Drain', 'Purge'] },
  { kind: 'QueueSchedule', resource: 'queueschedules', actions: ['Run'] },
]
const rows = rights.flatMap(({ kind, resource, actions }) =>
  actions.map((action) => ({ kind, resource, action, verb: action.toLowerCase() })),
)

describe('the right is the action in lower case on the resource of the target', () => {
  it.each(rows)('$verb on $resource', async ({ kind, resource, action, verb }) => {
    const user = await userWith({ verbs: [verb], resources: [resource] })
    const spec = { action, target: { kind, name: 'a' } }
    expectAccepted(await act(user, spec))
    const others = rows.filter((row) => row.verb !== verb || row.resource !== resource)
    for (const other of others) {
      await expectDenied(
        `user ${user} may not ${other.verb} ${other.resource}/a in namespace ${door.namespace}: grant the verb ${other.verb} on ${other.resource}`,
        () => act(user, { action: other.action, target: { kind: other.kind, name: 'a' } }),
      )
    }
  })
})

describe('a right on one object', () => {
  it.each(rows)('$verb on one of the $resource', async ({ kind, resource, action, verb }) => {
    const user = await userWith({ verbs: [verb], resources: [resource], resourceNames: ['mine'] })
    const on = (target: Json) => () => act(user, { action, target: { kind, ...target } })
    expectAccepted(await on({ name: 'mine' })())
    await expectDenied(`may not ${verb} ${resource}/other`, on({ name: 'other' }))
    await expectDenied(`may not ${verb} all ${resource}`, on({ all: true }))
    await expectDenied(`may not ${verb} all ${resource}`, on({ selector: { labels: { a: 'b' } } }))
  })
})

describe('a selector or all', () => {
  it.each([{ selector: {} }, { selector: { queue: 'mail' } }, { all: true }])(
    '%j needs the right on every object of the namespace',
    async (target) => {
      const user = await userWith({ verbs: ['cancel'], resources: ['queuejobs'] })
      const spec = { action: 'Cancel', target: { kind: 'QueueJob', ...target } }
      expectAccepted(await act(user, spec))
      await expectDenied('may not cancel all queuejobs', () => act(nobody, spec))
    },
  )
})

describe('a selector or all, for each action', () => {
  it.each(rows)('$verb on all $resource', async ({ kind, resource, action, verb }) => {
    const user = await userWith({ verbs: [verb], resources: [resource] })
    for (const target of [{ all: true }, { selector: { labels: { a: 'b' } } }]) {
      const spec = { action, target: { kind, ...target } }
      expectAccepted(await act(user, spec))
      await expectDenied(`may not ${verb} all ${resource}`, () => act(nobody, spec))
    }
  })
})

describe('a right ends at its namespace', () => {
  it('the same action in another one is denied', async () => {
    const user = await userWith({ verbs: ['cancel'], resources: ['queuejobs'] })
    const spec = { action: 'Cancel', target: { kind: 'QueueJob', name: 'a' } }
    expectAccepted(await act(user, spec))
    await expectDenied(
      `may not cancel queuejobs/a in namespace ${elsewhere.namespace}`,
      () => act(user, spec, elsewhere),
      elsewhere,
    )
  })
})

describe('rights that are not the right', () => {
  const spec = { action: 'Cancel', target: { kind: 'QueueJob', name: 'a' } }
  const near: readonly (readonly [string, Rule])[] = [
    [
      'every verb of Kubernetes on jobs',
      { verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'], resources: ['queuejobs'] },
    ],
    ['the verb in capitals', { verbs: ['Cancel'], resources: ['queuejobs'] }],
    ['the verb on the status', { verbs: ['cancel'], resources: ['queuejobs/status'] }],
    ['the verb on actions', { verbs: ['cancel'], resources: ['queueactions'] }],
  ]
  it.each(near)('%s', async (_, rule) => {
    const user = await userWith(rule)
    await expectDenied('may not cancel queuejobs/a', () => act(user, spec))
    await grant(user, `${user}-also`, [{ verbs: ['cancel'], resources: ['queuejobs'] }])
    expectAccepted(await act(user, spec))
  })
})

describe('who asks', () => {
  const asked = (requestedBy?: string): Json => ({
    action: 'Cancel',
    target: { kind: 'QueueJob', name: 'a' },
    ...(requestedBy === undefined ? {} : { requestedBy }),
  })
  it('may be left out or be the caller, and nobody else', async () => {
    const user = await userWith({ verbs: ['cancel'], resources: ['queuejobs'] })
    expectAccepted(await act(user, asked()))
    expectAccepted(await act(user, asked(user)))
    for (const other of ['admin', user.toUpperCase(), `${user} `, '']) {
      await expectDenied('`spec.requestedBy` must be your own user name or absent', () =>
        act(user, asked(other)),
      )
    }
  })
  it('binds administrators, too', async () => {
    const admin = (spec: Json) =>
      door.send('POST', door.path('queueactions'), api('QueueAction', spec))
    expectAccepted(await admin(asked('admin')))
    await expectDenied('`spec.requestedBy` must be your own user name', () => admin(asked('anna')))
  })
})

describe('the policy', () => {
  const group = '/apis/admissionregistration.k8s.io/v1'
  it('fails closed and is bound to every namespace', async () => {
    const policy = await door.send(
      'GET',
      `${group}/validatingadmissionpolicies/gopherqueue-actions`,
    )
    expect((policy.body.spec as Json).failurePolicy).toBe('Fail')
    const binding = await door.send(
      'GET',
      `${group}/validatingadmissionpolicybindings/gopherqueue-actions`,
    )
    expect(binding.body.spec).toEqual({
      policyName: 'gopherqueue-actions',
      validationActions: ['Deny'],
    })
  })
  it('leaves jobs, queues and the deletion of actions alone', async () => {
    const user = await userWith(
      { verbs: ['create'], resources: ['queuejobs', 'queues'] },
      { verbs: ['delete', 'cancel'], resources: ['queueactions', 'queuejobs'] },
    )
    const as = { as: user }
    expectAccepted(
      await door.send('POST', door.path('queuejobs'), api('QueueJob', { type: 'a' }), as),
    )
    expectAccepted(await door.send('POST', door.path('queues'), api('Queue', {}), as))
    const made = await act(user, { action: 'Cancel', target: { kind: 'QueueJob', name: 'a' } })
    const name = String((made.body.metadata as Json).name)
    expectAccepted(await door.send('DELETE', door.path('queueactions', name), undefined, as))
  })
})
