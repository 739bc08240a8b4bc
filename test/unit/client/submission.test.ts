// From a definition, an input and options to the object that is sent, or to an error that names the field.

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { QueueJobSpec } from '../../../src/api/queuejob.ts'
import { InvalidJobError } from '../../../src/client/errors.ts'
import { newJob, type SubmitOptions } from '../../../src/client/submission.ts'
import { defineJob, type JobDefinition } from '../../../src/core/definition.ts'
import { sendEmail } from './builders.ts'

const key = { namespace: 'shop', name: 'email-1' }
const input = { to: 'a@example.com' }

function made(options: SubmitOptions = {}, definition: JobDefinition = sendEmail, value?: unknown) {
  return newJob(definition, value ?? input, options, key, '')
}

function refused(options: SubmitOptions, definition?: JobDefinition, value?: unknown) {
  try {
    made(options, definition, value)
  } catch (error) {
    if (error instanceof InvalidJobError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

const anything = defineJob({ type: 'any', version: '1', input: z.unknown(), output: z.unknown() })

describe('the object that is sent', () => {
  it('says no more than what was said', () => {
    expect(made()).toEqual({
      ...key,
      labels: {},
      annotations: {},
      spec: { type: 'email.send', payload: input },
    })
  })

  it('carries every option of the API under its own name', () => {
    const spec = {
      queue: 'mail',
      priority: 'High',
      delaySeconds: 5,
      suspend: true,
      attemptDeadlineSeconds: 60,
      activeDeadlineSeconds: 600,
      handlerVersion: '1',
      retry: { maxAttempts: 5, backoff: { strategy: 'Constant', initialSeconds: 2 } },
      crashBudget: { max: 1 },
      idempotencyKey: 'order-7',
      concurrencyKey: 'customer-1',
      fairnessKey: 'customer-1',
      ttlSecondsAfterFinished: 3600,
      runId: '1',
      readiness: 'Accepted',
      resources: { memoryMiB: 64 },
    } as const
    expect(made(spec).spec).toEqual({ type: 'email.send', payload: input, ...spec })
  })

  it('knows every field of the API: one that is added there is an option here', () => {
    const decidedElsewhere = ['type', 'payload', 'payloadFrom', 'array']
    const options: Record<keyof SubmitOptions, true> = {
      queue: true,
      priority: true,
      startAfter: true,
      delaySeconds: true,
      suspend: true,
      attemptDeadlineSeconds: true,
      activeDeadlineSeconds: true,
      handlerVersion: true,
      retry: true,
      crashBudget: true,
      idempotencyKey: true,
      dependsOn: true,
      concurrencyKey: true,
      fairnessKey: true,
      ttlSecondsAfterFinished: true,
      runId: true,
      readiness: true,
      resources: true,
      namespace: true,
      name: true,
      labels: true,
      annotations: true,
      traceparent: true,
      tracestate: true,
      correlationId: true,
      asString: true,
      timeoutMs: true,
      signal: true,
    }
    for (const field of Object.keys(QueueJobSpec.shape)) {
      expect(field in options || decidedElsewhere.includes(field), field).toBe(true)
    }
  })

  it('takes a Date or a text as time, and names, handles or both as dependencies', () => {
    const at = new Date(Date.UTC(2027, 0, 1))
    expect(made({ startAfter: at }).spec.startAfter).toBe('2027-01-01T00:00:00.000Z')
    expect(made({ startAfter: '2027-01-01T00:00:00Z' }).spec.startAfter).toBe(
      '2027-01-01T00:00:00Z',
    )
    const handle = { name: 'b', uid: 'uid-b', phase: 'Running' }
    const dependsOn = ['a', handle, { name: 'c', when: 'Finished' }] as const
    expect(made({ dependsOn }).spec.dependsOn).toEqual([
      { name: 'a' },
      { name: 'b' },
      { name: 'c', when: 'Finished' },
    ])
  })

  it('carries labels, annotations and what travels to the handler', () => {
    const job = made({
      labels: { team: 'a' },
      annotations: { note: 'x' },
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'a=1',
      correlationId: 'order-7',
    })
    expect(job.labels).toEqual({ team: 'a' })
    expect(job.annotations).toEqual({
      note: 'x',
      'gopherqueue.io/traceparent': '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'gopherqueue.io/tracestate': 'a=1',
      'gopherqueue.io/correlation-id': 'order-7',
    })
  })

  it('is marked where its name may be chosen by others, too', () => {
    const job = newJob(sendEmail, input, {}, key, 'cafe')
    expect(job.annotations).toEqual({ 'gopherqueue.io/submission': 'cafe' })
  })

  it('holds a payload as one string when asked to', () => {
    expect(made({ asString: true }).spec.payload).toBe('{"to":"a@example.com"}')
  })

  it('has no payload when the job has no input', () => {
    const nightly = defineJob({ type: 'n', version: '1', input: z.void(), output: z.void() })
    expect('payload' in newJob(nightly, undefined, {}, key, '').spec).toBe(false)
  })

  it('keeps keys that mean something to JavaScript as data', () => {
    const value = JSON.parse('{"__proto__":{"a":1},"toString":2}')
    expect(JSON.stringify(made({}, anything, value).spec.payload)).toBe(JSON.stringify(value))
  })
})

describe('refused before anything is sent', () => {
  it('an input that does not fit, with the path in it', () => {
    const error = refused({}, sendEmail, { to: 'no address' })
    expect(error).toMatchObject({ code: 'InvalidPayload', field: 'spec.payload.to' })
    expect(error.message).toContain('job type "email.send" version 1 at to:')
    expect(error.help).toContain('nothing was submitted')
  })

  it.each([131_070, 131_071])('a payload of more than 128 KiB: %d signs in quotes', (signs) => {
    const value = 'x'.repeat(signs)
    if (signs + 2 <= 131_072) return expect(made({}, anything, value).spec.payload).toBe(value)
    const error = refused({}, anything, value)
    expect(error).toMatchObject({ code: 'PayloadTooLarge', field: 'spec.payload' })
    expect(error.message).toContain('131073 bytes')
  })

  it('counts bytes, not characters', () => {
    expect(refused({}, anything, '€'.repeat(50_000)).code).toBe('PayloadTooLarge')
  })

  it.each<[string, SubmitOptions, string]>([
    ['a queue that is no DNS label', { queue: 'Mail.Queue' }, 'spec.queue'],
    ['too many attempts', { retry: { maxAttempts: 101 } }, 'spec.retry.maxAttempts'],
    ['a fraction of a second', { delaySeconds: 0.5 }, 'spec.delaySeconds'],
    ['a time that is none', { startAfter: new Date(Number.NaN) }, 'spec.startAfter'],
    ['a text that is no time', { startAfter: 'tomorrow' }, 'spec.startAfter'],
    ['a key with a line end', { idempotencyKey: 'a\nb' }, 'spec.idempotencyKey'],
    [
      'a wrong rule',
      { retry: { rules: [{ code: 'a b', action: 'Fail' }] } },
      'spec.retry.rules.0.code',
    ],
  ])('%s', (_, options, field) => {
    const error = refused(options)
    expect(error).toMatchObject({ code: 'InvalidSpec', field })
    expect(error.message).toContain(field)
    expect(error.help).toContain(`kubectl explain qj.${field.replace('.0', '')}`)
  })
})
