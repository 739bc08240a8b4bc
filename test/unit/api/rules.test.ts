// The CEL rules as they stand in crds/: a form that the API server takes and that costs little, messages
// that say what to do, and agreement between the rules of a QueueJob and what its fields say of themselves.

import { describe, expect, it } from 'vitest'
import { crdTexts, nodesOf, rootOf, type SchemaNode } from './crd-nodes.ts'

const roots = crdTexts().map(({ plural, text }) => ({ plural, root: rootOf(text) }))
const rules = roots.flatMap(({ plural, root }) =>
  [{ path: '', node: root }, ...nodesOf(root)].flatMap(({ path, node }) =>
    (node['x-kubernetes-validations'] ?? []).map((rule) => ({ plural, path, node, ...rule })),
  ),
)
const named = (wrong: readonly (typeof rules)[number][]) =>
  wrong.map(({ plural, path, rule }) => `${plural} ${path}: ${rule}`)
const words = (text: string) => text.replace(/'[^']*'/g, "''")

describe('every rule', () => {
  it('is looked at', () => {
    expect(rules.length).toBeGreaterThan(50)
  })
  it('has a message of one line that names a field or says what must hold', () => {
    const bad = rules.filter(
      ({ message }) => message.includes('\n') || !/`|must/.test(message) || /^[A-Z]/.test(message),
    )
    expect(named(bad)).toEqual([])
  })
  it('that forbids a change says what to do instead (A15)', () => {
    const bad = rules.filter(
      ({ message }) =>
        /must not be (changed|added)/.test(message) &&
        !/: delete the \w+ and create|while the job waits/.test(message),
    )
    expect(named(bad)).toEqual([])
  })
  it('points to a field that exists below its node', () => {
    const bad = rules.filter(({ fieldPath, node }) => {
      if (fieldPath === undefined) return false
      const found = fieldPath
        .split('.')
        .slice(1)
        .reduce<SchemaNode | undefined>((at, name) => at?.properties?.[name], node)
      return found === undefined
    })
    expect(named(bad)).toEqual([])
  })
  it('uses no optional, no string() and no duration, which the server refuses for their cost', () => {
    const bad = rules.filter(({ rule, messageExpression = '' }) =>
      /\.\?|\bstring\(|\bduration\(/.test(rule + messageExpression),
    )
    expect(named(bad)).toEqual([])
  })
  it('opens a node without a type with dyn() only', () => {
    const bad = rules.filter(({ rule }) =>
      /(?<!dyn\()\b(self|oldSelf)\.(payload|result)\b/.test(words(rule)),
    )
    expect(named(bad)).toEqual([])
  })
  it('compares with the past only where the server knows a past', () => {
    const bad = rules.filter(
      ({ path, rule }) =>
        rule.includes('oldSelf') && (/[[{]/.test(path) || path.startsWith('spec.template')),
    )
    expect(named(bad)).toEqual([])
  })
  it('at the root asks for a status before it reads one: at creation there is none', () => {
    const bad = rules.filter(
      ({ path, rule }) =>
        path === '' &&
        /\bself\.status\./.test(rule) &&
        !/^.*!has\(self\.status\).*self\.status\./.test(rule),
    )
    expect(named(bad)).toEqual([])
  })
})

describe('the mutability of a QueueJob field', () => {
  const root = roots.find(({ plural }) => plural === 'queuejobs')?.root ?? {}
  const spec = root.properties?.spec ?? {}
  const ruleWith = (node: SchemaNode, part: string) =>
    (node['x-kubernetes-validations'] ?? []).find(({ rule }) => rule.includes(part))?.rule ?? ''
  const presence = ruleWith(spec, 'has(self.delaySeconds) == has(oldSelf.delaySeconds)')
  const whileWaiting = ruleWith(root, 'oldSelf.status.phase in')
  const payload = ruleWith(spec, 'dyn(self).payload == dyn(oldSelf).payload')
  const fields = Object.entries(spec.properties ?? {}).map(([name, node]) => ({ name, node }))
  const says = (description: string, text: string) => description.endsWith(text)

  it.each(fields)('$name: the description is what the rules do', ({ name, node }) => {
    const description = node.description ?? ''
    const optional = node.default === undefined && !(spec.required ?? []).includes(name)
    const frozen =
      (node['x-kubernetes-validations'] ?? []).some(({ rule }) => rule === 'self == oldSelf') ||
      (name === 'payload' && payload !== '')
    const kept =
      presence.includes(`has(self.${name})`) || presence.includes(`has(dyn(self).${name})`)
    const waits = whileWaiting.includes(`self.spec.${name} == oldSelf.spec.${name}`)
    if (says(description, 'Must not be changed.')) {
      expect({ frozen, kept, waits }).toEqual({ frozen: true, kept: optional, waits: false })
    } else if (says(description, 'May be changed while the job waits.')) {
      expect({ frozen, kept, waits }).toEqual({ frozen: false, kept: false, waits: true })
    } else {
      expect(description).toMatch(/May be changed at any time\.$/)
      expect({ frozen, kept, waits }).toEqual({ frozen: false, kept: false, waits: false })
    }
  })

  it('the cheap exit of the rule at the root stands before the expensive comparison', () => {
    const order = [
      '!has(oldSelf.status)',
      'oldSelf.status.phase in',
      'self.spec == oldSelf.spec',
      'self.spec.priority ==',
    ]
    const at = order.map((part) => whileWaiting.indexOf(part))
    expect(at).toEqual(at.toSorted((a, b) => a - b))
    expect(at).not.toContain(-1)
  })
})
