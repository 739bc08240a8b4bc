// A lint over crds/*.yaml as users apply them: no field without bounds or description, nothing that YAML
// 1.1 misreads, names by the conventions (ecosystem.md A3, A10, A13, A14, A21, A22). Each check is also
// tried on a field that breaks it.

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { isYamlWord } from '../../../src/api/structural.ts'
import { crdTexts, nodesOf, type Placed, rootOf, type SchemaNode } from './crd-nodes.ts'

const preserve = 'x-kubernetes-preserve-unknown-fields'

/** Where any JSON may stand, with the limit that the intake or the writer holds. */
const OPEN = ['spec.payload', 'status.result', 'spec.template.spec.payload']
const SCALARS = ['string', 'integer', 'boolean']
const TWO_53 = Number.MAX_SAFE_INTEGER

const last = (path: string) =>
  path
    .split('.')
    .at(-1)
    ?.replace(/(\[\]|\{\})+$/, '') ?? ''
const isField = (path: string) => !/(\[\]|\{\})$/.test(path)

interface Lint {
  readonly name: string
  readonly wrong: (placed: Placed) => boolean
  readonly broken: Placed
}

const broken = (node: SchemaNode, path = 'spec.a'): Placed => ({ path, node })

const lints: readonly Lint[] = [
  {
    name: 'every node has a type of a structural schema, or is one of the few that hold any JSON',
    wrong: ({ path, node }) =>
      node[preserve] === true
        ? !OPEN.includes(path)
        : ![...SCALARS, 'array', 'object'].includes(node.type ?? ''),
    broken: broken({ [preserve]: true }),
  },
  {
    name: 'no fractions',
    wrong: ({ node }) =>
      node.type === 'number' ||
      [node.minimum, node.maximum].some((n) => n !== undefined && !Number.isInteger(n)),
    broken: broken({ type: 'number' }),
  },
  {
    name: 'every string has a greatest length',
    wrong: ({ node }) => node.type === 'string' && node.maxLength === undefined,
    broken: broken({ type: 'string' }),
  },
  {
    name: 'every integer has both bounds, within what JavaScript holds exactly, and a format',
    wrong: ({ node: { type, minimum, maximum, format } }) =>
      type === 'integer' &&
      !(
        minimum !== undefined &&
        maximum !== undefined &&
        minimum >= -TWO_53 &&
        maximum <= TWO_53 &&
        /^int(32|64)$/.test(format ?? '')
      ),
    broken: broken({ type: 'integer', minimum: 0, maximum: 2 ** 60, format: 'int64' }),
  },
  {
    name: 'every list has a greatest length, a type of its items and a way to merge',
    wrong: ({ node }) =>
      node.type === 'array' &&
      (node.maxItems === undefined ||
        node.items === undefined ||
        node['x-kubernetes-list-type'] === undefined),
    broken: broken({ type: 'array', items: { type: 'boolean' }, maxItems: 3 }),
  },
  {
    name: 'every map has a greatest size and a rule on its keys',
    wrong: ({ node }) =>
      node.additionalProperties !== undefined &&
      (node.maxProperties === undefined ||
        !(node['x-kubernetes-validations'] ?? []).some(({ rule }) => rule.includes('self.all('))),
    broken: broken({
      type: 'object',
      additionalProperties: { type: 'string', maxLength: 1 },
      maxProperties: 3,
    }),
  },
  {
    name: 'every object names its fields or is a map',
    wrong: ({ node }) =>
      node.type === 'object' &&
      node.properties === undefined &&
      node.additionalProperties === undefined,
    broken: broken({ type: 'object' }),
  },
  {
    name: 'no key, value or default that YAML 1.1 reads as a boolean or null',
    wrong: ({ path, node }) =>
      isYamlWord(last(path)) ||
      (node.type === 'string' && isYamlWord(String(node.default))) ||
      ((node.enum ?? []).some(isYamlWord) && node.enum?.join() !== 'True,False,Unknown'),
    broken: broken({ type: 'boolean' }, 'spec.on'),
  },
  {
    name: 'every field and every entry of a list has a description that ends its sentence',
    wrong: ({ node }) => !/\S\.$/.test(node.description ?? ''),
    broken: broken({ type: 'boolean', description: 'no end' }),
  },
  {
    name: 'every field of spec says its default and when it may change',
    wrong: ({ path, node }) =>
      path.startsWith('spec.') && isField(path) && !inTheWords(node.description ?? ''),
    broken: broken({ type: 'boolean', description: 'A switch. Default: false.' }),
  },
  {
    name: 'what a name counts in, the description says',
    wrong: ({ path, node }) => {
      const unit = unitOf(last(path))
      return (
        unit !== null &&
        node.type === 'integer' &&
        !(node.description ?? '').includes(`Unit: ${unit}`)
      )
    },
    broken: broken({ type: 'integer', description: 'How long.' }, 'spec.waitSeconds'),
  },
  {
    name: 'a length of time is whole seconds and named so; a point in time ends in Time or says when (A13)',
    wrong: ({ path, node }) => {
      const name = last(path)
      if (
        /(Duration|Timeout|Deadline|Delay|Interval|Period|Ttl|Millis|Ms|Minutes|Hours|Days)$/.test(
          name,
        )
      )
        return true
      if (/Seconds(AfterFinished)?$/.test(name)) return node.type !== 'integer'
      const isTime = node.format === 'date-time'
      return isTime !== (/Time$/.test(name) || POINTS.includes(name))
    },
    broken: broken({ type: 'string', maxLength: 5 }, 'spec.retryDelay'),
  },
  {
    name: 'names are camelCase and no abbreviation is in capitals, but for those of Kubernetes',
    wrong: ({ path }) =>
      !/^[a-z][a-zA-Z0-9]*$/.test(last(path)) ||
      (/[A-Z]{2}/.test(last(path)) && last(path) !== 'podUID'),
    broken: broken({ type: 'boolean' }, 'spec.max_items'),
  },
  {
    name: 'values of a closed set are CamelCase',
    wrong: ({ node }) => (node.enum ?? []).some((value) => !/^[A-Z][A-Za-z0-9]*$/.test(value)),
    broken: broken({ type: 'string', enum: ['low'] }),
  },
  {
    name: 'nothing is nullable: null and absent are one',
    wrong: ({ node }) => 'nullable' in node || node.default === null,
    broken: broken({ type: 'boolean', nullable: true } as SchemaNode),
  },
  {
    name: 'defaults stand in the schema where nothing else may set the field, and nowhere else',
    wrong: ({ path, node }) => node.default !== undefined && !DEFAULTED.includes(path),
    broken: broken({ type: 'integer', default: 3 }, 'spec.retry.maxAttempts'),
  },
]

const POINTS = ['startAfter', 'finishedAfter', 'finishedBefore', 'since']
const DEFAULTED = [
  'spec.queue',
  'spec.priority',
  'spec.readiness',
  'spec.controllerName',
  'spec.template.spec.queue',
  'spec.template.spec.priority',
  'spec.template.spec.readiness',
  'status',
  'status.observedGeneration',
]

function inTheWords(description: string): boolean {
  return (
    /Default: [^.]+(\.\d+)?[^.]*\. (Must not be changed|May be changed while the job waits|May be changed at any time)\.$/.test(
      description,
    ) || /Must not be changed\. Default: [^ ]+\.$/.test(description)
  )
}

function unitOf(name: string): string | null {
  if (/Seconds/.test(name)) return 'seconds'
  if (/Percent$|^percent$/.test(name)) return 'percent'
  return /MiB$/.test(name) ? 'MiB' : null
}

const roots = crdTexts().map(({ plural, text }) => ({ plural, text, root: rootOf(text) }))
const placed = roots.flatMap(({ plural, root }) =>
  nodesOf(root).map((each) => ({ ...each, plural })),
)

describe('every field of every kind', () => {
  it('is looked at', () => {
    expect(roots.map(({ plural }) => plural).sort()).toEqual([
      'queueactions',
      'queuejobs',
      'queues',
      'queueschedules',
    ])
    expect(placed.length).toBeGreaterThan(250)
  })
  it.each(lints)('$name', ({ wrong, broken: example }) => {
    expect(wrong(example), 'the check does not see the field that breaks it').toBe(true)
    expect(placed.filter(wrong).map(({ plural, path }) => `${plural} ${path}`)).toEqual([])
  })
})

describe('the files', () => {
  it.each(roots)('$plural reads the same as YAML 1.1 and as YAML 1.2', ({ text }) => {
    expect(parse(text, { version: '1.1' })).toEqual(parse(text, { version: '1.2' }))
  })
  it.each(roots)('$plural fits the annotation of a client-side apply many times', ({ text }) => {
    expect(JSON.stringify(parse(text)).length).toBeLessThan(65_536)
  })
})

describe('status', () => {
  it.each(roots)('of $plural is one atomic map, with conditions keyed by type (A3)', ({ root }) => {
    const status = root.properties?.status
    expect(status?.['x-kubernetes-map-type']).toBe('atomic')
    const conditions = status?.properties?.conditions
    expect(conditions?.['x-kubernetes-list-type']).toBe('map')
    expect(conditions?.['x-kubernetes-list-map-keys']).toEqual(['type'])
    expect(conditions?.items?.required?.toSorted()).toEqual([
      'lastTransitionTime',
      'reason',
      'status',
      'type',
    ])
    expect(Object.keys(conditions?.items?.properties ?? {})).not.toContain('observedGeneration')
  })
  it.each(roots)('of $plural starts with observedGeneration -1 (A2)', ({ root }) => {
    expect(root.properties?.status?.default).toMatchObject({ observedGeneration: -1 })
  })
})
