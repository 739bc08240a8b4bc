// A plain HTTP client of the API server for the suites of this folder: what they prove is what the
// server answers, so nothing of src/ stands between. One namespace per suite.

import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { expect, inject } from 'vitest'
import { parse } from 'yaml'

export type Json = Record<string, unknown>

/** One reason of a refusal, as the server lists it. */
export interface Cause {
  readonly field: string
  readonly message: string
  readonly reason: string
}

export interface Answer {
  readonly code: number
  readonly body: Json
  readonly message: string
  readonly causes: readonly Cause[]
  readonly warnings: string
}

export interface Ask {
  readonly query?: string
  readonly contentType?: string
  readonly as?: string
  /** Sent as it stands instead of a JSON body. */
  readonly raw?: string
}

export interface Door {
  send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    ask?: Ask,
  ): Promise<Answer>
  /** Path of a collection or object of our group in the suite's namespace. */
  path(plural: string, name?: string, subresource?: string): string
  readonly namespace: string
}

interface Kubeconfig {
  readonly clusters: readonly { cluster: { server: string; [key: string]: string } }[]
  readonly users: readonly { user: Readonly<Record<string, string>> }[]
}

/** Content of a kubeconfig field that is either a file or inline base64. */
function material(holder: Readonly<Record<string, string>> | undefined, key: string): string {
  const inline = holder?.[`${key}-data`]
  if (inline !== undefined) return Buffer.from(inline, 'base64').toString('utf8')
  return readFileSync(holder?.[key] ?? '', 'utf8')
}

const prefix = '/apis/gopherqueue.io/v1alpha1'

/** Connects as the cluster's admin and makes the namespace. */
export async function openDoor(namespace: string): Promise<Door> {
  const config = parse(readFileSync(inject('servers').kubeconfig, 'utf8')) as Kubeconfig
  const cluster = config.clusters[0]?.cluster
  const user = config.users[0]?.user
  const agent = new Agent({
    connections: 8,
    connect: {
      ca: material(cluster, 'certificate-authority'),
      cert: material(user, 'client-certificate'),
      key: material(user, 'client-key'),
    },
  })
  const server = cluster?.server ?? ''
  const door: Door = {
    namespace,
    path: (plural, name, subresource) =>
      [`${prefix}/namespaces/${namespace}/${plural}`, name, subresource]
        .filter((part) => part !== undefined)
        .join('/'),
    send: async (method, path, body, ask = {}) => {
      const answer = await request(`${server}${path}${ask.query ?? ''}`, {
        method,
        dispatcher: agent,
        headers: {
          'content-type': ask.contentType ?? 'application/json',
          ...(ask.as === undefined ? {} : { 'impersonate-user': ask.as }),
        },
        body: ask.raw ?? (body === undefined ? null : JSON.stringify(body)),
      })
      const text = await answer.body.text()
      return readAnswer(answer.statusCode, text, String(answer.headers.warning ?? ''))
    },
  }
  const made = await door.send('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
  expect([201, 409], made.message).toContain(made.code)
  return door
}

function readAnswer(code: number, text: string, warnings: string): Answer {
  let body: Json = {}
  try {
    body = JSON.parse(text) as Json
  } catch {
    body = { message: text }
  }
  const details = (body.details ?? {}) as { causes?: Cause[] }
  return { code, body, message: String(body.message ?? ''), causes: details.causes ?? [], warnings }
}

export const api = (kind: string, spec: unknown, metadata: Json = {}): Json => ({
  apiVersion: 'gopherqueue.io/v1alpha1',
  kind,
  metadata: { generateName: 'case-', ...metadata },
  ...(spec === undefined ? {} : { spec }),
})

/** Tries a creation without keeping the object. */
export function tryCreate(
  door: Door,
  plural: string,
  object: Json,
  ask: Ask = {},
): Promise<Answer> {
  return door.send('POST', door.path(plural), object, { query: '?dryRun=All', ...ask })
}

/** Creates an object; returns its name. */
export async function create(door: Door, plural: string, object: Json): Promise<string> {
  const answer = await door.send('POST', door.path(plural), object)
  expect(answer.code, answer.message).toBe(201)
  return String((answer.body.metadata as Json).name)
}

/** Merge patch of the object, or of its status. */
export function patch(
  door: Door,
  plural: string,
  name: string,
  change: Json,
  subresource?: 'status',
): Promise<Answer> {
  return door.send('PATCH', door.path(plural, name, subresource), change, {
    contentType: 'application/merge-patch+json',
  })
}

export function expectAccepted(answer: Answer): void {
  expect(answer.message === '' || answer.body.kind !== 'Status', answer.message).toBe(true)
  expect([200, 201]).toContain(answer.code)
}

/** 422 whose causes name the field and say the words. */
export function expectRefused(answer: Answer, field: string, words: string | RegExp): void {
  expect(answer.code, JSON.stringify(answer.body).slice(0, 400)).toBe(422)
  const at = answer.causes.filter((cause) => cause.field === field)
  expect(at.length, `no cause at ${field}: ${answer.message}`).toBeGreaterThan(0)
  const said = at.map((cause) => cause.message).join('\n')
  expect(said).toMatch(typeof words === 'string' ? literal(words) : words)
}

function literal(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
}

/** A copy of `object` with the value at a path such as `retry.maxAttempts`. */
export function withValue(object: Json, path: string, value: unknown): Json {
  const [head = '', ...rest] = path.split('.')
  if (rest.length === 0) return { ...object, [head]: value }
  return { ...object, [head]: withValue((object[head] ?? {}) as Json, rest.join('.'), value) }
}
