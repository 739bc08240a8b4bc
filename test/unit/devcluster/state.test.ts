// Which clusters a second terminal finds, and which it must not believe.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ClusterState,
  findClusters,
  folderPrefix,
  writeState,
} from '../../../devcluster/state.ts'

let parent = ''
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'gopherqueue-state-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

function cluster(name: string, changed: Partial<ClusterState> = {}): string {
  const dir = path.join(parent, `${folderPrefix}${name}`)
  mkdirSync(dir, { mode: 0o700 })
  writeState({
    label: 'cluster',
    owner: process.pid,
    startedAt: '2031-01-01T00:00:00.000Z',
    dir,
    server: 'https://127.0.0.1:1',
    caFile: 'ca.crt',
    kubeconfig: 'admin.yaml',
    kubectl: 'kubectl',
    natsUrl: 'nats://127.0.0.1:2',
    auditLog: 'audit.jsonl',
    processes: { etcd: 1, scheduler: null },
    ...changed,
  })
  return dir
}

const found = (label?: string) =>
  findClusters(parent, label).map((state) => path.basename(state.dir))
const named = (...names: string[]) => names.map((name) => `${folderPrefix}${name}`)

describe('findClusters', () => {
  it('gives the newest first', () => {
    cluster('old', { startedAt: '2031-01-01T00:00:00.000Z' })
    cluster('new', { startedAt: '2031-01-01T00:00:01.000Z' })
    expect(found()).toEqual(named('new', 'old'))
  })

  it('gives only those of a label when one is asked for', () => {
    cluster('one', { label: 'demo' })
    cluster('two')
    expect(found('demo')).toEqual(named('one'))
  })

  it('leaves out one whose owner has ended', () => {
    cluster('dead', { owner: spawnSync('/bin/sh', ['-c', 'exit 0']).pid })
    cluster('alive')
    expect(found()).toEqual(named('alive'))
  })

  it('does not believe a folder that others can write to', () => {
    chmodSync(cluster('planted'), 0o777)
    expect(found()).toEqual([])
  })

  it('does not follow a link', () => {
    symlinkSync(cluster('real'), path.join(parent, `${folderPrefix}link`))
    expect(findClusters(parent)).toHaveLength(1)
  })

  it('leaves out what is not a cluster state', () => {
    writeFileSync(path.join(cluster('broken'), 'cluster.json'), '{"label":"cluster"}')
    mkdirSync(path.join(parent, `${folderPrefix}starting`), { mode: 0o700 })
    expect(found()).toEqual([])
  })
})
