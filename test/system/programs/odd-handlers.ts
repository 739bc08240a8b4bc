// Everything that JavaScript lets a handler return or throw (reliability.md B35, B36), by name, with
// what the job must come to. One table for the worker that does it and the suite that looks.

export interface Odd {
  readonly run: () => unknown
  readonly want: {
    readonly phase: 'Completed' | 'Failed' | 'DeadLettered'
    readonly reason: string
    /** Of a job that completes; absent: it has none. */
    readonly result?: unknown
    /** Of a job that fails. */
    readonly code?: string
    readonly says?: RegExp
  }
}

/** Stands in the texts that are thrown, and nowhere else. */
export const PLANTED_SECRET = 'hunter2-of-the-bad-input-suite'

const completed = (result?: unknown) =>
  ({
    phase: 'Completed',
    reason: 'Completed',
    ...(result === undefined ? {} : { result }),
  }) as const
const notJson = (says: RegExp) =>
  ({ phase: 'Failed', reason: 'InvalidResult', code: 'InvalidResult', says }) as const
const failed = (code: string, says: RegExp) =>
  ({ phase: 'DeadLettered', reason: 'AttemptsExhausted', code, says }) as const

const thrown = (value: unknown) => () => {
  throw value
}

function nested(levels: number): unknown {
  let value: unknown = 0
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

function circular(): unknown {
  const ring: Record<string, unknown> = { a: 1 }
  ring.ring = { back: ring }
  return ring
}

function causedByItself(): Error {
  const error = new Error('a ring of causes')
  error.cause = error
  return error
}

const refusing = () =>
  new Proxy(
    {},
    {
      get() {
        throw new Error('not for you')
      },
      ownKeys() {
        throw new Error('nor the keys')
      },
    },
  )

const CONTROLS = '\u001b[2J\u0007\r\nERROR\u0000\u202e\u2028'

export const ODD: Readonly<Record<string, Odd>> = {
  'returns-undefined': { run: () => undefined, want: completed() },
  'returns-null': { run: () => null, want: completed() },
  'returns-date': {
    run: () => ({ at: new Date(0) }),
    want: completed({ at: '1970-01-01T00:00:00.000Z' }),
  },
  'returns-prototype-keys': {
    run: () => JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2},"then":"3"}'),
    want: completed(
      JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2},"then":"3"}'),
    ),
  },
  'returns-controls': { run: () => CONTROLS, want: completed(CONTROLS) },
  'returns-huge': { run: () => 'x'.repeat(50_000_000), want: notJson(/larger than 16384 bytes/) },
  'returns-many': {
    run: () => Array.from({ length: 1_000_000 }, (_, n) => n),
    want: notJson(/larger than 16384 bytes/),
  },
  'returns-just-over': { run: () => 'é'.repeat(8_192), want: notJson(/16386 bytes/) },
  'returns-just-within': { run: () => 'x'.repeat(16_382), want: completed('x'.repeat(16_382)) },
  'returns-circular': { run: circular, want: notJson(/refers back to itself/) },
  'returns-deep': { run: () => nested(100_000), want: notJson(/nested deeper than 200/) },
  'returns-bigint': { run: () => ({ n: 2n ** 64n }), want: notJson(/BigInt/) },
  'returns-inexact': { run: () => ({ n: 2 ** 60 }), want: notJson(/beyond 2\^53/) },
  'returns-nan': { run: () => [Number.NaN], want: notJson(/NaN/) },
  'returns-invalid-date': { run: () => new Date(Number.NaN), want: notJson(/NaN/) },
  'returns-stream': { run: () => ({ body: new ReadableStream() }), want: notJson(/stream/) },
  'returns-bytes': { run: () => Buffer.alloc(10), want: notJson(/binary data/) },
  'returns-function': { run: () => () => 1, want: notJson(/function/) },
  'returns-symbol': { run: () => Symbol('s'), want: notJson(/symbol/) },
  'returns-map': { run: () => new Map(), want: notJson(/Map/) },
  'returns-promise-inside': { run: () => ({ p: Promise.resolve(1) }), want: notJson(/promise/) },
  'returns-half-a-pair': { run: () => '\ud800', want: notJson(/surrogate/) },
  'returns-refusing-proxy': {
    run: refusing,
    // Already `await` asks it for `then`.
    want: failed('Error', /not for you/),
  },
  'throws-null': { run: thrown(null), want: failed('NotAnError', /^null was thrown/) },
  'throws-undefined': {
    run: thrown(undefined),
    want: failed('NotAnError', /undefined was thrown/),
  },
  'throws-string': { run: thrown('out of\ncheese'), want: failed('NotAnError', /^out of cheese$/) },
  'throws-bigint': { run: thrown(7n), want: failed('NotAnError', /^7$/) },
  'throws-object': { run: thrown({ a: 1 }), want: failed('Error', /object without a message/) },
  'throws-refusing-proxy': {
    run: thrown(refusing()),
    want: failed('Error', /object without a message/),
  },
  'throws-aggregate': {
    run: thrown(
      new AggregateError(
        Array.from({ length: 100_000 }, (_, n) => new Error(`part ${n}`)),
        'all failed',
      ),
    ),
    want: failed('AggregateError', /^all failed: part 0; .* and 99995 more$/),
  },
  'throws-ring-of-causes': {
    run: () => {
      throw causedByItself()
    },
    want: failed('Error', /^a ring of causes$/),
  },
  'throws-odd-code': {
    run: () => {
      throw Object.assign(new Error('odd code'), { code: 'not a code\n' })
    },
    want: failed('Error', /^odd code$/),
  },
  'throws-ten-megabytes': {
    run: () => {
      const line = `password=${PLANTED_SECRET} ${CONTROLS} `
      throw new Error(line.repeat(Math.ceil(10_000_000 / line.length)))
    },
    want: failed('Error', /^password=\[redacted\] .*…$/u),
  },
}
