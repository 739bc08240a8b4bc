// What each server is told: its arguments, its environment, its configuration file. Pure functions
// from one description of the cluster; every flag is here and nowhere else.

import path from 'node:path'

const serviceRange = '10.97.0.0/16'
const issuer = 'https://kubernetes.default.svc.cluster.local'

/** Names and addresses that the servers' certificate is valid for. */
export const serverNames: readonly string[] = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '127.0.0.1',
  // The first address of the service range is the API server's own service.
  '10.97.0.1',
]

export interface ClusterPorts {
  readonly etcdClient: number
  readonly etcdPeer: number
  readonly apiserver: number
  readonly controllerManager: number
  readonly scheduler: number
  readonly nats: number
}

/** What the arguments depend on. */
export interface ClusterLayout {
  readonly folder: string
  readonly ports: ClusterPorts
  readonly audit: boolean
  readonly durable: boolean
  readonly goGc: boolean
  readonly natsConfig: string
}

/** Every file of a cluster, by what it is. */
export function clusterFiles(folder: string) {
  const inside = (...parts: readonly string[]) => path.join(folder, ...parts)
  return {
    caCertificate: inside('pki', 'ca.crt'),
    serverCertificate: inside('pki', 'server.crt'),
    serverKey: inside('pki', 'server.key'),
    serviceAccountKey: inside('pki', 'service-account.key'),
    adminKubeconfig: inside('kubeconfig', 'admin.yaml'),
    controllerManagerKubeconfig: inside('kubeconfig', 'controller-manager.yaml'),
    schedulerKubeconfig: inside('kubeconfig', 'scheduler.yaml'),
    auditPolicy: inside('audit-policy.yaml'),
    auditLog: inside('logs', 'audit.jsonl'),
    etcdData: inside('etcd'),
    natsConfig: inside('nats.conf'),
    natsData: inside('nats'),
    kubectl: inside('bin', 'kubectl'),
    state: inside('cluster.json'),
  } as const
}

const loopback = (port: number): string => `http://127.0.0.1:${port}`

export function etcdArguments(layout: ClusterLayout): readonly string[] {
  const { ports, folder } = layout
  return [
    `--data-dir=${clusterFiles(folder).etcdData}`,
    `--listen-client-urls=${loopback(ports.etcdClient)}`,
    `--advertise-client-urls=${loopback(ports.etcdClient)}`,
    `--listen-peer-urls=${loopback(ports.etcdPeer)}`,
    `--initial-advertise-peer-urls=${loopback(ports.etcdPeer)}`,
    `--initial-cluster=default=${loopback(ports.etcdPeer)}`,
    '--log-level=error',
    // Everything is thrown away at the end, so by default nothing is forced to the disk.
    ...(layout.durable ? [] : ['--unsafe-no-fsync']),
  ]
}

export function apiserverArguments(layout: ClusterLayout): readonly string[] {
  const files = clusterFiles(layout.folder)
  return [
    `--etcd-servers=${loopback(layout.ports.etcdClient)}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${layout.ports.apiserver}`,
    `--tls-cert-file=${files.serverCertificate}`,
    `--tls-private-key-file=${files.serverKey}`,
    `--client-ca-file=${files.caCertificate}`,
    `--service-account-key-file=${files.serviceAccountKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--service-account-issuer=${issuer}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--service-cluster-ip-range=${serviceRange}`,
    '--allow-privileged=true',
    // 127.0.0.1 is refused as the address of an endpoint, so the service `kubernetes` gets none.
    '--endpoint-reconciler-type=none',
    ...(layout.audit ? auditArguments(files) : []),
  ]
}

function auditArguments(files: ReturnType<typeof clusterFiles>): readonly string[] {
  return [
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${files.auditLog}`,
    // One file, never rotated away under a test that counts its lines.
    '--audit-log-maxsize=100000',
    '--audit-log-mode=blocking',
  ]
}

/** Garbage collection is a third of the API server's CPU; the limit keeps it from growing over. */
export function apiserverEnvironment(layout: ClusterLayout): Readonly<Record<string, string>> {
  return layout.goGc ? { GOGC: '400', GOMEMLIMIT: '5GiB' } : {}
}

export function controllerManagerArguments(layout: ClusterLayout): readonly string[] {
  const files = clusterFiles(layout.folder)
  return [
    `--kubeconfig=${files.controllerManagerKubeconfig}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.caCertificate}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    // It makes an account and a token for each of its controllers when it starts; at the default
    // of 20 requests a second that takes four seconds.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
    ...servingArguments(files, layout.ports.controllerManager),
  ]
}

export function schedulerArguments(layout: ClusterLayout): readonly string[] {
  const files = clusterFiles(layout.folder)
  return [
    `--kubeconfig=${files.schedulerKubeconfig}`,
    '--leader-elect=false',
    ...servingArguments(files, layout.ports.scheduler),
  ]
}

function servingArguments(files: ReturnType<typeof clusterFiles>, port: number): readonly string[] {
  return [
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${files.serverCertificate}`,
    `--tls-private-key-file=${files.serverKey}`,
  ]
}

/**
 * nats-server's configuration file: JetStream on, loopback only, no monitoring port. It syncs
 * every second instead of every two minutes, which costs nothing measurable.
 */
export function natsConfiguration(layout: ClusterLayout): string {
  const quoted = JSON.stringify(clusterFiles(layout.folder).natsData)
  return `server_name: gopherqueue
listen: "127.0.0.1:${layout.ports.nats}"
max_payload: 1MB
jetstream {
  store_dir: ${quoted}
  sync_interval: "1s"
}
${layout.natsConfig}`
}

/**
 * Which requests the API server writes down: every write on GopherQueue's own resources and on
 * leases, with who and how but without bodies. Tests count writes by it.
 */
export function auditPolicy(): string {
  return `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - group: gopherqueue.io
      - group: coordination.k8s.io
        resources: [leases]
  - level: None
`
}

/** How somebody logs in: a client certificate or a token. */
export type Login =
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'token'; readonly token: string }

/** A kubeconfig that needs no other file. JSON is YAML. */
export function kubeconfig(
  server: string,
  caCertificate: string,
  user: string,
  login: Login,
): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const credentials =
    login.kind === 'token'
      ? { token: login.token }
      : {
          'client-certificate-data': base64(login.certificate),
          'client-key-data': base64(login.key),
        }
  const cluster = { server, 'certificate-authority-data': base64(caCertificate) }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'devcluster', cluster }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: 'devcluster', context: { cluster: 'devcluster', user } }],
    'current-context': 'devcluster',
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

/**
 * The cluster's own `kubectl`: the program with its cache of API resources inside the cluster's
 * folder. In the shared cache in the home folder it would stay behind, and another cluster on the
 * same port would be told this one's resources for hours.
 */
export function kubectlScript(folder: string, program: string): string {
  const cache = quoteForShell(path.join(folder, 'kubectl-cache'))
  return `#!/bin/sh\nKUBECACHEDIR=${cache} exec ${quoteForShell(program)} "$@"\n`
}

export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
