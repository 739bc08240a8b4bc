// An API server that answers what no API server should: a proxy in front of the genuine one that
// breaks the watches of QueueJobs, and the next lists, at a word (reliability.md B41, B42).

import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { DevCluster } from '../../devcluster/cluster.ts'

export interface BrokenApi {
  /** The same identity as in this kubeconfig, by way of the proxy. */
  kubeconfig(original: string): string
  /** Open watches of QueueJobs. */
  readonly watches: number
  /** Since the start. */
  readonly opened: number
  /** Writes this into every open watch of QueueJobs; `end`: and cuts the connection. */
  intoWatches(bytes: string | Uint8Array, end?: boolean): void
  /** Answers the next lists of QueueJobs, one each. */
  readonly nextLists: string[]
  stop(): void
}

export async function brokenApi(cluster: DevCluster): Promise<BrokenApi> {
  const agent = new Agent({ ca: readFileSync(cluster.caFile), keepAlive: true })
  const watches = new Set<ServerResponse>()
  const nextLists: string[] = []
  let opened = 0
  const server = createServer((asked, answer) => {
    const about = asked.method === 'GET' && /\/v1alpha1\/queuejobs\?/.test(asked.url ?? '')
    const isWatch = about && /[?&]watch=/.test(asked.url ?? '')
    if (isWatch) {
      watches.add(answer)
      opened += 1
      answer.once('close', () => watches.delete(answer))
    }
    const spoilt = about && !isWatch ? nextLists.shift() : undefined
    if (spoilt === undefined) pass(cluster.server, agent, asked, answer)
    else answer.writeHead(200, { 'content-type': 'application/json' }).end(spoilt)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    nextLists,
    kubeconfig(original) {
      const file = path.join(cluster.dir, 'broken-api.yaml')
      writeFileSync(file, readFileSync(original, 'utf8').replaceAll(cluster.server, url))
      return file
    },
    get watches() {
      return watches.size
    },
    get opened() {
      return opened
    },
    intoWatches(bytes, end = false) {
      for (const answer of watches) {
        answer.write(bytes)
        if (end) answer.end()
      }
    },
    stop() {
      server.closeAllConnections()
      server.close()
      agent.destroy()
    },
  }
}

function pass(server: string, agent: Agent, asked: IncomingMessage, answer: ServerResponse): void {
  const { method, headers } = asked
  const onward = request(new URL(asked.url ?? '/', server), { agent, method, headers }, (came) => {
    answer.writeHead(came.statusCode ?? 502, came.headers)
    came.on('data', (chunk) => answer.writableEnded || answer.write(chunk))
    came.on('end', () => answer.end())
    came.on('error', () => answer.destroy())
  })
  onward.on('error', () => answer.destroy())
  answer.on('close', () => onward.destroy())
  asked.pipe(onward)
}
