// What each answer of the API server means to a user of the client, row by row.

import { describe, expect, it } from 'vitest'
import { ForbiddenError } from '../../../src/client/errors.ts'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { apiErrorOf, type Request } from '../../../src/kube/client-errors.ts'
import { errorOfAnswer, errorOfSilence, KubeError } from '../../../src/kube/errors.ts'

const request: Request = {
  verb: 'create',
  kind: 'QueueJob',
  namespace: 'shop',
  server: 'https://10.0.0.1:6443',
  origin: '/home/jane/.kube/config',
}
const asked = { verb: 'POST', path: '/apis/gopherqueue.io/v1alpha1/namespaces/shop/queuejobs' }

interface Said {
  readonly message?: string
  readonly reason?: string
  readonly details?: object
}

const answered = (status: number, said: Said = {}, retryAfter = '') =>
  apiErrorOf(errorOfAnswer(asked, status, retryAfter, said), request)

describe('what a failure means for a create', () => {
  it.each([
    [400, 'terminal'],
    [401, 'terminal'],
    [403, 'terminal'],
    [404, 'terminal'],
    [409, 'waiting'],
    [413, 'terminal'],
    [422, 'terminal'],
    [429, 'waiting'],
    [408, 'transient'],
    [500, 'transient'],
    [502, 'transient'],
    [503, 'transient'],
    [504, 'transient'],
  ] as const)('%d is %s', (status, failure) => {
    expect(answered(status)).toMatchObject({ failure })
  })

  it.each([
    ['a refused connection', { code: 'ECONNREFUSED' }, false, 'waiting', 'Unreachable'],
    ['a reset one', { code: 'ECONNRESET' }, false, 'transient', 'Lost'],
    ['a deadline', {}, true, 'transient', 'Timeout'],
  ] as const)('%s', (_, cause, timedOut, failure, code) => {
    const error = apiErrorOf(errorOfSilence(asked, cause, timedOut), request)
    expect(error).toMatchObject({ failure, code })
    expect(error.help).toContain('https://10.0.0.1:6443, read from /home/jane/.kube/config')
  })

  it('a namespace that is being deleted takes nothing more, whoever asks', () => {
    const causes = [
      { reason: 'NamespaceTerminating', field: 'metadata.namespace', message: 'ends' },
    ]
    const error = answered(403, { reason: 'Forbidden', message: 'it ends', details: { causes } })
    expect(error).toMatchObject({ failure: 'terminal', code: 'NamespaceTerminating' })
    expect(error).not.toBeInstanceOf(ForbiddenError)
    expect(error.help).toContain('shop')
  })

  it('a 500 that says "too large" is no reason to send it again', () => {
    const said = { message: 'etcdserver: request is too large' }
    expect(answered(500, said)).toMatchObject({ failure: 'terminal' })
  })

  it('an answer that cannot be read leaves it open', () => {
    const cut = new KubeError({
      status: 0,
      reason: 'BadAnswer',
      message: 'the answer is not JSON',
      retryAfterMs: 0,
      outcomeKnown: false,
    })
    expect(apiErrorOf(cut, request)).toMatchObject({ failure: 'transient', code: 'BadAnswer' })
    expect(apiErrorOf(new Error('a bug'), request)).toMatchObject({ failure: 'transient' })
  })

  it('keeps how long the server wants to be left alone', () => {
    expect(answered(429, {}, '7')).toMatchObject({ retryAfterMs: 7_000 })
  })
})

describe('the words', () => {
  it('of a credential plugin that failed are passed on', () => {
    const cause = new GopherQueueError('KubeconfigInvalid', 'credential plugin aws ended with 1')
    const error = apiErrorOf(errorOfSilence(asked, cause, false), request)
    expect(error.message).toContain('credential plugin aws ended with 1')
  })

  it('of 401 name the kubeconfig whose credentials are not accepted', () => {
    expect(answered(401)).toMatchObject({
      code: 'Unauthorized',
      help: expect.stringContaining('/home/jane/.kube/config'),
    })
  })

  it('of a missing role say the verb, the resource and two commands', () => {
    const error = answered(403, {
      reason: 'Forbidden',
      message:
        'queuejobs.gopherqueue.io is forbidden: User "system:serviceaccount:shop:app" cannot create resource "queuejobs" in API group "gopherqueue.io" in the namespace "shop"',
    })
    expect(error).toBeInstanceOf(ForbiddenError)
    expect(error).toMatchObject({ verb: 'create', resource: 'queuejobs' })
    expect(error.help).toBe(
      'an administrator grants it with: kubectl -n shop create role gopherqueue-queuejobs-create-shop-app --verb=create --resource=queuejobs.gopherqueue.io && kubectl -n shop create rolebinding gopherqueue-queuejobs-create-shop-app --role=gopherqueue-queuejobs-create-shop-app --serviceaccount=shop:app',
    )
  })

  it('of the action policy say the verb of the action', () => {
    const error = apiErrorOf(
      errorOfAnswer(asked, 403, '', {
        message:
          "queueactions.gopherqueue.io \"cancel-a\" is forbidden: ValidatingAdmissionPolicy 'gopherqueue-actions' with binding 'gopherqueue-actions' denied request: user jane may not cancel queuejobs/a in namespace shop: grant the verb cancel on queuejobs",
      }),
      { ...request, kind: 'QueueAction' },
    )
    expect(error).toMatchObject({ verb: 'cancel', resource: 'queuejobs' })
    expect(error.help).toContain('--verb=cancel --resource=queuejobs.gopherqueue.io')
    expect(error.help).toContain('--user=jane')
  })

  it('of another policy are passed on without a command that would not help', () => {
    const message = "ValidatingAdmissionPolicy 'house-rules' denied request: not on Fridays"
    const error = answered(403, { message })
    expect(error).not.toBeInstanceOf(ForbiddenError)
    expect(error).toMatchObject({ code: 'Forbidden', help: '' })
    expect(error.message).toContain('not on Fridays')
  })

  it('of a user name with signs of a shell stay one word of it', () => {
    const error = answered(403, {
      message: 'User "a\'; rm -rf / #" cannot create resource "queuejobs"',
    })
    expect(error.help).toContain(`--user='a'\\''; rm -rf / #'`)
    expect(error.help).toContain('create role gopherqueue-queuejobs-create-a-rm-rf --verb')
  })

  it('of 422 name the field and how to look it up', () => {
    const causes = [{ field: 'spec.retry.rules[0].code', reason: 'FieldValueInvalid' }]
    const error = answered(422, {
      message: 'spec.retry.rules[0].code: Invalid',
      details: { causes },
    })
    expect(error).toMatchObject({ code: 'InvalidSpec', field: 'spec.retry.rules[0].code' })
    expect(error.help).toBe('what may stand there: kubectl explain qj.spec.retry.rules.code')
  })

  it('of 404 tell a missing namespace from a missing GopherQueue', () => {
    const details = { name: 'shop', kind: 'namespaces' }
    expect(answered(404, { message: 'namespaces "shop" not found', details })).toMatchObject({
      code: 'NamespaceNotFound',
    })
    expect(answered(404, { message: 'the server could not find it' })).toMatchObject({
      code: 'NotInstalled',
    })
  })
})

describe('what is asked of all namespaces', () => {
  const everywhere: Request = { ...request, verb: 'list', kind: 'Queue', namespace: '' }
  const said = (status: number, message: string) =>
    apiErrorOf(errorOfAnswer({ ...asked, verb: 'GET' }, status, '', { message }), everywhere)

  it('is granted by a role of the cluster', () => {
    const error = said(403, 'queues is forbidden: User "jane" cannot list resource "queues"')
    expect(error).toMatchObject({ code: 'Forbidden', verb: 'list', resource: 'queues' })
    expect(error.message).toContain('list queues in all namespaces')
    expect(error.help).toContain(
      'kubectl create clusterrole gopherqueue-queues-list-jane --verb=list --resource=queues.gopherqueue.io && kubectl create clusterrolebinding gopherqueue-queues-list-jane --clusterrole=gopherqueue-queues-list-jane --user=jane',
    )
  })

  it('has no namespace that could be missing', () => {
    expect(said(404, 'not found').code).toBe('NotInstalled')
  })
})
