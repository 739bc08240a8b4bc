// One collection on a scripted server: it lists and watches as an API server does, until a test gives
// it something else to answer.

import type { ServerResponse } from 'node:http'
import type { RawObject } from '../../../src/kube/objects.ts'
import {
  type Answer,
  json,
  type ScriptedServer,
  type Seen,
  scriptedServer,
} from './scripted-server.ts'

export interface OpenWatch {
  readonly seen: Seen
  readonly response: ServerResponse
}

export class ScriptedApi {
  readonly server: ScriptedServer
  /** What a list shows. */
  objects: readonly RawObject[] = []
  version = 100
  /** Answers to the next lists and watches, in place of the healthy ones. */
  readonly nextLists: Answer[] = []
  readonly nextWatches: Answer[] = []
  readonly lists: Seen[] = []
  readonly watches: Seen[] = []
  readonly #open = new Set<OpenWatch>()

  private constructor(server: ScriptedServer) {
    this.server = server
  }

  static async start(): Promise<ScriptedApi> {
    const server = await scriptedServer(() => undefined)
    const api = new ScriptedApi(server)
    server.answer = (seen, response) => api.#answer(seen, response)
    return api
  }

  get open(): readonly OpenWatch[] {
    return [...this.#open]
  }

  /** One event to every open watch. */
  send(type: string, object: unknown): void {
    this.sendText(`${JSON.stringify({ type, object })}\n`)
  }

  sendText(text: string | Buffer): void {
    for (const { response } of this.#open) response.write(text)
  }

  /** Ends every open watch after a complete line, as a server does. */
  endWatches(): void {
    for (const { response } of this.#open) response.end()
  }

  /** Cuts every connection. */
  cut(): void {
    for (const { seen } of this.#open) seen.socket.destroy()
  }

  #answer(seen: Seen, response: ServerResponse): void {
    const watching = seen.query.get('watch') === 'true'
    ;(watching ? this.watches : this.lists).push(seen)
    const special = (watching ? this.nextWatches : this.nextLists).shift()
    if (special) special(seen, response)
    else if (watching) this.#watch(seen, response)
    else json(response, 200, list(this.objects, this.version))
  }

  #watch(seen: Seen, response: ServerResponse): void {
    const watch = { seen, response }
    this.#open.add(watch)
    response.on('close', () => this.#open.delete(watch))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
  }
}

/** A page of a list; with a token more follows. */
export function list(items: readonly unknown[] | null, version: number | string, token = '') {
  return {
    kind: 'QueueJobList',
    metadata: { resourceVersion: String(version), ...(token ? { continue: token } : {}) },
    items,
  }
}

export const answerList =
  (...args: Parameters<typeof list>): Answer =>
  (_seen, response) =>
    json(response, 200, list(...args))

export const answerStatus =
  (code: number, headers = {}): Answer =>
  (_seen, response) =>
    json(response, code, { kind: 'Status', code, message: `answer ${code}` }, headers)

export const answerText =
  (text: string | Buffer): Answer =>
  (_seen, response) =>
    response.end(text)

export const answerNothing: Answer = () => undefined
export const cutConnection: Answer = (seen) => seen.socket.destroy()
