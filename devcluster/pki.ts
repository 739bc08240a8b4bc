// The cluster's own certificate authority.
//
// One CA (ECDSA P-256) signs the servers' certificate and every client certificate. Kubernetes
// reads a client certificate as an identity: CN is the user, each O is a group; members of
// system:masters may do everything. Service accounts do not use certificates: their tokens are
// signed with an RSA key that only the API server and the controller manager hold.
// Everything is made for one throw-away cluster and is valid for a year.

import {
  createHash,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { isIPv4 } from 'node:net'
import { promisify } from 'node:util'
import * as der from './der.ts'

const validDays = 365
const dayMs = 86_400_000
const ecdsaWithSha256 = der.sequence(der.oid('1.2.840.10045.4.3.2'))

/** A certificate and its private key, both PEM. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

/** Who a client certificate speaks for. */
export interface UserIdentity {
  readonly user: string
  readonly groups?: readonly string[]
}

export interface CertificateAuthority {
  /** The CA's own certificate, PEM. */
  readonly certificate: string
  /** A client certificate for a user and its groups. */
  readonly client: (identity: UserIdentity) => Credentials
  /** A server certificate for these DNS names and IPv4 addresses. */
  readonly server: (name: string, hosts: readonly string[]) => Credentials
}

interface Request {
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
}

export function createAuthority(
  name = 'gopherqueue-devcluster',
  now = new Date(),
): CertificateAuthority {
  const keys = newKeys()
  const subject = distinguishedName({ user: name })
  const issue = (request: Request) => certify(request, subject, keys, now)
  const certificate = issue({
    subject,
    publicKey: keys.publicKey,
    extensions: [
      extension('2.5.29.19', der.sequence(der.truth()), true),
      // keyCertSign and cRLSign.
      extension('2.5.29.15', der.bits(Buffer.from([0x06]), 1), true),
    ],
  })
  const leaf = (identity: UserIdentity, usage: string, more: readonly Buffer[]): Credentials => {
    const own = newKeys()
    const pem = issue({
      subject: distinguishedName(identity),
      publicKey: own.publicKey,
      extensions: [...leafExtensions(usage), ...more],
    })
    return { certificate: pem, key: exportKey(own.privateKey) }
  }
  return {
    certificate,
    client: (identity) => leaf(identity, '1.3.6.1.5.5.7.3.2', []),
    server: (user, hosts) => leaf({ user }, '1.3.6.1.5.5.7.3.1', [alternativeNames(hosts)]),
  }
}

/** The private key that signs service account tokens, PEM. RSA, so every JWT library can verify. */
export async function createServiceAccountKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return exportKey(privateKey)
}

interface Keys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const newKeys = (): Keys => generateKeyPairSync('ec', { namedCurve: 'P-256' })

const exportKey = (key: KeyObject): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString()

function certify(request: Request, issuer: Buffer, signer: Keys, now: Date): string {
  const serial = randomBytes(16)
  // Positive and without a leading zero byte, as RFC 5280 wants it.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const body = der.sequence(
    der.tagged(0, der.integer(Buffer.from([2]))),
    der.integer(serial),
    ecdsaWithSha256,
    issuer,
    // An hour back: the clock of a virtual machine may run behind.
    der.sequence(
      der.time(new Date(now.getTime() - 3_600_000)),
      der.time(new Date(now.getTime() + validDays * dayMs)),
    ),
    request.subject,
    request.publicKey.export({ type: 'spki', format: 'der' }),
    der.tagged(3, der.sequence(...request.extensions, ...keyIdentifiers(request, signer))),
  )
  const signature = sign('sha256', body, signer.privateKey)
  return pem('CERTIFICATE', der.sequence(body, ecdsaWithSha256, der.bits(signature)))
}

// Go does not need these two; OpenSSL's strict mode (Python's default since 3.13) does.
function keyIdentifiers(request: Request, signer: Keys): readonly Buffer[] {
  return [
    extension('2.5.29.14', der.octets(keyIdentifier(request.publicKey)), false),
    extension('2.5.29.35', der.sequence(der.implicit(0, keyIdentifier(signer.publicKey))), false),
  ]
}

const keyIdentifier = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()

function leafExtensions(usage: string): readonly Buffer[] {
  return [
    extension('2.5.29.19', der.sequence(), true),
    // digitalSignature: all that ECDSA needs.
    extension('2.5.29.15', der.bits(Buffer.from([0x80]), 7), true),
    extension('2.5.29.37', der.sequence(der.oid(usage)), false),
  ]
}

function alternativeNames(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) =>
    isIPv4(host)
      ? der.implicit(7, Buffer.from(host.split('.').map(Number)))
      : der.implicit(2, Buffer.from(host, 'ascii')),
  )
  return extension('2.5.29.17', der.sequence(...names), false)
}

function extension(id: string, value: Buffer, critical: boolean): Buffer {
  return der.sequence(der.oid(id), ...(critical ? [der.truth()] : []), der.octets(value))
}

function distinguishedName(identity: UserIdentity): Buffer {
  const part = (id: string, value: string) => der.set(der.sequence(der.oid(id), der.utf8(value)))
  const groups = (identity.groups ?? []).map((group) => part('2.5.4.10', group))
  return der.sequence(...groups, part('2.5.4.3', identity.user))
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
