import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectTo, sessionOf, whenLink } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'

describe.each(serverVersions)('nats-server %s', (version) => {
  let server: BareServer
  beforeAll(async () => {
    server = await startServer({ version })
  })
  afterAll(() => server?.remove())

  test('is used: the link is connected and says no problem', async () => {
    const nats = connectTo(server.url)
    const session = await sessionOf(nats)
    await whenLink(nats, true)
    expect(session.version).toBe(version)
    expect([nats.link.connected, nats.link.problem]).toEqual([true, ''])
    await nats.close()
    expect([nats.link.connected, nats.link.problem]).toEqual([false, 'closed'])
  })
})
