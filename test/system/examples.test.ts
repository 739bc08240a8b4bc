// Every manifest of examples/, applied with kubectl to genuine servers and held to what it says of itself:
//
//   examples.gopherqueue.io/ends: Completed       the phase a job or an action ends in; Deleted: it is gone
//   examples.gopherqueue.io/reason: Duplicate     status.reason then
//   examples.gopherqueue.io/attempts: "2"         how many attempts it took
//
// A manifest without `ends` is only applied, with a sentence in it that says what to try by hand.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { kubectl } from '../servers.ts'
import { TestSystem, until } from './system.ts'

const folder = path.join(import.meta.dirname, '..', '..', 'examples')
const NAMESPACE = 'shop'
const SAYS = 'examples.gopherqueue.io/'

interface Manifest {
  readonly file: string
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly spec: Readonly<Record<string, unknown>>
  readonly says: (what: 'ends' | 'reason' | 'attempts') => string | undefined
}

const manifests: readonly Manifest[] = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml') && !file.startsWith('worker'))
  .sort()
  .flatMap((file) =>
    parseAllDocuments(readFileSync(path.join(folder, file), 'utf8')).map((document) => {
      const { apiVersion, kind, metadata, spec } = document.toJS()
      const annotations: Record<string, string> = metadata.annotations ?? {}
      const says: Manifest['says'] = (what) => annotations[`${SAYS}${what}`]
      return { file, apiVersion, kind, name: metadata.name, spec, says }
    }),
  )
const ofKind = (kind: string) => manifests.filter((each) => each.kind === kind)
const ending = (kind: string) => ofKind(kind).filter(({ says }) => says('ends') !== undefined)

describe('the manifests of examples/', () => {
  let system: TestSystem
  const run = (args: readonly string[]) => kubectl(system.cluster, ['-n', NAMESPACE, ...args])
  const apply = (files: readonly string[]) =>
    run(['apply', ...[...new Set(files)].flatMap((file) => ['-f', path.join(folder, file)])])

  /** The status; null when the object is gone. */
  async function statusOf(plural: string, name: string) {
    const text = await run(['get', plural, name, '-o', 'json', '--ignore-not-found'])
    return text === '' ? null : (JSON.parse(text).status as Readonly<Record<string, unknown>>)
  }

  async function ended(plural: string, { name, says }: Manifest) {
    let last: unknown = null
    return until(
      () => `${plural} ${name} to be ${says('ends')}; it is ${JSON.stringify(last)}`,
      async () => {
        const status = await statusOf(plural, name)
        last = status
        return (status?.phase ?? 'Deleted') === says('ends') ? { status } : undefined
      },
      90,
    )
  }

  beforeAll(async () => {
    system = await TestSystem.start()
    await kubectl(system.cluster, ['create', 'namespace', NAMESPACE])
    await kubectl(system.cluster, ['-n', NAMESPACE, 'create', 'serviceaccount', 'worker'])
    await run(['create', 'role', 'payloads', '--verb=get', '--resource=configmaps,secrets'])
    await run([
      'create',
      'rolebinding',
      'payloads',
      '--role=payloads',
      '--serviceaccount=shop:worker',
    ])
    await system.operator()
    system.worker({
      file: path.join(folder, 'shop', 'worker.ts'),
      queues: [...new Set(['shop', ...ofKind('Queue').map(({ name }) => name)])].join(','),
      env: {
        GOPHERQUEUE_NAMESPACE: NAMESPACE,
        GOPHERQUEUE_PAYLOAD_FROM: 'true',
        GOPHERQUEUE_KUBECONFIG: await system.cluster.kubeconfig({
          serviceAccount: { namespace: NAMESPACE, name: 'worker' },
        }),
        SHOP_CLOCK_FACTOR: '600',
      },
    })
    // What an action deleted would be made again if its file were applied twice.
    const acting = new Set(ofKind('QueueAction').map(({ file }) => file))
    const quiet = ({ file }: Manifest) => !acting.has(file)
    await apply(
      ofKind('Queue')
        .filter(quiet)
        .map(({ file }) => file),
    )
    await apply(manifests.filter(quiet).map(({ file }) => file))
    // An action may be about the queue of another file.
    const queues = ofKind('Queue').map(({ file }) => file)
    await apply([...queues.filter((file) => acting.has(file)), ...acting])
  })

  afterAll(() => system?.stop())

  it.each(ending('QueueJob'))('$file: $name ends as it says', async (manifest) => {
    const { status } = await ended('queuejobs', manifest)
    const { says } = manifest
    if (says('reason') !== undefined) expect(status?.reason).toBe(says('reason'))
    if (says('attempts') !== undefined) expect(String(status?.attempt)).toBe(says('attempts'))
  })

  it.each(ending('QueueAction'))('$file: $name ends as it says', async (manifest) => {
    const { status } = await ended('queueactions', manifest)
    if (manifest.says('reason') !== undefined) {
      expect(status?.reason).toBe(manifest.says('reason'))
    }
  })

  it('apply again without a change, and nothing happens', async () => {
    const files = manifests.filter(
      ({ kind, says }) => kind === 'QueueJob' && says('ends') === 'Completed',
    )
    const before = await run(['get', 'queuejobs', '-o', 'jsonpath={.items[*].metadata.generation}'])
    const said = await apply(files.map(({ file }) => file))
    // kubectl calls a Secret with `stringData` configured each time.
    expect(said).not.toMatch(/^queuejob.* configured$/m)
    expect(await run(['get', 'queuejobs', '-o', 'jsonpath={.items[*].metadata.generation}'])).toBe(
      before,
    )
  })
})
