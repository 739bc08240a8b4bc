/**
 * Payloads that stand in ConfigMaps and Secrets, read by a worker with its own rights. Only an object
 * that its owner labelled as a payload is given out: whoever may submit jobs to a worker could read
 * every Secret of that worker otherwise.
 */
import { LABELS } from '../api/conditions.ts'
import { MAX_PAYLOAD_BYTES } from '../api/queuejob.ts'
import { describeError } from '../core/errors.ts'
import type { PayloadRef } from '../core/job.ts'
import type { PayloadAnswer, PayloadSource } from '../worker/ports.ts'
import { KubeError } from './errors.ts'
import { isRecord, metaOf, type RawObject, textAt } from './objects.ts'
import type { KubeRequests } from './transport.ts'

/** Other keys of the object come along; etcd takes 1.5 MiB. */
const MAX_OBJECT_BYTES = 2 * 1_048_576
const READ_DEADLINE_MS = 10_000

const PLURALS = { ConfigMap: 'configmaps', Secret: 'secrets' } as const

export class KubePayloadSource implements PayloadSource {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  async read(namespace: string, from: PayloadRef, signal: AbortSignal): Promise<PayloadAnswer> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/${PLURALS[from.kind]}/${encodeURIComponent(from.name)}`
    try {
      const raw = await this.#requests.request({
        verb: 'GET',
        path,
        deadlineMs: READ_DEADLINE_MS,
        maxBytes: MAX_OBJECT_BYTES,
        signal,
      })
      return payloadIn(raw, from)
    } catch (error) {
      return answerOf(error, namespace, from)
    }
  }
}

function payloadIn(raw: unknown, from: PayloadRef): PayloadAnswer {
  const meta = metaOf(raw)
  if (!meta || !isRecord(raw)) return { kind: 'unreachable', detail: 'the answer is no object' }
  if (textAt(meta.labels, LABELS.payload) !== 'true') {
    return { kind: 'forbidden', detail: `it does not carry the label ${LABELS.payload}: "true"` }
  }
  const found = from.kind === 'Secret' ? decoded(textOf(raw.data, from.key)) : plain(raw, from.key)
  if (found === null) return { kind: 'missing', detail: `there is no key ${from.key} in it` }
  if (found === 'no text') return { kind: 'forbidden', detail: `key ${from.key} is not UTF-8 text` }
  return { kind: 'found', text: found.text }
}

type Found = { readonly text: string } | 'no text' | null

function plain(raw: RawObject, key: string): Found {
  const text = textOf(raw.data, key)
  return text === null ? decoded(textOf(raw.binaryData, key)) : { text }
}

/** Of a value that is too long, enough is decoded to say how long it is. */
function decoded(base64: string | null): Found {
  if (base64 === null) return null
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length > MAX_PAYLOAD_BYTES) return { text: bytes.toString('latin1') }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return 'no text'
  }
}

function textOf(map: unknown, key: string): string | null {
  if (!isRecord(map) || !Object.hasOwn(map, key)) return null
  const value = map[key]
  return typeof value === 'string' ? value : null
}

function answerOf(error: unknown, namespace: string, from: PayloadRef): PayloadAnswer {
  if (!(error instanceof KubeError)) return { kind: 'unreachable', detail: describeError(error) }
  if (error.status === 404 && error.aboutObject) {
    return { kind: 'missing', detail: `there is none in namespace ${namespace}` }
  }
  if (error.status !== 403) return { kind: 'unreachable', detail: error.message }
  const plural = PLURALS[from.kind]
  return {
    kind: 'forbidden',
    detail: `its ServiceAccount lacks the right: kubectl -n ${namespace} create role payloads --verb=get --resource=${plural} --resource-name=${from.name}, then bind it`,
  }
}
