// Objects as they are stored: lists that begin again behind what was told, and dry runs.

import { describe, expect, it } from 'vitest'
import { KubeObjects } from '../../../src/kube/client-objects.ts'
import { ClientRequests } from '../../../src/kube/client-requests.ts'
import { KubeError } from '../../../src/kube/errors.ts'
import type { KubeCall, KubeWatches } from '../../../src/kube/transport.ts'
import { ScriptedRequests } from './doubles.ts'
import { raw } from './objects.ts'
import { list } from './scripted-api.ts'

const expired = () =>
  new KubeError({
    status: 410,
    reason: 'Expired',
    message: 'gone',
    retryAfterMs: 0,
    outcomeKnown: true,
  })

function objectsOver(answers: readonly unknown[]) {
  const requests = new ScriptedRequests((_call: KubeCall, n: number) => {
    const answer = answers[Math.min(n, answers.length) - 1]
    if (answer instanceof Error) throw answer
    return answer
  })
  const transport = Object.assign(requests, {} as KubeWatches)
  const client = new ClientRequests({ transport, server: 'https://kube', origin: 'file' })
  return { objects: new KubeObjects(client), requests }
}

async function namesOf(answers: readonly unknown[]) {
  const { objects } = objectsOver(answers)
  const names: string[] = []
  for await (const page of objects.pages('QueueJob', '', {})) {
    names.push(...page.map(({ meta }) => meta.name))
  }
  return names
}

describe('a list', () => {
  it('that expires between its pages goes on behind the last object that was told', async () => {
    const answers = [
      list([raw(1, 5), raw(2, 6)], 100, 'A'),
      expired(),
      list([raw(1, 5), raw(2, 6)], 200, 'B'),
      list([raw(3, 7)], 200),
    ]
    expect(await namesOf(answers)).toEqual(['job-1', 'job-2', 'job-3'])
  })

  it('that expires again and again is an error in the end', async () => {
    await expect(namesOf([expired()])).rejects.toMatchObject({ name: 'ApiError' })
  })

  it('loses nothing of a server that lists in another order', async () => {
    expect(await namesOf([list([raw(2, 5), raw(1, 6)], 100)])).toEqual(['job-2', 'job-1'])
  })
})

describe('a create', () => {
  const job = { namespace: 'a', name: 'job-1', labels: {}, annotations: {}, spec: {} }

  it('that is a dry run asks for one, and takes an object without a version', async () => {
    const { metadata, ...rest } = raw(1, 5) as { metadata: Record<string, unknown> }
    const { resourceVersion: _, ...unversioned } = metadata
    const { objects, requests } = objectsOver([{ ...rest, metadata: unversioned }])
    const answer = await objects.create('QueueJob', job, { dryRun: true })
    expect(answer).toMatchObject({ kind: 'created', object: { meta: { name: 'job-1' } } })
    expect(requests.calls[0]?.query).toMatchObject({ dryRun: 'All', fieldValidation: 'Strict' })
  })

  it('is stored otherwise', async () => {
    const { objects, requests } = objectsOver([raw(1, 5)])
    await objects.create('QueueJob', job, {})
    expect(requests.calls[0]?.query).not.toHaveProperty('dryRun')
  })
})

describe('a patch', () => {
  it('is a merge patch, and null where there is no such object', async () => {
    const missing = new KubeError({
      status: 404,
      reason: 'NotFound',
      message: 'none',
      retryAfterMs: 0,
      outcomeKnown: true,
      aboutObject: true,
    })
    const { objects, requests } = objectsOver([raw(1, 5), missing])
    const key = { namespace: 'a', name: 'job-1' }
    const change = { spec: { suspend: true } }
    expect(await objects.patch('QueueJob', key, change)).toMatchObject({ meta: { name: 'job-1' } })
    expect(requests.calls[0]).toMatchObject({
      verb: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: change,
    })
    expect(await objects.patch('QueueJob', key, change)).toBeNull()
  })
})
