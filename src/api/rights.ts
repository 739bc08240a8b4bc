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
import { ACTIONS_OF } from './queueaction.ts'

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
    why: 'it deletes finished jobs after their retention time, and waiting ones that a Purge names, exactly the version that it looked at',
  },
  {
    group: GROUP,
    resources: [QueueAction.plural],
    verbs: ['delete'],
    why: 'it removes actions that ended longer ago than their ttlSecondsAfterFinished',
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

const askForActions: Right = {
  group: GROUP,
  resources: [QueueAction.plural],
  verbs: ['create', 'delete'],
  why: 'asks for an action, and stops it; which one is decided by the verbs below',
}

/** The right to an action is its name in lower case, on the kind of its target. */
function verbsOf(kind: keyof typeof ACTIONS_OF): readonly string[] {
  return ACTIONS_OF[kind].map((action) => action.toLowerCase())
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
    says: 'For applications and people who submit jobs: makes, changes and deletes jobs, cancels them and brings them back.',
    rights: [
      readAll,
      {
        group: GROUP,
        resources: [QueueJob.plural],
        verbs: ['create', 'update', 'patch', 'delete'],
        why: 'submits jobs, and changes of a job what may be changed',
      },
      askForActions,
      {
        group: GROUP,
        resources: [QueueJob.plural],
        verbs: ['cancel', 'retry', 'replay', 'discard'],
        why: 'a QueueAction of this user may cancel, try again, replay or discard any job of the namespace',
      },
    ],
  },
  {
    name: 'gopherqueue-queue-operator',
    says: 'For whoever is on call: pauses, drains and purges queues, runs schedules, and acts on every job; writes no manifest.',
    rights: [
      readAll,
      askForActions,
      {
        group: GROUP,
        resources: [QueueJob.plural],
        verbs: verbsOf('QueueJob'),
        why: 'acts on the jobs of the namespace; resume confirms one that came back from a backup',
      },
      {
        group: GROUP,
        resources: [Queue.plural],
        verbs: verbsOf('Queue'),
        why: 'stops and empties queues, and lets them go on; what a manifest pauses it cannot resume',
      },
      {
        group: GROUP,
        resources: [QueueSchedule.plural],
        verbs: verbsOf('QueueSchedule'),
        why: 'lets a schedule make one job now',
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
