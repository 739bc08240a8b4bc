// Who may not do what, and that the command in the error allows it: each refusal is made by a genuine
// API server with the action policy, its help is executed as written, and the act then succeeds.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { DevCluster } from '../../../devcluster/cluster.ts'
import type { Identity } from '../../../devcluster/identities.ts'
import { ForbiddenError } from '../../../src/client/errors.ts'
import type { GopherQueue, Job } from '../../../src/client/surface.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { clientOver, connect } from '../../../src/main/client.ts'
import { kubectl, startTestCluster } from '../../servers.ts'
import { accessOf } from './place.ts'

const namespace = 'rights'
const noop = defineJob({ type: 'noop', version: '1', input: z.void(), output: z.unknown() })
const policies = path.join(import.meta.dirname, '..', '..', '..', 'policies')

let cluster: DevCluster
let admin: GopherQueue
let job: Job

beforeAll(async () => {
  cluster = await startTestCluster({ nats: false, label: 'rights' })
  await kubectl(cluster, ['create', 'namespace', namespace])
  await kubectl(cluster, ['create', 'serviceaccount', 'app', '--namespace', namespace])
  await kubectl(cluster, ['apply', '--server-side', '--filename', policies])
  admin = await connect({ kubeconfig: await cluster.kubeconfig('admin'), namespace })
  job = await admin.submit(noop, undefined)
})
afterAll(async () => {
  await admin?.close()
  await cluster?.stop()
})

const app: Identity = { serviceAccount: { namespace, name: 'app' } }
const jane: Identity = { user: "o'jane@example.com" }

async function as(identity: Identity): Promise<GopherQueue> {
  return connect({ kubeconfig: await cluster.kubeconfig(identity), namespace })
}

async function refusalOf(act: () => Promise<unknown>): Promise<ForbiddenError> {
  // A policy takes a moment to become active.
  return vi.waitUntil(
    () =>
      act().then(
        () => undefined,
        (error: unknown) => {
          if (error instanceof ForbiddenError) return error
          throw error
        },
      ),
    { timeout: 20_000, interval: 100 },
  )
}

/** Executes the commands of the help as an administrator would paste them. */
async function followHelp({ help }: ForbiddenError): Promise<void> {
  const command = /^an administrator grants it with: (.+)$/.exec(help)?.[1]
  if (!command) throw new Error(`no command in: ${help}`)
  await promisify(execFile)('sh', ['-ec', command], {
    env: {
      PATH: `${cluster.binDir}:${process.env.PATH}`,
      HOME: cluster.dir,
      KUBECONFIG: await cluster.kubeconfig('admin'),
    },
    timeout: 60_000,
  })
}

/** RBAC follows within moments. What is refused then is another right, if any. */
async function becomesAllowed(act: () => Promise<unknown>, before?: ForbiddenError): Promise<void> {
  const same = ({ verb, resource }: ForbiddenError) =>
    !before || (verb === before.verb && resource === before.resource)
  await vi.waitUntil(
    () =>
      act().then(
        () => true,
        (error: unknown) => {
          if (error instanceof ForbiddenError) return !same(error)
          throw error
        },
      ),
    { timeout: 20_000, interval: 50 },
  )
}

describe('what is not allowed says who, what and how it would be, and that is true', () => {
  type Act = (gq: GopherQueue) => Promise<unknown>

  const rows: readonly [string, string, string, Act][] = [
    ['submitting', 'create', 'queuejobs', (gq) => gq.submit(noop, undefined)],
    ['reading a job', 'get', 'queuejobs', (gq) => gq.get(job.name)],
    ['explaining a job', 'get', 'queues', async (gq) => (await gq.get(job.name)).explain()],
    ['listing jobs', 'list', 'queuejobs', (gq) => gq.list().next()],
    ['watching a job', 'watch', 'queuejobs', watchOnce],
    ['storing an action', 'create', 'queueactions', cancel],
    ['cancelling', 'cancel', 'queuejobs', cancel],
  ]

  it.each(rows)('%s needs the verb %s on %s', async (_, verb, resource, act) => {
    const gq = await as(app)
    const error = await refusalOf(() => act(gq))
    expect(error).toMatchObject({ code: 'Forbidden', verb, resource, failure: 'terminal' })
    expect(error.message).toContain('system:serviceaccount:rights:app')
    await followHelp(error)
    await becomesAllowed(() => act(gq), error)
    await gq.close()
  })

  async function watchOnce(gq: GopherQueue): Promise<void> {
    const handle = await gq.get(job.name)
    await handle.result({ timeoutMs: 2_000 }).catch((error: unknown) => {
      if (error instanceof ForbiddenError) throw error
    })
  }

  async function cancel(gq: GopherQueue): Promise<void> {
    const handle = await gq.get(job.name)
    await handle.cancel()
  }

  it('also for a user whose name is no word of a shell', async () => {
    const gq = await as(jane)
    const error = await refusalOf(() => gq.submit(noop, undefined))
    await followHelp(error)
    await becomesAllowed(() => gq.submit(noop, undefined), error)
    await gq.close()
  })
})

describe('the verbs that docs/sdk.md names are enough', () => {
  /** A submission whose first answer is lost, which needs every verb that `submit` ever needs. */
  async function submitLossy(kubeconfig: string): Promise<void> {
    let calls = 0
    const lossy = clientOver(await accessOf(kubeconfig), namespace, {
      onCall: () => (calls++ === 0 ? 'lose-answer' : 'send'),
    })
    await lossy.submit(noop, undefined, { name: `lossy-${kubeconfig.length}` })
    await lossy.close()
  }

  /** A new job, as a program finds it that may list only. */
  async function found(gq: GopherQueue): Promise<Job> {
    const { name } = await admin.submit(noop, undefined)
    for await (const each of gq.list()) if (each.name === name) return each
    throw new Error(`job ${name} is not in the list`)
  }

  const acts: Readonly<Record<string, (gq: GopherQueue, kubeconfig: string) => Promise<unknown>>> =
    {
      submit: (_, kubeconfig) => submitLossy(kubeconfig),
      'get, status': async (gq) => (await gq.get(job.name)).status(),
      result: async (gq) => {
        const each = await found(gq)
        const result = each.result({ timeoutMs: 30_000 })
        // It may fail before anybody awaits it.
        result.catch(() => {})
        await patchStatus('queuejob', each.name, { phase: 'Completed', epoch: 1 })
        return result
      },
      watch: async (gq) => (await found(gq)).watch().next(),
      list: found,
      explain: async (gq) => {
        // In a queue with a limit the other jobs are read, too.
        const { name } = await admin.submit(noop, undefined, { queue: 'limited' })
        return (await gq.get(name)).explain()
      },
      cancel: async (gq) => {
        let waiting = true
        const cancelling = (await found(gq)).cancel({ wait: true }).finally(() => {
          waiting = false
        })
        cancelling.catch(() => {})
        while (waiting) await endActions()
        return cancelling
      },
    }

  const rows = rightsTable().map(
    ({ does, jobs, actions, queues }) =>
      [does, does === 'cancel' ? [...jobs, 'list'] : jobs, actions, queues] as const,
  )

  it('names every act', () => {
    expect(rows.map(([does]) => does)).toEqual(Object.keys(acts))
  })

  beforeAll(async () => {
    const metadata = { name: 'limited', namespace }
    const spec = { concurrency: { max: 1 } }
    const queue = { apiVersion: 'gopherqueue.io/v1alpha1', kind: 'Queue', metadata, spec }
    const apply = ['apply', '--server-side', '--filename=-']
    await kubectl(cluster, apply, undefined, JSON.stringify(queue))
  })

  const titled = 'to %s: %j on queuejobs, %j on queueactions, %j on queues'
  it.each(rows)(titled, async (does, jobs, actions, queues) => {
    const name = `may-${does.replace(/\W+/g, '-')}`
    await kubectl(cluster, ['create', 'serviceaccount', name, '--namespace', namespace])
    const rule = (resource: string, verbs: readonly string[]) =>
      verbs.length === 0 ? [] : [{ apiGroups: ['gopherqueue.io'], resources: [resource], verbs }]
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name, namespace },
      rules: [
        ...rule('queuejobs', jobs),
        ...rule('queueactions', actions),
        ...rule('queues', queues),
      ],
    }
    const apply = ['apply', '--server-side', '--filename=-']
    await kubectl(cluster, apply, undefined, JSON.stringify(role))
    await kubectl(cluster, [
      ...['create', 'rolebinding', name, '--namespace', namespace],
      ...[`--role=${name}`, `--serviceaccount=${namespace}:${name}`],
    ])
    const kubeconfig = await cluster.kubeconfig({ serviceAccount: { namespace, name } })
    const gq = await connect({ kubeconfig, namespace })
    await becomesAllowed(async () => acts[does]?.(gq, kubeconfig))
    await gq.close()
  })

  async function patchStatus(kind: string, name: string, status: object): Promise<void> {
    const change = JSON.stringify({ status: { observedGeneration: 1, ...status } })
    await kubectl(cluster, [
      ...['patch', kind, name, '--namespace', namespace, '--subresource=status'],
      ...['--type=merge', '--patch', change],
    ])
  }

  async function endActions(): Promise<void> {
    const get = ['get', 'queueactions', '--namespace', namespace, '--output=name']
    for (const line of (await kubectl(cluster, get)).trim().split('\n')) {
      const name = line.split('/')[1]
      if (name) await patchStatus('queueaction', name, { phase: 'Completed' })
    }
  }
})

/** The table of docs/sdk.md, section "Rights". */
function rightsTable(): readonly {
  does: string
  jobs: string[]
  actions: string[]
  queues: string[]
}[] {
  const page = readFileSync(path.join(policies, '..', 'docs', 'sdk.md'), 'utf8')
  const section = page.slice(page.indexOf('## Rights'), page.indexOf('## Test handlers'))
  const verbs = (cell: string): string[] => cell.match(/\b(create|get|list|watch|cancel)\b/g) ?? []
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, does = '', ...cells] = line.split('|').map((cell) => cell.trim())
      const [jobs = [], actions = [], queues = []] = cells.map(verbs)
      return { does: does.replaceAll('`', ''), jobs, actions, queues }
    })
}

describe('what is refused for another reason', () => {
  it('is not explained as a missing right: a quota that is used up', async () => {
    const none = { 'count/queuejobs.gopherqueue.io': '0' }
    const quota = ['create', 'quota', 'jobs', '--hard=count/queuejobs.gopherqueue.io=0']
    await kubectl(cluster, ['create', 'namespace', 'full'])
    await kubectl(cluster, [...quota, '--namespace=full'])
    // What the controller manager would write.
    const counted = JSON.stringify({ status: { hard: none, used: none } })
    const patch = ['patch', 'quota', 'jobs', '--namespace=full', '--subresource=status']
    await kubectl(cluster, [...patch, '--type=merge', '--patch', counted])
    const error = await vi.waitUntil(
      () =>
        admin.submit(noop, undefined, { namespace: 'full', timeoutMs: 1_000 }).then(
          () => undefined,
          (reason: unknown) => reason,
        ),
      { timeout: 20_000 },
    )
    expect(error).toMatchObject({
      code: 'QuotaExceeded',
      help: expect.stringContaining('kubectl -n full describe resourcequota'),
    })
  })

  it('is told with the place to install it from: an API server without GopherQueue', async () => {
    await kubectl(cluster, ['delete', 'crd', 'queuejobs.gopherqueue.io'])
    const error = await vi.waitUntil(
      () =>
        admin.get(job.name).then(
          () => undefined,
          (reason: { code: string }) => (reason.code === 'TargetNotFound' ? undefined : reason),
        ),
      { timeout: 20_000 },
    )
    expect(error).toMatchObject({
      code: 'NotInstalled',
      help: expect.stringContaining('kubectl apply -f crds/'),
    })
  })
})
