import { describe, expect, test } from 'vitest'
import { deliveryOrigin, nak, pullStatus } from '../../../src/nats/acks.ts'

describe('the origin of a delivery', () => {
  test.each([
    ['plain', '$JS.ACK.GQ_WORK.team-a_0f.1.42.7.1690000000000000000.3'],
    ['with domain and account', '$JS.ACK.hub.AbCd.GQ_WORK.team-a_0f.1.42.7.1690000000000000000.3'],
    ['with a token more', '$JS.ACK._.AbCd.GQ_WORK.team-a_0f.1.42.7.1690000000000000000.3.rnd'],
  ])('is read from both forms of its reply: %s', (_, reply) => {
    expect(deliveryOrigin(reply)).toEqual({ stream: 'GQ_WORK', consumer: 'team-a_0f', seq: 42 })
  })

  test.each(['', '_INBOX.a.b', '$JS.ACK', '$JS.ACK.GQ_WORK', '$JS.ACK.a.b.c.d.e.f.g'])(
    'of "%s" is none',
    (reply) => {
      expect(deliveryOrigin(reply)).toBeNull()
    },
  )
})

describe('a status about a pull', () => {
  test.each([
    [100, 'Idle Heartbeat', 'alive'],
    [404, 'No Messages', 'over'],
    [408, 'Request Timeout', 'over'],
    [409, 'Consumer Deleted', 'gone'],
    [409, 'Exceeded MaxWaiting', 'pause'],
    [409, 'Leadership Change', 'pause'],
    [409, 'Server Shutdown', 'pause'],
    [400, 'Bad Request', 'pause'],
    [503, '', 'gone'],
    [0, '', 'pause'],
  ] as const)('%d %s means %s', (status, description, want) => {
    expect(pullStatus({ status, description })).toBe(want)
  })
})

test('a message is given back at once or after a delay in nanoseconds', () => {
  expect([nak(0), nak(1_000)]).toEqual(['-NAK', '-NAK {"delay":1000000000}'])
})
