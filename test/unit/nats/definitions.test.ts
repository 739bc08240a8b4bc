import { describe, expect, test } from 'vitest'
import { eventConsumer, type ShardId } from '../../../src/core/ids.ts'
import {
  differences,
  eventStream,
  termOfConsumer,
  WORK_REPEAT_MS,
  workStream,
} from '../../../src/nats/definitions.ts'

const sizes = { replicas: 3, eventsMaxBytes: 1_048_576 }
const shard = (k: number) => k as ShardId

describe('the work stream', () => {
  test('remembers ids longer than a message may be repeated (D3)', () => {
    expect(workStream(sizes).duplicate_window / 1e6).toBeGreaterThan(WORK_REPEAT_MS)
  })

  test('has the replicas that were asked for', () => {
    expect([workStream(sizes).num_replicas, eventStream(sizes).num_replicas]).toEqual([3, 3])
  })
})

describe('what differs', () => {
  test('is told with both values, and only for fields that are ours', () => {
    const has = { max_age: 5, subjects: ['a'], _nats: 'theirs' }
    expect(differences(has, { max_age: 7, subjects: ['a'] })).toEqual([
      { field: 'max_age', has: '5', wants: '7' },
    ])
  })

  test('does not include what the server leaves out because it is empty', () => {
    expect(differences({}, { allow_direct: false, description: '', max_bytes: 0 })).toEqual([])
  })

  test('includes what is left out and wanted', () => {
    expect(differences({}, { discard_new_per_subject: true })).toEqual([
      { field: 'discard_new_per_subject', has: 'false', wants: 'true' },
    ])
  })
})

describe('the term of an event consumer', () => {
  test('is the one it was named after', () => {
    expect(termOfConsumer(shard(3), eventConsumer(shard(3), 6_400))).toBe(6_400)
  })

  test.each(['shard1-t5', 'shard30-t5', 'shard3-t', 'shard3-t5-x', 'mine'])(
    'of %s is not one of shard 3',
    (name) => {
      expect(termOfConsumer(shard(3), name)).toBeNull()
    },
  )
})
