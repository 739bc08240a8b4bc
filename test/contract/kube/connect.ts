// The adapters under test, connected to the genuine API server of the run. One namespace per suite.

import { inject } from 'vitest'
import type { JobUid } from '../../../src/core/ids.ts'
import { jobUid } from '../../../src/core/ids.ts'
import type { KubeAccess } from '../../../src/kube/access.ts'
import { loadKubeConfig } from '../../../src/kube/config.ts'
import { KubeError } from '../../../src/kube/errors.ts'
import { KubeTransport, type TransportOptions } from '../../../src/kube/transport.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'

export type Json = Record<string, unknown>

export interface Stored {
  readonly namespace: string
  readonly name: string
  readonly uid: JobUid
  readonly resourceVersion: string
}

export interface Connection {
  readonly transport: KubeTransport
  readonly namespace: string
  /** Path of a collection of our group in the suite's namespace, or of an object of it. */
  path(plural: string, name?: string): string
  create(plural: string, kind: string, spec: Json, metadata?: Json): Promise<Stored>
  read(plural: string, name: string): Promise<Json>
  remove(plural: string, name: string): Promise<void>
  /** Merge patch of an object, as a user would edit it. */
  edit(plural: string, name: string, change: Json): Promise<Stored>
  close(): Promise<void>
}

/** As the admin, or as somebody who has no rights at all. */
export async function transportAs(
  who: 'admin' | 'nobody',
  more: Partial<TransportOptions> = {},
): Promise<KubeTransport> {
  const access = await loadKubeConfig({
    clock: realClock,
    env: {},
    path: inject('servers').kubeconfig,
  })
  return new KubeTransport({
    access: who === 'admin' ? access : impersonating(access, who),
    clock: realClock,
    random: realRandom,
    version: 'test',
    ...more,
  })
}

function impersonating(access: KubeAccess, user: string): KubeAccess {
  const as = async (asked: ReturnType<KubeAccess['credentials']>) => {
    const { headers, tls } = await asked
    return { tls, headers: { ...headers, 'impersonate-user': user } }
  }
  return {
    server: access.server,
    namespace: access.namespace,
    origin: access.origin,
    credentials: () => as(access.credentials()),
    refresh: () => as(access.refresh()),
  }
}

const BASE = '/apis/gopherqueue.io/v1alpha1/namespaces'

export async function connect(namespace: string): Promise<Connection> {
  const transport = await transportAs('admin')
  await createNamespace(transport, namespace)
  const path = (plural: string, name = '') =>
    `${BASE}/${namespace}/${plural}${name === '' ? '' : `/${name}`}`
  return {
    transport,
    namespace,
    path,
    create: async (plural, kind, spec, metadata = {}) =>
      storedOf(
        await transport.request({
          verb: 'POST',
          path: path(plural),
          body: {
            apiVersion: 'gopherqueue.io/v1alpha1',
            kind,
            metadata: { generateName: 'case-', ...metadata },
            spec,
          },
        }),
      ),
    read: async (plural, name) =>
      (await transport.request({ verb: 'GET', path: path(plural, name) })) as Json,
    remove: async (plural, name) => {
      await transport.request({ verb: 'DELETE', path: path(plural, name) })
    },
    edit: async (plural, name, change) =>
      storedOf(
        await transport.request({
          verb: 'PATCH',
          path: path(plural, name),
          contentType: 'application/merge-patch+json',
          body: change,
        }),
      ),
    close: () => transport.close(),
  }
}

export async function createNamespace(transport: KubeTransport, name: string): Promise<void> {
  try {
    await transport.request({
      verb: 'POST',
      path: '/api/v1/namespaces',
      body: { metadata: { name } },
    })
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 409) throw error
  }
}

function storedOf(answer: unknown): Stored {
  const { namespace, name, uid, resourceVersion } = (answer as { metadata: Stored }).metadata
  return { namespace, name, uid: jobUid(uid), resourceVersion }
}

/** Looks until something is so; for what a server does in its own time. */
export async function eventually(what: string, look: () => boolean | Promise<boolean>) {
  const limit = performance.now() + 30_000
  while (!(await look())) {
    if (performance.now() > limit) throw new Error(`waited in vain: ${what}`)
    await new Promise<void>((resolve) => realClock.after(20, resolve))
  }
}
