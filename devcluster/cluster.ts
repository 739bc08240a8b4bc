// A genuine Kubernetes control plane and a nats-server on this machine, without Docker or root.
//
// startCluster finds or builds the programs, makes a folder, a certificate authority and
// configuration files, and starts etcd, kube-apiserver and nats-server side by side, then, where
// asked for, kube-controller-manager and kube-scheduler. It resolves when everything answers.
// Nothing outlives the process that called it, however that ends (cleanup.ts).

import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findPrograms, type Programs } from './build.ts'
import { type ClusterFolder, openFolder } from './cleanup.ts'
import {
  auditPolicy,
  type ClusterLayout,
  type ClusterPorts,
  clusterFiles,
  kubectlScript,
  natsConfiguration,
} from './config.ts'
import { createIdentities, type Identity } from './identities.ts'
import { freePorts } from './ports.ts'
import { type ManagedProcess, PortTakenError } from './process.ts'
import type { ControlPlaneProgram } from './recipe.ts'
import { type ClusterProcesses, clusterProcesses } from './servers.ts'
import { folderPrefix, writeState } from './state.ts'

// Each attempt chooses new ports; a second one is rare, a fifth means that something else is wrong.
const portAttempts = 5

export interface ClusterOptions {
  /** Starts kube-controller-manager (quotas, garbage collection, default service accounts). Default false. */
  readonly controllerManager?: boolean
  /** Starts kube-scheduler. Default false. */
  readonly scheduler?: boolean
  /** Starts nats-server. Default true. */
  readonly nats?: boolean
  /** Exactly this nats-server, `2.10.27`. Default: one on the machine that fits, else the pinned one. */
  readonly natsVersion?: string
  /** Appended to nats-server's configuration file. */
  readonly natsConfig?: string
  /** Writes the audit log (writes on gopherqueue.io and leases). Default false. */
  readonly audit?: boolean
  /** Runs kube-apiserver with GOGC=400 and GOMEMLIMIT=5GiB, for benchmarks. Default false. */
  readonly goGc?: boolean
  /** Lets etcd force its writes to the disk. Default false. */
  readonly durable?: boolean
  /** Name under which `main.ts env --label` finds the cluster. Default `cluster`. */
  readonly label?: string
  /** Keeps the folder after the end, for reading logs. Default false. */
  readonly keepFiles?: boolean
}

/** nats-server, with what tests do to it. */
export interface NatsServer {
  /** nats://127.0.0.1:PORT */
  readonly url: string
  /** SIGKILL. Resolves when it has ended. */
  readonly kill: () => Promise<void>
  readonly freeze: () => void
  readonly continue: () => void
  /** Stops it if it runs, deletes its data with `wipe`, and starts it on the same port. */
  readonly restart: (how?: { readonly wipe?: boolean }) => Promise<void>
}

export interface DevCluster {
  /** Folder with everything of the cluster; removed at the end. */
  readonly dir: string
  /** https://127.0.0.1:PORT of the API server. */
  readonly server: string
  readonly caFile: string
  /** Path of kubectl. */
  readonly kubectl: string
  /** Folder with kubectl in it, for a PATH. */
  readonly binDir: string
  /** File with one JSON audit event (audit.k8s.io/v1, level Metadata) a line; only with `audit`. */
  readonly auditLog: string
  /** Path of a self-contained kubeconfig file for somebody. A service account must exist. */
  readonly kubeconfig: (identity: Identity) => Promise<string>
  readonly nats: NatsServer
  /** All five servers; those that were not asked for do not run and can be started. */
  readonly processes: ClusterProcesses
  /** Ends everything and removes the folder. May be called twice. */
  readonly stop: () => Promise<void>
}

type Settings = Required<Omit<ClusterOptions, 'natsVersion'>>

/** Starts a cluster; see ClusterOptions for what is in it. */
export async function startCluster(options: ClusterOptions = {}): Promise<DevCluster> {
  if (process.platform === 'win32') {
    throw new Error('the development cluster needs Linux or macOS (on Windows: WSL)')
  }
  const settings = settle(options)
  const programs = await findPrograms({
    controlPlane: neededPrograms(settings),
    nats: settings.nats,
    natsVersion: options.natsVersion,
  })
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(settings, programs)
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === portAttempts) throw error
    }
  }
}

function settle(options: ClusterOptions): Settings {
  return {
    controllerManager: options.controllerManager ?? false,
    scheduler: options.scheduler ?? false,
    nats: options.nats ?? true,
    natsConfig: options.natsConfig ?? '',
    audit: options.audit ?? false,
    goGc: options.goGc ?? false,
    durable: options.durable ?? false,
    label: options.label ?? 'cluster',
    keepFiles: options.keepFiles ?? false,
  }
}

function neededPrograms(settings: Settings): readonly ControlPlaneProgram[] {
  return [
    'etcd',
    'kube-apiserver',
    'kubectl',
    ...(settings.controllerManager ? (['kube-controller-manager'] as const) : []),
    ...(settings.scheduler ? (['kube-scheduler'] as const) : []),
  ]
}

async function startOnce(settings: Settings, programs: Programs): Promise<DevCluster> {
  const dir = path.join(tmpdir(), `${folderPrefix}${randomBytes(6).toString('hex')}`)
  const folder = await openFolder(dir, settings.keepFiles)
  try {
    const cluster = await assemble(settings, programs, folder)
    await startProcesses(settings, cluster.processes)
    return cluster
  } catch (error) {
    await folder.remove()
    throw error
  }
}

async function assemble(
  settings: Settings,
  programs: Programs,
  folder: ClusterFolder,
): Promise<DevCluster> {
  const dir = folder.path
  const files = clusterFiles(dir)
  const ports = await choosePorts()
  const layout: ClusterLayout = { ...settings, folder: dir, ports }
  const server = `https://127.0.0.1:${ports.apiserver}`
  const natsUrl = `nats://127.0.0.1:${ports.nats}`
  const identities = await createIdentities(dir, server)
  writeFileSync(files.auditPolicy, auditPolicy())
  writeFileSync(files.natsConfig, natsConfiguration(layout), { mode: 0o600 })
  mkdirSync(path.dirname(files.kubectl))
  writeFileSync(files.kubectl, kubectlScript(dir, programs.controlPlane.kubectl ?? 'kubectl'), {
    mode: 0o700,
  })
  const startedAt = new Date().toISOString()
  const changed = () => {
    if (removed !== undefined) return
    writeState({
      label: settings.label,
      owner: process.pid,
      startedAt,
      dir,
      server,
      caFile: files.caCertificate,
      kubeconfig: files.adminKubeconfig,
      kubectl: files.kubectl,
      natsUrl,
      auditLog: files.auditLog,
      processes: processNumbers(processes),
    })
  }
  const processes = clusterProcesses({ layout, programs, identities, server, changed })
  let removed: Promise<void> | undefined
  return {
    dir,
    server,
    caFile: files.caCertificate,
    kubectl: files.kubectl,
    binDir: path.dirname(files.kubectl),
    auditLog: files.auditLog,
    kubeconfig: identities.kubeconfig,
    nats: natsServer(natsUrl, files.natsData, processes),
    processes,
    stop: () => {
      removed ??= stopProcesses(processes).then(() => {
        // With keepFiles the folder stays, but nobody is to find a cluster in it.
        rmSync(files.state, { force: true })
        return folder.remove()
      })
      return removed
    },
  }
}

async function choosePorts(): Promise<ClusterPorts> {
  const [
    etcdClient = 0,
    etcdPeer = 0,
    apiserver = 0,
    controllerManager = 0,
    scheduler = 0,
    nats = 0,
  ] = await freePorts(6)
  return { etcdClient, etcdPeer, apiserver, controllerManager, scheduler, nats }
}

async function startProcesses(settings: Settings, processes: ClusterProcesses): Promise<void> {
  const { etcd, apiserver, nats, controllerManager, scheduler } = processes
  // The API server waits for etcd by itself.
  await everyStart([etcd, apiserver, ...(settings.nats ? [nats] : [])])
  await everyStart([
    ...(settings.controllerManager ? [controllerManager] : []),
    ...(settings.scheduler ? [scheduler] : []),
  ])
}

// One that fails ends the others: an API server would wait a minute for an etcd that is not there.
// Nothing is left starting when this rejects. A taken port counts first, for it can be repaired.
async function everyStart(processes: readonly ManagedProcess[]): Promise<void> {
  const errors: unknown[] = []
  const startOrEndAll = async (each: ManagedProcess) => {
    try {
      await each.start()
    } catch (error) {
      errors.push(error)
      await Promise.all(processes.map((other) => other.kill()))
    }
  }
  await Promise.all(processes.map(startOrEndAll))
  if (errors.length > 0) throw errors.find((each) => each instanceof PortTakenError) ?? errors[0]
}

// An API server that loses its etcd first can ignore SIGTERM for minutes.
async function stopProcesses(processes: ClusterProcesses): Promise<void> {
  const { etcd, apiserver, nats, controllerManager, scheduler } = processes
  await Promise.all([controllerManager.stop(), scheduler.stop(), nats.stop()])
  await apiserver.stop()
  await etcd.stop()
}

function natsServer(url: string, data: string, processes: ClusterProcesses): NatsServer {
  const { nats } = processes
  return {
    url,
    kill: nats.kill,
    freeze: nats.freeze,
    continue: nats.continue,
    restart: async (how = {}) => {
      await nats.stop()
      if (how.wipe === true) rmSync(data, { recursive: true, force: true })
      await nats.start()
    },
  }
}

function processNumbers(processes: ClusterProcesses): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(processes).map(([name, each]) => [name, each.pid ?? null]),
  )
}
