// What counts as a loss between two versions of a CRD, tried on the real QueueJob CRD with one thing
// changed at a time.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Crd, losses, type SchemaNode } from '../../../scripts/crd-diff.ts'
import { customResourceDefinition, customResourceDefinitions } from '../../../src/api/crd.ts'

type Path = readonly (string | number)[]

const crd = customResourceDefinition('QueueJob') as unknown as Crd
const schema: Path = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema']
const spec: Path = [...schema, 'properties', 'spec']
const field = (...names: readonly string[]): Path => [
  ...spec,
  ...names.flatMap((name) => ['properties', name]),
]

/** A copy with the value at `path` replaced; undefined removes it. */
function changed(object: unknown, [head, ...rest]: Path, value: unknown): never {
  const copy = structuredClone(object) as Record<string | number, unknown>
  if (head === undefined) return value as never
  if (rest.length === 0 && value === undefined) delete copy[head]
  else copy[head] = changed(copy[head], rest, value)
  return copy as never
}

function at(path: Path): SchemaNode {
  return path.reduce<unknown>((value, key) => (value as SchemaNode)[key], crd) as SchemaNode
}

const lossOf = (path: Path, value: unknown) => losses([crd], [changed(crd, path, value)])
const loose: SchemaNode = { type: 'string', maxLength: 5 }
const rules = 'x-kubernetes-validations'
const newRule = { rule: 'self.size() > 1', message: 'no' }

describe('a change that only adds is no loss', () => {
  const names = crd.spec.names
  const rows: readonly (readonly [string, Path, unknown])[] = [
    ['nothing changed', ['spec', 'scope'], 'Namespaced'],
    ['a new field', field('colour'), loose],
    [
      'a new value',
      [...field('priority'), 'enum'],
      ['Critical', 'High', 'Normal', 'Low', 'Bulk', 'Idle'],
    ],
    ['a wider bound', [...field('delaySeconds'), 'maximum'], 99_999_999],
    ['a lower least value', [...field('attemptDeadlineSeconds'), 'minimum'], 0],
    ['no bound any more', [...field('type'), 'maxLength'], undefined],
    ['no pattern any more', [...field('type'), 'pattern'], undefined],
    ['a field that is no longer required', [...spec, 'required'], []],
    ['another description', [...field('type'), 'description'], 'New words.'],
    ['another short name', ['spec', 'names', 'shortNames'], [...(names.shortNames ?? []), 'qjob']],
    ['a rule on a leaf', [...field('type'), rules], [newRule]],
    [
      'another message of a rule',
      [...spec, rules],
      (at(spec)[rules] as SchemaNode[]).map((rule) => ({ ...rule, message: 'm' })),
    ],
  ]
  it.each(rows)('%s', (_, path, value) => {
    expect(lossOf(path, value)).toEqual([])
  })

  it('a new kind', () => {
    expect(losses([crd], customResourceDefinitions() as unknown as readonly Crd[])).toEqual([])
  })
})

describe('a loss is named with its place', () => {
  const version: Path = ['spec', 'versions', 0]
  const rows: readonly (readonly [string, Path, unknown, string | RegExp])[] = [
    ['a field', field('runId'), undefined, '.spec.runId is gone'],
    [
      'a field deep inside',
      field('retry', 'backoff', 'maxSeconds'),
      undefined,
      '.spec.retry.backoff.maxSeconds is gone',
    ],
    [
      'a type',
      [...field('runId'), 'type'],
      'integer',
      '.spec.runId: `type` was "string" and is "integer"',
    ],
    [
      'a value',
      [...field('readiness'), 'enum'],
      ['Completed'],
      '.spec.readiness: value Accepted is gone',
    ],
    [
      'free text that becomes a closed set',
      [...field('runId'), 'enum'],
      ['1'],
      'only listed values are taken now',
    ],
    [
      'a narrower length',
      [...field('runId'), 'maxLength'],
      62,
      '`maxLength` was 63 and is narrower, 62',
    ],
    [
      'a bound that was not there',
      [...field('payload'), 'maxLength'],
      62,
      '`maxLength` was absent and is narrower, 62',
    ],
    [
      'a higher least value',
      [...field('delaySeconds'), 'minimum'],
      1,
      '`minimum` was 0 and is narrower, 1',
    ],
    [
      'a shorter list',
      [...field('dependsOn'), 'maxItems'],
      10,
      '`maxItems` was 1000 and is narrower, 10',
    ],
    ['another pattern', [...field('type'), 'pattern'], '^a$', '.spec.type: `pattern` was'],
    [
      'another default',
      [...field('priority'), 'default'],
      'Low',
      '`default` was "Normal" and is "Low"',
    ],
    [
      'a default that was not there',
      [...field('runId'), 'default'],
      '1',
      '`default` was absent and is "1"',
    ],
    [
      'a newly required field',
      [...spec, 'required'],
      ['type', 'runId'],
      '.spec: `runId` is required now',
    ],
    [
      'an item of a list',
      [...field('dependsOn'), 'items', 'properties', 'when'],
      undefined,
      '.spec.dependsOn[].when is gone',
    ],
    ['the schema of items', [...field('dependsOn'), 'items'], undefined, '`items` is gone'],
    [
      'how a list merges',
      [...field('dependsOn'), 'x-kubernetes-list-type'],
      'atomic',
      '`x-kubernetes-list-type` was "map"',
    ],
    [
      'an open payload',
      [...field('payload'), 'x-kubernetes-preserve-unknown-fields'],
      undefined,
      'preserve-unknown-fields` was true',
    ],
    ['a rule on spec', [...spec, rules], [newRule], '.spec: a new rule above a leaf'],
    ['a rule at the root', [...schema, rules], [newRule], 'the root: a new rule above a leaf'],
    [
      'a rule on a list',
      [...field('dependsOn'), rules],
      [newRule],
      '.spec.dependsOn: a new rule above a leaf',
    ],
    [
      'a rule on a node without a type',
      [...field('payload'), rules],
      [newRule],
      '.spec.payload: a new rule above a leaf',
    ],
    [
      'a column',
      [...version, 'additionalPrinterColumns'],
      [],
      'column Queue (string .spec.queue) is gone',
    ],
    [
      'a selectable field',
      [...version, 'selectableFields'],
      [],
      'selectable field .spec.queue is gone',
    ],
    ['the status subresource', [...version, 'subresources'], {}, 'subresource status is gone'],
    ['a short name', ['spec', 'names', 'shortNames'], [], 'short name qj is gone'],
    ['the category', ['spec', 'names', 'categories'], [], 'category gopherqueue is gone'],
    ['a version', ['spec', 'versions'], [], 'version v1alpha1 is gone'],
    ['a served version', [...version, 'served'], false, 'version v1alpha1 is no longer served'],
    [
      'the stored version',
      [...version, 'storage'],
      false,
      'version v1alpha1 is no longer the stored one',
    ],
    ['the scope', ['spec', 'scope'], 'Cluster', 'the scope changed'],
    ['the plural', ['spec', 'names', 'plural'], 'jobs', 'the plural changed'],
  ]
  it.each(rows)('%s', (_, path, value, words) => {
    const found = lossOf(path, value)
    expect(found.join('\n')).toContain(words)
    for (const line of found) expect(line).toMatch(/^queuejobs\.gopherqueue\.io: /)
  })

  it('a kind', () => {
    expect(losses([crd], [])).toEqual(['queuejobs.gopherqueue.io: the kind is gone'])
  })
})

describe('a reviewed rule', () => {
  const row = {
    crd: 'queuejobs.gopherqueue.io',
    path: '.spec',
    rule: newRule.rule,
    why: 'a new field only',
  }
  const now = changed(crd, [...spec, rules], [newRule]) as Crd
  it('is let through where it was reviewed', () => {
    expect(losses([crd], [now], [row])).toEqual([])
  })
  it.each([
    ['of another kind', { crd: 'queues.gopherqueue.io' }],
    ['at another place', { path: 'the root' }],
    ['with another text', { rule: 'true' }],
    ['without a reason', { why: '' }],
  ])('does not count %s', (_, other) => {
    expect(losses([crd], [now], [{ ...row, ...other }])).toHaveLength(1)
  })
})

it('whatever bound moves, exactly one of the two directions is a loss', () => {
  const bounded: readonly (readonly [Path, 'minimum' | 'maximum' | 'maxLength' | 'maxItems'])[] = [
    [field('delaySeconds'), 'minimum'],
    [field('delaySeconds'), 'maximum'],
    [field('type'), 'maxLength'],
    [field('dependsOn'), 'maxItems'],
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...bounded),
      fc.integer({ min: 0, max: 40_000_000 }),
      ([path, key], value) => {
        fc.pre(at(path)[key] !== value)
        const moved = changed(crd, [...path, key], value) as Crd
        expect(losses([crd], [moved]).length + losses([moved], [crd]).length).toBe(1)
      },
    ),
  )
})
