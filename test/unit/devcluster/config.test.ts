// What the servers are told, as their operators would check it.

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import {
  apiserverArguments,
  apiserverEnvironment,
  auditPolicy,
  type ClusterLayout,
  etcdArguments,
  kubeconfig,
  natsConfiguration,
  quoteForShell,
} from '../../../devcluster/config.ts'

const layout = (changed: Partial<ClusterLayout> = {}): ClusterLayout => ({
  folder: '/clusters/one',
  ports: { etcdClient: 1, etcdPeer: 2, apiserver: 3, controllerManager: 4, scheduler: 5, nats: 6 },
  audit: false,
  durable: false,
  goGc: false,
  natsConfig: '',
  ...changed,
})

describe('etcd', () => {
  it('skips forced writes unless durability is asked for', () => {
    expect(etcdArguments(layout())).toContain('--unsafe-no-fsync')
    expect(etcdArguments(layout({ durable: true }))).not.toContain('--unsafe-no-fsync')
  })

  it('listens on loopback only', () => {
    const addresses = etcdArguments(layout()).filter((flag) => flag.includes('http://'))
    expect(addresses.length).toBeGreaterThan(0)
    for (const address of addresses) expect(address).toContain('http://127.0.0.1:')
  })
})

describe('kube-apiserver', () => {
  it('authorises by RBAC', () => {
    expect(apiserverArguments(layout())).toContain('--authorization-mode=Node,RBAC')
  })

  it('writes an audit log only when asked to', () => {
    const audits = (args: readonly string[]) => args.filter((flag) => flag.startsWith('--audit-'))
    expect(audits(apiserverArguments(layout()))).toEqual([])
    expect(audits(apiserverArguments(layout({ audit: true })))).toContain(
      '--audit-log-path=/clusters/one/logs/audit.jsonl',
    )
  })

  it('gets a memory limit together with rarer garbage collection, never one alone', () => {
    expect(apiserverEnvironment(layout({ goGc: true }))).toEqual({
      GOGC: '400',
      GOMEMLIMIT: '5GiB',
    })
    expect(apiserverEnvironment(layout())).toEqual({})
  })
})

describe('the audit policy', () => {
  it('records writes on our resources and on leases without bodies, and nothing else', () => {
    expect(parse(auditPolicy()).rules).toEqual([
      {
        level: 'Metadata',
        verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
        resources: [
          { group: 'gopherqueue.io' },
          { group: 'coordination.k8s.io', resources: ['leases'] },
        ],
      },
      { level: 'None' },
    ])
  })
})

describe('nats-server', () => {
  it('keeps JetStream in the cluster folder and syncs every second', () => {
    const text = natsConfiguration(layout())
    expect(text).toContain('listen: "127.0.0.1:6"')
    expect(text).toContain('store_dir: "/clusters/one/nats"')
    expect(text).toContain('sync_interval: "1s"')
  })

  it('appends what the caller adds', () => {
    expect(natsConfiguration(layout({ natsConfig: 'max_connections: 5\n' }))).toMatch(
      /\nmax_connections: 5\n$/,
    )
  })
})

describe('a kubeconfig', () => {
  const server = 'https://127.0.0.1:3'

  it('carries certificates inside, so that the file is enough', () => {
    const login = { kind: 'certificate', certificate: 'CERT', key: 'KEY' } as const
    const config = parse(kubeconfig(server, 'CA', 'jane', login))
    expect(config.clusters[0].cluster).toEqual({ server, 'certificate-authority-data': 'Q0E=' })
    expect(config.users).toEqual([
      { name: 'jane', user: { 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' } },
    ])
    expect(config.contexts[0].context).toEqual({ cluster: 'devcluster', user: 'jane' })
  })

  it('carries a token for a service account', () => {
    const config = parse(kubeconfig(server, 'CA', 'default/worker', { kind: 'token', token: 'T' }))
    expect(config.users[0].user).toEqual({ token: 'T' })
  })
})

describe('quoteForShell', () => {
  const awkward = ['plain', 'two words', "it's", '$HOME `id` \\ "x"', 'line\nbreak', '']
  it.each(awkward)('passes %j through a shell unchanged', (text) => {
    const printed = execFileSync('/bin/sh', ['-c', `printf %s ${quoteForShell(text)}`])
    expect(printed.toString()).toBe(text)
  })
})
