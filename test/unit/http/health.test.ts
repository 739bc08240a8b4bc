// /livez and /readyz as a kubelet and a person see them.

import { describe, expect, it } from 'vitest'
import { healthRoutes } from '../../../src/http/health.ts'
import type { Request } from '../../../src/http/server.ts'
import type { Component } from '../../../src/observability/health.ts'

async function ask(path: string, components: readonly Component[]) {
  const route = healthRoutes(() => components).find((each) => each.path === path)
  const request: Request = { path, query: new URLSearchParams(), authorization: '' }
  const answer = await route?.handle(request)
  return [answer?.status, answer?.body]
}

const away: Component = { name: 'nats', problem: 'away' }
const dead: Component = { name: 'handlers', problem: 'all hang', weighs: 'alive' }

describe('/readyz', () => {
  it('is 200 with a line for each component when all are well', async () => {
    const components = [
      { name: 'watch queues', problem: '' },
      { name: 'nats', problem: '' },
    ]
    expect(await ask('/readyz', components)).toEqual([200, 'ok watch queues\nok nats\n'])
  })

  it('is 503 and says what is wrong', async () => {
    expect(await ask('/readyz', [away])).toEqual([503, 'not ready nats: away\n'])
  })
})

describe('/livez', () => {
  it('is 200 while only the outside is away', async () => {
    expect(await ask('/livez', [away])).toEqual([200, 'ok\n'])
  })

  it('is 503 when only a restart helps', async () => {
    expect(await ask('/livez', [away, dead])).toEqual([
      503,
      'not ready nats: away\nnot alive handlers: all hang\n',
    ])
  })
})
