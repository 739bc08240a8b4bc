/**
 * The kubeconfig format: schema, merging of several files, choice of a context. Pure; reading files
 * and running plugins is `config.ts`.
 *
 * Merging is kubectl's: the first file that names a cluster, user, context or current context wins.
 * Paths inside a file are relative to that file.
 */
import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { GopherQueueError } from '../core/errors.ts'

const text = z.string().max(1_048_576).nullish()

const ClusterFields = z.object({
  server: text,
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().nullish(),
  'tls-server-name': text,
  'proxy-url': text,
})

const ExecFields = z.object({
  apiVersion: text,
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  provideClusterInfo: z.boolean().nullish(),
  installHint: text,
})
export type ExecFields = z.infer<typeof ExecFields>

const UserFields = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': z.array(z.string()).nullish(),
  exec: ExecFields.nullish(),
  'auth-provider': z.object({ name: z.string() }).loose().nullish(),
})

const ContextFields = z.object({ cluster: z.string(), user: text, namespace: text })

const KubeconfigFile = z.object({
  'current-context': text,
  clusters: z.array(z.object({ name: z.string(), cluster: ClusterFields })).nullish(),
  users: z.array(z.object({ name: z.string(), user: UserFields.nullish() })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context: ContextFields })).nullish(),
})

export type ClusterFields = z.infer<typeof ClusterFields>
export type UserFields = z.infer<typeof UserFields>
type ContextFields = z.infer<typeof ContextFields>

export interface Kubeconfig {
  readonly currentContext: string
  readonly clusters: ReadonlyMap<string, ClusterFields>
  readonly users: ReadonlyMap<string, UserFields>
  readonly contexts: ReadonlyMap<string, ContextFields>
}

/** @param value the parsed YAML or JSON of `file` */
export function kubeconfigOf(value: unknown, file: string): Kubeconfig {
  const parsed = KubeconfigFile.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new GopherQueueError(
      'KubeconfigInvalid',
      `kubeconfig ${file} is not valid at ${issue?.path.join('.') || 'its root'}: ${issue?.message ?? ''}`,
    )
  }
  const folder = dirname(file)
  const fields = parsed.data
  return {
    currentContext: fields['current-context'] ?? '',
    clusters: byName(fields.clusters, (entry) => [
      entry.name,
      absolute(entry.cluster, folder, ['certificate-authority']),
    ]),
    users: byName(fields.users, (entry) => [
      entry.name,
      absolute(entry.user ?? {}, folder, ['client-certificate', 'client-key', 'tokenFile']),
    ]),
    contexts: byName(fields.contexts, (entry) => [entry.name, entry.context]),
  }
}

export function mergeKubeconfigs(files: readonly Kubeconfig[]): Kubeconfig {
  const first = <V>(pick: (file: Kubeconfig) => ReadonlyMap<string, V>): Map<string, V> =>
    new Map([...files].reverse().flatMap((file) => [...pick(file)]))
  return {
    currentContext: files.find((file) => file.currentContext !== '')?.currentContext ?? '',
    clusters: first((file) => file.clusters),
    users: first((file) => file.users),
    contexts: first((file) => file.contexts),
  }
}

export interface ChosenContext {
  readonly context: string
  readonly namespace: string
  readonly server: string
  readonly cluster: ClusterFields
  readonly user: UserFields
}

/** @param wanted '' = the current context */
export function chooseContext(config: Kubeconfig, wanted: string, files: string): ChosenContext {
  const name = wanted || config.currentContext
  if (name === '') throw missing(`kubeconfig ${files} names no current context`, config)
  const context = config.contexts.get(name)
  if (!context) throw missing(`kubeconfig ${files} has no context "${name}"`, config)
  const cluster = config.clusters.get(context.cluster)
  const server = cluster?.server ?? ''
  if (!cluster || !isHttp(server)) {
    throw missing(
      `context "${name}" names cluster "${context.cluster}", which has no server (https://…)`,
      config,
    )
  }
  if (cluster['proxy-url']) {
    throw missing(
      `cluster "${context.cluster}" needs a proxy (proxy-url), which is not supported`,
      config,
    )
  }
  const user = context.user ? config.users.get(context.user) : {}
  if (!user)
    throw missing(`context "${name}" names user "${context.user}", which is missing`, config)
  return {
    context: name,
    namespace: context.namespace || 'default',
    server: server.replace(/\/+$/, ''),
    cluster,
    user,
  }
}

/** `kube:6443` is a URL, too: one with the scheme `kube`. */
function isHttp(server: string): boolean {
  return URL.canParse(server) && /^https?:$/.test(new URL(server).protocol)
}

function missing(what: string, config: Kubeconfig): GopherQueueError {
  const names = [...config.contexts.keys()].slice(0, 10).join(', ')
  return new GopherQueueError('KubeconfigInvalid', what, {
    help: names === '' ? 'there is no context in it' : `contexts: ${names}`,
  })
}

function byName<E, V>(
  entries: readonly E[] | null | undefined,
  pick: (entry: E) => readonly [string, V],
): Map<string, V> {
  return new Map([...(entries ?? [])].reverse().map(pick))
}

function absolute<T extends object>(fields: T, folder: string, keys: readonly (keyof T)[]): T {
  const copy = { ...fields }
  for (const key of keys) {
    const path = copy[key]
    if (typeof path === 'string' && path !== '' && !isAbsolute(path)) {
      copy[key] = join(folder, path) as T[keyof T]
    }
  }
  return copy
}
