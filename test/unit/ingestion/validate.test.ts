// What the schema and CEL cannot refuse.

import { describe, expect, it } from 'vitest'
import { MAX_PAYLOAD_BYTES } from '../../../src/api/queuejob.ts'
import { NOT_YET_SUPPORTED } from '../../../src/api/served.ts'
import type { JobObject, Payload } from '../../../src/core/job.ts'
import {
  judge,
  judgePayload,
  payloadLost,
  unreadableNote,
} from '../../../src/ingestion/validate.ts'
import { aJob, aQueue } from '../../builders.ts'

const VERSION = '0.1.0'
const judged = (object: JobObject) => judge(object, aQueue(), VERSION)
const stored = (bytes: number): Payload => ({ kind: 'stored', bytes })
const inline = (json: string): Payload => ({ kind: 'inline', json })

describe('a job that nothing is wrong with', () => {
  it('is accepted', () => {
    expect(judged(aJob({ payload: inline('{"to":"a@example.com"}') }))).toBeNull()
  })

  it('is accepted although its queue is missing: that holds it, and refuses nothing', () => {
    expect(judge(aJob(), null, VERSION)).toBeNull()
  })
})

describe('a field that this release does not serve', () => {
  it('is refused by name, with the release', () => {
    expect(judged(aJob({ spec: { array: { size: 2 }, resources: { memoryMiB: 64 } } }))).toEqual({
      reason: 'NotYetSupported',
      message:
        'spec.array, spec.resources: part of the API, but not served by this release of the operator (0.1.0)',
    })
  })

  const samples: Readonly<Record<string, unknown>> = {
    array: { size: 2 },
    resources: { memoryMiB: 64 },
  }
  it.each(NOT_YET_SUPPORTED.QueueJob.map(({ path }) => path))('%s is refused', (path) => {
    expect(judged(aJob({ spec: { [path]: samples[path] } }))?.message).toContain(`spec.${path}`)
  })
})

describe('the own payload of a job that was replayed with another one (decision 0020)', () => {
  const status = { payloadAction: { name: 'edited', uid: 'uid-of-it' } }
  it('says nothing any more, whatever is wrong with it', () => {
    const bad = [
      stored(MAX_PAYLOAD_BYTES + 1),
      inline('[9007199254740993]'),
      { kind: 'too-deep' } as const,
    ]
    for (const payload of bad) {
      expect(judged(aJob({ payload }))).not.toBeNull()
      expect(judged(aJob({ payload, status }))).toBeNull()
    }
  })
  it('does not come back when the action is gone: the job is refused', () => {
    expect(payloadLost('edited')).toEqual({
      reason: 'InvalidPayload',
      message:
        'the payload does not fit the input of the handler at spec.payload: it was to come from QueueAction edited, which was deleted; replay the job again',
    })
  })
})

describe('a payload', () => {
  const ofBytes = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`

  it('of the limit is accepted, one byte more is refused', () => {
    expect(judged(aJob({ payload: inline(ofBytes(MAX_PAYLOAD_BYTES)) }))).toBeNull()
    expect(judged(aJob({ payload: inline(ofBytes(MAX_PAYLOAD_BYTES + 1)) }))).toEqual({
      reason: 'PayloadTooLarge',
      message: 'spec.payload has 131073 bytes as JSON, the limit is 131072',
    })
  })

  it('is measured in bytes of UTF-8, not in characters', () => {
    const payload = inline(`"${'€'.repeat(43_690)}"`)
    expect(judged(aJob({ payload }))).toBeNull()
    const larger = inline(`"${'€'.repeat(43_691)}"`)
    expect(judged(aJob({ payload: larger }))?.reason).toBe('PayloadTooLarge')
  })

  it('that is not in the cache is judged by its size', () => {
    expect(judged(aJob({ payload: stored(MAX_PAYLOAD_BYTES) }))).toBeNull()
    expect(judged(aJob({ payload: stored(MAX_PAYLOAD_BYTES + 1) }))?.reason).toBe('PayloadTooLarge')
  })

  it('that nests too deep is refused, whatever else it is', () => {
    expect(judged(aJob({ payload: { kind: 'too-deep' } }))).toEqual({
      reason: 'InvalidPayload',
      message: expect.stringContaining('nested deeper than 1000 levels'),
    })
  })

  it('with an integer beyond 2^53 is refused with its path and without its value', () => {
    const refusal = judged(aJob({ payload: inline('{"order":{"id":12345678901234567890}}') }))
    expect(refusal?.reason).toBe('InvalidPayload')
    expect(refusal?.message).toContain('spec.payload.order.id')
    expect(refusal?.message).not.toContain('1234567890')
  })

  it.each([
    ['[9007199254740993]', 'spec.payload[0]:'],
    ['9007199254740993', 'spec.payload:'],
  ])('%s is refused at %s', (json, path) => {
    expect(judged(aJob({ payload: inline(json) }))?.message).toContain(`at ${path}`)
  })

  it('that was read for its dispatch is judged then', () => {
    expect(judgePayload('{"a":1}')).toBeNull()
    expect(judgePayload('{"a":9007199254740993}')?.reason).toBe('InvalidPayload')
    expect(judgePayload(ofBytes(MAX_PAYLOAD_BYTES + 1))?.reason).toBe('PayloadTooLarge')
  })
})

describe('a start time', () => {
  it.each(['1970-01-01T00:00:00Z', '2199-12-31T23:59:59Z'])(
    'in bounds, %s, is accepted',
    (startAfter) => {
      expect(judged(aJob({ spec: { startAfter } }))).toBeNull()
    },
  )

  it.each(['0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '2200-01-01T00:00:00Z'])(
    'out of bounds, %s, is refused',
    (startAfter) => {
      expect(judged(aJob({ spec: { startAfter } }))).toEqual({
        reason: 'InvalidSpec',
        message: 'spec.startAfter is not valid: the year must be 1970 to 2199',
      })
    },
  )
})

it('the first check that objects wins', () => {
  const object = aJob({
    spec: { array: { size: 2 }, startAfter: '0001-01-01T00:00:00Z' },
    payload: { kind: 'stored', bytes: 1e9 },
  })
  expect(judged(object)?.reason).toBe('NotYetSupported')
})

it('an object that cannot be read is told by name of the field, as it is left untouched', () => {
  const { spec: _, status: __, tags: ___, payload: ____, ...meta } = aJob()
  expect(unreadableNote({ ...meta, problem: 'spec.type: expected string' })).toEqual({
    reason: 'InvalidSpec',
    message:
      'the object is not valid: this release cannot read it and leaves it untouched: spec.type: expected string',
  })
})
