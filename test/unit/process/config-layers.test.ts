// One configuration out of four layers, and one line for each mistake in any of them.

import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import {
  CONFIG_API_VERSION,
  knownVariables,
  OperatorConfig,
  partsOf,
  type Setting,
  StandaloneConfig,
  settingsOf,
  WorkerConfig,
} from '../../../src/api/config.ts'
import { redact } from '../../../src/observability/log.ts'
import { compileConfig, type Layers, printConfig } from '../../../src/process/config-layers.ts'
import { hostileText } from '../../hostile-text.ts'

type Schema = typeof OperatorConfig | typeof WorkerConfig | typeof StandaloneConfig

interface Given {
  readonly flags?: Readonly<Record<string, string>>
  readonly environment?: Layers['environment']
  /** Without the line of the API version, which is line 1. */
  readonly file?: string
}

const layers = ({ flags = {}, environment = {}, file }: Given): Layers => ({
  flags: new Map(Object.entries(flags)),
  environment,
  file:
    file === undefined
      ? null
      : { name: 'gq.yaml', text: `apiVersion: ${CONFIG_API_VERSION}\n${file}` },
})

const compile = <S extends Schema>(schema: S, given: Given) => compileConfig(schema, layers(given))

function config<S extends Schema>(schema: S, given: Given): z.output<S> {
  const compiled = compile(schema, given)
  if (compiled.kind === 'rejected') throw new Error(compiled.problems.join('\n'))
  return compiled.config as z.output<S>
}

function problems(schema: Schema, given: Given): readonly string[] {
  const compiled = compile(schema, given)
  return compiled.kind === 'rejected' ? compiled.problems : []
}

afterEach(() => {
  // B13, B15: whatever the names were.
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(UNTOUCHED)
})
const UNTOUCHED = Object.getOwnPropertyNames(Object.prototype).sort()

describe('the layers', () => {
  it.each<[string, Given, number]>([
    [
      'a flag before all',
      { flags: { slots: '1' }, environment: { GOPHERQUEUE_SLOTS: '2' }, file: 'slots: 3' },
      1,
    ],
    [
      'the environment before the file',
      { environment: { GOPHERQUEUE_SLOTS: '2' }, file: 'slots: 3' },
      2,
    ],
    ['the file before the default', { file: 'slots: 3' }, 3],
    ['the default', {}, 10],
  ])('give %s', (_, given, want) => {
    expect(config(WorkerConfig, given).slots).toBe(want)
  })

  it('give a complete configuration out of nothing', () => {
    expect(config(OperatorConfig, {})).toEqual(OperatorConfig.parse({}))
    expect(config(WorkerConfig, {})).toEqual(WorkerConfig.parse({}))
  })

  it('remember where each value came from', () => {
    const compiled = compile(OperatorConfig, {
      flags: { logLevel: 'debug' },
      environment: { GOPHERQUEUE_HTTP_PORT: '0' },
      file: 'information:\n  percent: 7',
    })
    if (compiled.kind === 'rejected') throw new Error('rejected')
    expect(compiled.sources.get('logLevel')).toEqual({ kind: 'flag', flag: 'log-level' })
    expect(compiled.sources.get('httpPort')).toEqual({
      kind: 'environment',
      name: 'GOPHERQUEUE_HTTP_PORT',
    })
    expect(compiled.sources.get('information.percent')).toEqual({
      kind: 'file',
      place: 'gq.yaml:3: information.percent',
    })
    expect(compiled.sources.get('information.perSecond')).toEqual({ kind: 'default' })
  })

  it('read lists from a flag, a variable and a file alike', () => {
    const want = ['a', 'b']
    expect(config(WorkerConfig, { flags: { queues: 'a, b' } }).queues).toEqual(want)
    expect(config(WorkerConfig, { environment: { GOPHERQUEUE_QUEUES: 'a,b' } }).queues).toEqual(
      want,
    )
    expect(config(WorkerConfig, { file: 'queues: [a, b]' }).queues).toEqual(want)
  })

  it('take every value within the bounds of every setting, from every layer', () => {
    const settings = settingsOf(WorkerConfig).filter(({ type }) => type === 'integer')
    fc.assert(
      fc.property(
        fc.constantFrom(...settings),
        fc.constantFrom('flag', 'environment', 'file'),
        fc.nat(),
        (setting, layer, roll) => {
          const { minimum, maximum, path, env } = setting
          const value = (minimum ?? 0) + (roll % ((maximum ?? 0) - (minimum ?? 0) + 1))
          const given: Given =
            layer === 'flag'
              ? { flags: { [path]: String(value) } }
              : layer === 'environment'
                ? { environment: { [env]: String(value) } }
                : { file: `${path}: ${value}` }
          expect(config(WorkerConfig, given)).toMatchObject({ [path]: value })
        },
      ),
    )
  })
})

describe('a value that is out of bounds or of another type', () => {
  it.each<[Given, string]>([
    [{ flags: { slots: '0' } }, '--slots: must be an integer from 1 to 10000, is 0'],
    [
      { environment: { GOPHERQUEUE_SLOTS: '10001' } },
      'GOPHERQUEUE_SLOTS: must be an integer from 1 to 10000, is 10001',
    ],
    [{ file: 'slots: 0' }, 'gq.yaml:2: slots: must be an integer from 1 to 10000, is 0'],
    [{ file: 'slots: "5"' }, 'gq.yaml:2: slots: must be an integer from 1 to 10000, is "5"'],
    [{ file: 'slots: 1.5' }, 'gq.yaml:2: slots: must be an integer from 1 to 10000, is 1.5'],
    [{ file: 'slots: 1e400' }, 'gq.yaml:2: slots: must be an integer from 1 to 10000, is null'],
    [{ environment: { GOPHERQUEUE_SLOTS: '' } }, 'GOPHERQUEUE_SLOTS: must be an integer, is ""'],
    [
      { environment: { GOPHERQUEUE_SLOTS: 'ten\u001b[2J\n' } },
      'GOPHERQUEUE_SLOTS: must be an integer, is "ten\\u001b[2J\\n"',
    ],
    [
      { flags: { logLevel: 'loud' } },
      '--log-level: must be one of trace, debug, info, warn, error, silent, is "loud"',
    ],
    [{ flags: { wait: 'yes' } }, '--wait: must be true or false, is "yes"'],
    [
      { flags: { natsUrl: 'http://x' } },
      '--nats-url: must match /^(nats|tls):\\/\\/[^\\s,]+(,(nats|tls):\\/\\/[^\\s,]+)*$/, is "http://x"',
    ],
    [{ file: 'queues: []' }, 'gq.yaml:2: queues: must have at least 1 items, is []'],
    [{ file: 'queues: a' }, 'gq.yaml:2: queues: must be a list of texts, is "a"'],
    [
      { flags: { podName: 'x'.repeat(300) } },
      `--pod-name: must have at most 253 characters, is "${'x'.repeat(78)}…`,
    ],
  ])('%j is one line that says where, what must be, what is', (given, want) => {
    expect(problems(WorkerConfig, given)).toEqual([want])
  })

  it('is one line however many items of a list are wrong', () => {
    expect(problems(WorkerConfig, { flags: { queues: 'ok,NO,' } })).toEqual([
      '--queues: must match /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, is ["ok","NO",""]',
    ])
  })

  it('that fits alone may not fit another one', () => {
    expect(
      problems(OperatorConfig, { flags: { renewMs: '5000', memberLeaseSeconds: '10' } }),
    ).toEqual(['--renew-ms: must be at most a third of memberLeaseSeconds, is 5000'])
  })

  it('stands beside all the others', () => {
    const found = problems(WorkerConfig, {
      flags: { slots: '0' },
      environment: { GOPHERQUEUE_WAIT: 'x', GOPHERQUEUE_SLOT: '1' },
      file: 'graceSeconds: -1\nnope: 1',
    })
    expect(found).toHaveLength(5)
    expect(found.every((line) => !line.includes('\n'))).toBe(true)
  })

  it('is never one that a layer above it replaced', () => {
    expect(config(WorkerConfig, { flags: { slots: '5' }, file: 'slots: 0' }).slots).toBe(5)
  })

  it('never ends the compiler, whatever the text', () => {
    const settings = settingsOf(WorkerConfig)
    fc.assert(
      fc.property(fc.constantFrom(...settings), hostileText(), ({ path, env }, value) => {
        for (const given of [{ flags: { [path]: value } }, { environment: { [env]: value } }]) {
          const compiled = compile(WorkerConfig, given)
          if (compiled.kind === 'compiled') continue
          expect(compiled.problems).toHaveLength(1)
          expect(compiled.problems[0]).not.toMatch(/[\p{Cc}\p{Zl}]/u)
        }
      }),
    )
  })
})

describe('a variable with our prefix', () => {
  it('that is nobody’s is a mistake, with the nearest name', () => {
    expect(problems(WorkerConfig, { environment: { GOPHERQUEUE_SLOTZ: '1' } })).toEqual([
      'environment: there is no setting GOPHERQUEUE_SLOTZ; did you mean GOPHERQUEUE_SLOTS?',
    ])
    expect(problems(WorkerConfig, { environment: { GOPHERQUEUE_ZZZZZZZZZZZZ: '1' } })).toEqual([
      'environment: there is no setting GOPHERQUEUE_ZZZZZZZZZZZZ; unset it',
    ])
  })

  it('that is another program’s is left alone, whatever its value', () => {
    const environment = { GOPHERQUEUE_SLOTS: 'not for me', GOPHERQUEUE_HANDLERS: './h.ts' }
    expect(problems(OperatorConfig, { environment })).toEqual([])
    expect(problems(WorkerConfig, { environment: { GOPHERQUEUE_STATUS_WRITERS: 'x' } })).toEqual([])
  })

  it.each([
    ['GOPHERQUEUE_SERVICE_HOST', '10.97.0.9'],
    ['GOPHERQUEUE_SERVICE_PORT', '8443'],
    ['GOPHERQUEUE_SERVICE_PORT_HTTPS', '8443'],
    ['GOPHERQUEUE_PORT', 'tcp://10.97.0.9:8443'],
    ['GOPHERQUEUE_PORT_8443_TCP', 'tcp://10.97.0.9:8443'],
    ['GOPHERQUEUE_PORT_8443_TCP_ADDR', '10.97.0.9'],
    ['GOPHERQUEUE_METRICS_SERVICE_HOST', '10.97.0.9'],
    ['GOPHERQUEUE_METRICS_PORT', 'tcp://10.97.0.9:8443'],
    ['GOPHERQUEUE_HTTP_PORT', 'udp://10.97.0.9:8081'],
  ])('that Kubernetes set for a Service is none of ours: %s=%s', (name, value) => {
    expect(config(OperatorConfig, { environment: { [name]: value } })).toEqual(
      OperatorConfig.parse({}),
    )
  })

  it('of a port with a number is ours', () => {
    expect(
      config(OperatorConfig, { environment: { GOPHERQUEUE_METRICS_PORT: '9' } }),
    ).toMatchObject({ metricsPort: 9 })
  })

  it('without our prefix is nobody’s affair', () => {
    expect(problems(WorkerConfig, { environment: { SLOTS: 'x', PATH: '/bin' } })).toEqual([])
  })
})

describe('the printed configuration', () => {
  const printed = (given: Given) => {
    const compiled = compile(OperatorConfig, given)
    if (compiled.kind === 'rejected') throw new Error(compiled.problems.join('\n'))
    return { text: printConfig(OperatorConfig, compiled), config: compiled.config }
  }

  it('shows each value and its source', () => {
    const { text } = printed({
      flags: { logLevel: 'debug' },
      environment: { GOPHERQUEUE_LOCAL: 'true' },
      file: 'information:\n  percent: 7',
    })
    const lines = text.split('\n')
    expect(lines[0]).toBe(`apiVersion: ${CONFIG_API_VERSION}`)
    expect(lines).toContain('logLevel: "debug" # flag --log-level')
    expect(lines).toContain('local: true # environment GOPHERQUEUE_LOCAL')
    expect(lines).toContain('information:')
    expect(lines).toContain('  percent: 7 # file gq.yaml:3')
    expect(lines).toContain('httpPort: 8081 # default')
    expect(lines).toContain('natsCaFile: "" # default')
  })

  it('is a file that gives the same configuration', () => {
    fc.assert(
      fc.property(
        fc.record({
          // Secrets are another test's: they are not shown.
          identity: hostileText(4).filter((text) => redact(text) === text),
          kubeconfig: fc.string({ unit: 'binary-ascii', maxLength: 40 }),
          statusWriters: fc.integer({ min: 1, max: 256 }),
          local: fc.boolean(),
        }),
        (values) => {
          const flags = Object.fromEntries(
            Object.entries(values).map(([path, value]) => [path, String(value)]),
          )
          const { text, config: first } = printed({ flags })
          const again = compileConfig(OperatorConfig, {
            flags: new Map(),
            environment: {},
            file: { name: 'again.yaml', text },
          })
          expect(again).toMatchObject({ kind: 'compiled', config: first })
        },
      ),
    )
  })

  it('shows no password of an address', () => {
    const { text } = printed({ flags: { natsUrl: 'nats://joe:hush@nats:4222' } })
    expect(text).not.toContain('hush')
    expect(text).toContain('nats://[redacted]@nats:4222')
  })
})

describe('the settings', () => {
  const all = [
    ['operator', OperatorConfig],
    ['worker', WorkerConfig],
    ['standalone', StandaloneConfig],
  ] as const

  it.each(all)('of the %s have defaults within their bounds', (_, schema) => {
    expect(schema.safeParse({}).success).toBe(true)
    for (const { path, default: value } of settingsOf(schema)) expect(value, path).toBeDefined()
  })

  it.each(all)('of the %s have a path, a flag and a variable of their own', (_, schema) => {
    const settings = settingsOf(schema)
    for (const key of ['path', 'flag', 'env'] as const) {
      expect(new Set(settings.map((each) => each[key])).size).toBe(settings.length)
    }
  })

  it.each(all)('of the %s that reload stand at the top', (_, schema) => {
    const reloading = settingsOf(schema).filter(({ reloads }) => reloads)
    expect(reloading.length).toBeGreaterThan(0)
    expect(reloading.filter(({ path }) => path.includes('.'))).toEqual([])
  })

  it('have no variable that looks like one of a Service', () => {
    for (const name of knownVariables()) {
      expect(name).not.toMatch(/_SERVICE_|_PORT_\d/)
    }
  })
})

describe('a standalone process', () => {
  it('has all settings of both halves, and nothing else but where Leases are', () => {
    const paths = (settings: readonly Setting[]) => settings.map(({ path }) => path)
    const both = new Set([...paths(settingsOf(OperatorConfig)), ...paths(settingsOf(WorkerConfig))])
    const own = paths(settingsOf(StandaloneConfig))
    expect(own.filter((path) => !both.has(path))).toEqual(['operatorNamespace'])
    expect([...both].filter((path) => !own.includes(path))).toEqual([])
  })

  it('falls into two whole configurations', () => {
    const { operator, worker } = partsOf(
      config(StandaloneConfig, {
        flags: { namespace: 'shop', slots: '3', statusWriters: '4', natsUrl: 'nats://n:1' },
      }),
    )
    expect(operator).toEqual(OperatorConfig.parse({ statusWriters: 4, natsUrl: 'nats://n:1' }))
    expect(worker).toEqual(
      WorkerConfig.parse({ namespace: 'shop', slots: 3, natsUrl: 'nats://n:1' }),
    )
  })

  it('keeps the Leases where every operator of the cluster looks for them', () => {
    const { operator } = partsOf(config(StandaloneConfig, { flags: { namespace: 'shop' } }))
    expect(operator.namespace).toBe('gopherqueue-system')
  })
})
