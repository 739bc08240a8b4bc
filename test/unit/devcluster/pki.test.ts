// Certificates as other implementations read them.

import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { integer, oid } from '../../../devcluster/der.ts'
import { createAuthority, createServiceAccountKey } from '../../../devcluster/pki.ts'

const now = new Date('2031-05-06T07:08:09Z')
const authority = createAuthority('test-authority', now)
const ca = new X509Certificate(authority.certificate)

describe('the certificate authority', () => {
  it('is a CA that signed itself', () => {
    expect(ca.ca).toBe(true)
    expect(ca.subject).toBe('CN=test-authority')
    expect(ca.verify(ca.publicKey)).toBe(true)
  })
})

describe('a client certificate', () => {
  const issued = authority.client({ user: 'jane', groups: ['devs', 'system:masters'] })
  const certificate = new X509Certificate(issued.certificate)

  it('names the user as CN and each group as O', () => {
    expect(certificate.subject).toBe('O=devs\nO=system:masters\nCN=jane')
  })

  it('is signed by the authority and belongs to its key', () => {
    expect(certificate.checkIssued(ca)).toBe(true)
    expect(certificate.verify(ca.publicKey)).toBe(true)
    expect(issued.key).toContain('BEGIN PRIVATE KEY')
  })

  it('may be used for clients only and is no authority', () => {
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(certificate.ca).toBe(false)
  })

  it('is valid from an hour ago for a year', () => {
    expect(new Date(certificate.validFrom).toISOString()).toBe('2031-05-06T06:08:09.000Z')
    expect(new Date(certificate.validTo).toISOString()).toBe('2032-05-05T07:08:09.000Z')
  })

  it('keeps any user name exactly', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zäß:@._-]{1,60}$/), (user) => {
        const pem = authority.client({ user }).certificate
        expect(new X509Certificate(pem).toLegacyObject().subject.CN).toBe(user)
      }),
      { numRuns: 20 },
    )
  })
})

describe('a server certificate', () => {
  const certificate = new X509Certificate(
    authority.server('api', ['localhost', '127.0.0.1']).certificate,
  )

  it('is valid for its names and addresses and no others', () => {
    expect(certificate.checkHost('localhost')).toBe('localhost')
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(certificate.checkHost('elsewhere')).toBeUndefined()
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined()
  })
})

it('dates from 2050 on are written in the longer form', () => {
  const late = createAuthority('late', new Date('2049-07-01T00:00:00Z'))
  const certificate = new X509Certificate(late.certificate)
  expect(new Date(certificate.validTo).toISOString()).toBe('2050-07-01T00:00:00.000Z')
})

it('service account tokens are signed with an RSA key', async () => {
  expect(await createServiceAccountKey()).toMatch(/^-----BEGIN PRIVATE KEY-----/)
})

describe('DER', () => {
  it('keeps an integer with its highest bit set positive', () => {
    expect(integer(Buffer.from([0x80])).toString('hex')).toBe('02020080')
    expect(integer(Buffer.from([0x7f])).toString('hex')).toBe('02017f')
  })

  it('writes the object identifier of ecdsa-with-SHA256 as every certificate has it', () => {
    expect(oid('1.2.840.10045.4.3.2').toString('hex')).toBe('06082a8648ce3d040302')
  })
})
