// What a Lease says, also when somebody edited it: terms never fall, floors never become lower than
// they may be, and names never clash (B8, B45).

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allShards, type ShardId } from '../../../src/core/ids.ts'
import {
  memberLease,
  memberLeaseName,
  readMember,
  readOwn,
  readRecord,
  shardLease,
} from '../../../src/kube/lease-record.ts'
import type { RawObject } from '../../../src/kube/objects.ts'
import type { ShardRecord } from '../../../src/recovery/ports.ts'
import { meta } from './objects.ts'

const NOW = Date.UTC(2026, 4, 1, 12, 0, 0, 123)
const shard = 3 as ShardId
const salt = (n: number) => ({ hex: n.toString(16).padStart(32, '0'), madeAt: n })

const record = (more: Partial<ShardRecord> = {}): ShardRecord => ({
  shard,
  resourceVersion: '42',
  holder: 'operator-a',
  term: 7,
  floor: 6,
  salts: { '6': salt(600), '7': salt(700) },
  ...more,
})

type Json = Record<string, unknown>

/** The Lease as the server gives it back, after somebody's edit. */
function stored(written: RawObject, edit: { annotations?: Json; spec?: Json } = {}): RawObject {
  const metadata = written.metadata as Json
  return {
    ...written,
    metadata: {
      uid: 'u',
      resourceVersion: '42',
      ...metadata,
      annotations: { ...(metadata.annotations as Json), ...edit.annotations },
    },
    spec: { ...(written.spec as Json), ...edit.spec },
  }
}

const edited = (annotations: Json) =>
  readRecord(shard, stored(shardLease('sys', record(), NOW), { annotations }))

describe('a shard record', () => {
  it('comes back as it was written', () => {
    const terms = fc.integer({ min: 1, max: 2 ** 21 - 1 })
    const made = fc.record({
      shard: fc.constantFrom(...allShards),
      resourceVersion: fc.constant('42'),
      holder: fc.constantFrom('', 'operator-a', 'Host_1/x'),
      salts: fc
        .uniqueArray(terms, { minLength: 1, maxLength: 600 })
        .map((list) => Object.fromEntries(list.map((term) => [String(term), salt(term)]))),
    })
    fc.assert(
      fc.property(made, (one) => {
        const term = Math.max(...Object.keys(one.salts).map(Number))
        const whole: ShardRecord = { ...one, term, floor: Math.floor(term / 2) }
        const read = readRecord(whole.shard, stored(shardLease('sys', whole, NOW)))
        expect(read).toEqual({ record: whole, broken: [] })
      }),
      { numRuns: 30 },
    )
  })

  it('that was given up has no holder, which the server takes only as an absent one', () => {
    const lease = shardLease('sys', record({ holder: '' }), NOW)
    expect(lease.spec).toMatchObject({ holderIdentity: null })
    expect(readRecord(shard, stored(lease))?.record.holder).toBe('')
  })

  it('is created without a version and patched on one', () => {
    expect(shardLease('sys', record({ resourceVersion: '' }), NOW).metadata).not.toHaveProperty(
      'resourceVersion',
    )
    expect(shardLease('sys', record(), NOW).metadata).toMatchObject({
      namespace: 'sys',
      name: 'gopherqueue-shard-3',
      resourceVersion: '42',
    })
  })

  it('fits into the annotations of an object with the most salts there can be', () => {
    const many = Array.from({ length: 512 }, (_, i) => [String(2_000_000 + i), salt(2 ** 40 + i)])
    const lease = shardLease('sys', record({ salts: Object.fromEntries(many) }), NOW)
    expect(JSON.stringify(lease).length).toBeLessThan(131_072)
  })

  it.each([null, 'x', {}, { metadata: { name: 'a' } }])('%j is none', (value) => {
    expect(readRecord(shard, value)).toBeNull()
  })
})

describe('a shard record that was edited (B45)', () => {
  const TERM = 'gopherqueue.io/term'
  const FLOOR = 'gopherqueue.io/floor'
  const SALTS = 'gopherqueue.io/salts'

  it.each(['', 'x', '-1', '1.5', '2097152', '99999999', '1e3', ' 7', 7, null])(
    'a term that is %j is taken from the highest salt: it never falls',
    (value) => {
      expect(edited({ [TERM]: value })).toMatchObject({ record: { term: 7 }, broken: [TERM] })
    },
  )

  it('without a term and salts it is at least the floor', () => {
    const read = edited({ [TERM]: '', [SALTS]: '' })
    expect(read?.record).toMatchObject({ term: 6, floor: 6, salts: {} })
    expect(read?.broken).toEqual([TERM, SALTS])
  })

  it('a term below its own salts is lifted to them', () => {
    expect(edited({ [TERM]: '2' })?.record.term).toBe(7)
  })

  it('a broken floor becomes the term: older attempts are void, none is wrongly counted', () => {
    expect(edited({ [FLOOR]: 'x' })).toMatchObject({ record: { floor: 7 }, broken: [FLOOR] })
  })

  it('a floor above the term lifts the term', () => {
    expect(edited({ [FLOOR]: '90' })?.record).toMatchObject({ term: 90, floor: 90 })
  })

  it.each([
    ['no JSON', '{', {}],
    ['a list', '[]', {}],
    ['too long', `{"1":"${'x'.repeat(200_000)}"}`, {}],
    ['one broken entry', JSON.stringify({ '6': salt(1), '7': { hex: 'zz' } }), { '6': salt(1) }],
    ['a key that is no term', JSON.stringify({ '6': salt(1), __proto: salt(2) }), { '6': salt(1) }],
    ['a short salt', JSON.stringify({ '7': { hex: 'ab', madeAt: 1 } }), {}],
    ['a broken time', JSON.stringify({ '7': { ...salt(7), madeAt: -1 } }), {}],
  ])('salts: %s costs only what is broken', (_what, text, want) => {
    const read = edited({ [SALTS]: text })
    expect(read?.record.salts).toEqual(want)
    expect(read?.broken).toEqual([SALTS])
  })

  it('an overflowed number of transitions or a broken time is nobody’s business', () => {
    const lease = stored(shardLease('sys', record(), NOW), {
      spec: { leaseTransitions: 2 ** 40, acquireTime: 'never', renewTime: 5 },
    })
    expect(readRecord(shard, lease)).toEqual({ record: record(), broken: [] })
  })

  it('whatever stands in it, term and floor are terms and floor is not above', () => {
    const text = fc.oneof(fc.string(), fc.json(), fc.nat(3_000_000).map(String))
    fc.assert(
      fc.property(text, text, text, (term, floor, salts) => {
        const read = edited({ [TERM]: term, [FLOOR]: floor, [SALTS]: salts })
        const { record: got } = read ?? { record: record() }
        expect(Number.isSafeInteger(got.term)).toBe(true)
        expect(got.floor).toBeLessThanOrEqual(got.term)
        for (const each of Object.keys(got.salts)) {
          expect(Number(each)).toBeLessThanOrEqual(got.term)
        }
      }),
    )
  })
})

describe('a member Lease', () => {
  const fields = {
    identity: 'operator-a',
    boot: 'b00t',
    resourceVersion: '',
    durationSeconds: 15,
    acquired: NOW - 60_000,
  }

  it('has times with exactly six digits: the server refuses any other number', () => {
    expect(memberLease('sys', fields, NOW).spec).toEqual({
      holderIdentity: 'operator-a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-05-01T11:59:00.123000Z',
      renewTime: '2026-05-01T12:00:00.123000Z',
    })
  })

  it('tells its own process which process wrote it', () => {
    const lease = stored(memberLease('sys', fields, NOW))
    expect(readOwn(lease)).toEqual({ resourceVersion: '42', boot: 'b00t' })
    expect(readOwn({})).toBeNull()
  })

  const seen = (spec: Json, identity = 'operator-a') => {
    const lease = stored(memberLease('sys', { ...fields, identity }, NOW), { spec })
    return readMember(lease, meta(lease), 15)
  }

  it('tells others who it is, and a mark that changes with each renewal', () => {
    expect(seen({})).toEqual({
      identity: 'operator-a',
      resourceVersion: '42',
      renewTime: '2026-05-01T12:00:00.123000Z',
      durationSeconds: 15,
    })
  })

  it.each<[string, Json, Json]>([
    ['a foreign holder', { holderIdentity: 'mallory' }, { identity: 'operator-a' }],
    ['no holder', { holderIdentity: null }, { identity: 'operator-a' }],
    ['no renew time', { renewTime: undefined }, { renewTime: '' }],
    ['a broken renew time', { renewTime: 5 }, { renewTime: '' }],
    ['no duration', { leaseDurationSeconds: undefined }, { durationSeconds: 15 }],
    ['a negative duration', { leaseDurationSeconds: -1 }, { durationSeconds: 15 }],
    ['a duration of years', { leaseDurationSeconds: 2 ** 31 - 1 }, { durationSeconds: 15 }],
    ['a duration that is text', { leaseDurationSeconds: '15' }, { durationSeconds: 15 }],
  ])('%s: still the Lease of its process, held for a full duration (B45)', (_what, spec, want) => {
    expect(seen(spec)).toMatchObject({ identity: 'operator-a', ...want })
  })

  it('also with an identity that is no object name', () => {
    expect(seen({}, 'Host_1/x').identity).toBe('Host_1/x')
  })
})

describe('the name of a member Lease', () => {
  const OBJECT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

  it('is readable for an ordinary identity', () => {
    expect(memberLeaseName('operator-7d9f.1')).toBe('gopherqueue-member-operator-7d9f.1')
  })

  it('is an object name for any identity, and another one for another identity (B8)', () => {
    const identity = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 253 }),
      fc.stringMatching(/^[a-zA-Z0-9._-]{1,253}$/),
    )
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        const name = memberLeaseName(a)
        expect(name).toMatch(OBJECT_NAME)
        expect(name.length).toBeLessThanOrEqual(253)
        expect(name === memberLeaseName(b)).toBe(a === b)
      }),
    )
  })
})
