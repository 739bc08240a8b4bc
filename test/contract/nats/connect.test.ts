import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { createAuthority } from '../../../devcluster/pki.ts'
import { freePorts } from '../../../devcluster/ports.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { decodeClaim } from '../../../src/nats/decode.ts'
import { encodeClaim } from '../../../src/nats/encode.ts'
import { tokenFileLogin } from '../../../src/nats/login.ts'
import { connectTo, recordingLogger, sessionOf, whenLink } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'

/** The machine may be busy; what is waited for comes or does not. */
const slowly = { timeout: 20_000 }

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

function keep<T extends { close(): Promise<unknown> }>(one: T): T {
  open.push(one)
  return one
}

/** A server that greets as told and remembers what it is told. */
async function scripted(greeting: string): Promise<{ url: string; heard: () => string }> {
  const sockets = new Set<Socket>()
  let heard = ''
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      heard += chunk.toString()
    })
    socket.write(greeting)
  })
  const [port = 0] = await freePorts(1)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  keep({
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(resolve)
      }),
  })
  return { url: `nats://127.0.0.1:${port}`, heard: () => heard }
}

const info = (changes: Readonly<Record<string, unknown>>) =>
  `INFO ${JSON.stringify({
    server_id: 'S',
    version: '2.15.2',
    proto: 1,
    host: '127.0.0.1',
    port: 1,
    headers: true,
    max_payload: 1_048_576,
    ...changes,
  })}\r\n`

/** The problem once there is one that was not there at the beginning. */
async function problemOf(nats: Nats): Promise<string> {
  await expect.poll(() => nats.link.problem, slowly).not.toBe('not connected to NATS yet')
  return nats.link.problem
}

describe.each(serverVersions)('nats-server %s', (version) => {
  let server: BareServer
  beforeAll(async () => {
    server = await startServer({ version })
  })
  afterAll(() => server?.remove())

  test('is used: the link is connected and says no problem', async () => {
    const nats = connectTo(server.url)
    expect((await sessionOf(nats)).version).toBe(version)
    await whenLink(nats, true)
    expect(nats.link.problem).toBe('')
    await nats.close()
    expect([nats.link.connected, nats.link.problem]).toEqual([false, 'closed'])
  })

  test('that starts later is found without anybody’s help', async () => {
    await server.process.kill()
    const nats = keep(connectTo(server.url))
    const at = server.url.slice('nats://'.length)
    expect(await problemOf(nats)).toBe(`NATS at ${at} refuses connections`)
    await server.process.start()
    await whenLink(nats, true)
  })

  test('that dies ends every question at once, and is used again when it is back', async () => {
    const nats = keep(connectTo(server.url))
    const session = await sessionOf(nats)
    await whenLink(nats, true)
    await server.freeze()
    const answer = session.requests.ask({ subject: 'nobody', body: '', deadlineMs: 600_000 })
    await server.process.kill()
    expect(await answer).toEqual({ kind: 'ended' })
    expect(nats.link.connected).toBe(false)
    expect(nats.session).toBeNull()
    await server.process.start()
    await whenLink(nats, true)
    expect(nats.session).not.toBe(session)
  })

  test('that freezes is silent within two pings, without losing the session, and connected again', async () => {
    const nats = keep(connectTo(server.url, { pingMs: 50 }))
    const session = await sessionOf(nats)
    await whenLink(nats, true)
    await server.freeze()
    await whenLink(nats, false)
    expect(nats.link.problem).toMatch(/does not answer$/)
    expect(nats.silentMs()).toBeGreaterThan(0)
    server.process.continue()
    await whenLink(nats, true)
    expect(nats.session).toBe(session)
  })

  test('that is stopped in order is used again when it is back', async () => {
    const nats = keep(connectTo(server.url))
    await sessionOf(nats)
    await whenLink(nats, true)
    await server.process.stop()
    await whenLink(nats, false)
    await server.process.start()
    await whenLink(nats, true)
  })
})

describe('a server that GopherQueue cannot work with', () => {
  test.each([
    [{ version: '2.9.10' }, 'has version 2.9.10, GopherQueue needs 2.10.27 or newer'],
    [{ version: '2.10.26' }, 'has version 2.10.26, GopherQueue needs'],
    [{ headers: false }, 'has headers switched off'],
    [{ max_payload: 65_536 }, 'set max_payload: 1MB'],
  ])('%j is told in one sentence and never gets our login', async (changes, want) => {
    const server = await scripted(info(changes))
    const login = () => ({ kind: 'token', token: 'secret' }) as const
    const nats = keep(connectTo(server.url, { login }))
    expect(await problemOf(nats)).toContain(want)
    expect(nats.session).toBeNull()
    expect(server.heard()).toBe('')
  })

  test.each([
    ['that is none', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'is not a NATS server'],
    ['whose greeting is broken', 'INFO {"version":\r\n', 'is not a NATS server'],
    ['whose greeting says nothing', 'INFO {}\r\n', 'greets with an INFO that cannot be read'],
    ['whose greeting never ends', 'x'.repeat(70_000), 'is not a NATS server'],
  ])('%s is told', async (_, greeting, want) => {
    const server = await scripted(greeting)
    expect(await problemOf(keep(connectTo(server.url)))).toContain(want)
  })

  test('is one of several: the other one is used', async () => {
    const old = await scripted(info({ version: '2.9.10' }))
    const good = inject('servers').natsUrl
    const nats = keep(connectTo(`${old.url},${good}`))
    expect((await sessionOf(nats)).address).toBe(good.slice('nats://'.length))
  })
})

describe('a login', () => {
  let server: BareServer
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-token-'))
  const file = path.join(folder, 'token')
  const claim = {
    v: 1,
    role: 'worker',
    queues: ['default'],
    types: [],
    boot: 'boot-0001',
  } as const
  const user = encodeClaim(claim)

  beforeAll(async () => {
    const accounts = `authorization { users: [ { user: ${JSON.stringify(user)}, password: "second", permissions: { publish: ">", subscribe: ["_INBOX_w.>"] } } ] }`
    server = await startServer({ config: accounts })
  })
  afterAll(async () => {
    await server?.remove()
    rmSync(folder, { recursive: true })
  })

  test('is read anew for each try: a token that was renewed is used', async () => {
    writeFileSync(file, 'first\n')
    const login = tokenFileLogin(user, file)
    const nats = keep(connectTo(server.url, { login, inboxPrefix: '_INBOX_w' }))
    expect(await problemOf(nats)).toMatch(/refused the login: Authorization Violation/)
    writeFileSync(file, 'second\n')
    await whenLink(nats, true)
    expect(decodeClaim(user)).toEqual({ ok: true, value: claim })
  })

  test.each([
    ['that is missing', null, 'cannot be read'],
    ['that is empty', ' \n', 'is empty'],
    ['that holds something else', 'a b\u0000', 'does not hold a token'],
    ['that is far too large', 'x'.repeat(70_000), 'has 70000 bytes'],
  ])('from a file %s names the file and what would help', async (_, content, want) => {
    rmSync(file, { force: true })
    if (content !== null) writeFileSync(file, content)
    const nats = keep(connectTo(server.url, { login: tokenFileLogin(user, file) }))
    const problem = await problemOf(nats)
    expect(problem).toContain(`token file ${file} ${want}`)
    expect(problem).toContain('GOPHERQUEUE_TOKEN_FILE')
  })

  test('without the right to the inbox says so instead of waiting for answers', async () => {
    writeFileSync(file, 'second')
    const login = tokenFileLogin(user, file)
    const nats = keep(connectTo(server.url, { login, inboxPrefix: '_INBOX_other' }))
    await expect
      .poll(() => nats.link.problem, slowly)
      .toMatch(/forbids what is needed: .*_INBOX_other/)
  })
})

describe('TLS', () => {
  let server: BareServer
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-tls-'))
  const at = (name: string) => path.join(folder, name)

  beforeAll(async () => {
    const authority = createAuthority()
    const credentials = authority.server('nats', ['127.0.0.1'])
    writeFileSync(at('ca.crt'), authority.certificate)
    writeFileSync(at('other.crt'), createAuthority('other').certificate)
    writeFileSync(at('server.crt'), credentials.certificate)
    writeFileSync(at('server.key'), credentials.key)
    const tls = `tls { cert_file: "${at('server.crt')}", key_file: "${at('server.key')}" }`
    server = await startServer({ config: tls })
  })
  afterAll(async () => {
    await server?.remove()
    rmSync(folder, { recursive: true })
  })

  test('is used with the authority of the file', async () => {
    const nats = keep(connectTo(server.url, { caFile: at('ca.crt') }))
    await whenLink(nats, true)
  })

  test.each([
    ['another authority', 'other.crt', /broke off the login: .*(certificate|signature)/],
    ['a file that is not there', 'nothing.crt', /nothing.crt doesn't exist/],
  ])('with %s comes to nothing, and why is told', async (_, file, want) => {
    expect(await problemOf(keep(connectTo(server.url, { caFile: at(file) })))).toMatch(want)
  })

  test.each([
    ['tls://', ''],
    ['nats://', 'ca.crt'],
  ])('asked for by %s%s is not given up when the server has none', async (scheme, file) => {
    const plain = inject('servers').natsUrl.replace('nats://', scheme)
    const nats = keep(connectTo(plain, { caFile: file === '' ? '' : at(file) }))
    expect(await problemOf(nats)).toContain('offers no TLS')
  })
})

describe('a connection', () => {
  test('that is closed while it waits is closed at once', async () => {
    const nats = connectTo('nats://127.0.0.1:9')
    await problemOf(nats)
    await nats.close()
    expect(nats.link.problem).toBe('closed')
  })

  test('that is drained has sent what was published before', async () => {
    const url = inject('servers').natsUrl
    const listener = keep(connectTo(url))
    const session = await sessionOf(listener)
    const received = new Promise<string>((resolve) =>
      session.subscribe('drained.test', (message) => resolve(Buffer.from(message.body).toString())),
    )
    await session.ping()
    const nats = connectTo(url)
    ;(await sessionOf(nats)).publish('drained.test', 'last words')
    await nats.drain()
    expect(await received).toBe('last words')
    expect(nats.link.problem).toBe('closed')
  })

  test('survives a receiver that throws', async () => {
    const logger = recordingLogger()
    const nats = keep(connectTo(inject('servers').natsUrl, { logger }))
    const session = await sessionOf(nats)
    session.subscribe('throws.test', () => {
      throw new Error('a bug')
    })
    session.publish('throws.test', '')
    await session.ping()
    await session.ping()
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', fields: { err: 'a bug' } })
    expect(session.open).toBe(true)
  })

  test('says each change of its state once in the log, not each try', async () => {
    const logger = recordingLogger()
    let tries = 0
    const login = () => {
      tries += 1
      return { kind: 'none' } as const
    }
    const nats = connectTo('nats://127.0.0.1:9', { logger, login })
    await expect.poll(() => tries, slowly).toBe(3)
    await nats.close()
    expect(logger.lines.length).toBe(1)
  })

  test.each(['', 'http://x', 'ws://x', 'nats://', 'nats://user:pass@host'])(
    'to "%s" is refused at once, with the form that is taken',
    (url) => {
      expect(() => connectTo(url)).toThrow(/^the URL of the NATS server has /)
    },
  )
})
