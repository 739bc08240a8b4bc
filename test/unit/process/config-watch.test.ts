// What a change of the configuration file does to a running process.

import { describe, expect, it } from 'vitest'
import { CONFIG_API_VERSION, OperatorConfig } from '../../../src/api/config.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import type { LogFields, Logger } from '../../../src/observability/ports.ts'
import { compileConfig } from '../../../src/process/config-layers.ts'
import { ConfigWatch } from '../../../src/process/config-watch.ts'

function watch(text: string, flags: Readonly<Record<string, string>> = {}) {
  const head = (body: string) => `apiVersion: ${CONFIG_API_VERSION}\n${body}`
  let file: string | Error = head(text)
  const layers = { flags: new Map(Object.entries(flags)), environment: {} }
  const first = compileConfig(OperatorConfig, { ...layers, file: { name: 'gq.yaml', text: file } })
  if (first.kind === 'rejected') throw new Error(first.problems.join())
  const lines: string[] = []
  const write = (msg: string, { setting, value, err }: LogFields = {}) =>
    void lines.push([msg, setting, value, err].filter((part) => part !== undefined).join(' '))
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: () => logger,
  }
  const counts: string[] = []
  const clock = new VirtualClock()
  const made = new ConfigWatch({
    schema: OperatorConfig,
    first,
    layers,
    file: 'gq.yaml',
    read: async () => {
      if (file instanceof Error) throw file
      return file
    },
    clock,
    logger,
    metrics: {
      count: (name, labels) => void counts.push(`${name} ${labels?.result}`),
      set: () => undefined,
      observe: () => undefined,
    },
  })
  const changes: string[] = []
  made.onChange((next, changed) => {
    changes.push(`${changed.join()}: ${next.logLevel} ${next.dispatch}`)
  })
  const becomes = async (next: string | Error) => {
    file = next instanceof Error ? next : head(next)
    await clock.advanceAsync(10_000)
  }
  return { watch: made, clock, lines, counts, changes, becomes }
}

describe('a changed file', () => {
  it('changes log level and dispatch at once', async () => {
    const t = watch('logLevel: info')
    await t.watch.start()
    await t.becomes('logLevel: debug\ndispatch: Paused')
    expect(t.changes).toEqual(['logLevel,dispatch: debug Paused'])
    expect(t.watch.current).toMatchObject({ logLevel: 'debug', dispatch: 'Paused' })
    expect(t.lines).toEqual([
      'changed setting takes effect logLevel debug',
      'changed setting takes effect dispatch Paused',
    ])
    expect(t.counts).toEqual(['gopherqueue_config_reloads_total taken'])
  })

  it('says of everything else that it needs a restart, and keeps it', async () => {
    const t = watch('statusWriters: 4')
    await t.watch.start()
    await t.becomes('statusWriters: 8\ninformation:\n  percent: 9\ndispatch: Paused')
    expect(t.watch.current).toMatchObject({
      statusWriters: 4,
      information: { percent: 5 },
      dispatch: 'Paused',
    })
    expect(t.lines).toContain('changed setting needs a restart statusWriters')
    expect(t.lines).toContain('changed setting needs a restart information.percent')
  })

  it('that is wrong changes nothing and is told once', async () => {
    const t = watch('dispatch: Running')
    await t.watch.start()
    await t.becomes('dispatch: Pausd')
    await t.clock.advanceAsync(60_000)
    expect(t.changes).toEqual([])
    expect(t.lines).toEqual([
      'changed configuration refused, the running one stays gq.yaml:2: dispatch: must be one of Running, Paused, is "Pausd"',
    ])
    expect(t.counts).toEqual(['gopherqueue_config_reloads_total refused'])
  })

  it('that is gone for a while changes nothing, and works when it is back', async () => {
    const t = watch('dispatch: Running')
    await t.watch.start()
    await t.becomes(new Error('gone'))
    expect(t.watch.current.dispatch).toBe('Running')
    await t.becomes('dispatch: Paused')
    expect(t.changes).toEqual(['dispatch: info Paused'])
  })

  it('never wins over a flag', async () => {
    const t = watch('', { logLevel: 'warn' })
    await t.watch.start()
    await t.becomes('logLevel: debug')
    expect(t.changes).toEqual([])
    expect(t.lines).toEqual([])
  })

  it('can be changed back', async () => {
    const t = watch('dispatch: Running')
    await t.watch.start()
    await t.becomes('dispatch: Paused')
    await t.becomes('dispatch: Running')
    expect(t.changes).toEqual(['dispatch: info Paused', 'dispatch: info Running'])
  })

  it('between the reading at the start and the first look is noticed', async () => {
    const t = watch('dispatch: Running')
    const changed = t.becomes('dispatch: Paused')
    await t.watch.start()
    await changed
    expect(t.changes).toEqual(['dispatch: info Paused'])
  })

  it('is of no interest after the stop', async () => {
    const t = watch('dispatch: Running')
    await t.watch.start()
    await t.watch.stop()
    await t.becomes('dispatch: Paused')
    expect(t.changes).toEqual([])
    expect(t.clock.pendingTimers).toBe(0)
  })
})

describe('without a file', () => {
  it('nothing is read and no timer runs', async () => {
    const first = compileConfig(OperatorConfig, { flags: new Map(), environment: {}, file: null })
    if (first.kind === 'rejected') throw new Error('rejected')
    const clock = new VirtualClock()
    const none = () => undefined
    const logger: Logger = { debug: none, info: none, warn: none, error: none, child: () => logger }
    const watched = new ConfigWatch({
      schema: OperatorConfig,
      first,
      layers: { flags: new Map(), environment: {} },
      file: null,
      read: () => Promise.reject(new Error('must not be called')),
      clock,
      logger,
      metrics: { count: none, set: none, observe: none },
    })
    await watched.start()
    expect(clock.pendingTimers).toBe(0)
    expect(watched.current.dispatch).toBe('Running')
  })
})
