// The lines that really come out of pino.

import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { createLogger, type LoggerOptions } from '../../../src/process/logger.ts'

function logger(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const clock = new VirtualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
  const output = { write: (line: string) => void lines.push(line) }
  const log = createLogger({ clock, level: 'info', format: 'json', output, ...options })
  return { log, lines, clock, last: () => JSON.parse(lines.at(-1) ?? 'null') }
}

describe('a JSON line', () => {
  it('has time in UTC, level, text and fields, and nothing else', () => {
    const t = logger()
    t.log.info('job started', { namespace: 'shop', job: 'a', attempt: 1 })
    expect(t.lines).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.006Z","namespace":"shop","job":"a","attempt":1,"msg":"job started"}\n',
    ])
  })

  it.each(['debug', 'info', 'warn', 'error'] as const)('of level %s says so', (level) => {
    const t = logger({ level: 'trace' })
    t.log[level]('text')
    expect(t.last()).toMatchObject({ level, msg: 'text' })
  })

  it('stays one line with hostile values', () => {
    const t = logger()
    t.log.error('failed', { err: 'a\n{"level":"info","msg":"all is well"}\u001b[2J' })
    expect(t.lines).toHaveLength(1)
    expect(t.lines[0]?.indexOf('\n')).toBe((t.lines[0]?.length ?? 0) - 1)
    expect(t.last().err).toBe('a\\n{"level":"info","msg":"all is well"}\\u001b[2J')
  })

  it('has each key once, the nearest value winning', () => {
    const t = logger()
    t.log.child({ logger: 'scheduler', job: 'a' }).child({ job: 'b' }).info('x', { job: 'c' })
    expect(t.lines[0]?.match(/"job"/g)).toHaveLength(1)
    expect(t.last()).toMatchObject({ logger: 'scheduler', job: 'c' })
  })

  it('cannot be given another level or text by a field', () => {
    const t = logger()
    t.log.info('real', { level: 'error', msg: 'forged' })
    expect(t.last()).toMatchObject({ level: 'info', msg: 'real', level_: 'error', msg_: 'forged' })
  })

  it('of a parent is untouched by its children', () => {
    const t = logger()
    t.log.child({ job: 'a' })
    t.log.info('x')
    expect(t.last()).not.toHaveProperty('job')
  })
})

describe('the level', () => {
  it('holds back what is below it', () => {
    const t = logger({ level: 'warn' })
    t.log.info('x')
    t.log.warn('y')
    expect(t.lines).toHaveLength(1)
  })

  it('changes for children that were made before', () => {
    const t = logger()
    const child = t.log.child({ logger: 'scheduler' })
    t.log.setLevel('debug')
    child.debug('x')
    t.log.setLevel('silent')
    child.error('y')
    expect(t.lines).toHaveLength(1)
  })
})

describe('text output', () => {
  it('is for eyes, made from the same fields', () => {
    const t = logger({ format: 'text' })
    t.log.child({ logger: 'worker' }).warn('slot is late', { job: 'a' })
    expect(t.lines).toEqual(['03:04:05.006 WARN  worker: slot is late job=a\n'])
  })

  it('keeps terminal escapes out of values', () => {
    const t = logger({ format: 'text', colours: true })
    t.log.info('x', { job: '\u001b[2J' })
    expect(t.lines[0]).toContain('job=\\u001b[2J')
  })
})

describe('flush', () => {
  it('waits for an output that can be waited for', async () => {
    let flushed = false
    const output = {
      write: () => undefined,
      flush: (done: () => void) => {
        flushed = true
        done()
      },
      dropped: 3,
    }
    const { log } = logger({ output })
    await log.flush()
    expect(flushed).toBe(true)
    expect(log.dropped).toBe(3)
  })

  it('is done at once with any other', async () => {
    const { log } = logger()
    await log.flush()
    expect(log.dropped).toBe(0)
  })
})
