// Payloads that stand in a ConfigMap or Secret: who may run such a job, and what a bad one leads to.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inexactInteger } from '../../../src/core/inexact.ts'
import type { PayloadRef } from '../../../src/core/job.ts'
import { payloadOf } from '../../../src/worker/payload.ts'
import type { PayloadAnswer, PayloadSource } from '../../../src/worker/ports.ts'
import { itemOf } from './world.ts'

const FROM: PayloadRef = { kind: 'Secret', name: 'order', key: 'input' }
const { signal } = new AbortController()

/** An integer beyond 2^53 is refused, see below. */
const exact = fc.json({ maxDepth: 4 }).filter((text) => inexactInteger(text) === null)

const answering = (answer: PayloadAnswer): PayloadSource => ({ read: async () => answer })
const found = (text: string) => answering({ kind: 'found', text })
const read = (source: PayloadSource | null, from: PayloadRef | null = FROM) =>
  payloadOf(itemOf({ payloadFrom: from, payloadJson: null }), source, 'mailer-0', signal)

async function failureOf(source: PayloadSource | null) {
  const answer = await read(source)
  if (answer.ok || answer.outcome.kind !== 'failed') throw new Error('it was read')
  return answer.outcome.failure
}

describe('a payload inside the job', () => {
  it('is taken as it is, and nothing is read', async () => {
    const item = itemOf({ payloadJson: '{"a":1}' })
    expect(await payloadOf(item, null, 'mailer-0', signal)).toEqual({ ok: true, json: '{"a":1}' })
  })
})

describe('a payload by reference', () => {
  it('reaches the handler unchanged (I-S15)', async () => {
    await fc.assert(
      fc.asyncProperty(exact, async (text) => {
        expect(await read(found(text))).toEqual({ ok: true, json: text === 'null' ? null : text })
      }),
    )
  })

  it('is asked for in the namespace of the job', async () => {
    const asked: unknown[] = []
    await read({
      read: async (namespace, from) => {
        asked.push([namespace, from])
        return { kind: 'found', text: '1' }
      },
    })
    expect(asked).toEqual([['shop', FROM]])
  })

  it('on a worker that did not opt in is Permanent PayloadForbidden', async () => {
    expect(await failureOf(null)).toMatchObject({
      category: 'Permanent',
      code: 'PayloadForbidden',
      message: expect.stringContaining('payloadFrom: true'),
    })
  })

  it.each<[PayloadAnswer['kind'], string, string]>([
    ['forbidden', 'Permanent', 'PayloadForbidden'],
    ['missing', 'Temporary', 'PayloadMissing'],
    ['unreachable', 'Temporary', 'PayloadUnreachable'],
  ])('that is %s is %s %s, with the cause and the object', async (kind, category, code) => {
    const failure = await failureOf(answering({ kind, detail: 'the cause' } as PayloadAnswer))
    expect(failure).toMatchObject({ category, code })
    expect(failure.message).toContain('Secret order, key input')
    expect(failure.message).toContain('the cause')
  })

  it.each([
    ['not JSON', 'hello', 'InvalidPayload'],
    ['an integer that would be rounded', '{"id":9007199254740993}', 'InvalidPayload'],
    ['nested too deep', `${'['.repeat(1001)}${']'.repeat(1001)}`, 'InvalidPayload'],
    ['larger than 128 KiB', `"${'x'.repeat(131_072)}"`, 'PayloadTooLarge'],
  ])('that is %s fails for good, without a value in the sentence', async (_, text, code) => {
    const failure = await failureOf(found(text))
    expect(failure).toMatchObject({ category: 'Permanent', code })
    expect(failure.message).not.toContain(text.slice(0, 8))
  })
})
