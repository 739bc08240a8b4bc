// Every right that is handed out, as a list to be read: a change of it is a change of what users have to
// trust. And what no right may ever be.

import { describe, expect, it } from 'vitest'
import {
  OPERATOR_CLUSTER_RIGHTS,
  OPERATOR_NAMESPACE_RIGHTS,
  PERSONAS,
  type Right,
} from '../../../src/api/rights.ts'

/** `verb group/resource[/name]`, one line each. */
const lines = (rights: readonly Right[]): readonly string[] =>
  rights.flatMap(({ group, resources, verbs, names = [''] }) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) =>
        names.map((name) => `${verb} ${group}/${resource}${name === '' ? '' : `/${name}`}`),
      ),
    ),
  )

const roles = [
  { role: 'the operator, everywhere', rights: OPERATOR_CLUSTER_RIGHTS },
  { role: 'the operator, in its namespace', rights: OPERATOR_NAMESPACE_RIGHTS },
  ...PERSONAS.map(({ name, rights }) => ({ role: name, rights })),
]

it('this is what is handed out', () => {
  const all = Object.fromEntries(roles.map(({ role, rights }) => [role, lines(rights)]))
  expect(all).toMatchInlineSnapshot(`
    {
      "gopherqueue-queue-operator": [
        "get gopherqueue.io/queuejobs",
        "list gopherqueue.io/queuejobs",
        "watch gopherqueue.io/queuejobs",
        "get gopherqueue.io/queues",
        "list gopherqueue.io/queues",
        "watch gopherqueue.io/queues",
        "get gopherqueue.io/queueschedules",
        "list gopherqueue.io/queueschedules",
        "watch gopherqueue.io/queueschedules",
        "get gopherqueue.io/queueactions",
        "list gopherqueue.io/queueactions",
        "watch gopherqueue.io/queueactions",
        "create gopherqueue.io/queueactions",
        "delete gopherqueue.io/queueactions",
        "cancel gopherqueue.io/queuejobs",
        "retry gopherqueue.io/queuejobs",
        "replay gopherqueue.io/queuejobs",
        "discard gopherqueue.io/queuejobs",
        "resume gopherqueue.io/queuejobs",
        "pause gopherqueue.io/queues",
        "resume gopherqueue.io/queues",
        "drain gopherqueue.io/queues",
        "purge gopherqueue.io/queues",
        "run gopherqueue.io/queueschedules",
      ],
      "gopherqueue-submitter": [
        "get gopherqueue.io/queuejobs",
        "list gopherqueue.io/queuejobs",
        "watch gopherqueue.io/queuejobs",
        "get gopherqueue.io/queues",
        "list gopherqueue.io/queues",
        "watch gopherqueue.io/queues",
        "get gopherqueue.io/queueschedules",
        "list gopherqueue.io/queueschedules",
        "watch gopherqueue.io/queueschedules",
        "get gopherqueue.io/queueactions",
        "list gopherqueue.io/queueactions",
        "watch gopherqueue.io/queueactions",
        "create gopherqueue.io/queuejobs",
        "update gopherqueue.io/queuejobs",
        "patch gopherqueue.io/queuejobs",
        "delete gopherqueue.io/queuejobs",
        "create gopherqueue.io/queueactions",
        "delete gopherqueue.io/queueactions",
        "cancel gopherqueue.io/queuejobs",
        "retry gopherqueue.io/queuejobs",
        "replay gopherqueue.io/queuejobs",
        "discard gopherqueue.io/queuejobs",
      ],
      "gopherqueue-viewer": [
        "get gopherqueue.io/queuejobs",
        "list gopherqueue.io/queuejobs",
        "watch gopherqueue.io/queuejobs",
        "get gopherqueue.io/queues",
        "list gopherqueue.io/queues",
        "watch gopherqueue.io/queues",
        "get gopherqueue.io/queueschedules",
        "list gopherqueue.io/queueschedules",
        "watch gopherqueue.io/queueschedules",
        "get gopherqueue.io/queueactions",
        "list gopherqueue.io/queueactions",
        "watch gopherqueue.io/queueactions",
      ],
      "gopherqueue-worker": [
        "work gopherqueue.io/queues",
      ],
      "the operator, everywhere": [
        "get gopherqueue.io/queuejobs",
        "list gopherqueue.io/queuejobs",
        "watch gopherqueue.io/queuejobs",
        "get gopherqueue.io/queues",
        "list gopherqueue.io/queues",
        "watch gopherqueue.io/queues",
        "get gopherqueue.io/queueschedules",
        "list gopherqueue.io/queueschedules",
        "watch gopherqueue.io/queueschedules",
        "get gopherqueue.io/queueactions",
        "list gopherqueue.io/queueactions",
        "watch gopherqueue.io/queueactions",
        "update gopherqueue.io/queuejobs/status",
        "update gopherqueue.io/queues/status",
        "update gopherqueue.io/queueschedules/status",
        "update gopherqueue.io/queueactions/status",
        "create gopherqueue.io/queues",
        "create gopherqueue.io/queuejobs",
        "delete gopherqueue.io/queuejobs",
        "delete gopherqueue.io/queueactions",
        "create events.k8s.io/events",
        "get admissionregistration.k8s.io/validatingadmissionpolicies/gopherqueue-actions",
        "get admissionregistration.k8s.io/validatingadmissionpolicybindings/gopherqueue-actions",
      ],
      "the operator, in its namespace": [
        "get coordination.k8s.io/leases",
        "list coordination.k8s.io/leases",
        "create coordination.k8s.io/leases",
        "update coordination.k8s.io/leases",
        "patch coordination.k8s.io/leases",
        "delete coordination.k8s.io/leases",
      ],
    }
  `)
})

describe.each(roles)('$role', ({ rights }) => {
  it('has no wildcard and names its group', () => {
    for (const { group, resources, verbs, names = [] } of rights) {
      for (const word of [group, ...resources, ...verbs, ...names])
        expect(word).toMatch(/^[a-z][a-z0-9./-]*$/)
      expect([resources.length, verbs.length]).not.toContain(0)
    }
  })
  it('has a reason for each right', () => {
    for (const { why } of rights) expect(why).toMatch(/^[a-z].{10,}[^.]$/)
  })
  it('reads no Secret, makes no workload and cannot pass on rights', () => {
    const said = lines(rights).join('\n')
    expect(said).not.toMatch(
      /secrets|configmaps|pods|deployments|jobs\.batch|rbac|^(escalate|impersonate|bind) |\btoken/m,
    )
  })
})

it.each(PERSONAS)('$name writes no status', ({ rights }) => {
  expect(lines(rights).join('\n')).not.toContain('/status')
})

it('the operator writes status, makes what the rules ask for and deletes what is over: nothing else', () => {
  const ours = lines(OPERATOR_CLUSTER_RIGHTS).filter((line) => line.includes('gopherqueue.io/'))
  const writes = ours.filter((line) => !/^(get|list|watch) /.test(line))
  expect(writes.filter((line) => !/^update gopherqueue\.io\/\w+\/status$/.test(line))).toEqual([
    'create gopherqueue.io/queues',
    'create gopherqueue.io/queuejobs',
    'delete gopherqueue.io/queuejobs',
    'delete gopherqueue.io/queueactions',
  ])
})
