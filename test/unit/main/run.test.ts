// The life of a program and the exit code that says how it went.

import { describe, expect, it } from 'vitest'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { exitCodeOf } from '../../../src/main/exit-codes.ts'
import { runUntilStopped } from '../../../src/main/run.ts'
import type { Component } from '../../../src/observability/health.ts'
import type { LogFields, Logger } from '../../../src/observability/ports.ts'
import { type Life, serviceOf } from '../../../src/runtime/service.ts'

function running(life: Life, options: { wait?: boolean; components?: readonly Component[] } = {}) {
  const clock = new VirtualClock()
  const stopper = new AbortController()
  const lines: string[] = []
  const write = (msg: string, fields?: LogFields) =>
    void lines.push(fields?.err === undefined ? msg : `${msg}: ${fields.err}`)
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: () => logger,
  }
  let code: number | null = null
  const ended = runUntilStopped({
    service: serviceOf(life),
    name: 'operator',
    signal: stopper.signal,
    wait: options.wait ?? true,
    components: () => options.components ?? [],
    clock,
    logger,
  }).then((value) => {
    code = value
  })
  return { clock, lines, ended, stop: () => stopper.abort(), code: () => code }
}

const fails = (code: string) => () => Promise.reject(new GopherQueueError(code, 'no', {}))

describe('a program', () => {
  it('runs until it is told to stop, and ends with 0', async () => {
    const events: string[] = []
    const t = running({
      start: () => void events.push('start'),
      stop: () => void events.push('stop'),
    })
    await t.clock.advanceAsync(3_600_000)
    expect(t.code()).toBeNull()
    t.stop()
    await t.ended
    expect(t.code()).toBe(0)
    expect(events).toEqual(['start', 'stop'])
    expect(t.lines).toEqual(['operator has stopped'])
  })

  it.each([
    ['PortTaken', 1],
    ['Anything', 1],
    ['InvalidKey', 64],
    ['InvalidConfiguration', 64],
    ['NatsUnreachable', 69],
  ])('that cannot start because of %s ends with %d and says why', async (code, want) => {
    const t = running({ start: fails(code) })
    await t.ended
    expect(t.code()).toBe(want)
    expect(t.lines[0]).toBe('operator fails: no')
  })

  it('that is stopped in the middle of its start is stopped cleanly', async () => {
    const gate = Promise.withResolvers<void>()
    const t = running({ start: () => gate.promise })
    t.stop()
    await t.clock.advanceAsync(0)
    gate.resolve()
    await t.ended
    expect(t.code()).toBe(0)
  })

  it('that was told to stop before it began never starts', async () => {
    const t = running({ start: fails('ServiceStopped') })
    t.stop()
    await t.ended
    expect(t.code()).toBe(0)
  })

  it('that does not stop cleanly ends with 1', async () => {
    const t = running({ stop: fails('StopFailed') })
    t.stop()
    await t.ended
    expect(t.code()).toBe(1)
    expect(t.lines[0]).toBe('operator did not stop cleanly: no')
  })
})

describe('with --no-wait a program', () => {
  it('runs on when all that it waits for is there in time', async () => {
    const components = [{ name: 'nats', problem: 'not yet' }]
    const t = running({}, { wait: false, components })
    await t.clock.advanceAsync(20_000)
    components.splice(0)
    await t.clock.advanceAsync(60_000)
    expect(t.code()).toBeNull()
    t.stop()
    await t.ended
    expect(t.code()).toBe(0)
  })

  it('ends with 69 and the lines of what is missing after half a minute', async () => {
    const components: readonly Component[] = [
      { name: 'nats', problem: 'refuses connections' },
      { name: 'dispatch', problem: 'paused', weighs: 'nothing' },
    ]
    const t = running({}, { wait: false, components })
    await t.clock.advanceAsync(29_000)
    expect(t.code()).toBeNull()
    await t.clock.advanceAsync(1_500)
    expect(t.code()).toBe(69)
    expect(t.lines[0]).toBe(
      'operator fails: not ready within 30 s: nats: refuses connections: without --no-wait it would wait',
    )
  })

  it('can be stopped while it waits', async () => {
    const t = running({}, { wait: false, components: [{ name: 'nats', problem: 'away' }] })
    await t.clock.advanceAsync(1_000)
    t.stop()
    await t.ended
    expect(t.code()).toBe(0)
    expect(t.clock.pendingTimers).toBe(0)
  })
})

describe('the exit code', () => {
  it('of an error that is none of ours is 1', () => {
    expect(exitCodeOf(new Error('x'))).toBe(1)
    expect(exitCodeOf('x')).toBe(1)
  })
})
