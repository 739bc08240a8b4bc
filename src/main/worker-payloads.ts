/**
 * A worker's own way to the API server, for payloads that stand in ConfigMaps and Secrets. Loaded only by
 * a worker that was started with `payloadFrom: true`: all others speak to NATS alone.
 */
import type { Clock, Random } from '../core/clock.ts'
import { loadKubeConfig } from '../kube/config.ts'
import { KubePayloadSource } from '../kube/payloads.ts'
import { KubeTransport } from '../kube/transport.ts'
import { processEnvironment } from '../process/env.ts'
import type { PayloadSource } from '../worker/ports.ts'
import { VERSION } from './version.ts'

export interface OpenPayloads {
  readonly source: PayloadSource
  close(): Promise<void>
}

/** @throws GopherQueueError `KubeconfigMissing` or `KubeconfigInvalid`, saying what was looked for */
export async function openPayloads(
  kubeconfig: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<OpenPayloads> {
  const env = processEnvironment()
  const access = await loadKubeConfig({ clock, env, path: kubeconfig, context: '' })
  const program = 'gopherqueue-worker'
  const transport = new KubeTransport({
    clock,
    random,
    access,
    version: VERSION,
    program,
    connections: 8,
  })
  return { source: new KubePayloadSource(transport), close: () => transport.close() }
}
