// What may stand in a log line: bounded, printable, without secrets.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  escapeControls,
  isLogged,
  LOG_KEYS,
  logRecord,
  MAX_ERROR,
  MAX_TEXT,
  prettyLine,
  redact,
  safeText,
} from '../../../src/observability/log.ts'
import { hostileText } from '../../hostile-text.ts'

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

// Made here, so that no scanner takes them for lost ones.
const JWT = ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJ4In0', 'c2lnbmF0dXJl'].join('.')
const SEED = `SU${'A2BCD'.repeat(11)}A`
const PEM = ['-----BEGIN PRIVATE KEY-----', 'TUlJRXZR', '-----END PRIVATE KEY-----'].join('\n')

describe('a text', () => {
  it.each([
    ['a line end', 'a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['a terminal escape', '\u001b[31mred', '\\u001b[31mred'],
    ['a C1 control', 'a\u009b31m', 'a\\u009b31m'],
    ['a direction mark', 'a\u202eb', 'a\\u202eb'],
    ['a line separator', 'a\u2028b', 'a\\u2028b'],
    ['half of a pair', 'a\ud800b', 'a\\ud800b'],
    ['a tag of plane 14', 'a\u{e0041}b', 'a\\u{e0041}b'],
    ['what is printable', 'Größe 日本 😀 "\\', 'Größe 日本 😀 "\\'],
  ])('shows %s', (_, text, want) => {
    expect(escapeControls(text)).toBe(want)
  })

  it('is one bounded printable line, whatever it was', () => {
    fc.assert(
      fc.property(hostileText(60), fc.integer({ min: 1, max: 300 }), (text, max) => {
        const shown = safeText(text, max)
        expect(shown.length).toBeLessThanOrEqual(max)
        expect(shown).not.toMatch(UNPRINTABLE)
      }),
    )
  })

  it('of printable characters within the bound is left alone', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ a-zA-Z0-9./:'-]{0,200}$/), (text) => {
        expect(safeText(text)).toBe(redact(text))
      }),
    )
  })

  it('of ten megabytes is cut before it is looked at', () => {
    expect(safeText('x'.repeat(10_000_000))).toBe(`${'x'.repeat(MAX_TEXT - 1)}…`)
  })
})

describe('a secret', () => {
  it.each([
    ['a token', `refused: ${JWT} is expired`, 'refused: [redacted] is expired'],
    ['a token that was cut', `refused: ${JWT.slice(0, 25)}`, 'refused: [redacted]'],
    ['an authorization header', 'Bearer abcdefghij.klmnop', 'Bearer [redacted]'],
    [
      'a password in an address',
      'nats://joe:hush@nats:4222 closed',
      'nats://[redacted]@nats:4222 closed',
    ],
    ['a private key', `file: ${PEM} end`, 'file: [redacted] end'],
    ['a private key that was cut', PEM.slice(0, 36), '[redacted]'],
    ['a NATS seed', `bad seed ${SEED}`, 'bad seed [redacted]'],
    ['a setting', 'password=hush&x=1', 'password=[redacted]&x=1'],
    ['a JSON member', '{"token": "hush", "a": 1}', '{"token": "[redacted]", "a": 1}'],
  ])('that looks like %s is not shown', (_, text, want) => {
    expect(redact(text)).toBe(want)
  })

  it.each([
    'Unexpected token } in JSON at position 4',
    'https://10.97.0.1:443/apis/gopherqueue.io/v1alpha1/queuejobs',
    'mail to joe@example.com refused',
    'the token expired 3 s ago',
    'basic handlers are served',
  ])('is not seen in: %s', (text) => {
    expect(redact(text)).toBe(text)
  })

  it.each(['password', 'nats_token', 'Authorization', 'nonce', 'payload', 'clientSecret'])(
    'under the key %s is not shown, whatever it looks like',
    (key) => {
      expect(logRecord({ [key]: 'hush' })).toEqual({ [key]: '[redacted]' })
    },
  )
})

describe('the fields', () => {
  it('keep more of an error than of anything else', () => {
    const long = 'x'.repeat(5000)
    const record = logRecord({ err: long, job: long })
    expect(record.err).toHaveLength(MAX_ERROR)
    expect(record.job).toHaveLength(MAX_TEXT)
  })

  it('leave out what is not given and keep numbers and booleans', () => {
    const extra: Record<string, undefined> = { slots: undefined }
    expect(logRecord({ job: 'a', ...extra, attempt: 2, slow: false })).toEqual({
      job: 'a',
      attempt: 2,
      slow: false,
    })
  })

  it('say what is no JSON number in words', () => {
    expect(logRecord({ age: Number.POSITIVE_INFINITY, lag: Number.NaN })).toEqual({
      age: 'Infinity',
      lag: 'NaN',
    })
  })

  it.each(['time', 'level', 'msg'])('never overwrite the key %s of the line', (key) => {
    expect(logRecord({ [key]: 'x' })).toEqual({ [`${key}_`]: 'x' })
  })

  it('are at most 32', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, n]))
    expect(Object.keys(logRecord(many))).toHaveLength(32)
  })

  it('may be called __proto__ and constructor without doing anything', () => {
    const fields = JSON.parse('{"__proto__": "x", "constructor": "y"}')
    const record = logRecord(fields)
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
    expect(Object.entries(record)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  it('have names that are one line, too', () => {
    expect(Object.keys(logRecord({ 'a\nb': 1 }))).toEqual(['a\\nb'])
  })

  it('have a closed set of keys, none twice', () => {
    expect(new Set(LOG_KEYS).size).toBe(LOG_KEYS.length)
    expect(LOG_KEYS).toContain('trace_id')
  })
})

describe('the level', () => {
  it.each([
    ['debug', 'trace', true],
    ['info', 'info', true],
    ['debug', 'info', false],
    ['error', 'warn', true],
    ['error', 'silent', false],
  ] as const)('%s is logged at threshold %s: %s', (level, threshold, want) => {
    expect(isLogged(level, threshold)).toBe(want)
  })
})

describe('a line for eyes', () => {
  const json = (fields: object) =>
    JSON.stringify({ time: '2026-01-01T12:03:04.123Z', level: 'info', ...fields })

  it('has time, level, speaker, text and fields', () => {
    const line = json({ logger: 'scheduler', job: 'a', err: 'no answer', msg: 'job held' })
    expect(prettyLine(line, false)).toBe(
      '12:03:04.123 INFO  scheduler: job held job=a err="no answer"',
    )
  })

  it('colours the level only', () => {
    expect(prettyLine(json({ msg: 'up' }), true)).toBe('12:03:04.123 \u001b[32mINFO \u001b[0m up')
  })
})
