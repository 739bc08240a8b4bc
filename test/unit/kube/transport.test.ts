// Every request to the API server: pools, credentials, what is repeated and what never is, deadlines
// and limits. Over real sockets, on a virtual clock.

import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createAuthority } from '../../../devcluster/pki.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { KubeError } from '../../../src/kube/errors.ts'
import {
  type CallFate,
  type CallReport,
  type KubeCall,
  KubeTransport,
  type MutatingCall,
  retryDelay,
  type TransportOptions,
} from '../../../src/kube/transport.ts'
import {
  type Answer,
  FixedAccess,
  json,
  type ScriptedServer,
  scriptedServer,
  until,
} from './scripted-server.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Bench {
  readonly server: ScriptedServer
  readonly access: FixedAccess
  readonly clock: VirtualClock
  readonly transport: KubeTransport
}

async function bench(
  answer: Answer,
  options: Partial<TransportOptions> & { tls?: boolean; path?: string } = {},
): Promise<Bench> {
  const { tls, path, ...more } = options
  const server = await scriptedServer(answer, { tls: tls ?? false })
  const access = new FixedAccess({ url: `${server.url}${path ?? ''}`, ca: server.ca })
  const clock = new VirtualClock()
  const transport = new KubeTransport({
    access,
    clock,
    random: new SeededRandom(1),
    version: '1.2.3',
    ...more,
  })
  cleanups.push(
    () => server.stop(),
    () => transport.close(),
  )
  return { server, access, clock, transport }
}

const ok: Answer = (_seen, response) => json(response, 200, { ok: true })
const read = (more: Partial<KubeCall> = {}): KubeCall => ({ verb: 'GET', path: '/x', ...more })
const write = (more: Partial<KubeCall> = {}): KubeCall => ({
  verb: 'PATCH',
  path: '/x',
  body: { a: 1 },
  contentType: 'application/merge-patch+json',
  ...more,
})

/** Answers each request with the next of these, the last one for ever. */
function inTurn(...answers: readonly Answer[]): Answer {
  let n = 0
  return (seen, response) => answers[Math.min(n++, answers.length - 1)]?.(seen, response)
}

const status =
  (code: number, headers = {}): Answer =>
  (_seen, response) =>
    json(response, code, { kind: 'Status', message: `answer ${code}` }, headers)

/** Ends the connection without a word. */
const reset: Answer = (seen) => seen.socket.destroy()

/** Lets the retries of a call run: time passes as soon as somebody waits for it. */
async function whileTimePasses<T>(clock: VirtualClock, call: Promise<T>): Promise<T> {
  let over = false
  const ended = call.finally(() => {
    over = true
  })
  ended.catch(() => undefined)
  while (!over) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    // The call's own deadline is one timer; a second one is a wait between tries.
    if (clock.pendingTimers > 1) clock.advance(1_000)
  }
  return ended
}

const failure = (call: Promise<unknown>): Promise<KubeError> =>
  call.then(
    () => {
      throw new Error('the call succeeded')
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(KubeError)
      return error as KubeError
    },
  )

describe('a request', () => {
  it('goes to the path below the server, with query, credentials, user agent and body', async () => {
    const { server, transport } = await bench(ok, { path: '/k8s/clusters/c-1' })
    await transport.request(write({ query: { fieldManager: 'gopherqueue', limit: 5 } }))
    expect(server.seen).toHaveLength(1)
    expect(server.seen[0]).toMatchObject({
      method: 'PATCH',
      path: '/k8s/clusters/c-1/x',
      body: '{"a":1}',
      headers: {
        authorization: 'Bearer first',
        'content-type': 'application/merge-patch+json',
        'user-agent': 'gopherqueue-operator/1.2.3',
      },
    })
    expect([...(server.seen[0]?.query ?? [])]).toEqual([
      ['fieldManager', 'gopherqueue'],
      ['limit', '5'],
    ])
  })

  it('tells the audit log in which term it was written', async () => {
    const { server, transport } = await bench(ok)
    transport.setTerm(7)
    await transport.request(read())
    expect(server.seen[0]?.headers['user-agent']).toBe('gopherqueue-operator/1.2.3 term=7')
  })

  it('that is text is sent as it stands: digits that JSON would round arrive', async () => {
    const { server, transport } = await bench(ok)
    await transport.request(write({ body: '{"a":9007199254740993}' }))
    expect(server.seen[0]?.body).toBe('{"a":9007199254740993}')
  })

  it('without an answer body is null', async () => {
    const { transport } = await bench((_seen, response) => response.writeHead(200).end())
    expect(await transport.request(read())).toBeNull()
  })

  it('whose answer is no JSON says so, and nothing is known of it', async () => {
    const { transport } = await bench((_seen, response) => response.end('<html>'))
    expect(await failure(transport.request(write()))).toMatchObject({
      reason: 'BadAnswer',
      outcomeKnown: false,
    })
  })

  it('to a server that nobody runs is known to have changed nothing', async () => {
    const { server, transport } = await bench(ok)
    await server.stop()
    cleanups.splice(0, 1)
    expect(await failure(transport.request(write()))).toMatchObject({
      reason: 'Unreachable',
      outcomeKnown: true,
    })
  })

  it('after the end of the transport fails, and is known to have changed nothing', async () => {
    const { server, transport } = await bench(ok)
    await transport.close()
    expect(await failure(transport.request(write()))).toMatchObject({
      reason: 'Closed',
      outcomeKnown: true,
    })
    expect(server.seen).toEqual([])
  })
})

describe('the pools', () => {
  it('use a connection again and again', async () => {
    const { server, transport } = await bench(ok, { tls: true })
    for (let i = 0; i < 20; i++) await transport.request(read())
    // A second one, when a request came before the last answer had freed its connection.
    expect(server.opened).toBeLessThanOrEqual(2)
  })

  it('open no more connections than they are allowed, however many requests wait', async () => {
    const waiting: ServerResponse[] = []
    const { server, transport } = await bench((_seen, response) => waiting.push(response), {
      connections: 4,
    })
    const all = Promise.all(Array.from({ length: 40 }, () => transport.request(read())))
    for (let served = 0; served < 40; served++) {
      await until('a request came', () => waiting.length > 0)
      expect(server.opened).toBeLessThanOrEqual(4)
      const response = waiting.shift()
      if (response) json(response, 200, {})
    }
    await all
    expect(server.opened).toBe(4)
  })

  it('let a renewal pass a crowd of writes that are not answered', async () => {
    const { transport, server } = await bench(
      (seen, response) => seen.path === '/lease' && json(response, 200, {}),
      { connections: 2 },
    )
    const crowd = Array.from({ length: 10 }, () => transport.request(write()).catch(() => null))
    await until('the crowd fills its connections', () => server.seen.length === 2)
    await transport.request(write({ path: '/lease', lane: 'lease' }))
    expect(server.seen.map(({ path }) => path)).toEqual(['/x', '/x', '/lease'])
    await transport.close()
    await Promise.all(crowd)
  })

  it('are opened anew when the authority changes, and the old one is refused', async () => {
    const { server, access, transport } = await bench(ok, { tls: true })
    await transport.request(read())
    access.current = { ...access.current, tls: { ...access.current.tls, ca: '' } }
    expect(await failure(transport.request(write()))).toMatchObject({
      reason: 'Unreachable',
      outcomeKnown: true,
    })
    access.current = { ...access.current, tls: { ...access.current.tls, ca: server.ca } }
    await transport.request(read())
    expect(server.seen).toHaveLength(2)
  })

  it('finish what is in flight when the authority changes', async () => {
    const waiting: ServerResponse[] = []
    const { server, access, transport } = await bench((_seen, r) => waiting.push(r), { tls: true })
    const first = transport.request(read())
    await until('the first is on its way', () => waiting.length === 1)
    access.current = { ...access.current, tls: { ...access.current.tls } }
    const second = transport.request(read())
    await until('the second is on its way', () => waiting.length === 2)
    for (const response of waiting) json(response, 200, { ok: true })
    expect(await first).toEqual({ ok: true })
    expect(await second).toEqual({ ok: true })
    expect(server.opened).toBe(2)
  })

  it('verify the name of the server', async () => {
    const authority = createAuthority()
    const { access, transport } = await bench(ok, { tls: true })
    access.current = { ...access.current, tls: { ...access.current.tls, serverName: 'other' } }
    expect((await failure(transport.request(write()))).outcomeKnown).toBe(true)
    access.current = { ...access.current, tls: { ...access.current.tls, serverName: 'localhost' } }
    expect(await transport.request(write())).toEqual({ ok: true })
    access.current = {
      ...access.current,
      tls: { ...access.current.tls, ca: authority.certificate, insecure: true },
    }
    expect(await transport.request(write())).toEqual({ ok: true })
  })
})

describe('a 401', () => {
  it('is answered with fresh credentials, once, for a write too', async () => {
    const { server, access, transport } = await bench((seen, response) =>
      json(response, seen.headers.authorization === 'Bearer second' ? 200 : 401, {}),
    )
    access.fresh = { ...access.current, headers: { authorization: 'Bearer second' } }
    await transport.request(write())
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ])
  })

  it('that stays is an error that changed nothing, and not a loop', async () => {
    const { server, access, transport } = await bench(status(401))
    expect(await failure(transport.request(read()))).toMatchObject({
      status: 401,
      outcomeKnown: true,
    })
    expect(access.refreshes).toBe(1)
    expect(server.seen).toHaveLength(2)
  })

  it('of a watch is handled the same way', async () => {
    const { access, transport } = await bench((seen, response) =>
      seen.headers.authorization === 'Bearer second'
        ? response.write('{}\n')
        : json(response, 401, {}),
    )
    access.fresh = { ...access.current, headers: { authorization: 'Bearer second' } }
    const body = await transport.watch('/x', { watch: 'true' }, new AbortController().signal)
    expect(String((await body[Symbol.asyncIterator]().next()).value)).toBe('{}\n')
    body.destroy()
  })
})

describe('a read', () => {
  it.each([429, 500, 502, 503, 504])('is repeated after %d', async (code) => {
    const { server, clock, transport } = await bench(inTurn(status(code), ok))
    expect(await whileTimePasses(clock, transport.request(read()))).toEqual({ ok: true })
    expect(server.seen).toHaveLength(2)
  })

  it('is repeated after a lost connection', async () => {
    const { server, clock, transport } = await bench(inTurn(reset, reset, ok))
    expect(await whileTimePasses(clock, transport.request(read()))).toEqual({ ok: true })
    expect(server.seen).toHaveLength(3)
  })

  it('waits as long as the server said, on the clock', async () => {
    const { server, clock, transport } = await bench(
      inTurn(status(429, { 'retry-after': '7' }), ok),
    )
    const call = transport.request(read())
    await until('it waits', () => clock.pendingTimers === 2)
    await clock.advanceAsync(6_999)
    expect(server.seen).toHaveLength(1)
    await clock.advanceAsync(1_500)
    expect(await call).toEqual({ ok: true })
  })

  it('gives up after five tries', async () => {
    const { server, clock, transport } = await bench(status(503))
    const error = await failure(whileTimePasses(clock, transport.request(read())))
    expect(error.status).toBe(503)
    expect(server.seen).toHaveLength(5)
  })

  it.each([400, 403, 404, 409, 410, 422, 501])('is not repeated after %d', async (code) => {
    const { server, transport } = await bench(status(code))
    expect((await failure(transport.request(read()))).status).toBe(code)
    expect(server.seen).toHaveLength(1)
  })

  it('is not repeated when its caller does that', async () => {
    const { server, transport } = await bench(status(503))
    await failure(transport.request(read({ retry: false })))
    expect(server.seen).toHaveLength(1)
  })
})

describe('a write', () => {
  it.each([409, 429, 500, 502, 503, 504])('is never repeated after %d', async (code) => {
    const { server, transport } = await bench(status(code))
    expect((await failure(transport.request(write()))).status).toBe(code)
    expect(server.seen).toHaveLength(1)
  })

  it('is never repeated after a lost connection: it may have happened', async () => {
    const { server, transport } = await bench(reset)
    expect(await failure(transport.request(write()))).toMatchObject({
      reason: 'Lost',
      outcomeKnown: false,
    })
    expect(server.seen).toHaveLength(1)
  })
})

describe('the deadline', () => {
  it('ends a call that is not answered, and its outcome is unknown', async () => {
    const { server, clock, transport } = await bench(() => undefined)
    const call = failure(transport.request(write({ deadlineMs: 5_000 })))
    await until('it came', () => server.seen.length === 1)
    clock.advance(5_000)
    expect(await call).toMatchObject({ reason: 'Timeout', outcomeKnown: false })
    await until('its connection is closed', () => server.open === 0)
  })

  it('ends a call whose answer stops in the middle', async () => {
    const { clock, transport, server } = await bench((_seen, response) => response.write('{"a":'))
    const call = failure(transport.request(read({ deadlineMs: 5_000, retry: false })))
    await until('it came', () => server.seen.length === 1)
    clock.advance(5_000)
    expect((await call).reason).toBe('Timeout')
  })

  it('is one for all tries together', async () => {
    const { server, clock, transport } = await bench(inTurn(status(503), () => undefined))
    const call = failure(transport.request(read({ deadlineMs: 5_000 })))
    await until('it waits', () => clock.pendingTimers === 2)
    await clock.advanceAsync(1_000)
    await until('the second try came', () => server.seen.length === 2)
    clock.advance(4_000)
    expect((await call).reason).toBe('Timeout')
    expect(clock.pendingTimers).toBe(0)
  })

  it('is not waited for when the server asks for a longer wait', async () => {
    const { server, clock, transport } = await bench(status(503, { 'retry-after': '40' }))
    const error = await failure(transport.request(read({ deadlineMs: 5_000 })))
    expect(error).toMatchObject({ status: 503, retryAfterMs: 40_000 })
    expect(server.seen).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('holds while credentials are fetched', async () => {
    const { server, access, clock, transport } = await bench(ok)
    access.credentials = () => new Promise(() => undefined)
    const call = failure(transport.request(write({ deadlineMs: 5_000 })))
    await clock.advanceAsync(5_000)
    expect((await call).reason).toBe('Timeout')
    expect(server.seen).toEqual([])
  })

  it('leaves no timer behind', async () => {
    const { clock, transport } = await bench(ok)
    await transport.request(read())
    expect(clock.pendingTimers).toBe(0)
  })

  it('a caller that stops ends its call', async () => {
    const { server, transport } = await bench(() => undefined)
    const stop = new AbortController()
    const call = failure(transport.request(read({ signal: stop.signal })))
    await until('it came', () => server.seen.length === 1)
    stop.abort()
    expect((await call).reason).toBe('Lost')
  })

  it('a caller that has stopped sends nothing', async () => {
    const { server, transport } = await bench(ok)
    await failure(transport.request(read({ signal: AbortSignal.abort() })))
    expect(server.seen).toEqual([])
  })
})

describe('the limit of bytes', () => {
  const long = 'x'.repeat(10_000)

  it('refuses an answer that says it is longer, without reading it', async () => {
    const { transport } = await bench((_seen, response) => {
      response.writeHead(200, { 'content-length': 1_000_000_000 })
      response.write('{')
    })
    expect(await failure(transport.request(read({ maxBytes: 1_000 })))).toMatchObject({
      reason: 'AnswerTooLong',
    })
  })

  it('refuses an answer that does not say how long it is', async () => {
    const { transport } = await bench((_seen, response) => {
      response.write(long)
      response.end(long)
    })
    expect((await failure(transport.request(read({ maxBytes: 15_000 })))).reason).toBe(
      'AnswerTooLong',
    )
    expect(await transport.requestText(read({ maxBytes: 20_000 }))).toHaveLength(20_000)
  })

  it('a refusal with an endless text is still a refusal', async () => {
    const { transport } = await bench((_seen, response) => {
      response.writeHead(403)
      response.end(long.repeat(20))
    })
    expect((await failure(transport.request(read()))).status).toBe(403)
  })
})

describe('a watch', () => {
  it('has a connection of its own and gives its bytes as they come', async () => {
    const open: ServerResponse[] = []
    const { server, transport } = await bench(
      (seen, response) =>
        seen.query.has('watch') ? open.push(response) && response.write('a\n') : ok(seen, response),
      { connections: 1 },
    )
    const signal = new AbortController().signal
    const bodies = await Promise.all(
      [1, 2, 3].map(() => transport.watch('/x', { watch: 'true' }, signal)),
    )
    await transport.request(read())
    expect(server.opened).toBe(4)
    const bytes = bodies[0]?.[Symbol.asyncIterator]()
    expect(String((await bytes?.next())?.value)).toBe('a\n')
    open[0]?.write('b\n')
    expect(String((await bytes?.next())?.value)).toBe('b\n')
    for (const body of bodies) body.destroy()
  })

  it('that is refused is an error with its status', async () => {
    const { transport } = await bench(status(410))
    const call = transport.watch('/x', { watch: 'true' }, new AbortController().signal)
    expect((await failure(call)).status).toBe(410)
  })

  it('that is not answered ends with its signal', async () => {
    const { server, transport } = await bench(() => undefined)
    const stop = new AbortController()
    const call = failure(transport.watch('/x', { watch: 'true' }, stop.signal))
    await until('it came', () => server.seen.length === 1)
    stop.abort()
    expect((await call).reason).toBe('Lost')
  })
})

describe('the seam for faults', () => {
  const fates = (...planned: CallFate[]) => {
    const told: MutatingCall[] = []
    const onCall = (call: MutatingCall) => {
      told.push(call)
      return planned[told.length - 1]
    }
    return { told, onCall }
  }

  it('a lost request never reaches the server, a lost answer comes from one that did', async () => {
    const { told, onCall } = fates('lose-request', 'lose-answer', 'send')
    const { server, transport } = await bench(ok, { onCall })
    const lost = { reason: 'Lost', outcomeKnown: false }
    expect(await failure(transport.request(write()))).toMatchObject(lost)
    expect(server.seen).toHaveLength(0)
    expect(await failure(transport.request(write()))).toMatchObject(lost)
    expect(server.seen).toHaveLength(1)
    await transport.request(write())
    expect(told).toEqual([1, 2, 3].map((n) => ({ n, verb: 'PATCH', path: '/x' })))
  })

  it('reads are not shown to it', async () => {
    const { told, onCall } = fates()
    const { transport } = await bench(ok, { onCall })
    await transport.request(read())
    expect(told).toEqual([])
  })

  it('nobody hears of a lost answer, whatever it says', async () => {
    const { onCall } = fates('lose-answer')
    const { transport } = await bench(status(409), { onCall })
    expect((await failure(transport.request(write()))).reason).toBe('Lost')
  })
})

it('each try is counted with its status and time', async () => {
  const reports: CallReport[] = []
  const { clock, transport } = await bench(inTurn(status(503), reset, ok), {
    observe: (report) => reports.push(report),
  })
  await whileTimePasses(clock, transport.request(read()))
  expect(reports.map(({ verb, status: code }) => [verb, code])).toEqual([
    ['GET', 503],
    ['GET', 0],
    ['GET', 200],
  ])
})

describe('the wait before a read is repeated', () => {
  const error = (code: number, retryAfterMs = 0) =>
    new KubeError({ status: code, reason: 'X', message: '', retryAfterMs, outcomeKnown: false })

  it.each([
    [1, 0, 50],
    [1, 0.999, 150],
    [4, 0, 400],
    [4, 0.999, 1_199],
  ])('after try %d with roll %d: %d ms', (tries, roll, want) => {
    expect(Math.round(retryDelay(error(503), tries, roll) ?? -1)).toBeCloseTo(want, -1)
  })

  it('spreads what the server said, upwards only', () => {
    expect(retryDelay(error(429, 10_000), 1, 0)).toBe(10_000)
    expect(retryDelay(error(429, 10_000), 1, 0.999)).toBeLessThan(12_000)
    expect(retryDelay(error(429, 10_000), 5, 0)).toBeNull()
  })
})
