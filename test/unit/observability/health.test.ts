// Alive, ready, and the one line that says why not.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  apiServerComponent,
  type Component,
  judgeHealth,
  natsComponent,
  watchComponent,
} from '../../../src/observability/health.ts'
import { hostileText } from '../../hostile-text.ts'

const well: Component = { name: 'nats', problem: '' }

describe('the judgement', () => {
  it.each<[string, Component, { alive: boolean; ready: boolean }]>([
    ['nothing', well, { alive: true, ready: true }],
    ['what keeps from working', { name: 'x', problem: 'no' }, { alive: true, ready: false }],
    [
      'what only a restart helps',
      { name: 'x', problem: 'no', weighs: 'alive' },
      { alive: false, ready: false },
    ],
    [
      'what informs',
      { name: 'x', problem: 'standby', weighs: 'nothing' },
      { alive: true, ready: true },
    ],
  ])('on %s', (_, component, want) => {
    expect(judgeHealth([well, component])).toMatchObject(want)
  })

  it('names each component in a line of its own', () => {
    const { lines } = judgeHealth([
      well,
      { name: 'watch queues', problem: 'not allowed' },
      { name: 'handlers', problem: 'all hang', weighs: 'alive' },
      { name: 'dispatch', problem: 'paused', weighs: 'nothing' },
    ])
    expect(lines).toEqual([
      'ok nats',
      'not ready watch queues: not allowed',
      'not alive handlers: all hang',
      'note dispatch: paused',
    ])
  })

  it('is of nobody when there is nobody', () => {
    expect(judgeHealth([])).toEqual({ alive: true, ready: true, lines: [] })
  })

  it('is never alive by what is ill, never ready without being alive, one line each', () => {
    const component = fc.record({
      name: fc.constantFrom('a', 'b'),
      problem: fc.oneof(fc.constant(''), hostileText(60)),
      weighs: fc.constantFrom('ready', 'alive', 'nothing'),
    }) as fc.Arbitrary<Component>
    fc.assert(
      fc.property(fc.array(component), (components) => {
        const { alive, ready, lines } = judgeHealth(components)
        expect(ready && !alive).toBe(false)
        expect(lines).toHaveLength(components.length)
        for (const line of lines) expect(line).toMatch(/^[^\p{Cc}\p{Zl}]{1,512}$/u)
        const worst = components.filter(({ problem }) => problem !== '').map((c) => c.weighs)
        expect(alive).toBe(!worst.includes('alive'))
        expect(ready).toBe(!worst.includes('alive') && !worst.includes('ready'))
      }),
    )
  })
})

describe('a watch', () => {
  const current = { resource: 'queuejobs', synced: true, problem: '', silentForMs: 0 }

  it.each([
    ['that is current is well', {}, ''],
    [
      'that was silent for a minute is not',
      { silentForMs: 60_000 },
      'the API server has been silent for 60 s; the watch is opened anew by itself',
    ],
    ['just before that still is', { silentForMs: 59_999 }, ''],
    [
      'that lists for the first time is not',
      { synced: false, silentForMs: 5 },
      'the first list is not complete',
    ],
    [
      'of a CRD that is missing says so before anything else',
      {
        synced: false,
        problem: 'unknown to the API server: 404 (install the CRDs)',
        silentForMs: Number.POSITIVE_INFINITY,
      },
      'unknown to the API server: 404 (install the CRDs)',
    ],
  ])('%s', (_, state, want) => {
    expect(watchComponent({ ...current, ...state })).toEqual({
      name: 'watch queuejobs',
      problem: want,
    })
  })
})

describe('the API server', () => {
  const server = 'https://10.97.0.1:443'

  it.each([
    [0, ''],
    [59_999, ''],
    [
      90_000,
      `API server ${server} has not answered for 90 s; nothing is lost, everything goes on when it is back`,
    ],
    [
      Number.POSITIVE_INFINITY,
      `API server ${server} has not answered yet; nothing is lost, everything goes on when it is back`,
    ],
  ])('silent for %d ms', (silentForMs, want) => {
    expect(apiServerComponent({ server, silentForMs }).problem).toBe(want)
  })

  it('that is away never makes the process look dead', () => {
    const silent = { server, silentForMs: Number.POSITIVE_INFINITY }
    expect(judgeHealth([apiServerComponent(silent)]).alive).toBe(true)
  })
})

describe('NATS', () => {
  it('is well while connected, whatever was before', () => {
    expect(natsComponent({ connected: true, problem: 'old', forMs: 5 }).problem).toBe('')
  })

  it.each([
    ['127.0.0.1:4222 refuses connections', '127.0.0.1:4222 refuses connections (for 12 s)'],
    [
      'nats:4222 is version 2.9.10, at least 2.10.27 is needed',
      'nats:4222 is version 2.9.10, at least 2.10.27 is needed (for 12 s)',
    ],
    ['', 'not connected (for 12 s)'],
  ])('away because %j says so, and what it means', (problem, want) => {
    const component = natsComponent({ connected: false, problem, forMs: 12_300 })
    expect(component.problem).toBe(
      `${want}; jobs are accepted and kept, nothing starts until it is back`,
    )
    expect(judgeHealth([component])).toMatchObject({ alive: true, ready: false })
  })
})
