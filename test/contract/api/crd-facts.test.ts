// The four CRDs as the API server serves them and as kubectl shows them: accepted as they are in crds/,
// names, columns, field selectors, explanations, the status subresource (ecosystem.md, section 2).

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { api, create, type Door, expectAccepted, type Json, openDoor, patch } from './door.ts'
import { kubectl } from './kubectl.ts'

const namespace = 'api-crd-facts'
let door: Door
beforeAll(async () => {
  door = await openDoor(namespace)
})

const root = path.join(import.meta.dirname, '..', '..', '..')
const action = { action: 'Cancel', target: { kind: 'QueueJob', name: 'a' } }
const schedule = { schedule: '@daily', template: { spec: { type: 'report' } } }

interface KindRow {
  readonly kind: string
  readonly plural: string
  readonly short: string
  /** A spec with nothing but what is required, and another one that the API server also takes. */
  readonly spec: Json
  readonly other: Json
  readonly fresh: Json
}

const kinds: readonly KindRow[] = [
  {
    kind: 'QueueJob',
    plural: 'queuejobs',
    short: 'qj',
    spec: { type: 'email.send' },
    other: { suspend: true },
    fresh: { observedGeneration: -1, phase: 'Pending' },
  },
  {
    kind: 'Queue',
    plural: 'queues',
    short: 'gq',
    spec: {},
    other: { paused: true },
    fresh: { observedGeneration: -1 },
  },
  {
    kind: 'QueueSchedule',
    plural: 'queueschedules',
    short: 'qsch',
    spec: schedule,
    other: { suspend: true },
    fresh: { observedGeneration: -1 },
  },
  {
    kind: 'QueueAction',
    plural: 'queueactions',
    short: 'qact',
    spec: action,
    other: { comment: 'c' },
    fresh: { observedGeneration: -1, phase: 'Pending' },
  },
]

const crdPath = (plural: string) =>
  `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.gopherqueue.io`

describe('what is in crds/ and policies/ is accepted as it is', () => {
  it.each(['crds', 'policies'])('%s, by server-side apply, strictly', async (folder) => {
    const ran = await kubectl([
      'apply',
      '--server-side',
      '--dry-run=server',
      '--validate=strict',
      '--filename',
      path.join(root, folder),
    ])
    expect(ran).toMatchObject({ code: 0, err: '' })
  })

  it('the CRDs by client-side apply, too: none is too large for the annotation', async () => {
    const ran = await kubectl(['apply', '--dry-run=server', '--filename', path.join(root, 'crds')])
    expect(ran.code, ran.err).toBe(0)
  })

  it.each(kinds)(
    '$kind is established, structural and stored in one version',
    async ({ plural }) => {
      const { body } = await door.send('GET', crdPath(plural))
      const status = body.status as {
        conditions: { type: string; status: string }[]
        storedVersions: string[]
      }
      const said = Object.fromEntries(
        status.conditions.map(({ type, status: value }) => [type, value]),
      )
      expect(said).toMatchObject({ Established: 'True', NamesAccepted: 'True' })
      expect(said.NonStructuralSchema ?? 'False').toBe('False')
      expect(status.storedVersions).toEqual(['v1alpha1'])
    },
  )

  it('a rule that costs too much is refused here: acceptance above means something', async () => {
    const crd = parse(readFileSync(path.join(root, 'crds', 'queuejobs.yaml'), 'utf8')) as Json
    const text = JSON.stringify(crd)
      .replaceAll('queuejob', 'dearjob')
      .replaceAll('QueueJob', 'DearJob')
    const dear = JSON.parse(text.replaceAll('"qj"', '"dear"')) as {
      spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: Json } } } }[] }
    }
    const rules = dear.spec.versions[0]?.schema.openAPIV3Schema.properties.spec[
      'x-kubernetes-validations'
    ] as Json[]
    const ask = () =>
      door.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', dear, {
        query: '?dryRun=All',
      })
    expectAccepted(await ask())
    rules.push({
      rule: '!has(self.dependsOn) || self.dependsOn.all(a, self.dependsOn.exists_one(b, a.name == b.name))',
      message: 'dear',
    })
    const answer = await ask()
    expect(answer.code).toBe(422)
    expect(answer.message).toMatch(/cost|budget/)
  })
})

describe('names', () => {
  it.each(kinds)('$short is short for $kind', async ({ short, plural }) => {
    const ran = await kubectl(['get', short, '--namespace', namespace, '--output', 'name'])
    expect(ran.code, ran.err).toBe(0)
    const asked = await kubectl(['get', plural, '--namespace', namespace, '--output', 'name'])
    expect(ran.out).toBe(asked.out)
  })

  it('no short name is also the name of something else (A8)', async () => {
    const { out } = await kubectl(['api-resources', '--no-headers'])
    const rows = out
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
    const names = rows.flatMap(([plural = '', second = '']) => [
      plural,
      ...(second.includes('/') ? [] : second.split(',')),
    ])
    for (const { short } of kinds) {
      expect(
        names.filter((name) => name === short),
        short,
      ).toHaveLength(1)
    }
  })

  it('the category lists all four kinds, and `all` none of them', async () => {
    const names: string[] = []
    for (const { kind, plural, spec } of kinds) {
      names.push(
        `${kind.toLowerCase()}.gopherqueue.io/${await create(door, plural, api(kind, spec))}`,
      )
    }
    const ours = await kubectl(['get', 'gopherqueue', '--namespace', namespace, '--output', 'name'])
    expect(ours.out.trim().split('\n')).toEqual(expect.arrayContaining(names))
    const all = await kubectl(['get', 'all', '--namespace', namespace, '--output', 'name'])
    expect(all.out).not.toContain('gopherqueue.io')
  })
})

describe('columns (A7)', () => {
  const columns: Readonly<Record<string, readonly [string, string]>> = {
    queuejobs: [
      'NAME QUEUE TYPE PHASE ATTEMPT AGE',
      'NAME QUEUE TYPE PHASE ATTEMPT AGE PRIORITY REASON WORKER STARTED FINISHED MESSAGE',
    ],
    queues: [
      'NAME WAITING RUNNING DEAD OLDEST WORKERS PAUSED AGE',
      'NAME WAITING RUNNING DEAD OLDEST WORKERS PAUSED AGE READY SLOTS FREE STARTS',
    ],
    queueschedules: [
      'NAME SCHEDULE TIMEZONE SUSPEND LAST AGE',
      'NAME SCHEDULE TIMEZONE SUSPEND LAST AGE NEXT MISSED',
    ],
    queueactions: [
      'NAME ACTION KIND TARGET PHASE DONE AGE',
      'NAME ACTION KIND TARGET PHASE DONE AGE MATCHED FAILED REASON MESSAGE',
    ],
  }
  it.each(kinds)('of $kind', async ({ kind, plural, spec }) => {
    await create(door, plural, api(kind, spec))
    const header = async (...more: readonly string[]) => {
      const { out } = await kubectl(['get', plural, '--namespace', namespace, ...more])
      return (out.split('\n')[0] ?? '').trim().split(/\s+/).join(' ')
    }
    expect([await header(), await header('--output', 'wide')]).toEqual(columns[plural])
  })

  it('a job shows what its status says, and fits 100 columns', async () => {
    const name = 'shown'
    await create(
      door,
      'queuejobs',
      api('QueueJob', { type: 'email.send', priority: 'High' }, { name }),
    )
    const fresh = await kubectl(['get', 'qj', name, '--namespace', namespace, '--no-headers'])
    expect(fresh.out).toMatch(/^shown\s+default\s+email\.send\s+Pending\s+\d+s/)
    const now = '2026-01-01T00:00:00Z'
    expectAccepted(
      await patch(
        door,
        'queuejobs',
        name,
        {
          status: {
            phase: 'Completed',
            observedGeneration: 1,
            attempt: 2,
            reason: 'Completed',
            message: 'done',
            startTime: now,
            completionTime: now,
            worker: { pod: 'worker-1' },
          },
        },
        'status',
      ),
    )
    const wide = await kubectl([
      'get',
      'qj',
      name,
      '--namespace',
      namespace,
      '--no-headers',
      '--output',
      'wide',
    ])
    expect(wide.out.trim()).toMatch(
      /^shown\s+default\s+email\.send\s+Completed\s+2\s+\S+\s+High\s+Completed\s+worker-1\s+\S+\s+\S+\s+done$/,
    )
    const narrow = await kubectl(['get', 'qj', name, '--namespace', namespace])
    for (const line of narrow.out.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })
})

describe('field selectors (A9)', () => {
  const select = (plural: string, selector: string) =>
    door.send('GET', door.path(plural), undefined, {
      query: `?fieldSelector=${encodeURIComponent(selector)}`,
    })
  const names = async (plural: string, selector: string) => {
    const answer = await select(plural, selector)
    expect(answer.code, answer.message).toBe(200)
    return (answer.body.items as { metadata: { name: string } }[]).map(
      ({ metadata }) => metadata.name,
    )
  }

  it('find jobs by queue, type, priority, phase and reason, one or several', async () => {
    const job = (name: string, spec: Json) =>
      create(door, 'queuejobs', api('QueueJob', spec, { name }))
    await job('sel-a', { type: 'sel.one', queue: 'sel', priority: 'Critical' })
    await job('sel-b', { type: 'sel.two', queue: 'sel' })
    const status = { phase: 'Failed', reason: 'PermanentFailure', observedGeneration: 1 }
    expectAccepted(await patch(door, 'queuejobs', 'sel-b', { status }, 'status'))
    expect(await names('queuejobs', 'spec.queue=sel')).toEqual(['sel-a', 'sel-b'])
    expect(await names('queuejobs', 'spec.type=sel.one')).toEqual(['sel-a'])
    expect(await names('queuejobs', 'spec.queue=sel,spec.priority=Critical')).toEqual(['sel-a'])
    expect(await names('queuejobs', 'spec.queue=sel,status.phase=Failed')).toEqual(['sel-b'])
    expect(await names('queuejobs', 'spec.queue=sel,status.phase!=Failed')).toEqual(['sel-a'])
    expect(await names('queuejobs', 'status.reason=PermanentFailure,spec.queue=sel')).toEqual([
      'sel-b',
    ])
  })

  it('a job that nobody has written is found as Pending', async () => {
    await create(
      door,
      'queuejobs',
      api('QueueJob', { type: 'a', queue: 'unwritten' }, { name: 'unwritten' }),
    )
    expect(await names('queuejobs', 'spec.queue=unwritten,status.phase=Pending')).toEqual([
      'unwritten',
    ])
  })

  it.each([
    ['queues', 'spec.controllerName=gopherqueue.io/default'],
    ['queues', 'spec.paused=true'],
    ['queueschedules', 'spec.suspend=true'],
    ['queueactions', 'spec.action=Cancel,status.phase=Pending'],
  ])('of %s: %s', async (plural, selector) => {
    expect((await select(plural, selector)).code).toBe(200)
  })

  it('any other field is refused by name', async () => {
    const answer = await select('queuejobs', 'spec.runId=1')
    expect(answer.code).toBe(400)
    expect(answer.message).toContain('field label not supported: spec.runId')
  })
})

describe('explanations (A21)', () => {
  interface Node {
    readonly description?: string
    readonly properties?: Readonly<Record<string, Node>>
    readonly items?: Node
    readonly additionalProperties?: Node
  }
  /** Every field below a node, with its description. */
  function fields(node: Node | undefined, at = ''): readonly (readonly [string, string])[] {
    if (node === undefined) return []
    const own = Object.entries(node.properties ?? {}).flatMap(([name, below]) => [
      [`${at}.${name}`, below.description ?? ''] as const,
      ...fields(below, `${at}.${name}`),
    ])
    return [
      ...own,
      ...fields(node.items, `${at}[]`),
      ...fields(node.additionalProperties, `${at}{}`),
    ]
  }

  it.each(kinds)(
    'the server publishes a description of every field of $kind',
    async ({ kind, plural }) => {
      const { body } = await door.send('GET', '/openapi/v3/apis/gopherqueue.io/v1alpha1')
      const schemas = (body.components as { schemas: Readonly<Record<string, Node>> }).schemas
      const served = schemas[`io.gopherqueue.v1alpha1.${kind}`]?.properties
      const crd = parse(readFileSync(path.join(root, 'crds', `${plural}.yaml`), 'utf8'))
      const written = crd.spec.versions[0].schema.openAPIV3Schema.properties as Readonly<
        Record<string, Node>
      >
      for (const side of ['spec', 'status']) {
        const wanted = fields(written[side], side)
        expect(wanted.length).toBeGreaterThan(3)
        expect(Object.fromEntries(fields(served?.[side], side))).toEqual(Object.fromEntries(wanted))
        expect(wanted.filter(([, description]) => description === '')).toEqual([])
      }
    },
  )

  it('kubectl explain tells unit, default and when a field may change', async () => {
    const { out } = await kubectl(['explain', 'qj.spec.retry.backoff.maxSeconds'])
    const said = out.replace(/\s+/g, ' ')
    expect(said).toContain('KIND: QueueJob')
    expect(said).toContain(
      "Unit: seconds. Default: the queue's, else 3600. May be changed while the job waits.",
    )
  })

  it.each(kinds)('kubectl explain of $kind shows the whole tree', async ({ plural }) => {
    const ran = await kubectl(['explain', plural, '--recursive'])
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.out).toMatch(/^\s+spec\t<Object> -required-$/m)
    expect(ran.out).toMatch(/^\s+observedGeneration\t<integer>/m)
    expect(ran.out).toContain('DESCRIPTION:\n    A Queue')
  })
})

describe('spec and status are two sides (A1, A2)', () => {
  const read = async (plural: string, name: string) =>
    (await door.send('GET', door.path(plural, name))).body

  it.each(kinds)(
    'a fresh $kind has observedGeneration -1',
    async ({ kind, plural, spec, fresh }) => {
      const name = await create(door, plural, api(kind, spec))
      expect((await read(plural, name)).status).toEqual(fresh)
    },
  )

  it.each(kinds)(
    '$kind: the main endpoint ignores status',
    async ({ kind, plural, spec, fresh }) => {
      const name = await create(door, plural, api(kind, spec))
      const changed = { ...(await read(plural, name)), status: { ...fresh, observedGeneration: 7 } }
      const answer = await door.send('PUT', door.path(plural, name), changed)
      expectAccepted(answer)
      expect(answer.body.status).toEqual(fresh)
    },
  )

  it.each(kinds)(
    '$kind: the status endpoint ignores spec and metadata',
    async ({ kind, plural, spec, other, fresh }) => {
      const name = await create(door, plural, api(kind, spec))
      const before = await read(plural, name)
      const metadata = { ...(before.metadata as Json), labels: { a: 'b' } }
      const status = { ...fresh, observedGeneration: 1 }
      const changed = { ...before, metadata, status, spec: { ...(before.spec as Json), ...other } }
      const answer = await door.send('PUT', door.path(plural, name, 'status'), changed)
      expectAccepted(answer)
      expect(answer.body.spec).toEqual(before.spec)
      expect((answer.body.metadata as Json).labels).toBeUndefined()
      expect((answer.body.metadata as Json).generation).toBe(1)
      expect(answer.body.status).toEqual(status)
    },
  )

  it.each(kinds)(
    '$kind: status has one owner of the whole, spec one for each field',
    async ({ kind, plural, spec, fresh }) => {
      const name = await create(door, plural, api(kind, spec))
      const written = await door.send(
        'PATCH',
        door.path(plural, name, 'status'),
        { status: { ...fresh, observedGeneration: 1 } },
        {
          contentType: 'application/merge-patch+json',
          query: '?fieldManager=gopherqueue',
        },
      )
      const owners = (written.body.metadata as { managedFields: Json[] }).managedFields
      const ours = owners.filter(({ manager }) => manager === 'gopherqueue')
      expect(ours).toEqual([
        expect.objectContaining({ subresource: 'status', fieldsV1: { 'f:status': {} } }),
      ])
    },
  )
})

describe('kubectl', () => {
  const manifest = (kind: string, spec: Json, metadata: Json) =>
    JSON.stringify({ ...api(kind, spec), metadata: { namespace, ...metadata } })

  it.each(kinds)(
    'apply of a $kind with a misspelt field fails and names it (A22)',
    async ({ kind, spec, plural }) => {
      const good = await kubectl(
        ['apply', '--filename', '-'],
        manifest(kind, spec, { name: 'typo-good' }),
      )
      expect(good.code, good.err).toBe(0)
      const typo = await kubectl(
        ['apply', '--filename', '-'],
        manifest(kind, { ...spec, prioritty: 1 }, { name: 'typo-bad' }),
      )
      expect(typo.code).toBe(1)
      expect(typo.err).toContain('unknown field "spec.prioritty"')
      const read = await door.send('GET', door.path(plural, 'typo-bad'))
      expect(read.code).toBe(404)
    },
  )

  it.each(kinds)('a second apply of a $kind changes nothing', async ({ kind, spec }) => {
    const again = () =>
      kubectl(['apply', '--filename', '-'], manifest(kind, spec, { name: 'again' }))
    expect((await again()).out).toContain('created')
    expect((await again()).out).toContain('unchanged')
  })

  it('client-side apply takes a payload of 128 KiB, whose annotation doubles it (A11)', async () => {
    const job = (bytes: number) =>
      manifest('QueueJob', { type: 'a', payload: 'x'.repeat(bytes) }, { name: `kib-${bytes}` })
    const fits = await kubectl(['apply', '--filename', '-'], job(131_072))
    expect(fits.code, fits.err).toBe(0)
    const large = await kubectl(['apply', '--filename', '-'], job(262_144))
    expect(large.code).toBe(1)
    expect(large.err).toContain('metadata.annotations')
  })

  it('generateName is for create, not for apply (A19)', async () => {
    const job = manifest('QueueJob', { type: 'a' }, { generateName: 'gen-' })
    const made = await kubectl(['create', '--filename', '-'], job)
    expect(made.out).toMatch(/gen-[a-z0-9]{5} created/)
    const applied = await kubectl(['apply', '--filename', '-'], job)
    expect(applied.code).toBe(1)
    expect(applied.err).toContain('cannot use generate name with apply')
  })

  it.each(['Completed', 'Failed', 'DeadLettered', 'Cancelled'])(
    'wait --for=condition=Finished returns for %s (A20)',
    async (phase) => {
      const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
      const waiting = kubectl([
        'wait',
        `queuejob/${name}`,
        '--namespace',
        namespace,
        '--for=condition=Finished',
        '--timeout=30s',
      ])
      const conditions = [
        {
          type: 'Finished',
          status: 'True',
          reason: phase,
          lastTransitionTime: '2026-11-24T10:00:00Z',
        },
      ]
      expectAccepted(
        await patch(
          door,
          'queuejobs',
          name,
          { status: { phase, observedGeneration: 1, conditions } },
          'status',
        ),
      )
      expect((await waiting).out).toContain('condition met')
    },
  )

  it('wait looks past conditions of an older spec: each edit needs a status write', async () => {
    const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
    const conditions = [
      {
        type: 'Finished',
        status: 'True',
        reason: 'Completed',
        lastTransitionTime: '2026-11-24T10:00:00Z',
      },
    ]
    const finish = (observedGeneration: number) =>
      patch(
        door,
        'queuejobs',
        name,
        { status: { phase: 'Completed', observedGeneration, conditions } },
        'status',
      )
    expectAccepted(await finish(1))
    expectAccepted(await patch(door, 'queuejobs', name, { spec: { ttlSecondsAfterFinished: 60 } }))
    const wait = (timeout: string) =>
      kubectl([
        'wait',
        `queuejob/${name}`,
        '--namespace',
        namespace,
        '--for=condition=Finished',
        `--timeout=${timeout}`,
      ])
    expect((await wait('1s')).code).toBe(1)
    expectAccepted(await finish(2))
    expect((await wait('30s')).code).toBe(0)
  })
})

describe('without a webhook (A23, A24)', () => {
  it('what is installed has none: create, edit and delete work without an operator', async () => {
    const files = [
      'crds/queuejobs.yaml',
      'crds/queues.yaml',
      'crds/queueschedules.yaml',
      'crds/queueactions.yaml',
      'policies/queueactions.yaml',
    ]
    const installed = files.flatMap((file) =>
      parseAllDocuments(readFileSync(path.join(root, file), 'utf8')).map(
        (document) => document.toJS() as Json,
      ),
    )
    expect(new Set(installed.map(({ kind }) => kind))).toEqual(
      new Set([
        'CustomResourceDefinition',
        'ValidatingAdmissionPolicy',
        'ValidatingAdmissionPolicyBinding',
      ]),
    )
    expect(JSON.stringify(installed)).not.toMatch(/webhook/i)
    const name = await create(door, 'queuejobs', api('QueueJob', { type: 'a' }))
    expectAccepted(await patch(door, 'queuejobs', name, { spec: { suspend: true } }))
    expectAccepted(await door.send('DELETE', door.path('queuejobs', name)))
  })
})
