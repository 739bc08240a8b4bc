/**
 * What the API server's refusal means to a user of the client: who may not do what, why, and the
 * command that would allow it. Every failure leaves `client-store.ts` through here.
 */
import { GROUP, KINDS, type Kind } from '../api/conditions.ts'
import { ApiError, ForbiddenError, NAMESPACE_TERMINATING } from '../client/errors.ts'
import { describeError, GopherQueueError } from '../core/errors.ts'
import { KubeError } from './errors.ts'

/** What was asked, in the words of RBAC. */
export interface Request {
  readonly verb: 'create' | 'get' | 'list' | 'watch' | 'patch'
  readonly kind: Kind
  /** '' = all namespaces. */
  readonly namespace: string
  readonly name?: string
  /** Address of the API server, and where it was read from. */
  readonly server: string
  readonly origin: string
}

export function apiErrorOf(error: unknown, request: Request): ApiError {
  if (!(error instanceof KubeError)) {
    return told('transient', 'Failed', `${what(request)}: ${describeError(error)}`, '', error)
  }
  switch (error.status) {
    case 401:
      return unauthenticated(error, request)
    case 403:
      return forbidden(error, request)
    case 404:
      return missing(error, request)
    case 409:
      return told('waiting', 'Conflict', saying(error, request), '', error)
  }
  if (!error.outcomeKnown) return silent(error, request)
  return error.status === 429 || error.status === 0
    ? silent(error, request)
    : refused(error, request)
}

function told(
  failure: ApiError['failure'],
  code: string,
  message: string,
  help: string,
  cause: unknown,
  field = '',
): ApiError {
  const retryAfterMs = cause instanceof KubeError ? cause.retryAfterMs : 0
  return new ApiError(failure, { code, message, help, cause, retryAfterMs, field })
}

/** `create queuejobs in namespace a`, `get queuejobs/b in namespace a`, `list queues in all namespaces` */
function what({ verb, kind, namespace, name }: Request): string {
  const object = name === undefined ? KINDS[kind].plural : `${KINDS[kind].plural}/${name}`
  return `${verb} ${object} in ${namespace === '' ? 'all namespaces' : `namespace ${namespace}`}`
}

function saying(error: KubeError, request: Request): string {
  return `${what(request)}: ${error.message}`
}

/** No answer, or one that says "not now". */
function silent(error: KubeError, request: Request): ApiError {
  const failure = error.outcomeKnown ? 'waiting' : 'transient'
  const why = error.cause instanceof GopherQueueError ? ` (${error.cause.message})` : ''
  const help =
    error.status === 0
      ? `the API server is ${request.server}, read from ${request.origin}: see whether it is reachable with kubectl get --raw /readyz`
      : 'the API server is overloaded or starting; try again'
  return told(failure, error.reason, `${saying(error, request)}${why}`, help, error)
}

/** The object itself is refused. A create quotes at most the one value that is wrong. */
function refused(error: KubeError, request: Request): ApiError {
  const field = error.fields[0]?.field ?? ''
  const code = [400, 413, 422].includes(error.status) ? 'InvalidSpec' : error.reason
  const { singular, shortName } = KINDS[request.kind]
  const help =
    error.status === 413
      ? `an object may have 1.5 MiB: make the ${singular} smaller`
      : `what may stand there: kubectl explain ${shortName}.${field.replace(/\[.*?\]/g, '') || 'spec'}`
  return told('terminal', code, saying(error, request), help, error, field)
}

function unauthenticated(error: KubeError, request: Request): ApiError {
  return told(
    'terminal',
    'Unauthorized',
    saying(error, request),
    `the API server ${request.server} does not accept the credentials of ${request.origin}: log in again, or renew the token`,
    error,
  )
}

function missing(error: KubeError, request: Request): ApiError {
  const { namespace, kind } = request
  if (error.aboutObject && namespace !== '') {
    const help = `kubectl create namespace ${namespace}, or name another one`
    return told('terminal', 'NamespaceNotFound', saying(error, request), help, error)
  }
  return told(
    'terminal',
    'NotInstalled',
    `${what(request)}: the API server ${request.server} does not know ${KINDS[kind].plural}.${GROUP}`,
    'install GopherQueue there (kubectl apply -f crds/), or connect to the cluster that has it',
    error,
  )
}

function forbidden(error: KubeError, request: Request): ApiError {
  const { namespace } = request
  if (/exceeded quota/.test(error.message)) {
    const help = `see how much is used: kubectl -n ${namespace} describe resourcequota; delete finished jobs, or have the quota raised`
    return told('terminal', 'QuotaExceeded', saying(error, request), help, error)
  }
  if (error.fields.some(({ reason }) => reason === NAMESPACE_TERMINATING)) {
    const help = `namespace ${namespace} is being deleted and takes nothing new: wait until it is gone, or use another one`
    return told('terminal', NAMESPACE_TERMINATING, saying(error, request), help, error)
  }
  const denied = deniedRight(error.message, request)
  if (!denied) return told('terminal', 'Forbidden', saying(error, request), '', error)
  return new ForbiddenError(denied.verb, denied.resource, {
    message: saying(error, request),
    help: grant(namespace, denied),
    cause: error,
  })
}

interface Right {
  readonly verb: string
  readonly resource: string
  readonly user: string
}

/** By RBAC: `User "a" cannot create resource …`; by our policy: `user a may not cancel queuejobs/b …`. */
function deniedRight(message: string, request: Request): Right | null {
  const byRole = /User "(.+?)" cannot (\w+) resource/.exec(message)
  if (byRole) {
    return { verb: request.verb, resource: KINDS[request.kind].plural, user: byRole[1] ?? '' }
  }
  const byPolicy = /user (\S+) may not (\w+) .*: grant the verb \w+ on (\w+)/.exec(message)
  if (!byPolicy) return null
  const [, user = '', verb = '', resource = ''] = byPolicy
  return { user, verb, resource }
}

/** The commands, for an administrator: a role and a binding for this one user, there or everywhere. */
function grant(namespace: string, { verb, resource, user }: Right): string {
  const name = `gopherqueue-${resource}-${verb}-${asName(user)}`
  const account = /^system:serviceaccount:([^:]+:[^:]+)$/.exec(user)?.[1]
  const subject = account ? `--serviceaccount=${account}` : `--user=${quoted(user)}`
  const [where, role] = namespace === '' ? ['', 'clusterrole'] : [` -n ${namespace}`, 'role']
  return [
    `an administrator grants it with: kubectl${where} create ${role} ${name} --verb=${verb} --resource=${resource}.${GROUP}`,
    `kubectl${where} create ${role}binding ${name} --${role}=${name} ${subject}`,
  ].join(' && ')
}

function quoted(text: string): string {
  return /^[\w@.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** What is left of a user name where only letters, digits and dashes may stand. */
function asName(user: string): string {
  const last = user.replace(/^system:serviceaccount:/, '').toLowerCase()
  const name = last.replace(/[^a-z0-9]+/g, '-').slice(0, 100)
  return name.replace(/^-+|-+$/g, '') || 'user'
}
