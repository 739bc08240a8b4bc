// Whatever a handler throws → one well-formed failure (reliability B35, B36, B16).

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PATTERNS } from '../../../src/api/fields.ts'
import { MAX_MESSAGE, outcomeOfThrown, toldOfThrown } from '../../../src/worker/failure.ts'
import { cleanLine } from '../../../src/worker/text.ts'
import {
  AttemptAborted,
  Permanent,
  RetryAfter,
  Snooze,
  Temporary,
  verdictOf,
} from '../../../src/worker/verdicts.ts'

const plain = (text: string): string => text

function failureOf(thrown: unknown, redact = plain) {
  const outcome = outcomeOfThrown(thrown, redact)
  if (outcome.kind !== 'failed') throw new Error(`is ${outcome.kind}`)
  return { ...outcome.failure, retryAfterMs: outcome.retryAfterMs }
}

const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
})()

describe('an unclassified throw is Temporary', () => {
  const rows: Record<string, [unknown, string, string]> = {
    'an Error': [new Error('no route'), 'Error', 'no route'],
    'an error of a class': [
      new TypeError('x is not a function'),
      'TypeError',
      'x is not a function',
    ],
    'an error with a code': [
      Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
      'refused',
    ],
    'an error with a code that is none': [
      Object.assign(new Error('bad'), { code: 'two words' }),
      'Error',
      'bad',
    ],
    'an error with a number as code': [
      Object.assign(new Error('bad'), { code: 42 }),
      'Error',
      'bad',
    ],
    'an error without a message': [new RangeError(), 'RangeError', 'RangeError'],
    'a string': ['plain text', 'NotAnError', 'plain text'],
    'an empty string': ['', 'NotAnError', 'an empty string was thrown'],
    null: [null, 'NotAnError', 'null was thrown'],
    undefined: [undefined, 'NotAnError', 'undefined was thrown'],
    'a number': [7, 'NotAnError', '7'],
    'a BigInt': [7n, 'NotAnError', '7'],
    'a symbol': [Symbol('why'), 'NotAnError', 'Symbol(why)'],
    'an object with a message': [{ message: 'like an error' }, 'Error', 'like an error'],
    'an object without a stack or a message': [
      { password: 'hunter2' },
      'Error',
      'an object without a message was thrown',
    ],
    'an object without a prototype': [
      Object.create(null),
      'Error',
      'an object without a message was thrown',
    ],
    'an object whose every property throws': [
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('trap')
          },
        },
      ),
      'Error',
      'an object without a message was thrown',
    ],
    'a revoked proxy': [revoked, 'Error', 'an object without a message was thrown'],
    'an aborted signal’s reason, without an abort': [
      new AttemptAborted('drain', 'x'),
      'AttemptAborted',
      'x',
    ],
    'an error with its cause': [
      new Error('cannot pay', { cause: new Error('timeout') }),
      'Error',
      'cannot pay: timeout',
    ],
    'an error that quotes its cause': [
      new Error('a: b', { cause: new Error('b') }),
      'Error',
      'a: b',
    ],
    'an AggregateError': [
      new AggregateError([new Error('one'), 'two', null], 'all failed'),
      'AggregateError',
      'all failed: one; two; null was thrown',
    ],
    'an AggregateError of many': [
      new AggregateError(
        Array.from({ length: 1_000 }, (_, i) => new Error(`e${i}`)),
        'many',
      ),
      'AggregateError',
      'many: e0; e1; e2; e3; e4; and 995 more',
    ],
  }
  it.each(Object.entries(rows))('%s', (_, [thrown, code, message]) => {
    expect(failureOf(thrown)).toEqual({ category: 'Temporary', code, message, retryAfterMs: null })
  })

  it('a chain of causes that bites its tail is told once', () => {
    const first = new Error('first')
    const second = new Error('second', { cause: first })
    first.cause = second
    expect(failureOf(first).message).toBe('first: second')
  })
})

describe('a verdict', () => {
  it('Permanent ends the job', () => {
    expect(failureOf(new Permanent('no such user'))).toMatchObject({
      category: 'Permanent',
      code: 'PermanentFailure',
      message: 'no such user',
    })
    expect(failureOf(new Permanent('x', { code: 'NoSuchUser' })).code).toBe('NoSuchUser')
  })

  it('Temporary gives a name to what any error means', () => {
    expect(failureOf(new Temporary('busy', { code: 'Busy' }))).toMatchObject({
      category: 'Temporary',
      code: 'Busy',
      retryAfterMs: null,
    })
    expect(failureOf(new Temporary('busy')).code).toBe('Temporary')
  })

  it('RetryAfter replaces the backoff', () => {
    expect(failureOf(new RetryAfter(30_000))).toMatchObject({
      category: 'Temporary',
      code: 'RetryAfter',
      retryAfterMs: 30_000,
    })
    expect(failureOf(new RetryAfter(1, '429', { code: 'RateLimited' })).code).toBe('RateLimited')
  })

  it('Snooze uses no attempt and waits a second at least', () => {
    expect(outcomeOfThrown(new Snooze(60_000), plain)).toEqual({ kind: 'snoozed', delayMs: 60_000 })
    expect(outcomeOfThrown(new Snooze(5), plain)).toEqual({ kind: 'snoozed', delayMs: 1_000 })
  })

  it.each([
    [Number.NaN, 0],
    [-5, 0],
    [1.6, 2],
    [Number.POSITIVE_INFINITY, 315_360_000_000],
  ])('a wait of %d is %d ms', (delayMs, want) => {
    expect(failureOf(new RetryAfter(delayMs)).retryAfterMs).toBe(want)
  })

  it('is recognised when it comes from another copy of the package', () => {
    const mark = Symbol.for('gopherqueue.io/verdict')
    const foreign = Object.assign(new Error('from elsewhere'), { [mark]: 'permanent', code: 'X' })
    expect(failureOf(foreign)).toMatchObject({ category: 'Permanent', code: 'X' })
  })

  it('is not what merely looks like one', () => {
    const mark = Symbol.for('gopherqueue.io/verdict')
    for (const thrown of [
      { [mark]: 'nonsense' },
      { name: 'Permanent' },
      'permanent',
      null,
      revoked,
    ]) {
      expect(verdictOf(thrown)).toBeNull()
    }
  })

  it('keeps its cause', () => {
    const cause = new Error('404')
    expect(new Permanent('gone', { cause }).cause).toBe(cause)
    expect('cause' in new Permanent('gone')).toBe(false)
  })
})

describe('the text of an error', () => {
  it('of 10 MB is cut, and marked as cut', () => {
    const { message } = failureOf(new Error(`start ${'x'.repeat(10_000_000)}`))
    expect(message).toHaveLength(MAX_MESSAGE)
    expect(message.startsWith('start xxx')).toBe(true)
    expect(message.endsWith('…')).toBe(true)
  })

  it('is one line without control characters, direction marks and half characters', () => {
    const { message } = failureOf(new Error('a\r\n\tb\u001b[31mred\u202e\u2028c\ud800 \0'))
    expect(message).toBe('a b [31mred c\ufffd')
  })

  it('is redacted by the rules before it is cut', () => {
    const redact = (text: string): string => text.replaceAll(/token-\w+/g, '[redacted]')
    expect(failureOf(new Error('bad token-abc123'), redact).message).toBe('bad [redacted]')
    const long = `${'word '.repeat(3_400)}token-${'s'.repeat(60)} ${'tail '.repeat(100_000)}`
    expect(failureOf(new Error(long), redact).message).not.toContain('token-')
  })

  it('leaves no half of a secret where a long text is cut', () => {
    const redact = (text: string): string => text.replaceAll(/token-\w{60}/g, '[redacted]')
    for (let pad = 0; pad < 80; pad++) {
      const text = ` ${'\n'.repeat(4 * 100 - 80 + pad)}token-${'s'.repeat(60)} ${'x'.repeat(500)}`
      expect(cleanLine(text, 100, redact)).not.toContain('token-')
    }
  })

  it('that says nothing says so', () => {
    expect(failureOf(new Error('\u0000\n')).message).toBe('no message')
  })
})

describe('anything at all', () => {
  it('becomes an outcome within the bounds of the wire', () => {
    const hostile = fc.anything({
      withBigInt: true,
      withNullPrototype: true,
      withObjectString: true,
    })
    const messages = fc.record({
      message: fc.string({ unit: 'binary' }),
      code: fc.string(),
      name: fc.string(),
    })
    fc.assert(
      fc.property(fc.oneof(hostile, messages, fc.string({ unit: 'binary' })), (thrown) => {
        const { code, message } = failureOf(thrown)
        expect(code).toMatch(PATTERNS.code)
        expect(code.length).toBeLessThanOrEqual(64)
        expect(message).toMatch(/^[^\p{Cc}\p{Cf}\u2028\u2029]{1,4096}$/u)
        expect(message.isWellFormed()).toBe(true)
      }),
    )
  })
})

describe('what the log of the worker hears of a throw', () => {
  const redact = (text: string) => text.replaceAll('hunter2', '[redacted]')

  it('has the stack, with its lines', () => {
    const told = toldOfThrown(new TypeError('x is not a function'), plain)
    expect(told).toMatchObject({ type: 'TypeError', message: 'x is not a function' })
    expect(told.stack).toMatch(/^TypeError: x is not a function\n {4}at /)
  })

  it('is as bounded and redacted as what is reported (B36)', () => {
    const told = toldOfThrown(new Error('password=hunter2 '.repeat(600_000)), redact)
    expect(JSON.stringify(told).length).toBeLessThan(20_000)
    expect(JSON.stringify(told)).not.toContain('hunter2')
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['a revoked proxy', revoked],
    ['a stack that is no text', Object.assign(new Error('a'), { stack: { a: 1 } })],
  ])('of %s is told without one', (_, thrown) => {
    expect(toldOfThrown(thrown, plain).stack).toBe('')
  })
})
