import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { termOf } from '../../../src/core/epoch.ts'
import { allShards, jobUid, type ShardId } from '../../../src/core/ids.ts'
import type { ShardRecord } from '../../../src/recovery/ports.ts'
import { claimed, raised } from '../../../src/recovery/record.ts'
import { Shards } from '../../../src/recovery/shards.ts'

const shard = allShards[3] as ShardId
const NOW = Date.UTC(2026, 5, 1)
const salt = (fill: string) => fill.repeat(32)

const record = (change: Partial<ShardRecord> = {}): ShardRecord => ({
  shard,
  resourceVersion: '7',
  holder: '',
  term: 0,
  floor: 0,
  salts: {},
  ...change,
})

const start = (epoch: number) => ({ uid: jobUid('u-1'), epoch, attempt: 1, runId: '' })

describe('epochs and nonces of a led shard', () => {
  const led = (term: number) => {
    const shards = new Shards(Buffer.alloc(32, 1))
    shards.take(raised(record({ term: 0 }), term, salt('a'), NOW), 0)
    return shards
  }

  it('rise with every epoch, also over a change of term', () => {
    const shards = led(9)
    const first = shards.next(shard)
    const second = shards.next(shard)
    shards.update(raised(shards.get(shard)?.record ?? record(), 10, salt('b'), NOW))
    const third = shards.next(shard)
    expect([termOf(first), termOf(third)]).toEqual([9, 10])
    expect(first < second && second < third).toBe(true)
  })

  it('are given out only for a shard that is held', () => {
    expect(() => new Shards(new Uint8Array()).next(shard)).toThrow(/not led/)
  })

  it('a nonce is valid for exactly what it was made for', () => {
    const shards = led(9)
    const epoch = shards.next(shard)
    const nonce = shards.nonce(shard, start(epoch))
    expect(shards.check(shard, start(epoch), nonce)).toBe('valid')
    expect(shards.check(shard, start(epoch + 1), nonce)).toBe('invalid')
    expect(shards.check(shard, { ...start(epoch), runId: '2' }, nonce)).toBe('invalid')
    expect(shards.check(shard, { ...start(epoch), attempt: 2 }, nonce)).toBe('invalid')
    expect(shards.check(shard, start(2 ** 32), nonce)).toBe('unknown-salt')
  })

  it('a later leader checks the nonces of an earlier one by the salts that the record keeps', () => {
    const before = led(9)
    const epoch = before.next(shard)
    const nonce = before.nonce(shard, start(epoch))
    const after = new Shards(Buffer.alloc(32, 1))
    after.take(claimed(before.get(shard)?.record ?? record(), 'op-2', salt('b'), NOW), 0)
    expect(after.check(shard, start(epoch), nonce)).toBe('valid')
  })

  it('no text is taken for a nonce', () => {
    const shards = led(9)
    const epoch = shards.next(shard)
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(shards.check(shard, start(epoch), text)).toBe('invalid')
      }),
    )
  })
})
