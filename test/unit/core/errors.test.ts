// One line for a person, from whatever was thrown.

import { describe, expect, it } from 'vitest'
import { describeError, GopherQueueError } from '../../../src/core/errors.ts'

describe('GopherQueueError', () => {
  it('carries code, cause and what would allow it', () => {
    const cause = new Error('refused')
    const error = new GopherQueueError('DispatchUnavailable', 'cannot reach NATS', {
      cause,
      help: 'set GOPHERQUEUE_NATS_URL',
    })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'GopherQueueError',
      code: 'DispatchUnavailable',
      help: 'set GOPHERQUEUE_NATS_URL',
      cause,
    })
  })

  it('has no cause where none was given', () => {
    expect('cause' in new GopherQueueError('A', 'b')).toBe(false)
  })
})

describe('describeError', () => {
  it.each([
    [new Error('a'), 'a'],
    [new Error('a', { cause: new Error('b') }), 'a: b'],
    [new Error('a because of b', { cause: new Error('b') }), 'a because of b'],
    [new GopherQueueError('X', 'a', { cause: new Error('b'), help: 'do c' }), 'a: b: do c'],
    ['text', 'text'],
    [undefined, 'undefined'],
  ])('of %o is %j', (error, want) => {
    expect(describeError(error)).toBe(want)
  })
})
