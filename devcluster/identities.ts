// Who may log in to the cluster, and the kubeconfig file of each.
//
// The suite's admin and the control plane's own components get client certificates at the start;
// any other user gets one on demand. A service account gets a token from the API server, as a pod
// would, so it must exist first.

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { clusterFiles, kubeconfig, type Login, serverNames } from './config.ts'
import {
  type CertificateAuthority,
  type Credentials,
  createAuthority,
  createServiceAccountKey,
  type UserIdentity,
} from './pki.ts'
import { ask } from './requests.ts'

// The longest that a cluster for tests or a demo is expected to live.
const tokenSeconds = 86_400

export type Identity =
  | 'admin'
  | UserIdentity
  | { readonly serviceAccount: { readonly namespace: string; readonly name: string } }

export interface Identities {
  readonly admin: Credentials
  readonly caCertificate: string
  /** Path of a kubeconfig file for the identity; written anew at each call. */
  readonly kubeconfig: (identity: Identity) => Promise<string>
}

/** Makes the CA, the servers' certificate and keys, and the kubeconfigs of the components. */
export async function createIdentities(folder: string, server: string): Promise<Identities> {
  const files = clusterFiles(folder)
  const authority = createAuthority()
  const served = authority.server('kube-apiserver', serverNames)
  const admin = authority.client({ user: 'admin', groups: ['system:masters'] })
  writePrivately(files.caCertificate, authority.certificate)
  writePrivately(files.serverCertificate, served.certificate)
  writePrivately(files.serverKey, served.key)
  writePrivately(files.serviceAccountKey, await createServiceAccountKey())
  const writeLogin = (file: string, user: string, login: Login) =>
    writePrivately(file, kubeconfig(server, authority.certificate, user, login))
  const writeUser = (file: string, identity: UserIdentity, credentials?: Credentials) => {
    const issued = credentials ?? authority.client(identity)
    return writeLogin(file, identity.user, { kind: 'certificate', ...issued })
  }
  writeUser(files.adminKubeconfig, { user: 'admin' }, admin)
  writeUser(files.controllerManagerKubeconfig, { user: 'system:kube-controller-manager' })
  writeUser(files.schedulerKubeconfig, { user: 'system:kube-scheduler' })
  return {
    admin,
    caCertificate: authority.certificate,
    kubeconfig: async (identity) => {
      if (identity === 'admin') return files.adminKubeconfig
      const file = path.join(folder, 'kubeconfig', fileNameOf(identity))
      if (!('serviceAccount' in identity)) return writeUser(file, identity)
      const { namespace, name } = identity.serviceAccount
      const token = await requestToken({ server, authority, admin }, namespace, name)
      return writeLogin(file, `${namespace}/${name}`, { kind: 'token', token })
    },
  }
}

// Readable, and different for two users whose names differ only in signs a file name cannot have.
function fileNameOf(identity: Exclude<Identity, 'admin'>): string {
  const exact = JSON.stringify(identity)
  const name =
    'serviceAccount' in identity
      ? `${identity.serviceAccount.namespace}-${identity.serviceAccount.name}`
      : identity.user
  const readable = name.replace(/[^A-Za-z0-9.-]+/g, '-').slice(0, 60)
  return `${readable}-${createHash('sha256').update(exact).digest('hex').slice(0, 8)}.yaml`
}

interface TokenSource {
  readonly server: string
  readonly authority: CertificateAuthority
  readonly admin: Credentials
}

async function requestToken(source: TokenSource, namespace: string, name: string): Promise<string> {
  const account = `namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}`
  const answer = await ask({
    url: `${source.server}/api/v1/${account}/token`,
    method: 'POST',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: tokenSeconds },
    },
    ca: source.authority.certificate,
    login: source.admin,
  })
  if (answer.status === 404) {
    throw new Error(
      `service account ${namespace}/${name} does not exist: create it before asking for its kubeconfig`,
    )
  }
  const parsed: unknown = answer.status === 201 ? JSON.parse(answer.body) : undefined
  const token = (parsed as { status?: { token?: unknown } } | undefined)?.status?.token
  if (typeof token === 'string') return token
  throw new Error(
    `no token for service account ${namespace}/${name}: the API server answered ${answer.status}: ${answer.body.slice(0, 500)}`,
  )
}

function writePrivately(file: string, content: string): string {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, content, { mode: 0o600 })
  return file
}
