// The five servers of a cluster as managed processes: program, arguments, and when each is ready.

import type { Programs } from './build.ts'
import {
  apiserverArguments,
  apiserverEnvironment,
  type ClusterLayout,
  clusterFiles,
  controllerManagerArguments,
  etcdArguments,
  schedulerArguments,
} from './config.ts'
import type { Identities } from './identities.ts'
import { type ManagedProcess, manageProcess, type ProcessSpec } from './process.ts'
import type { ControlPlaneProgram } from './recipe.ts'
import { answersOk, natsGreets } from './requests.ts'

export type ProcessName = 'etcd' | 'apiserver' | 'controllerManager' | 'scheduler' | 'nats'

export type ClusterProcesses = Readonly<Record<ProcessName, ManagedProcess>>

export interface ServerContext {
  readonly layout: ClusterLayout
  readonly programs: Programs
  readonly identities: Identities
  readonly server: string
  /** Called after each start and end of a process. */
  readonly changed: () => void
}

/** All five, none started. Those that the cluster was not asked for can be started later. */
export function clusterProcesses(context: ServerContext): ClusterProcesses {
  const manage = (spec: ProcessSpec) => manageProcess(spec, context.changed)
  return {
    etcd: manage(etcd(context)),
    apiserver: manage(apiserver(context)),
    controllerManager: manage(controllerManager(context)),
    scheduler: manage(scheduler(context)),
    nats: manage(nats(context)),
  }
}

function etcd(context: ServerContext): ProcessSpec {
  const { ports } = context.layout
  return {
    ...located(context, 'etcd'),
    args: etcdArguments(context.layout),
    ready: () => answersOk({ url: `http://127.0.0.1:${ports.etcdClient}/readyz` }),
  }
}

function apiserver(context: ServerContext): ProcessSpec {
  const { server, identities } = context
  const get = (path: string) =>
    answersOk({ url: `${server}${path}`, ca: identities.caCertificate, login: identities.admin })
  return {
    ...located(context, 'kube-apiserver'),
    args: apiserverArguments(context.layout),
    env: apiserverEnvironment(context.layout),
    // /readyz does not wait for the namespace that everybody uses first.
    ready: async () => (await get('/readyz')) && (await get('/api/v1/namespaces/default')),
  }
}

function controllerManager(context: ServerContext): ProcessSpec {
  const { server, identities, layout } = context
  const ca = identities.caCertificate
  return {
    ...located(context, 'kube-controller-manager'),
    args: controllerManagerArguments(layout),
    // Until the default service account exists, a bare pod is refused.
    ready: async () =>
      (await answersOk({
        url: `https://127.0.0.1:${layout.ports.controllerManager}/healthz`,
        ca,
      })) &&
      (await answersOk({
        url: `${server}/api/v1/namespaces/default/serviceaccounts/default`,
        ca,
        login: identities.admin,
      })),
  }
}

function scheduler(context: ServerContext): ProcessSpec {
  const url = `https://127.0.0.1:${context.layout.ports.scheduler}/healthz`
  return {
    ...located(context, 'kube-scheduler'),
    args: schedulerArguments(context.layout),
    ready: () => answersOk({ url, ca: context.identities.caCertificate }),
  }
}

function nats(context: ServerContext): ProcessSpec {
  return {
    name: 'nats-server',
    folder: context.layout.folder,
    program: context.programs.nats,
    missing: 'this cluster was started without nats-server (option nats: false)',
    args: ['--config', clusterFiles(context.layout.folder).natsConfig],
    ready: () => natsGreets(context.layout.ports.nats),
  }
}

function located(context: ServerContext, name: ControlPlaneProgram) {
  return {
    name,
    folder: context.layout.folder,
    program: context.programs.controlPlane[name],
    missing: `${name} is not among the programs in KUBEBUILDER_ASSETS or on the PATH; ask for it when the cluster is started, then it is built`,
  }
}
