// Which values are an object of the API, and what of its metadata is believed.

import { describe, expect, it } from 'vitest'
import { isVersion, metaOf, textAt, unreadable } from '../../../src/kube/objects.ts'
import { meta, raw } from './objects.ts'

describe('metaOf', () => {
  it('reads identity, version, times and deletion', () => {
    const object = raw(1, 42, {}, { generation: 3, deletionTimestamp: '2026-05-01T13:00:00Z' })
    expect(metaOf(object)).toEqual({
      namespace: 'mail',
      name: 'job-1',
      uid: 'uid-1',
      resourceVersion: '42',
      generation: 3,
      creationMs: Date.UTC(2026, 4, 1, 12),
      deleting: true,
      labels: {},
      annotations: {},
    })
  })

  it('an object of the cluster has the namespace ""', () => {
    expect(metaOf(raw(1, 1, {}, { namespace: undefined }))?.namespace).toBe('')
  })

  it.each([
    ['no object', null],
    ['a list', []],
    ['a string', 'job'],
    ['no metadata', {}],
    ['metadata as a list', { metadata: [] }],
    ['no name', raw(1, 1, {}, { name: undefined })],
    ['an empty name', raw(1, 1, {}, { name: '' })],
    ['a name that is a number', raw(1, 1, {}, { name: 7 })],
    ['a namespace that is null', raw(1, 1, {}, { namespace: null })],
    ['no uid', raw(1, 1, {}, { uid: undefined })],
    ['an empty uid', raw(1, 1, {}, { uid: '' })],
    ['no version', raw(1, 1, {}, { resourceVersion: undefined })],
    ['a version that is a number', raw(1, 1, {}, { resourceVersion: 5 })],
    ['version 0, which means "any"', raw(1, 1, {}, { resourceVersion: '0' })],
    ['a version that is no number', raw(1, 1, {}, { resourceVersion: 'abc' })],
  ])('%s is not one', (_what, value) => {
    expect(metaOf(value)).toBeNull()
  })

  it.each([
    ['generation', { generation: 'x' }, { generation: 0 }],
    ['creation time', { creationTimestamp: 'yesterday' }, { creationMs: 0 }],
    ['labels', { labels: ['a'] }, { labels: {} }],
    ['annotations', { annotations: null }, { annotations: {} }],
  ])('a broken %s costs only itself', (_field, broken, want) => {
    expect(metaOf(raw(1, 1, {}, broken))).toMatchObject(want)
  })
})

describe('isVersion', () => {
  it.each(['1', '42', '9223372036854775807'])('%s', (value) => expect(isVersion(value)).toBe(true))
  it.each(['', '0', '007', '-1', '1.5', '1e3', ' 1', '92233720368547758070', 1, null, undefined])(
    'not %j',
    (value) => expect(isVersion(value)).toBe(false),
  )
})

describe('textAt', () => {
  it('takes own text only: inherited names are not labels (B14)', () => {
    expect(textAt({ a: 'b' }, 'a')).toBe('b')
    expect(textAt({}, 'toString')).toBe('')
    expect(textAt({}, 'constructor')).toBe('')
    expect(textAt({ a: 5 }, 'a')).toBe('')
  })
})

it('an unreadable object keeps its identity and nothing that a user wrote', () => {
  const object = meta(raw(1, 42, {}, { labels: { a: 'b' }, annotations: { c: 'd' } }))
  expect(unreadable(object, 'spec.type: missing')).toEqual({
    kind: 'unreadable',
    object: {
      namespace: 'mail',
      name: 'job-1',
      uid: 'uid-1',
      resourceVersion: '42',
      generation: 1,
      creationMs: Date.UTC(2026, 4, 1, 12),
      deleting: false,
      problem: 'spec.type: missing',
    },
  })
})
