// docs/http.md, executed: every command in the order of the page, in one shell, on a genuine API server
// with the action policy. The first two are the administrator's; after them kubectl and its kubeconfig
// are taken away, and what is left is curl with the token of a ServiceAccount that has the page's Role.
//
// Needs `sh`, `curl` (7.76 or newer) and the tools below, as the page does. What the operator would do,
// the test does.

import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DevCluster } from '../../../devcluster/cluster.ts'
import { kubectl, startTestCluster } from '../../servers.ts'
import { type Block, blocksOf, stepsOf } from './page.ts'
import { Terminal } from './terminal.ts'

const steps = stepsOf(blocksOf('docs/http.md'))
const policies = path.join(import.meta.dirname, '..', '..', '..', 'policies')

/** All that the page may use beside the shell itself. */
const TOOLS = ['curl', 'grep', 'head', 'tr', 'cut', 'cat', 'mkfifo', 'rm', 'base64', 'sleep']

let cluster: DevCluster
let folder: string
let terminal: Terminal
beforeAll(async () => {
  cluster = await startTestCluster({ nats: false, label: 'docs' })
  await kubectl(cluster, ['apply', '--server-side', '--filename', policies])
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-docs-'))
  const tools = path.join(folder, 'tools')
  mkdirSync(tools)
  for (const tool of TOOLS) symlinkSync(pathOf(tool), path.join(tools, tool))
  symlinkSync(cluster.kubectl, path.join(tools, 'kubectl'))
  terminal = new Terminal(folder, {
    PATH: tools,
    HOME: folder,
    KUBECONFIG: await cluster.kubeconfig('admin'),
  })
})
afterAll(async () => {
  terminal?.close()
  if (folder) rmSync(folder, { recursive: true })
  await cluster?.stop()
})

function pathOf(tool: string): string {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const found = folders.map((each) => path.join(each, tool)).find((file) => existsSync(file))
  if (!found) throw new Error(`docs/http.md needs ${tool}, which is not on the PATH: install it`)
  return found
}

/** The operator's hand: a status, as it would write it. */
async function write(
  kind: 'queuejob' | 'queueaction',
  name: string,
  status: object,
): Promise<void> {
  const change = JSON.stringify({ status: { observedGeneration: 1, ...status } })
  await kubectl(cluster, [
    ...['patch', kind, name, '--namespace=shop', '--subresource=status'],
    ...['--type=merge', '--patch', change],
  ])
}

async function runJob(): Promise<void> {
  await write('queuejob', 'order-7-receipt', { phase: 'Running', epoch: 1 })
  const result = { id: 'm-1' }
  await write('queuejob', 'order-7-receipt', { phase: 'Completed', epoch: 1, result })
}

async function carryOutCancel(): Promise<void> {
  await write('queueaction', 'cancel-order-8-receipt', { phase: 'Completed' })
}

/** What happens in the cluster while a step waits for it, and before one that looks at it. */
const during = ({ text }: Block) => (text.includes('watch=true') ? runJob() : undefined)
const before = ({ text }: Block) =>
  text.includes('/queueactions/cancel-order-8-receipt') ? carryOutCancel() : undefined

const isAdmins = ({ text }: Block) => /^kubectl|\$\(kubectl/m.test(text)

describe('docs/http.md', () => {
  const admins = steps.filter(({ command }) => isAdmins(command))
  const application = steps.filter(({ command }) => !isAdmins(command))

  it('has commands, those of the administrator first', () => {
    expect(admins.length).toBe(2)
    expect(steps.slice(0, 2)).toEqual(admins)
    expect(application.length).toBeGreaterThan(8)
  })

  it.each(admins)('line $command.line, by the administrator', async ({ command }) => {
    await terminal.type(command.text)
  })

  it('needs nothing of the administrator from there on', async () => {
    rmSync(path.join(folder, 'tools', 'kubectl'))
    const left = await terminal.type('unset KUBECONFIG; hash -r; command -v kubectl || echo none')
    expect(left).toBe('none\n')
  })

  it.each(application)('line $command.line, by the application', async ({ command, prints }) => {
    await before(command)
    const [printed] = await Promise.all([terminal.type(command.text), during(command)])
    if (prints !== null) expect(printed).toBe(prints)
  })

  it('gave the ServiceAccount the rights of its Role and no others', async () => {
    const asked = await terminal.type(`
for path in queues queueschedules 'queuejobs?watch=true&timeoutSeconds=1' queueactions; do
  curl --config curl.conf --output answer.json --write-out "%{http_code} $path\\n" "$API/$path" || true
done
curl --config curl.conf --output answer.json --write-out '%{http_code} delete\\n' \\
  --request DELETE "$API/queuejobs/order-7-receipt" || true
curl --config curl.conf --output answer.json --write-out '%{http_code} elsewhere\\n' \\
  "$SERVER/apis/gopherqueue.io/v1alpha1/namespaces/default/queuejobs" || true
`)
    expect(asked).toBe(
      '403 queues\n403 queueschedules\n200 queuejobs?watch=true&timeoutSeconds=1\n403 queueactions\n403 delete\n403 elsewhere\n',
    )
  })

  it('asked for the verb `cancel`: without it the same action is refused', async () => {
    const without = { apiGroups: ['gopherqueue.io'], resources: ['queuejobs'], verbs: ['create'] }
    const actions = { ...without, resources: ['queueactions'] }
    await kubectl(cluster, [
      ...['patch', 'role', 'submitter', '--namespace=shop', '--type=merge'],
      ...['--patch', JSON.stringify({ rules: [without, actions] })],
    ])
    const code = await terminal.type(`
for i in 1 2 3 4 5 6 7 8 9 10; do
  curl --config curl.conf --output answer.json --write-out '%{http_code}\\n' "$API/queueactions" --data '{
    "apiVersion": "gopherqueue.io/v1alpha1",
    "kind": "QueueAction",
    "metadata": {"generateName": "again-"},
    "spec": {"action": "Cancel", "target": {"kind": "QueueJob", "name": "order-8-receipt"}}
  }' > code || true
  if grep -q 403 code; then break; fi
  sleep 1
done
cat code
grep -o 'grant the verb cancel on queuejobs' answer.json
`)
    expect(code).toMatch(/^403\ngrant the verb cancel on queuejobs\n/)
  })
})
