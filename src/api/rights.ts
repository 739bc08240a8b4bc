/**
 * Who needs which rights on the API server, as data: the operator, and the roles that people and workers
 * are given (`rbac/` and the chart are generated from here). Each right has its reason beside it, none
 * has a wildcard, and nobody but the operator may write a status.
 *
 * Rights that are asked for by name and are no requests to the API server stand here, too: `work` on a
 * queue lets a ServiceAccount serve it, `cancel` on a job lets a QueueAction cancel it (resources.md).
 */
import { ACTION_POLICY_NAME } from './action-policy.ts'
import { GROUP, KINDS, WORK_VERB } from './conditions.ts'

export interface Right {
  readonly group: string
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  /** Only these objects. */
  readonly names?: readonly string[]
  readonly why: string
}

const { QueueJob, Queue, QueueSchedule, QueueAction } = KINDS
const kinds = [QueueJob, Queue, QueueSchedule, QueueAction]
const plurals = kinds.map(({ plural }) => plural)
const READ = ['get', 'list', 'watch'] as const

/** Everywhere. The operator reads no Secret, no ConfigMap and no pod, and makes no workload. */
export const OPERATOR_CLUSTER_RIGHTS: readonly Right[] = [
  { group: GROUP, resources: plurals, verbs: READ, why: 'it watches the four kinds' },
  {
    group: GROUP,
    resources: plurals.map((plural) => `${plural}/status`),
    verbs: ['update'],
    why: 'what it knows is in their status and nowhere else',
  },
  {
    group: GROUP,
    resources: [Queue.plural],
    verbs: ['create'],
    why: 'it makes Queue/default at the first job of a namespace; without the right jobs run all the same',
  },
  {
    group: GROUP,
    resources: [QueueJob.plural],
    verbs: ['create'],
    why: 'it makes the jobs of schedules; the API server checks them as it checks those of users',
  },
  {
    group: GROUP,
    resources: [QueueJob.plural],
    verbs: ['delete'],
    why: 'it deletes finished jobs after their retention time, exactly the version that it looked at',
  },
  {
    group: 'events.k8s.io',
    resources: ['events'],
    verbs: ['create'],
    why: 'one Event for each change that a person should see',
  },
  {
    group: 'admissionregistration.k8s.io',
    resources: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
    verbs: ['get'],
    names: [ACTION_POLICY_NAME],
    why: 'it acts on no QueueAction while the policy that guards them is missing',
  },
]

/** In its own namespace. */
export const OPERATOR_NAMESPACE_RIGHTS: readonly Right[] = [
  {
    group: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'],
    why: 'which process leads which shard, and its epochs',
  },
]

export interface Persona {
  readonly name: string
  /** For whom it is, one sentence. */
  readonly says: string
  readonly rights: readonly Right[]
}

const readAll: Right = {
  group: GROUP,
  resources: plurals,
  verbs: READ,
  why: 'sees jobs, queues, schedules and actions with their status',
}

/** ClusterRoles to be bound in a namespace with a RoleBinding. Nothing is bound by default. */
export const PERSONAS: readonly Persona[] = [
  {
    name: 'gopherqueue-viewer',
    says: 'For whoever looks: reads everything of GopherQueue and changes nothing.',
    rights: [readAll],
  },
  {
    name: 'gopherqueue-submitter',
    says: 'For applications and people who submit jobs: makes, changes, cancels and deletes jobs.',
    rights: [
      readAll,
      {
        group: GROUP,
        resources: [QueueJob.plural],
        verbs: ['create', 'update', 'patch', 'delete'],
        why: 'submits jobs, and changes of a job what may be changed',
      },
      {
        group: GROUP,
        resources: [QueueAction.plural],
        verbs: ['create', 'delete'],
        why: 'asks for an action; which one is decided by the verbs below',
      },
      {
        group: GROUP,
        resources: [QueueJob.plural],
        verbs: ['cancel'],
        why: 'a QueueAction of this user may cancel any job of the namespace',
      },
    ],
  },
  {
    name: 'gopherqueue-worker',
    says: 'For the ServiceAccount of a worker Deployment: serves every queue of the namespace. For one queue only, write a Role with resourceNames.',
    rights: [
      {
        group: GROUP,
        resources: [Queue.plural],
        verbs: [WORK_VERB],
        why: 'is let in by NATS for the queues of this namespace; it needs nothing else of Kubernetes',
      },
    ],
  },
]
