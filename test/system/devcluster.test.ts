// The development cluster itself, on genuine servers: identities, faults, and that nothing stays.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DevCluster, startCluster } from '../../devcluster/cluster.ts'
import type { Identity } from '../../devcluster/identities.ts'
import type { ClusterState } from '../../devcluster/state.ts'
import { kubectl, startTestCluster } from '../servers.ts'

const program = new URL('../../devcluster/main.ts', import.meta.url).pathname

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`)
    await sleep(50)
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const runningPids = (cluster: DevCluster): number[] =>
  Object.values(cluster.processes).flatMap((each) => each.pid ?? [])

describe('a cluster', () => {
  let cluster: DevCluster
  const as = async (identity: Identity, ...args: string[]) =>
    kubectl(cluster, args, await cluster.kubeconfig(identity))

  beforeAll(async () => {
    cluster = await startTestCluster({ audit: true })
  })
  afterAll(() => cluster.stop())

  it('lets the admin do everything', async () => {
    const names = await as('admin', 'get', 'namespaces', '--output=name')
    expect(names.split('\n')).toContain('namespace/default')
  })

  it('serves the CRDs of this project', async () => {
    await as('admin', 'get', 'queuejobs.gopherqueue.io', '--all-namespaces')
  })

  it('lets a plain user do only what RBAC allows', async () => {
    const jane: Identity = { user: 'jane', groups: ['readers'] }
    await expect(as(jane, 'get', 'namespaces')).rejects.toThrow(/User "jane" cannot list/)
    // Not the built-in role `view`: without the controller manager its rules stay empty.
    const role = ['clusterrole', 'reader', '--verb=get,list', '--resource=namespaces']
    await as('admin', 'create', ...role)
    const binding = ['clusterrolebinding', 'readers', '--clusterrole=reader', '--group=readers']
    await as('admin', 'create', ...binding)
    await eventually('jane may list namespaces', () =>
      as(jane, 'get', 'namespaces').then(
        () => true,
        () => false,
      ),
    )
    await expect(as(jane, 'create', 'namespace', 'hers')).rejects.toThrow(/cannot create/)
  })

  it('logs a service account in by a token, and says so when there is no such account', async () => {
    const worker: Identity = { serviceAccount: { namespace: 'default', name: 'worker' } }
    await expect(cluster.kubeconfig(worker)).rejects.toThrow('default/worker does not exist')
    await as('admin', 'create', 'serviceaccount', 'worker')
    expect(await as(worker, 'auth', 'whoami')).toContain('system:serviceaccount:default:worker')
  })

  it('writes leases into the audit log with who wrote them, and reads not at all', async () => {
    const lease = ['create', '--filename=-']
    const body = JSON.stringify({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'audited', namespace: 'default' },
    })
    await kubectl(cluster, lease, await cluster.kubeconfig('admin'), body)
    await as('admin', 'get', 'lease', 'audited')
    const about = () =>
      readFileSync(cluster.auditLog, 'utf8')
        .trim()
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line))
        .filter((event) => event.objectRef?.name === 'audited')
    await eventually('the write is in the audit log', () => about().length > 0)
    expect(about()).toMatchObject([
      { level: 'Metadata', verb: 'create', user: { username: 'admin' }, stage: 'ResponseComplete' },
    ])
    expect(about()[0].userAgent).toMatch(/^kubectl/)
    expect(about()[0].requestObject).toBeUndefined()
  })

  it('keeps streams over a kill of nats-server and loses them with its data', async () => {
    const streams = async () => {
      const connection = await connect({ servers: cluster.nats.url, timeout: 10_000 })
      try {
        const manager = await jetstreamManager(connection)
        return { manager, names: await manager.streams.names().next() }
      } finally {
        await connection.close()
      }
    }
    const connection = await connect({ servers: cluster.nats.url })
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name: 'KEPT', subjects: ['kept.>'] })
    await connection.close()

    await cluster.nats.kill()
    expect(cluster.processes.nats.exit).toEqual({ code: null, signal: 'SIGKILL', wanted: true })
    await expect(connect({ servers: cluster.nats.url, reconnect: false })).rejects.toThrow()
    await cluster.nats.restart()
    expect((await streams()).names).toEqual(['KEPT'])

    await cluster.nats.restart({ wipe: true })
    expect((await streams()).names).toEqual([])
  })

  it('freezes a process and lets it continue', async () => {
    cluster.nats.freeze()
    await expect(
      connect({ servers: cluster.nats.url, timeout: 500, reconnect: false }),
    ).rejects.toThrow()
    cluster.nats.continue()
    const connection = await connect({ servers: cluster.nats.url, timeout: 10_000 })
    await connection.close()
  })

  it('keeps its objects over a kill of the API server and of etcd', async () => {
    await as('admin', 'create', 'namespace', 'kept')
    await cluster.processes.apiserver.kill()
    await cluster.processes.etcd.kill()
    await Promise.all([cluster.processes.etcd.start(), cluster.processes.apiserver.start()])
    expect(await as('admin', 'get', 'namespace', 'kept', '--output=name')).toBe('namespace/kept\n')
  })

  it('does not disturb a second one, and leaves nothing of it', async () => {
    const second = await startCluster()
    const pids = runningPids(second)
    try {
      expect(second.server).not.toBe(cluster.server)
      await kubectl(second, ['create', 'namespace', 'only-there'])
      await expect(as('admin', 'get', 'namespace', 'only-there')).rejects.toThrow(/not found/)
    } finally {
      await second.stop()
    }
    expect(pids).toHaveLength(3)
    expect(pids.filter(lives)).toEqual([])
    expect(existsSync(second.dir)).toBe(false)
    await as('admin', 'get', 'namespaces')
  })

  it('starts what was left out when it is wanted later', async () => {
    await cluster.processes.controllerManager.start()
    await as('admin', 'get', 'serviceaccount', 'default', '--namespace=kube-system')
    await cluster.processes.controllerManager.stop()
    expect(cluster.processes.controllerManager.exit?.wanted).toBe(true)
  })
})

describe('a cluster whose owner ends', () => {
  // Starts one in a process of its own; resolves when it runs.
  async function owned() {
    const owner = spawn(process.execPath, [program, 'up', '--label', 'owned'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise((resolve) => owner.once('exit', resolve))
    for await (const line of createInterface({ input: owner.stdout })) {
      const file = /^export KUBECONFIG='(.*)\/kubeconfig\/admin\.yaml'$/.exec(line)
      if (file === null) continue
      const state: ClusterState = JSON.parse(readFileSync(`${file[1]}/cluster.json`, 'utf8'))
      const pids = Object.values(state.processes).filter((pid) => pid !== null)
      return { owner, ended, state, pids }
    }
    throw new Error('the cluster was not started')
  }

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('by %s is gone with it', async (signal) => {
    const { owner, ended, state, pids } = await owned()
    expect(pids).toHaveLength(5)
    expect(pids.filter(lives)).toEqual(pids)
    owner.kill(signal)
    await ended
    await eventually('every process is gone', () => !pids.some(lives))
    await eventually('the folder is gone', () => !existsSync(state.dir))
  })

  it('is gone even if its processes were frozen', async () => {
    const { owner, ended, state, pids } = await owned()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    owner.kill('SIGKILL')
    await ended
    await eventually('every process is gone', () => !pids.some(lives))
    await eventually('the folder is gone', () => !existsSync(state.dir))
  })
})

describe('a cluster that cannot start', () => {
  it('says why with the end of the log, and leaves nothing', async () => {
    const start = startCluster({ natsConfig: 'no_such_option: true\n' })
    const error = await start.then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error?.message).toMatch(/^nats-server ended before it was ready.*\n.*no_such_option/s)
  })
})
