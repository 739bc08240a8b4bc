// The roles of rbac/ on the genuine API server: what each may do is allowed, what lies next to it is not,
// and the operator's own requests go through with its own rights.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ACTIONS_OF } from '../../../src/api/queueaction.ts'
import { api, create, type Door, expectAccepted, type Json, openDoor } from './door.ts'
import { kubectl } from './kubectl.ts'

const folder = path.join(import.meta.dirname, '..', '..', '..', 'rbac')
const namespace = 'api-rights'
const system = 'gopherqueue-system'
const operator = `system:serviceaccount:${system}:gopherqueue-operator`
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const personas = ['viewer', 'submitter', 'queue-operator', 'worker']

let door: Door
beforeAll(async () => {
  door = await openDoor(namespace)
  const applied = await kubectl(['apply', '--server-side', '--filename', folder])
  expect(applied.code, applied.err).toBe(0)
  for (const name of personas) {
    const bound = await door.send('POST', `${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: `gopherqueue-${name}`,
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
    })
    expect([201, 409], bound.message).toContain(bound.code)
  }
  // The authorizer learns of bindings a moment after they were stored.
  await vi.waitFor(
    async () => {
      expect(await may(operator, 'list queuejobs.gopherqueue.io')).toBe(true)
      expect(await may(operator, `list leases.coordination.k8s.io in ${system}`)).toBe(true)
      for (const name of ['viewer', 'submitter', 'queue-operator'])
        expect(await may(name, 'list queues.gopherqueue.io')).toBe(true)
      expect(await may('worker', 'work queues.gopherqueue.io')).toBe(true)
    },
    { timeout: 30_000, interval: 20 },
  )
})

/** `verb resource.group[/subresource][ name=x][ in namespace]`, else in the suite's namespace. */
async function may(user: string, ask: string): Promise<boolean> {
  const found = /^(\S+) ([a-z]+)\.?([a-z0-9.]*)(?:\/(\S+))?(?: name=(\S+))?(?: in (\S+))?$/.exec(
    ask,
  )
  if (found === null) throw new Error(`cannot read "${ask}"`)
  const [, verb, resource, group, subresource, name, at = namespace] = found
  const review = await door.send('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    spec: {
      user,
      resourceAttributes: {
        verb,
        resource,
        group,
        namespace: at === 'cluster' ? '' : at,
        ...(subresource === undefined ? {} : { subresource }),
        ...(name === undefined ? {} : { name }),
      },
    },
  })
  expect(review.code, review.message).toBe(201)
  return (review.body.status as { allowed: boolean }).allowed
}

const group = 'gopherqueue.io'
const plurals = ['queuejobs', 'queues', 'queueschedules', 'queueactions']
const read = plurals.flatMap((plural) =>
  ['get', 'list', 'watch'].map((verb) => `${verb} ${plural}.${group}`),
)
const write = (plural: string) =>
  ['create', 'update', 'patch', 'delete', 'deletecollection'].map(
    (verb) => `${verb} ${plural}.${group}`,
  )
const status = (verb: string) => plurals.map((plural) => `${verb} ${plural}.${group}/status`)
const policies = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'].map(
  (resource) => `${resource}.admissionregistration.k8s.io`,
)

/** What the operator makes and deletes: the default queue, jobs of schedules; what is over. */
const made: readonly string[] = [
  `create queues.${group}`,
  `create queuejobs.${group}`,
  `delete queuejobs.${group}`,
  `delete queueactions.${group}`,
]
const actionsOn = (kind: keyof typeof ACTIONS_OF, plural: string) =>
  ACTIONS_OF[kind].map((action) => `${action.toLowerCase()} ${plural}.${group}`)
const actions = [
  ...actionsOn('QueueJob', 'queuejobs'),
  ...actionsOn('Queue', 'queues'),
  ...actionsOn('QueueSchedule', 'queueschedules'),
]

const table: readonly {
  who: string
  user: string
  can: readonly string[]
  cannot: readonly string[]
}[] = [
  {
    who: 'the operator',
    user: operator,
    can: [
      ...read,
      ...status('update'),
      ...made,
      'create events.events.k8s.io',
      ...policies.map((resource) => `get ${resource} name=gopherqueue-actions in cluster`),
      ...['get', 'list', 'create', 'update', 'patch', 'delete'].map(
        (verb) => `${verb} leases.coordination.k8s.io in ${system}`,
      ),
    ],
    cannot: [
      ...plurals.flatMap(write).filter((ask) => !made.includes(ask)),
      ...status('patch'),
      ...policies.map((resource) => `get ${resource} name=other in cluster`),
      ...policies.map((resource) => `list ${resource} in cluster`),
      ...['get', 'list', 'create', 'update'].map((verb) => `${verb} leases.coordination.k8s.io`),
      `deletecollection leases.coordination.k8s.io in ${system}`,
      'get secrets',
      `get secrets in ${system}`,
      'list configmaps',
      'list pods',
      'create pods',
      'patch deployments.apps',
      'patch deployments.apps/scale',
      'create serviceaccounts/token',
      'list namespaces in cluster',
      ...actions,
      `work queues.${group}`,
    ],
  },
  {
    who: 'a viewer',
    user: 'viewer',
    can: read,
    cannot: [
      ...plurals.flatMap(write),
      ...status('update'),
      ...actions,
      `work queues.${group}`,
      `list queuejobs.${group} in default`,
    ],
  },
  {
    who: 'a submitter',
    user: 'submitter',
    can: [
      ...read,
      ...['create', 'update', 'patch', 'delete'].map((verb) => `${verb} queuejobs.${group}`),
      `create queueactions.${group}`,
      `delete queueactions.${group}`,
      ...['cancel', 'retry', 'replay', 'discard'].map((verb) => `${verb} queuejobs.${group}`),
    ],
    cannot: [
      ...write('queues'),
      ...write('queueschedules'),
      ...status('update'),
      ...status('patch'),
      ...actionsOn('Queue', 'queues'),
      ...actionsOn('QueueSchedule', 'queueschedules'),
      `resume queuejobs.${group}`,
      `work queues.${group}`,
      `deletecollection queuejobs.${group}`,
      `create queuejobs.${group} in default`,
    ],
  },
  {
    who: 'who is on call for queues',
    user: 'queue-operator',
    can: [...read, ...actions, `create queueactions.${group}`, `delete queueactions.${group}`],
    cannot: [
      ...write('queuejobs'),
      ...write('queues'),
      ...write('queueschedules'),
      ...status('update'),
      `work queues.${group}`,
      `pause queues.${group} in default`,
    ],
  },
  {
    who: 'a worker',
    user: 'worker',
    can: [`work queues.${group}`, `work queues.${group} name=mail`],
    cannot: [
      ...read,
      ...plurals.flatMap(write),
      ...status('update'),
      `work queues.${group} in default`,
    ],
  },
]

describe.each(table)('$who', ({ user, can, cannot }) => {
  it.each(can)('may %s', async (ask) => {
    expect(await may(user, ask)).toBe(true)
  })
  it.each(cannot)('may not %s', async (ask) => {
    expect(await may(user, ask)).toBe(false)
  })
})

describe('with its own rights the operator', () => {
  it('writes a status, and neither the spec nor the labels', async () => {
    const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
    const job = (await door.send('GET', door.path('queuejobs', name), undefined, { as: operator }))
      .body
    const next = { ...job, status: { observedGeneration: 1, phase: 'Scheduled' } }
    const written = await door.send('PUT', door.path('queuejobs', name, 'status'), next, {
      as: operator,
    })
    expectAccepted(written)
    const labelled = {
      ...written.body,
      metadata: { ...(written.body.metadata as Json), labels: { a: 'b' } },
    }
    const refused = await door.send('PUT', door.path('queuejobs', name), labelled, { as: operator })
    expect(refused.code).toBe(403)
    const after = await door.send('GET', door.path('queuejobs', name))
    expect((after.body.metadata as Json).labels).toBeUndefined()
    expect(after.body.status).toEqual({ observedGeneration: 1, phase: 'Scheduled' })
  })

  it('keeps its Leases in its own namespace only', async () => {
    const leases = (at: string) => `/apis/coordination.k8s.io/v1/namespaces/${at}/leases`
    const lease = { metadata: { generateName: 'case-' }, spec: {} }
    expectAccepted(await door.send('POST', leases(system), lease, { as: operator }))
    const elsewhere = await door.send('POST', leases(namespace), lease, { as: operator })
    expect(elsewhere.code).toBe(403)
    const there = await door.send('GET', leases(namespace))
    expect(there.body.items).toEqual([])
  })
})

it('every object of rbac/ is of a kind that gives rights, and of no other', () => {
  const files = ['operator.yaml', 'personas.yaml'].map((file) =>
    readFileSync(path.join(folder, file), 'utf8'),
  )
  const kinds = files.flatMap((text) =>
    parseAllDocuments(text).map((document) => String(document.get('kind'))),
  )
  expect([...new Set(kinds)].sort()).toEqual([
    'ClusterRole',
    'ClusterRoleBinding',
    'Namespace',
    'Role',
    'RoleBinding',
    'ServiceAccount',
  ])
})
