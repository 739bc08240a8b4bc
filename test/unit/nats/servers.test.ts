import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isAtLeast,
  parseGreeting,
  parseServers,
  reasonOf,
  refusalOf,
} from '../../../src/nats/servers.ts'

describe('a URL', () => {
  test.each([
    ['nats://host:4333', ['host:4333'], false],
    ['nats://host', ['host:4222'], false],
    ['host:4333', ['host:4333'], false],
    ['nats://host:80', ['host:80'], false],
    ['tls://a:1,nats://b:2', ['a:1', 'b:2'], true],
    ['nats://[::1]:4222', ['[::1]:4222'], false],
  ])('%s names its servers', (url, addresses, tls) => {
    const list = parseServers(url)
    expect(list.servers.map(({ address }) => address)).toEqual(addresses)
    expect(list.tls).toBe(tls)
  })

  test('of an IPv6 address gives the bare address to dial', () => {
    expect(parseServers('nats://[::1]:4222').servers[0]?.host).toBe('::1')
  })

  test('with credentials is refused without repeating them', () => {
    expect(() => parseServers('nats://user:secret@host')).toThrow(
      expect.objectContaining({
        code: 'InvalidConfiguration',
        message: expect.not.stringContaining('secret'),
      }),
    )
  })
})

describe('a version', () => {
  test.each([
    ['2.10.27', true],
    ['2.10.28', true],
    ['2.11.0', true],
    ['3.0.0', true],
    ['v2.15.2', true],
    ['2.11.0-beta.1', true],
    ['2.10.26', false],
    ['2.9.99', false],
    ['1.99.99', false],
    ['2.10', false],
    ['', false],
    ['latest', false],
  ])('%s is new enough: %s', (version, want) => {
    expect(isAtLeast(version, '2.10.27')).toBe(want)
  })
})

const good = { version: '2.15.2', max_payload: 1_048_576, headers: true }

test('a server that fits is not refused', () => {
  expect(refusalOf(good)).toBeNull()
})

test('a hostile version is quoted cleanly', () => {
  expect(refusalOf({ ...good, version: '\u001b[2J1.0' })).toMatch(/^has version \[2J1.0, /)
})

test('any greeting is a greeting or an error, never an exception', () => {
  const lines = fc.oneof(
    fc.string(),
    fc.json().map((json) => `INFO ${json}\r\n`),
    fc.object().map((value) => `INFO ${JSON.stringify({ ...good, ...value })}\r\n`),
  )
  fc.assert(
    fc.property(lines, (said) => {
      const greeting = parseGreeting(said)
      expect(greeting instanceof Error || typeof greeting.version === 'string').toBe(true)
    }),
  )
})

test.each([
  ['ECONNREFUSED', 'refuses connections'],
  ['ENOTFOUND', 'has a host name that nobody knows'],
  ['EHOSTUNREACH', 'cannot be reached: connect EHOSTUNREACH'],
])('%s is told in words', (code, want) => {
  expect(reasonOf(Object.assign(new Error(`connect ${code}`), { code }))).toBe(want)
})
