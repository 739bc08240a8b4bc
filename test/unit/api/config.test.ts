// Every setting: a default within its bounds, a name in each layer, and refusals that name the place.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import {
  ENV_PREFIX,
  knownVariables,
  OperatorConfig,
  partsOf,
  type Setting,
  StandaloneConfig,
  settingFromText,
  settingsOf,
  WorkerConfig,
} from '../../../src/api/config.ts'

const CONFIGS: Readonly<Record<string, z.ZodType>> = {
  operator: OperatorConfig,
  worker: WorkerConfig,
  'standalone process': StandaloneConfig,
}
const all = Object.entries(CONFIGS).flatMap(([program, config]) =>
  settingsOf(config).map((setting) => [program, setting.path, setting] as const),
)

/** A configuration file that sets this one value. */
function file(path: string, value: unknown): unknown {
  return path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
}

/** Refused for its own sake, not for what it has to do with another setting. */
function outOfBounds(program: string, path: string, value: unknown): boolean {
  const issues = CONFIGS[program]?.safeParse(file(path, value)).error?.issues ?? []
  return issues.some((issue) => issue.path.join('.') === path && issue.code !== 'custom')
}

function valueAt(config: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)[key], config)
}

describe.each(Object.entries(CONFIGS))('the configuration of the %s', (_program, config) => {
  it('is whole when nothing is said: inside, nothing is optional', () => {
    const compiled = config.parse({})
    for (const { path, default: fallback } of settingsOf(config)) {
      expect(valueAt(compiled, path)).toEqual(fallback)
    }
  })

  it('refuses a key that it does not know', () => {
    expect(config.safeParse({ natsUlr: 'nats://a:4222' }).success).toBe(false)
  })

  it.each(['env', 'flag', 'path'] as const)('has no two settings with one %s', (name) => {
    const names = settingsOf(config).map((setting) => setting[name])
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('a setting', () => {
  it.each(all)('of the %s, %s, says what it is', (_program, _path, setting) => {
    expect(setting.says).toMatch(/^[A-Z].*\.$|;/)
    expect(setting.env).toMatch(new RegExp(`^${ENV_PREFIX}[A-Z][A-Z0-9_]*$`))
    expect(setting.flag).toMatch(/^[a-z][a-z0-9-]*$/)
    expect(setting.default).toBeDefined()
  })

  it.each(all.filter(([, , { type }]) => type === 'integer'))(
    'of the %s, %s, has bounds that are held, and a unit',
    (program, path, { minimum, maximum, unit }) => {
      if (minimum === null || maximum === null) throw new Error('it has no bounds')
      const takes = (value: unknown) => !outOfBounds(program, path, value)
      expect(unit).not.toBe('')
      expect([takes(minimum), takes(maximum)]).toEqual([true, true])
      expect([takes(minimum - 1), takes(minimum + 0.5)]).toEqual([false, false])
      if (Number.isSafeInteger(maximum + 1)) expect(takes(maximum + 1)).toBe(false)
    },
  )

  it.each(all.filter(([, , { values }]) => values !== null))(
    'of the %s, %s, takes its values and no other',
    (program, path, { values }) => {
      const config = CONFIGS[program]
      for (const value of values ?? []) {
        expect(config?.safeParse(file(path, value)).success).toBe(true)
      }
      expect(config?.safeParse(file(path, 'something')).success).toBe(false)
    },
  )

  it('takes effect without a restart only where that is said', () => {
    const reloads = (config: z.ZodType) =>
      settingsOf(config).flatMap(({ path, reloads }) => (reloads ? [path] : []))
    expect(reloads(OperatorConfig)).toEqual(['logLevel', 'dispatch'])
    expect(reloads(WorkerConfig)).toEqual(['logLevel'])
  })
})

describe('a standalone process', () => {
  it('has two halves with the configuration that each would have had', () => {
    const { operator, worker } = partsOf(
      StandaloneConfig.parse({
        namespace: 'mail',
        natsUrl: 'nats://a',
        slots: 3,
        statusWriters: 4,
      }),
    )
    expect(OperatorConfig.parse(operator)).toEqual(operator)
    expect(WorkerConfig.parse(worker)).toEqual(worker)
    expect(worker).toMatchObject({ namespace: 'mail', natsUrl: 'nats://a', slots: 3 })
    expect(operator).toMatchObject({
      namespace: 'gopherqueue-system',
      natsUrl: 'nats://a',
      statusWriters: 4,
    })
  })
})

describe('the member Lease', () => {
  const takes = (renewMs: number, memberLeaseSeconds: number) =>
    OperatorConfig.safeParse({ renewMs, memberLeaseSeconds })

  it('is renewed at least three times in its life (W7)', () => {
    expect(takes(5000, 15).success).toBe(true)
    const { error } = takes(5001, 15)
    expect(error?.issues).toMatchObject([
      { path: ['renewMs'], message: 'must be at most a third of memberLeaseSeconds' },
    ])
  })
})

describe('the variables of ours', () => {
  it('are those of every program, and the two that name files', () => {
    const known = knownVariables()
    for (const [, , { env }] of all) expect(known).toContain(env)
    expect(known).toContain('GOPHERQUEUE_CONFIG')
    expect(known).not.toContain('GOPHERQUEUE_NATS_ULR')
  })
})

describe('the address of NATS', () => {
  const takes = (natsUrl: string) => OperatorConfig.safeParse({ natsUrl }).success

  it.each(['nats://127.0.0.1:4222', 'tls://nats.example.com', 'nats://a:4222,nats://b:4222'])(
    '%s is taken',
    (url) => {
      expect(takes(url)).toBe(true)
    },
  )

  it.each([
    '',
    '127.0.0.1:4222',
    'http://a',
    'wss://a',
    'nats://',
    'nats://a b',
    'nats://a,',
    'nats://a, nats://b',
  ])('%j is refused', (url) => {
    expect(takes(url)).toBe(false)
  })
})

describe('the queues of a worker', () => {
  const takes = (queues: unknown) => WorkerConfig.safeParse({ queues }).success

  it('are 1 to 16 names of queues', () => {
    const many = (count: number) => Array.from({ length: count }, (_, n) => `q-${n}`)
    expect([takes(many(1)), takes(many(16))]).toEqual([true, true])
    expect([takes([]), takes(many(17)), takes(['A']), takes(['a.b']), takes('a')]).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
  })
})

describe('a flag or variable as a value', () => {
  const setting = (type: Setting['type']): Setting => ({
    path: 'a',
    env: 'A',
    flag: 'a',
    type,
    default: '',
    unit: '',
    says: '',
    minimum: null,
    maximum: null,
    values: null,
    reloads: false,
  })
  const problem = (text: string, type: Setting['type']) => {
    const read = settingFromText(setting(type), text)
    return read.ok ? null : read.problem
  }

  it.each([
    ['string', 'a b', 'a b'],
    ['string', '', ''],
    ['integer', '42', 42],
    ['integer', '-1', -1],
    ['boolean', 'true', true],
    ['boolean', 'false', false],
    ['array', 'a, b ,c', ['a', 'b', 'c']],
    ['array', 'a', ['a']],
  ] as const)('%s %j is %j', (type, text, value) => {
    expect(settingFromText(setting(type), text)).toEqual({ ok: true, value })
  })

  it.each(['', ' ', '1.5', '1e3', '0x10', '12345678901234567', 'ten', '1 '])(
    '%j is no integer',
    (text) => {
      expect(problem(text, 'integer')).toBe('must be an integer')
    },
  )

  it.each(['', 'yes', 'TRUE', '1'])('%j is no boolean', (text) => {
    expect(problem(text, 'boolean')).toBe('must be true or false')
  })

  it('reads back every integer that it prints', () => {
    fc.assert(
      fc.property(fc.integer(), (n) => {
        expect(settingFromText(setting('integer'), String(n))).toEqual({ ok: true, value: n })
      }),
    )
  })

  it('of every setting takes its own default as text', () => {
    for (const [program, path, each] of all) {
      const text = Array.isArray(each.default) ? each.default.join(',') : String(each.default)
      const read = settingFromText(each, text)
      expect(read).toEqual({ ok: true, value: each.default })
      if (read.ok) expect(CONFIGS[program]?.safeParse(file(path, read.value)).success).toBe(true)
    }
  })
})
