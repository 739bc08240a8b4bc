// `gopherqueue standalone`: operator and worker in one process, against a genuine cluster.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DevCluster } from '../../devcluster/cluster.ts'
import { kubectl, startTestCluster } from '../servers.ts'
import { until } from './system.ts'

const root = path.join(import.meta.dirname, '..', '..')
let cluster: DevCluster

beforeAll(async () => {
  cluster = await startTestCluster()
  await kubectl(cluster, ['create', 'namespace', 'gopherqueue-system'])
  await kubectl(cluster, ['apply', '-f', path.join(root, 'policies')])
})
afterAll(() => cluster?.stop())

async function standalone(words: readonly string[]) {
  const child = spawn(
    process.execPath,
    [
      path.join(root, 'src', 'main', 'gopherqueue.ts'),
      'standalone',
      '--handlers',
      path.join(import.meta.dirname, 'programs', 'standalone-handlers.ts'),
      '--kubeconfig',
      await cluster.kubeconfig('admin'),
      '--nats-url',
      cluster.nats.url,
      '--http-port',
      '0',
      '--metrics-port',
      '0',
      '--local',
      ...words,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, ended, out: () => out }
}

describe('a standalone process', () => {
  it('runs a job with the handlers of its file, tells of it, and hands over when it is stopped', async () => {
    const process = await standalone(['--no-wait'])
    try {
      const job = {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'QueueJob',
        metadata: { name: 'greeting', namespace: 'default' },
        spec: { type: 'greet', payload: { name: 'gopher' } },
      }
      await kubectl(cluster, ['create', '-f', '-'], undefined, JSON.stringify(job))
      await kubectl(cluster, ['wait', '--for=condition=Finished', '--timeout=50s', 'qj/greeting'])
      const result = await kubectl(cluster, [
        'get',
        'qj',
        'greeting',
        '-o',
        'jsonpath={.status.phase} {.status.result.text}',
      ])
      expect(result).toBe('Completed hello gopher')
      const url = /"metrics":"(http[^"]+)"/.exec(process.out())?.[1] ?? ''
      const metrics = await (await fetch(url)).text()
      expect(metrics).toMatch(/^gopherqueue_jobs_finished_total\{.*phase="Completed".*\} 1$/m)
      process.child.kill('SIGTERM')
      expect(await process.ended).toBe(0)
      expect(process.out()).toContain('"exitCode":0,"msg":"standalone has stopped"')
    } finally {
      process.child.kill('SIGKILL')
    }
  })

  it('ends with 69 where NATS does not answer and nobody wants to wait', async () => {
    const process = await standalone(['--no-wait', '--nats-url', 'nats://127.0.0.1:1'])
    try {
      const code = await until('the process to end', async () =>
        process.child.exitCode === null ? undefined : process.child.exitCode,
      )
      expect(code).toBe(69)
    } finally {
      process.child.kill('SIGKILL')
    }
  })
})
