/**
 * Who we are to the NATS server. Tokens are projected into files and renewed by the kubelet, so a
 * login is made anew for each connection, never kept.
 */
import { readFile, stat } from 'node:fs/promises'
import type { Authenticator } from '@nats-io/transport-node'
import { GopherQueueError } from '../core/errors.ts'

export type NatsLogin =
  /** Local modes: the server asks for nothing. */
  | { readonly kind: 'none' }
  | { readonly kind: 'user'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }

/** Asked before each connection. A rejection becomes the problem of the link, in one line. */
export type Login = () => NatsLogin | Promise<NatsLogin>

export const noLogin: Login = () => ({ kind: 'none' })

/** Far above any ServiceAccount token; a file beyond it is something else. */
const MAX_TOKEN_BYTES = 65_536

/** The token in a file as the password of a user (names.md, "NATS login"). */
export function tokenFileLogin(user: string, file: string): Login {
  return async () => ({ kind: 'user', user, password: await readToken(file) })
}

async function readToken(file: string): Promise<string> {
  const token = await readBounded(file)
  if (token === '') throw unreadable(file, 'is empty')
  if (/[^!-~]/.test(token)) throw unreadable(file, 'does not hold a token')
  return token
}

async function readBounded(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > MAX_TOKEN_BYTES) throw unreadable(file, `has ${size} bytes, no token is so long`)
    return (await readFile(file, 'latin1')).trim()
  } catch (error) {
    if (error instanceof GopherQueueError) throw error
    throw unreadable(file, 'cannot be read', error)
  }
}

function unreadable(file: string, what: string, cause?: unknown): GopherQueueError {
  return new GopherQueueError('TokenUnreadable', `token file ${file} ${what}`, {
    cause,
    help: 'mount a projected ServiceAccount token there, or set GOPHERQUEUE_TOKEN_FILE',
  })
}

export function authenticatorOf(login: NatsLogin): Authenticator {
  switch (login.kind) {
    case 'none':
      return () => {}
    case 'user':
      return () => ({ user: login.user, pass: login.password })
    case 'token':
      return () => ({ auth_token: login.token })
  }
}
