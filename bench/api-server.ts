// What the benchmarks say to the API server, as directly as possible: raw requests over a pool of
// kept-alive connections, nothing of the operator's own code between. What they measure is what the
// server can take and what the operator makes of it.

import { Pool } from 'undici'
import { z } from 'zod'
import { API_VERSION, GROUP, KINDS, VERSION } from '../src/api/conditions.ts'
import type { QueueJobSpecInput } from '../src/api/queuejob.ts'
import type { KubeAccess } from '../src/kube/access.ts'

const answerWithinMs = 60_000

const Created = z.object({
  metadata: z.object({
    uid: z.string(),
    resourceVersion: z.string(),
    creationTimestamp: z.string(),
  }),
})

/** A job as the server answered its creation. */
export interface CreatedJob {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationMs: number
}

export class ApiServer {
  readonly #requests: Pool
  readonly #watches: Pool
  readonly #headers: Readonly<Record<string, string | string[]>>

  /** @param connections requests in flight at once; each watch has a connection of its own */
  static async connect(access: KubeAccess, connections: number): Promise<ApiServer> {
    const { tls, headers } = await access.credentials()
    const connect = {
      ca: tls.ca,
      ...(tls.cert === '' ? {} : { cert: tls.cert, key: tls.key }),
    }
    const pool = (size: number | null, silenceMs: number) =>
      new Pool(access.server, {
        connections: size,
        allowH2: false,
        headersTimeout: answerWithinMs,
        bodyTimeout: silenceMs,
        connect,
      })
    return new ApiServer(pool(connections, answerWithinMs), pool(null, 0), headers)
  }

  private constructor(
    requests: Pool,
    watches: Pool,
    headers: Readonly<Record<string, string | string[]>>,
  ) {
    this.#requests = requests
    this.#watches = watches
    this.#headers = headers
  }

  async createJob(namespace: string, name: string, spec: QueueJobSpecInput): Promise<CreatedJob> {
    const job = { apiVersion: API_VERSION, kind: KINDS.QueueJob.kind, metadata: { name }, spec }
    const text = await this.#send('POST', jobsPath(namespace), JSON.stringify(job))
    const { metadata } = Created.parse(JSON.parse(text))
    const { uid, resourceVersion, creationTimestamp } = metadata
    return { name, uid, resourceVersion, creationMs: Date.parse(creationTimestamp) }
  }

  /** @param patch a merge patch, as JSON text */
  async patchStatus(namespace: string, name: string, patch: string): Promise<void> {
    await this.#send('PATCH', `${jobsPath(namespace)}/${name}/status`, patch)
  }

  /** The text of any path, for what has no method of its own. */
  get(path: string): Promise<string> {
    return this.#send('GET', path, null)
  }

  /**
   * Watches the jobs of a namespace from now on and calls `seen` for each event that comes, without
   * reading what is in it. Resolves when the server has opened the watch, with what ends it.
   * @param fieldSelector `status.phase=Completed`; '' = every job
   */
  async watchJobs(namespace: string, fieldSelector: string, seen: () => void): Promise<() => void> {
    const since = z
      .object({ metadata: z.object({ resourceVersion: z.string() }) })
      .parse(JSON.parse(await this.get(`${jobsPath(namespace)}?limit=1`)))
    const query = new URLSearchParams({
      watch: 'true',
      resourceVersion: since.metadata.resourceVersion,
      ...(fieldSelector === '' ? {} : { fieldSelector }),
    })
    const answer = await this.#watches.request({
      method: 'GET',
      path: `${jobsPath(namespace)}?${query}`,
      headers: this.#headers,
    })
    if (answer.statusCode !== 200) {
      throw new Error(`watch of ${namespace}: ${answer.statusCode} ${await answer.body.text()}`)
    }
    answer.body.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) seen()
    })
    // A watch that ends by itself shows as events that never come; whoever waits has a deadline.
    answer.body.on('error', () => undefined)
    return () => answer.body.destroy()
  }

  async close(): Promise<void> {
    await Promise.all([this.#requests.destroy(), this.#watches.destroy()])
  }

  async #send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body: string | null,
  ): Promise<string> {
    const answer = await this.#requests.request({
      method,
      path,
      headers: this.#typed(method),
      body,
    })
    const text = await answer.body.text()
    if (answer.statusCode < 300) return text
    throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`)
  }

  #typed(method: 'GET' | 'POST' | 'PATCH'): Record<string, string | string[]> {
    if (method === 'GET') return { ...this.#headers }
    const kind = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    return { ...this.#headers, 'content-type': kind }
  }
}

function jobsPath(namespace: string): string {
  return `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/${KINDS.QueueJob.plural}`
}
