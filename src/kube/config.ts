/**
 * Finds the API server and the credentials as kubectl does: an explicit file, else `KUBECONFIG`, else
 * `~/.kube/config`, else the service account of the pod.
 *
 * The only file that imports `@kubernetes/client-node` at run time, and only for users with an
 * `auth-provider` (OIDC): its configuration module loads the whole package, about 400 ms and 80 MB,
 * which every start of the operator would pay. Certificates, tokens, token files and plugins are read
 * here.
 */
import { access, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { parse } from 'yaml'
import type { Clock } from '../core/clock.ts'
import { GopherQueueError } from '../core/errors.ts'
import { CachedAccess, type KubeAccess, type ReadCredentials, type TlsMaterial } from './access.ts'
import { runExecPlugin } from './exec-credential.ts'
import { type ChosenContext, chooseContext, kubeconfigOf, mergeKubeconfigs } from './kubeconfig.ts'

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
/** Files are read again after this time, as client-go does. */
const REREAD_MS = 60_000
const MAX_FILE_BYTES = 4_194_304

export interface KubeConfigOptions {
  readonly clock: Clock
  /** The process's environment; `process/` is its only reader. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--kubeconfig`; '' or absent = as kubectl finds it. */
  readonly path?: string
  /** `--context`; '' or absent = the current one. */
  readonly context?: string
  /** Folder of the pod's token, CA and namespace. Default: where the kubelet mounts it. */
  readonly serviceAccountDir?: string
}

/** @throws GopherQueueError `KubeconfigInvalid` or `KubeconfigMissing`, saying what was looked for */
export async function loadKubeConfig(options: KubeConfigOptions): Promise<KubeAccess> {
  const files = await kubeconfigFiles(options)
  if (files.length === 0) return inCluster(options)
  const configs = []
  for (const file of files) {
    configs.push(kubeconfigOf(parseYaml(parse, await readBounded(file), file), file))
  }
  const origin = files.join(delimiter)
  const chosen = chooseContext(mergeKubeconfigs(configs), options.context ?? '', origin)
  const place = { server: chosen.server, namespace: chosen.namespace, origin }
  const read = chosen.user['auth-provider']
    ? libraryCredentials(files, chosen)
    : contextCredentials(chosen, options)
  const access = new CachedAccess(place, read, options.clock)
  await access.credentials()
  return access
}

async function kubeconfigFiles(options: KubeConfigOptions): Promise<readonly string[]> {
  if (options.path) return [options.path]
  const listed = (options.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '')
  const candidates = listed.length > 0 ? listed : defaultFile(options.env)
  const found = []
  for (const file of candidates) if (await readable(file)) found.push(file)
  if (listed.length > 0 && found.length === 0) {
    throw new GopherQueueError(
      'KubeconfigMissing',
      `no file of KUBECONFIG exists: ${listed.join(', ')}`,
    )
  }
  return found
}

function defaultFile(env: KubeConfigOptions['env']): string[] {
  const home = env.HOME ?? env.USERPROFILE ?? ''
  return home === '' ? [] : [join(home, '.kube', 'config')]
}

async function inCluster(options: KubeConfigOptions): Promise<KubeAccess> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = options.env
  if (!host || !port) {
    throw new GopherQueueError('KubeconfigMissing', 'no kubeconfig and no service account found', {
      help: 'pass --kubeconfig, set KUBECONFIG, or run inside a pod',
    })
  }
  const folder = options.serviceAccountDir ?? SERVICE_ACCOUNT
  const namespace = (await readBounded(join(folder, 'namespace')).catch(() => 'default')).trim()
  const read: ReadCredentials = async () => ({
    headers: { authorization: `Bearer ${(await readBounded(join(folder, 'token'))).trim()}` },
    tls: { ...NO_TLS, ca: await readBounded(join(folder, 'ca.crt')) },
    goodForMs: REREAD_MS,
  })
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  const access = new CachedAccess({ server, namespace, origin: folder }, read, options.clock)
  await access.credentials()
  return access
}

const NO_TLS: TlsMaterial = { ca: '', cert: '', key: '', serverName: '', insecure: false }

function contextCredentials(chosen: ChosenContext, options: KubeConfigOptions): ReadCredentials {
  const { cluster, user } = chosen
  return async () => {
    const plugin = user.exec ? await runExecPlugin(user.exec, options.env, options.clock) : null
    const token = plugin?.token || (await tokenOf(user))
    const tls: TlsMaterial = {
      ca: await dataOrFile(cluster['certificate-authority-data'], cluster['certificate-authority']),
      cert:
        plugin?.cert ||
        (await dataOrFile(user['client-certificate-data'], user['client-certificate'])),
      key: plugin?.key || (await dataOrFile(user['client-key-data'], user['client-key'])),
      serverName: cluster['tls-server-name'] ?? '',
      insecure: cluster['insecure-skip-tls-verify'] ?? false,
    }
    return {
      headers: { ...authorizationOf(token, user), ...impersonationOf(user) },
      tls,
      goodForMs: plugin?.goodForMs ?? REREAD_MS,
    }
  }
}

type User = ChosenContext['user']

async function tokenOf(user: User): Promise<string> {
  return user.tokenFile ? (await readBounded(user.tokenFile)).trim() : (user.token ?? '')
}

function authorizationOf(token: string, user: User): Record<string, string> {
  if (token !== '') return { authorization: `Bearer ${token}` }
  if (!user.username) return {}
  const pair = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')
  return { authorization: `Basic ${pair}` }
}

function impersonationOf(user: User): Record<string, string | string[]> {
  return {
    ...(user.as ? { 'impersonate-user': user.as } : {}),
    ...(user['as-uid'] ? { 'impersonate-uid': user['as-uid'] } : {}),
    ...(user['as-groups']?.length ? { 'impersonate-group': user['as-groups'] } : {}),
  }
}

/** The stock client's own way, for `auth-provider` users: it refreshes OIDC tokens. */
function libraryCredentials(files: readonly string[], chosen: ChosenContext): ReadCredentials {
  const loading = import('@kubernetes/client-node/dist/config.js').then(({ KubeConfig }) => {
    const config = new KubeConfig()
    config.loadFromFile(files[0] ?? '')
    for (const file of files.slice(1)) {
      const more = new KubeConfig()
      more.loadFromFile(file)
      config.mergeConfig(more, true)
    }
    config.setCurrentContext(chosen.context)
    return config
  })
  return async () => {
    const config = await loading
    const options: Record<string, unknown> & { headers: Record<string, string> } = { headers: {} }
    await config.applyToHTTPSOptions(options)
    return {
      headers: Object.fromEntries(
        Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
      ),
      tls: {
        ca: pem(options.ca),
        cert: pem(options.cert),
        key: pem(options.key),
        serverName: typeof options.servername === 'string' ? options.servername : '',
        insecure: options.rejectUnauthorized === false,
      },
      goodForMs: REREAD_MS,
    }
  }
}

function pem(value: unknown): string {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : ''
}

async function dataOrFile(
  data: string | null | undefined,
  file: string | null | undefined,
): Promise<string> {
  if (data) return Buffer.from(data, 'base64').toString('utf8')
  return file ? readBounded(file) : ''
}

async function readBounded(file: string): Promise<string> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (cause) {
    throw new GopherQueueError('KubeconfigMissing', `cannot read ${file}`, { cause })
  }
  if (content.length > MAX_FILE_BYTES) {
    throw new GopherQueueError(
      'KubeconfigInvalid',
      `${file} is larger than ${MAX_FILE_BYTES} bytes`,
    )
  }
  return content
}

async function readable(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

function parseYaml(parse: (text: string) => unknown, text: string, file: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    throw new GopherQueueError('KubeconfigInvalid', `kubeconfig ${file} is not YAML`, { cause })
  }
}
