/**
 * Configuration of operator and worker: every setting with its default, unit, bounds, environment
 * variable and description in one place. The compiled form has no optional: inside, nothing asks
 * whether a value was given. `process/env.ts` joins the layers (flags over environment over file over
 * defaults, names.md) by walking `settingsOf`; `docs/configuration.md` is made from the same walk.
 */
import { z } from 'zod'
import { DEFAULT_CONTROLLER_NAME, GROUP, SYSTEM_NAMESPACE } from './conditions.ts'
import { type DeepReadonly, PATTERNS } from './fields.ts'

export const CONFIG_API_VERSION = `config.${GROUP}/v1alpha1` as const
/** Prefix of every environment variable. */
export const ENV_PREFIX = 'GOPHERQUEUE_'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

interface SettingInfo {
  /** Environment variable without the prefix. */
  readonly env: string
  readonly says: string
  readonly unit?: string
  /** Takes effect without a restart. */
  readonly reloads?: true
}

/** A leaf with its default; the default must satisfy the bounds, which a test checks. */
function setting<S extends z.ZodType>(schema: S, fallback: z.output<S>, info: SettingInfo) {
  return schema.default(fallback as z.core.util.NoUndefined<z.output<S>>).meta({
    description: info.says,
    'x-env': `${ENV_PREFIX}${info.env}`,
    ...(info.unit === undefined ? {} : { 'x-unit': info.unit }),
    ...(info.reloads === undefined ? {} : { 'x-reloads': true }),
  })
}

const whole = (min: number, max: number, fallback: number, info: SettingInfo) =>
  setting(z.int().min(min).max(max), fallback, info)
const words = (max: number, fallback: string, info: SettingInfo) =>
  setting(z.string().max(max), fallback, info)
const one = <const V extends readonly [string, ...string[]]>(
  values: V,
  fallback: V[number],
  info: SettingInfo,
) => setting(z.enum(values), fallback as never, info)

const natsUrl = setting(
  z
    .string()
    .max(1024)
    .regex(/^(nats|tls):\/\/[^\s,]+(,(nats|tls):\/\/[^\s,]+)*$/),
  'nats://127.0.0.1:4222',
  { env: 'NATS_URL', says: 'Address of the NATS server; several are separated by commas.' },
)
const natsCaFile = words(4096, '', {
  env: 'NATS_CA_FILE',
  says: 'File with the certificate authorities of the NATS server; empty: those of the system.',
})
const logLevel = one(LOG_LEVELS, 'info', {
  env: 'LOG_LEVEL',
  says: 'Least level that is logged.',
  reloads: true,
})

const logFormat = one(['json', 'text'], 'json', {
  env: 'LOG_FORMAT',
  says: 'json: one object a line, for machines; text: for eyes.',
})
const wait = setting(z.boolean(), true, {
  env: 'WAIT',
  says: 'Wait at the start until Kubernetes and NATS answer; false: end with code 69 instead.',
})

const InformationBudget = z
  .strictObject({
    percent: whole(0, 100, 5, {
      env: 'INFORMATION_PERCENT',
      says: 'Share of the status writes that may only inform (waiting reasons, queue status, Events).',
      unit: 'percent of the write rate',
    }),
    perSecond: whole(0, 1000, 20, {
      env: 'INFORMATION_PER_SECOND',
      says: 'Most writes that only inform.',
      unit: 'writes per second',
    }),
  })
  .prefault({})

const Limits = z
  .strictObject({
    maxFinishedObjects: whole(0, 10_000_000, 20_000, {
      env: 'LIMITS_MAX_FINISHED_OBJECTS',
      says: 'Finished jobs that stay in the cluster; above it every retention is shortened evenly (RetentionPressure).',
      unit: 'jobs',
    }),
    maxObjects: whole(1, 10_000_000, 100_000, {
      env: 'LIMITS_MAX_OBJECTS',
      says: 'Jobs in the cluster; above it new jobs are held (ClusterFull).',
      unit: 'jobs',
    }),
  })
  .prefault({})

const kubeconfig = words(4096, '', {
  env: 'KUBECONFIG',
  says: 'Kubeconfig file; empty: in the cluster, then KUBECONFIG, then ~/.kube/config, as kubectl.',
})

const History = z
  .strictObject({
    maxAgeSeconds: whole(60, 315_360_000, 604_800, {
      env: 'HISTORY_MAX_AGE_SECONDS',
      says: 'How long the history of jobs (stream GQ_HISTORY) is kept.',
      unit: 'seconds',
    }),
    maxBytes: whole(0, Number.MAX_SAFE_INTEGER, 1_073_741_824, {
      env: 'HISTORY_MAX_BYTES',
      says: 'Largest size of the history of jobs; the oldest goes first. 0: no history, and jobs are deleted without one.',
      unit: 'bytes',
    }),
  })
  .prefault({})

const LEASE_NAMESPACE = 'Namespace of the Leases of the operator.'

const operatorSettings = {
  kubeconfig,
  natsUrl,
  natsCaFile,
  natsReplicas: whole(1, 5, 1, {
    env: 'NATS_REPLICAS',
    says: 'Replicas of the streams.',
    unit: 'servers',
  }),
  eventsMaxBytes: whole(1_048_576, Number.MAX_SAFE_INTEGER, 1_073_741_824, {
    env: 'EVENTS_MAX_BYTES',
    says: 'Largest size of the stream of outcomes; when it is full, workers keep theirs and try again.',
    unit: 'bytes',
  }),
  controllerName: setting(
    z.string().max(127).regex(PATTERNS.controllerName),
    DEFAULT_CONTROLLER_NAME,
    {
      env: 'CONTROLLER_NAME',
      says: 'Serves the queues whose spec.controllerName is this.',
    },
  ),
  namespace: setting(z.string().max(63).regex(PATTERNS.label), SYSTEM_NAMESPACE, {
    env: 'NAMESPACE',
    says: LEASE_NAMESPACE,
  }),
  installationKeyFile: words(4096, '', {
    env: 'INSTALLATION_KEY_FILE',
    says: 'File with the 32 bytes that nonces are made from; empty: no key, for local modes only.',
  }),
  identity: words(253, '', {
    env: 'IDENTITY',
    says: 'Name of this process in Leases; empty: the host name and a random part.',
  }),
  httpPort: whole(0, 65_535, 8081, {
    env: 'HTTP_PORT',
    says: 'Port of /livez and /readyz, plain and without data; 0: a free one.',
    unit: 'TCP port',
  }),
  metricsPort: whole(0, 65_535, 8443, {
    env: 'METRICS_PORT',
    says: 'Port of /metrics; 0: a free one.',
    unit: 'TCP port',
  }),
  local: setting(z.boolean(), false, {
    env: 'LOCAL',
    says: 'Local mode: both ports on loopback, metrics without TLS and without access review.',
  }),
  metricsPerQueue: setting(z.boolean(), true, {
    env: 'METRICS_PER_QUEUE',
    says: 'Metrics tell namespaces and queues apart; false: thousands of queues cost no series.',
  }),
  logLevel,
  logFormat,
  wait,
  dispatch: one(['Running', 'Paused'], 'Running', {
    env: 'DISPATCH',
    says: 'Paused: nothing starts in any queue; jobs are accepted and running attempts go on.',
    reloads: true,
  }),
  information: InformationBudget,
  limits: Limits,
  history: History,
  statusWriters: whole(1, 256, 32, {
    env: 'STATUS_WRITERS',
    says: 'Status writes in flight at once.',
    unit: 'requests',
  }),
  listPageSize: whole(10, 5000, 500, {
    env: 'LIST_PAGE_SIZE',
    says: 'Objects per page of a list.',
    unit: 'objects',
  }),
  memberLeaseSeconds: whole(5, 300, 15, {
    env: 'MEMBER_LEASE_SECONDS',
    says: 'Duration of the member Lease; a process that is silent so long loses its shards.',
    unit: 'seconds',
  }),
  renewMs: whole(500, 60_000, 2500, {
    env: 'RENEW_MS',
    says: 'Interval of the renewals of the member Lease.',
    unit: 'milliseconds',
  }),
  attemptLeaseSeconds: whole(5, 600, 15, {
    env: 'ATTEMPT_LEASE_SECONDS',
    says: 'An attempt that no heartbeat lists for so long is lost.',
    unit: 'seconds',
  }),
  shutdownMs: whole(100, 60_000, 2000, {
    env: 'SHUTDOWN_MS',
    says: 'Time to hand over after SIGTERM.',
    unit: 'milliseconds',
  }),
}

/** W7: a leader trusts its Lease for two thirds of it, and a single renewal may fail in between. */
const renewsInTime = (config: { renewMs: number; memberLeaseSeconds: number }) =>
  config.renewMs * 3 <= config.memberLeaseSeconds * 1000
const RENEWS_IN_TIME = {
  path: ['renewMs'],
  message: 'must be at most a third of memberLeaseSeconds',
}

export const OperatorConfig = z.strictObject(operatorSettings).refine(renewsInTime, RENEWS_IN_TIME)
export type OperatorConfig = DeepReadonly<z.infer<typeof OperatorConfig>>

export const WorkerConfig = z.strictObject({
  kubeconfig,
  natsUrl,
  natsCaFile,
  tokenFile: words(4096, '', {
    env: 'TOKEN_FILE',
    says: 'File with the projected ServiceAccount token; empty: no login, for local modes only.',
  }),
  namespace: setting(z.string().max(63).regex(PATTERNS.label), 'default', {
    env: 'NAMESPACE',
    says: 'Namespace whose queues are served.',
  }),
  queues: setting(
    z.array(z.string().min(1).max(63).regex(PATTERNS.label)).min(1).max(16),
    ['default'],
    {
      env: 'QUEUES',
      says: 'Queues that are served, separated by commas.',
    },
  ),
  slots: whole(1, 10_000, 10, { env: 'SLOTS', says: 'Attempts at once.', unit: 'attempts' }),
  graceSeconds: whole(0, 86_400, 25, {
    env: 'GRACE_SECONDS',
    says: 'Time that handlers get to finish after SIGTERM; then they are handed back.',
    unit: 'seconds',
  }),
  logLevel,
  logFormat,
  wait,
  httpPort: whole(0, 65_535, 8081, {
    env: 'HTTP_PORT',
    says: 'Port of health and metrics; 0: a free one.',
    unit: 'TCP port',
  }),
  workerId: setting(
    z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9-]*$/),
    '',
    {
      env: 'WORKER_ID',
      says: 'Uid of the pod, or of a worker without a pod; empty: chosen at random.',
    },
  ),
  podName: words(253, '', { env: 'POD_NAME', says: 'Name of the pod, for people.' }),
  nodeName: words(253, '', { env: 'NODE_NAME', says: 'Name of the node, for people.' }),
  heartbeatMs: whole(500, 60_000, 5000, {
    env: 'HEARTBEAT_MS',
    says: 'Interval of heartbeats while nothing changes.',
    unit: 'milliseconds',
  }),
  payloadFrom: setting(z.boolean(), false, {
    env: 'PAYLOAD_FROM',
    says: 'Run jobs whose payload stands in a ConfigMap or Secret of the namespace: the worker reads objects labelled gopherqueue.io/payload: "true" with its own rights.',
  }),
  lostAfterSeconds: whole(30, 86_400, 300, {
    env: 'LOST_AFTER_SECONDS',
    says: 'Without any answer of the NATS server for so long, running handlers are aborted.',
    unit: 'seconds',
  }),
})
export type WorkerConfig = DeepReadonly<z.infer<typeof WorkerConfig>>

/**
 * Operator and worker in one process. What both have is set once for both, but for `namespace`: it is
 * the worker's, and the operator's Leases stay where every operator of the cluster looks for them.
 */
export const StandaloneConfig = z
  .strictObject({
    ...operatorSettings,
    ...WorkerConfig.shape,
    operatorNamespace: setting(z.string().max(63).regex(PATTERNS.label), SYSTEM_NAMESPACE, {
      env: 'OPERATOR_NAMESPACE',
      says: LEASE_NAMESPACE,
    }),
  })
  .refine(renewsInTime, RENEWS_IN_TIME)
export type StandaloneConfig = DeepReadonly<z.infer<typeof StandaloneConfig>>

/** The configurations of the two halves of a standalone process. */
export function partsOf(config: StandaloneConfig): {
  readonly operator: OperatorConfig
  readonly worker: WorkerConfig
} {
  const { operatorNamespace, ...shared } = config
  const only = <C extends object>(keys: C) =>
    Object.fromEntries(Object.entries(shared).filter(([key]) => Object.hasOwn(keys, key)))
  return {
    operator: { ...only(operatorSettings), namespace: operatorNamespace } as OperatorConfig,
    worker: only(WorkerConfig.shape) as WorkerConfig,
  }
}

/** Variables that name a file and no setting: `--config` and `--handlers`. */
export const CONFIG_FILE_ENV = `${ENV_PREFIX}CONFIG`
export const HANDLERS_FILE_ENV = `${ENV_PREFIX}HANDLERS`

/**
 * Every variable of ours. Processes of one pod or shell share their environment, so a variable that is
 * another program's is left alone; one that is nobody's is a mistake.
 */
export function knownVariables(): ReadonlySet<string> {
  const settings = [OperatorConfig, WorkerConfig, StandaloneConfig].flatMap(settingsOf)
  return new Set([CONFIG_FILE_ENV, HANDLERS_FILE_ENV, ...settings.map(({ env }) => env)])
}

/** One setting, as flags, environment, documentation and `--print-config` need it. */
export interface Setting {
  /** Path in the configuration file, e.g. `information.percent`. */
  readonly path: string
  /** Environment variable, with the prefix. */
  readonly env: string
  /** Flag without dashes, e.g. `information-percent`. */
  readonly flag: string
  readonly type: 'string' | 'integer' | 'boolean' | 'array'
  readonly default: unknown
  readonly unit: string
  readonly says: string
  readonly minimum: number | null
  readonly maximum: number | null
  readonly values: readonly string[] | null
  readonly reloads: boolean
}

type Json = Readonly<Record<string, unknown>>

function settingAt(path: string, node: Json): Setting {
  const number = (key: string) => (typeof node[key] === 'number' ? node[key] : null)
  return {
    path,
    env: String(node['x-env']),
    flag: path.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    type: node.type as Setting['type'],
    default: node.default,
    unit: String(node['x-unit'] ?? ''),
    says: String(node.description ?? ''),
    minimum: number('minimum'),
    maximum: number('maximum'),
    values: Array.isArray(node.enum) ? node.enum.map(String) : null,
    reloads: node['x-reloads'] === true,
  }
}

function walk(node: Json, path: string): readonly Setting[] {
  if (node['x-env'] !== undefined) return [settingAt(path, node)]
  const properties = (node.properties ?? {}) as Readonly<Record<string, Json>>
  return Object.entries(properties).flatMap(([key, child]) =>
    walk(child, path === '' ? key : `${path}.${key}`),
  )
}

/** A schema never changes, and walking it costs milliseconds. */
const walked = new WeakMap<z.ZodType, readonly Setting[]>()

/** Every setting of a configuration, in the order of its definition. */
export function settingsOf(config: z.ZodType): readonly Setting[] {
  const known = walked.get(config)
  if (known) return known
  const settings = walk(z.toJSONSchema(config, { io: 'input', reused: 'inline' }) as Json, '')
  walked.set(config, settings)
  return settings
}

export type FromText =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string }

/** A flag or environment variable as a value of the setting's type; bounds are checked by the schema. */
export function settingFromText(setting: Setting, text: string): FromText {
  switch (setting.type) {
    case 'string':
      return { ok: true, value: text }
    case 'array':
      return { ok: true, value: text.split(',').map((part) => part.trim()) }
    case 'boolean':
      return text === 'true' || text === 'false'
        ? { ok: true, value: text === 'true' }
        : { ok: false, problem: 'must be true or false' }
    case 'integer':
      return /^-?\d{1,16}$/.test(text)
        ? { ok: true, value: Number(text) }
        : { ok: false, problem: 'must be an integer' }
  }
}
