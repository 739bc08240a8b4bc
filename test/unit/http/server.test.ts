// The server over real sockets on loopback: routes, limits, endings.

import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { HttpServer, type HttpServerOptions, type Route, text } from '../../../src/http/server.ts'
import type { LogFields, Logger } from '../../../src/observability/ports.ts'

const running: HttpServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

function recorder(): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  const write = (msg: string, fields?: LogFields) => void lines.push(`${msg}: ${fields?.err ?? ''}`)
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: () => logger,
  }
  return { logger, lines }
}

async function server(routes: readonly Route[], options: Partial<HttpServerOptions> = {}) {
  const { logger, lines } = recorder()
  const clock = new VirtualClock()
  const made = new HttpServer({
    routes,
    host: '127.0.0.1',
    port: 0,
    name: 'health',
    clock,
    logger,
    ...options,
  })
  running.push(made)
  await made.start()
  const url = `http://127.0.0.1:${made.port}`
  return { server: made, url, lines, clock }
}

/** Sends bytes as they are and reads until the server closes. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
  })
}

const hello: Route = { path: '/hello', handle: () => text(200, 'hello') }

describe('a route', () => {
  it('answers GET with its text, never to be cached', async () => {
    const { url } = await server([hello])
    const answer = await fetch(`${url}/hello`)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('hello\n')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('answers HEAD with the head only', async () => {
    const { url } = await server([hello])
    const answer = await fetch(`${url}/hello`, { method: 'HEAD' })
    expect(answer.headers.get('content-length')).toBe('6')
    expect(await answer.text()).toBe('')
  })

  it('gets path, query and authorization', async () => {
    const seen: unknown[] = []
    const route: Route = {
      path: '/see',
      handle: ({ path, query, authorization }) => {
        seen.push(path, query.get('verbose'), authorization)
        return text(200, '')
      },
    }
    const { url } = await server([route])
    await fetch(`${url}/see?verbose=1?2`, { headers: { authorization: 'Bearer x' } })
    expect(seen).toEqual(['/see', '1?2', 'Bearer x'])
  })

  it.each(['/', '/hello/', '/HELLO', '/hello/../hello2', '/%68ello', '//hello'])(
    'is not found under %s',
    async (path) => {
      const { server: s } = await server([hello])
      const answer = await raw(s.port, `GET ${path} HTTP/1.0\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 404 /)
    },
  )

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])(
    'refuses %s and says what is allowed',
    async (m) => {
      const { url } = await server([hello])
      const answer = await fetch(`${url}/hello`, { method: m })
      expect(answer.status).toBe(405)
      expect(answer.headers.get('allow')).toBe('GET, HEAD')
    },
  )

  it('that fails answers 500 without saying why; the log does', async () => {
    const { url, lines } = await server([
      { path: '/fails', handle: () => Promise.reject(new Error('secret detail')) },
    ])
    const answer = await fetch(`${url}/fails`)
    expect(answer.status).toBe(500)
    expect(await answer.text()).toBe('internal error\n')
    expect(lines).toEqual(['http request failed: secret detail'])
  })

  it('that never answers is answered for after ten seconds', async () => {
    const asked = Promise.withResolvers<void>()
    const { url, clock } = await server([
      {
        path: '/hangs',
        handle: () => {
          asked.resolve()
          return new Promise(() => undefined)
        },
      },
    ])
    const answer = fetch(`${url}/hangs`)
    await asked.promise
    clock.advance(10_000)
    expect((await answer).status).toBe(503)
  })
})

describe('a guarded route', () => {
  const guarded: Route = {
    ...hello,
    guard: async ({ authorization }) =>
      authorization === 'Bearer good'
        ? { kind: 'admit' }
        : { kind: 'refuse', answer: text(401, 'give a token') },
  }

  it('answers whom the guard admits', async () => {
    const { url } = await server([guarded])
    const answer = await fetch(`${url}/hello`, { headers: { authorization: 'Bearer good' } })
    expect(await answer.text()).toBe('hello\n')
  })

  it('answers nobody else', async () => {
    const { url } = await server([guarded])
    const answer = await fetch(`${url}/hello`)
    expect(answer.status).toBe(401)
    expect(await answer.text()).toBe('give a token\n')
  })

  it('stays shut when the guard fails', async () => {
    const { url } = await server([{ ...hello, guard: () => Promise.reject(new Error('no API')) }])
    expect((await fetch(`${url}/hello`)).status).toBe(500)
  })
})

describe('a request beyond the limits', () => {
  it('with too many headers is refused', async () => {
    const { server: s } = await server([hello])
    const answer = await raw(s.port, `GET /hello HTTP/1.1\r\nx: ${'y'.repeat(10_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
  })

  it.each([
    ['with a length', 'content-length: 5'],
    ['in pieces', 'transfer-encoding: chunked'],
  ])('with a body %s is refused and its connection closed', async (_, header) => {
    const { server: s } = await server([hello])
    const answer = await raw(s.port, `GET /hello HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
  })

  it('that is no HTTP is refused and harms nobody', async () => {
    const { server: s, url } = await server([hello])
    expect(await raw(s.port, '\u0000\u0001garbage\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    expect((await fetch(`${url}/hello`)).status).toBe(200)
  })
})

describe('the life of the server', () => {
  it('takes a free port for 0 and says which', async () => {
    const { server: s } = await server([hello])
    expect(s.port).toBeGreaterThan(0)
  })

  it('names the port that is taken and what to do', async () => {
    const { server: first } = await server([hello])
    await expect(server([hello], { port: first.port })).rejects.toMatchObject({
      code: 'PortTaken',
      message: `the health server cannot listen on 127.0.0.1:${first.port}: the port is taken`,
      help: 'give it another port; 0 means a free one',
    })
  })

  it('ends with its stop, idle connections included', async () => {
    const { server: s, url } = await server([hello])
    await (await fetch(`${url}/hello`)).text()
    await s.stop()
    await expect(fetch(`${url}/hello`)).rejects.toThrow()
  })

  it('answers what is under way before it stops', async () => {
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const slow: Route = {
      path: '/slow',
      handle: async () => {
        asked.resolve()
        await gate.promise
        return text(200, 'done')
      },
    }
    const { server: s, url } = await server([slow])
    const answer = fetch(`${url}/slow`)
    await asked.promise
    const stopped = s.stop()
    gate.resolve()
    expect(await (await answer).text()).toBe('done\n')
    await stopped
  })
})
