/**
 * Composition of the client: real time, the cluster that kubectl would choose, and the client room on
 * top. The entry `@gopherqueue/sdk/client` is this file.
 */
import { Client } from '../client/client.ts'
import type { GopherQueue } from '../client/surface.ts'
import type { KubeAccess } from '../kube/access.ts'
import { clientStore } from '../kube/client-store.ts'
import { loadKubeConfig } from '../kube/config.ts'
import { KubeTransport, type TransportOptions } from '../kube/transport.ts'
import { realClock, realRandom } from '../process/clock.ts'
import { processEnvironment } from '../process/env.ts'
import { VERSION } from './version.ts'

export interface ConnectOptions {
  /** Kubeconfig file. Default: as kubectl finds it, else the service account of the pod. */
  readonly kubeconfig?: string | undefined
  /** Context of the kubeconfig. Default: the current one. */
  readonly context?: string | undefined
  /** Of every call that names none. Default: that of the context or of the pod. */
  readonly namespace?: string | undefined
  /** Sockets for requests; watches have their own. Default: 16. */
  readonly connections?: number | undefined
}

/**
 * Finds the cluster and the credentials, without a request.
 * @throws GopherQueueError `KubeconfigMissing` or `KubeconfigInvalid`, saying what was looked for
 */
export async function connect(options: ConnectOptions = {}): Promise<GopherQueue> {
  const access = await loadKubeConfig({
    clock: realClock,
    env: processEnvironment(),
    path: options.kubeconfig ?? '',
    context: options.context ?? '',
  })
  const namespace = options.namespace ?? access.namespace
  return clientOver(access, namespace, { connections: options.connections ?? 16 })
}

/**
 * The client of one API server. Not part of the published declarations.
 * @param transport tests lose answers with it
 * @internal
 */
export function clientOver(
  access: KubeAccess,
  namespace: string,
  transport: Pick<TransportOptions, 'connections' | 'onCall' | 'observe'>,
): GopherQueue {
  const time = { clock: realClock, random: realRandom }
  const kube = new KubeTransport({
    ...time,
    ...transport,
    access,
    version: VERSION,
    program: 'gopherqueue-client',
  })
  return new Client({
    ...time,
    ...clientStore({ ...time, transport: kube, server: access.server, origin: access.origin }),
    namespace,
    release: () => kube.close(),
  })
}
