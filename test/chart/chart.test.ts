// The chart as helm renders it and as the genuine API server takes it: every object of every variant by
// server-side dry run, Pod Security "restricted", the operator's own reading of its configuration, and
// values that are refused with a sentence.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type Door, type Json, openDoor } from '../contract/api/door.ts'
import { kubectl } from '../contract/api/kubectl.ts'
import {
  chart,
  helm,
  helmProgram,
  helmWithinMs,
  type Manifest,
  namespace,
  type Rendered,
  release,
  render,
} from './helm.ts'

const root = path.join(chart, '..', '..')
const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-chart-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bundled = 'nats: {bundled: {enabled: true}}\n'
const external = 'nats: {url: "nats://nats.example:4222"}\n'

let door: Door
beforeAll(async () => {
  await helmProgram()
  door = await openDoor(namespace)
  const labels = { 'pod-security.kubernetes.io/warn': 'restricted' }
  await door.send(
    'PATCH',
    `/api/v1/namespaces/${namespace}`,
    { metadata: { labels } },
    { contentType: 'application/merge-patch+json' },
  )
}, helmWithinMs)

const everything = `${bundled}
replicas: 2
nameOverride: other
image: {digest: "sha256:${'a'.repeat(64)}"}
imagePullSecrets: [{name: registry}]
serviceAccount: {annotations: {example.org/role: x}}
config:
  logLevel: debug
  dispatch: Paused
  eventsMaxBytes: 5000000000
  information: {perSecond: 10}
podAnnotations: {example.org/a: b}
podLabels: {example.org/team: a}
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: a, operator: Exists}]
affinity: {podAntiAffinity: {}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app.kubernetes.io/name: gopherqueue}}}]
`
const withCa = 'nats: {url: "tls://a:4222,tls://b:4222", caSecret: {name: nats-ca}}\nreplicas: 0\n'
const variants: readonly (readonly [string, string])[] = [
  ['with the bundled NATS', bundled],
  ['with a NATS of one’s own', external],
  ['with a NATS behind TLS', withCa],
  ['with everything set', everything],
  [
    'without CRDs, policy and personas',
    `${external}crds: {enabled: false}\npolicy: {enabled: false}\npersonas: {enabled: false}\n`,
  ],
]

async function good(values: string): Promise<Rendered> {
  const rendered = await render(values)
  expect(rendered.code, rendered.err).toBe(0)
  return rendered
}

function one({ objects }: Rendered, kind: string, name?: string): Manifest {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  )
  expect(found.length, `${kind} ${name ?? ''}`).toBe(1)
  return found[0] as Manifest
}

function podOf(workload: Manifest): Json {
  return ((workload.spec as Json).template as Json).spec as Json
}

/** What the program prints of its configuration, started with the arguments and variables of the chart. */
async function operator(config: string, container: Json): Promise<string> {
  const file = path.join(folder, 'config.yaml')
  writeFileSync(file, config)
  const args = (container.args as string[]).map((arg) => (arg.endsWith('.yaml') ? file : arg))
  const names = (container.env as { name: string }[]).map((variable) => variable.name)
  const program = path.join(root, 'src', 'main', 'gopherqueue.ts')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, ...args, '--print-config'],
    {
      env: Object.fromEntries(names.map((variable) => [variable, 'pod-1'])),
      timeout: 30_000,
    },
  )
  return stdout
}

const kinds = ({ objects }: Rendered) => new Set(objects.map(({ kind }) => kind))

describe.each(variants)('%s', (_, values) => {
  it('the API server takes every object, strictly and without a warning', async () => {
    const { text, objects } = await good(values)
    expect(objects.length).toBeGreaterThan(5)
    const applied = await kubectl(
      [
        'apply',
        '--server-side',
        '--force-conflicts',
        '--dry-run=server',
        '--validate=strict',
        '--filename',
        '-',
      ],
      text,
    )
    expect(applied).toMatchObject({ code: 0, err: '' })
    expect(applied.out.trim().split('\n')).toHaveLength(objects.length)
  })

  it('renders the same twice', async () => {
    expect((await good(values)).text).toBe((await good(values)).text)
  })

  it('has no object outside its namespace and none without labels, but for what belongs to the CRDs', async () => {
    for (const { kind, metadata } of (await good(values)).objects) {
      const global =
        /^(CustomResourceDefinition|ClusterRole|ClusterRoleBinding|ValidatingAdmissionPolicy)/.test(
          kind,
        )
      expect(metadata.namespace ?? '', `${kind} ${metadata.name}`).toBe(global ? '' : namespace)
      if (!/^(CustomResource|Validating)/.test(kind)) {
        expect(metadata.labels).toMatchObject({
          'app.kubernetes.io/name': 'gopherqueue',
          'app.kubernetes.io/instance': release,
        })
      }
    }
  })

  it('the operator itself reads its configuration and variables without a complaint', async () => {
    const name = values === everything ? 'other' : release
    const rendered = await good(values)
    const config = one(rendered, 'ConfigMap', name).data as Record<string, string>
    const [container] = podOf(one(rendered, 'Deployment')).containers as Json[]
    const printed = await operator(config['config.yaml'] ?? '', container ?? {})
    expect(printed).toMatch(/^natsUrl: \S+ # file /m)
    expect(printed).toMatch(new RegExp(`^namespace: "${namespace}" # file `, 'm'))
    if (values === everything) {
      expect(printed).toMatch(/^dispatch: "Paused" # file /m)
      expect(printed).toMatch(/^eventsMaxBytes: 5000000000 # file /m)
      expect(printed).toMatch(/^ {2}perSecond: 10 # file /m)
    }
  })
})

describe('Pod Security restricted', () => {
  it('is kept by every pod, and the API server would say so', async () => {
    const { text } = await good(everything)
    const broken = text.replaceAll(
      'allowPrivilegeEscalation: false',
      'allowPrivilegeEscalation: true',
    )
    const apply = (manifests: string) =>
      kubectl(
        ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--filename', '-'],
        manifests,
      )
    expect((await apply(text)).err).toBe('')
    expect((await apply(broken)).err).toContain('would violate PodSecurity')
  })

  it('every container has a read-only root, limits and no privilege; no pod gets service links', async () => {
    const rendered = await good(everything)
    for (const [kind, name] of [
      ['Deployment', 'other'],
      ['StatefulSet', 'other-nats'],
    ] as const) {
      const pod = podOf(one(rendered, kind, name))
      expect(pod.enableServiceLinks).toBe(false)
      for (const container of pod.containers as Json[]) {
        expect(container.securityContext).toMatchObject({
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect((container.resources as Json).limits).toHaveProperty('memory')
      }
    }
  })
})

describe('the operator', () => {
  it('is probed, told who it is, and replaced before it is stopped', async () => {
    const deployment = one(await good(external), 'Deployment')
    expect((deployment.spec as Json).strategy).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    })
    const [container] = podOf(deployment).containers as Json[]
    expect(container).toMatchObject({
      image: 'gopherqueue:0.1.0',
      args: ['operator', '--config', '/etc/gopherqueue/config/config.yaml'],
      livenessProbe: { httpGet: { path: '/livez', port: 'health' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'health' } },
      startupProbe: { httpGet: { path: '/livez', port: 'health' } },
    })
  })

  it('a digest wins over a tag', async () => {
    const [container] = podOf(one(await good(everything), 'Deployment')).containers as Json[]
    expect(container?.image).toBe(`gopherqueue@sha256:${'a'.repeat(64)}`)
  })

  it('has a disruption budget only beside a second one (H8)', async () => {
    expect(kinds(await good(external))).not.toContain('PodDisruptionBudget')
    expect(kinds(await good(`${external}replicas: 2\n`))).toContain('PodDisruptionBudget')
  })

  it('reaches the NATS of its own release by the name of its service', async () => {
    const rendered = await good(bundled)
    const config = (one(rendered, 'ConfigMap', release).data as Record<string, string>)[
      'config.yaml'
    ]
    const service = one(rendered, 'Service')
    expect(config).toContain(`natsUrl: "nats://${service.metadata.name}.${namespace}:4222"`)
    expect((service.spec as Json).selector).toEqual(
      ((one(rendered, 'StatefulSet').spec as Json).selector as Json).matchLabels,
    )
  })

  it('with a NATS of one’s own no server is installed', async () => {
    expect(kinds(await good(external))).not.toContain('StatefulSet')
  })
})

describe('what the chart says again is what the repository says', () => {
  const files = (folder: string, ...names: readonly string[]) =>
    names.flatMap((name) =>
      parseAllDocuments(readFileSync(path.join(root, folder, name), 'utf8')).map(
        (each) => each.toJS() as Manifest,
      ),
    )

  it('the CRDs, kept when the release is uninstalled', async () => {
    const rendered = await good(external)
    for (const crd of files(
      'crds',
      'queuejobs.yaml',
      'queues.yaml',
      'queueschedules.yaml',
      'queueactions.yaml',
    )) {
      const found = one(rendered, 'CustomResourceDefinition', crd.metadata.name)
      expect(found).toEqual({
        ...crd,
        metadata: { ...crd.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } },
      })
    }
  })

  it('the CRDs without the annotation where somebody wants them gone', async () => {
    const rendered = await good(`${external}crds: {keep: false}\n`)
    const [crd] = files('crds', 'queues.yaml')
    expect(one(rendered, 'CustomResourceDefinition', crd?.metadata.name)).toEqual(crd)
  })

  it('the admission policy', async () => {
    const rendered = await good(external)
    for (const object of files('policies', 'queueactions.yaml'))
      expect(one(rendered, object.kind)).toEqual(object)
  })

  it('the rights, for the ServiceAccount that the pod runs as', async () => {
    const rendered = await good(external)
    const account = one(rendered, 'ServiceAccount').metadata.name
    expect(podOf(one(rendered, 'Deployment')).serviceAccountName).toBe(account)
    for (const object of files('rbac', 'operator.yaml', 'personas.yaml')) {
      if (object.kind === 'Namespace' || object.kind === 'ServiceAccount') continue
      const ours = object.metadata.name === 'gopherqueue-operator'
      const found = one(rendered, object.kind, ours ? release : object.metadata.name)
      expect(found.rules).toEqual(object.rules)
      if (object.subjects !== undefined)
        expect(found.subjects).toEqual([{ kind: 'ServiceAccount', name: account, namespace }])
    }
  })

  it('CRDs, policy and personas can be left out', async () => {
    const left = kinds(await good(variants[4]?.[1] ?? ''))
    expect([...left].sort()).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
      'Deployment',
      'Role',
      'RoleBinding',
      'ServiceAccount',
    ])
  })

  it('no webhook in any variant (A23)', async () => {
    for (const [, values] of variants)
      expect((await good(values)).text).not.toMatch(/WebhookConfiguration/)
  })
})

describe('values', () => {
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['no NATS at all', '{}', /the operator needs NATS: set --set nats\.url=/],
    ['two of them', 'nats: {url: "nats://a:4222", bundled: {enabled: true}}', /exclude each other/],
    ['a misspelt value', `${external}replicaCount: 2\n`, /replicaCount/],
    ['a misspelt value inside', 'nats: {uri: "nats://a"}', /uri/],
    ['an unknown setting', `${external}config: {loglevel: debug}\n`, /loglevel/],
    ['a setting that the chart makes', `${external}config: {namespace: other}\n`, /namespace/],
    ['a setting out of range', `${external}config: {listPageSize: 5}\n`, /listPageSize/],
    ['a value out of a closed set', `${external}config: {dispatch: Off}\n`, /dispatch/],
    ['a text for a number', `${external}replicas: two\n`, /replicas/],
    ['a negative number', `${external}replicas: -1\n`, /replicas/],
    ['an address that is none', 'nats: {url: "http://a"}', /url/],
    ['a digest that is none', `${external}image: {digest: latest}\n`, /digest/],
    ['a name that is none', `${external}nameOverride: A_b\n`, /nameOverride/],
  ]
  it.each(refused)('%s is refused by name (B44, H1)', async (_, values, words) => {
    const { code, err } = await render(values)
    expect(code).not.toBe(0)
    expect(err).toMatch(words)
  })

  it('a Kubernetes that is too old is refused', async () => {
    const args = ['template', release, chart, '--values', '-', '--kube-version', '1.31.9']
    const { code, err } = await helm(args, external)
    expect(code).not.toBe(0)
    expect(err).toMatch(/kubeVersion|1\.32/)
  })

  it('a chart around this one may set global values', async () => {
    expect((await render(`${external}global: {imageRegistry: a}\n`)).code).toBe(0)
  })

  it('every default satisfies the schema, and helm lint has nothing to say', async () => {
    const { code, text } = await helm(['lint', chart, '--strict', '--values', '-'], external)
    expect(code, text).toBe(0)
  })
})

describe('the notes', () => {
  const notes = async (values: string) => {
    const args = [
      'install',
      release,
      chart,
      '--namespace',
      namespace,
      '--dry-run=client',
      '--values',
      '-',
    ]
    const { text, code, err } = await helm(args, values)
    expect(code, err).toBe(0)
    return text.slice(text.indexOf('NOTES:'))
  }
  it('say how to make the key, what to watch, and how to submit a job that the API server takes', async () => {
    const text = await notes(external)
    expect(text).toContain(
      `kubectl -n ${namespace} create secret generic gopherqueue-installation-key --from-file=key=gopherqueue.key`,
    )
    expect(text).toContain(`kubectl -n ${namespace} rollout status deployment/${release}`)
    const job = /<<EOF\n([\s\S]*?)\s+EOF/.exec(text)?.[1] ?? ''
    const created = await kubectl(
      ['create', '--dry-run=server', '--namespace', namespace, '--filename', '-'],
      job.replace(/^ {5}/gm, ''),
    )
    expect(created.code, created.err).toBe(0)
  })
  it('warn of the bundled NATS, and of parts that are left out', async () => {
    expect(await notes(external)).not.toContain('WARNING')
    expect(await notes(bundled)).toContain('WARNING: the bundled NATS server is for a trial')
    const without = await notes(`${external}crds: {enabled: false}\npolicy: {enabled: false}\n`)
    expect(without).toContain('kubectl apply --server-side -f crds/')
    expect(without).toContain('kubectl apply --server-side -f policies/')
  })
})
