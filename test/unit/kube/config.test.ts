// Where the API server is found, as kubectl finds it, and which credentials are sent to it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { type KubeConfigOptions, loadKubeConfig } from '../../../src/kube/config.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

type Json = Record<string, unknown>

function write(name: string, content: string): string {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

function kubeconfig(name: string, user: Json = { token: 't' }, cluster: Json = {}): string {
  return write(
    name,
    stringify({
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: `https://${path.basename(name)}`, ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    }),
  )
}

const load = (options: Partial<KubeConfigOptions> = {}) =>
  loadKubeConfig({ clock: new VirtualClock(), env: {}, ...options })

const refusal = async (loading: Promise<unknown>): Promise<GopherQueueError> => {
  const error = await loading.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(GopherQueueError)
  return error as GopherQueueError
}

describe('where it is looked for', () => {
  it('an explicit file wins over everything', async () => {
    const explicit = kubeconfig('explicit')
    const env = { KUBECONFIG: kubeconfig('listed'), HOME: folder }
    kubeconfig('.kube/config')
    expect(await load({ path: explicit, env })).toMatchObject({
      server: 'https://explicit',
      origin: explicit,
    })
  })

  it('then the files of KUBECONFIG, those that exist, merged', async () => {
    const [a, b] = [kubeconfig('a'), kubeconfig('b')]
    const listed = ['', '/does/not/exist', a, b].join(path.delimiter)
    kubeconfig('.kube/config')
    expect(await load({ env: { KUBECONFIG: listed, HOME: folder } })).toMatchObject({
      server: 'https://a',
      origin: `${a}${path.delimiter}${b}`,
    })
  })

  it('then ~/.kube/config', async () => {
    kubeconfig('.kube/config')
    expect((await load({ env: { HOME: folder } })).server).toBe('https://config')
  })

  it('then the service account of the pod', async () => {
    write('token', 'abc\n')
    write('ca.crt', 'CA')
    write('namespace', 'batch\n')
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443', HOME: folder }
    const access = await load({ env, serviceAccountDir: folder })
    expect(access).toMatchObject({ server: 'https://[fd00::1]:443', namespace: 'batch' })
    expect(await access.credentials()).toMatchObject({
      headers: { authorization: 'Bearer abc' },
      tls: { ca: 'CA', insecure: false },
    })
  })

  it('a file of KUBECONFIG that does not exist is an error, not a reason to look elsewhere', async () => {
    kubeconfig('.kube/config')
    const error = await refusal(load({ env: { KUBECONFIG: '/no/such', HOME: folder } }))
    expect(error.code).toBe('KubeconfigMissing')
    expect(error.message).toContain('/no/such')
  })

  it('nothing anywhere says what would help', async () => {
    const error = await refusal(load({ env: { HOME: folder } }))
    expect(error.code).toBe('KubeconfigMissing')
    expect(error.help).toContain('--kubeconfig')
  })

  it('an explicit file that is missing is named', async () => {
    const error = await refusal(load({ path: '/no/such' }))
    expect(error.message).toBe('cannot read /no/such')
  })

  it.each([
    ['no YAML', 'a: [', 'is not YAML'],
    ['no kubeconfig', '- a', 'is not valid at its root'],
    ['too large', `# ${'x'.repeat(4_200_000)}`, 'is larger than'],
  ])('a file that is %s is named', async (_what, content, words) => {
    const file = write('broken', content)
    const error = await refusal(load({ path: file }))
    expect(error.code).toBe('KubeconfigInvalid')
    expect(error.message).toContain(file)
    expect(error.message).toContain(words)
  })
})

describe('the credentials of a context', () => {
  const headersOf = async (user: Json) =>
    (await (await load({ path: kubeconfig('k', user) })).credentials()).headers

  it.each<[string, Json, Json]>([
    ['a token', { token: 'abc' }, { authorization: 'Bearer abc' }],
    ['name and password', { username: 'a', password: 'b' }, { authorization: 'Basic YTpi' }],
    ['nothing', {}, {}],
    [
      'impersonation',
      { token: 'abc', as: 'jane', 'as-uid': '7', 'as-groups': ['a', 'b'] },
      {
        authorization: 'Bearer abc',
        'impersonate-user': 'jane',
        'impersonate-uid': '7',
        'impersonate-group': ['a', 'b'],
      },
    ],
  ])('%s', async (_what, user, want) => {
    expect(await headersOf(user)).toEqual(want)
  })

  it('a token file wins over a token, and is read again after a minute and after a 401', async () => {
    const clock = new VirtualClock()
    write('token', 'first')
    const file = kubeconfig('k', { token: 'never', tokenFile: 'token' })
    const access = await load({ path: file, clock })
    const authorization = async () => (await access.credentials()).headers.authorization
    expect(await authorization()).toBe('Bearer first')
    write('token', 'second')
    expect(await authorization()).toBe('Bearer first')
    clock.advance(60_000)
    expect(await authorization()).toBe('Bearer second')
    write('token', 'third')
    await access.refresh()
    expect(await authorization()).toBe('Bearer third')
  })

  it('a plugin is run, and its certificate used', async () => {
    const status = { clientCertificateData: 'CERT', clientKeyData: 'KEY' }
    const exec = { command: 'printf', args: ['%s', JSON.stringify({ status })] }
    const access = await load({ path: kubeconfig('k', { exec }), env: { PATH: process.env.PATH } })
    expect(await access.credentials()).toMatchObject({
      headers: {},
      tls: { cert: 'CERT', key: 'KEY' },
    })
  })

  it('data wins over a file, for the authority and for a certificate', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    write('ca', 'CA-FILE')
    write('key', 'KEY-FILE')
    const file = kubeconfig(
      'k',
      { 'client-certificate-data': base64('CERT'), 'client-key': 'key' },
      {
        'certificate-authority': 'ca',
        'certificate-authority-data': base64('CA-DATA'),
        'tls-server-name': 'kube.example',
        'insecure-skip-tls-verify': true,
      },
    )
    expect((await (await load({ path: file })).credentials()).tls).toEqual({
      ca: 'CA-DATA',
      cert: 'CERT',
      key: 'KEY-FILE',
      serverName: 'kube.example',
      insecure: true,
    })
  })

  it('a user of an auth provider is left to the stock client, which knows how to refresh', async () => {
    const user = {
      'auth-provider': {
        name: 'oidc',
        config: { 'id-token': oidcToken(4_102_444_800), 'refresh-token': 'r', 'client-id': 'c' },
      },
    }
    const { headers } = await (await load({ path: kubeconfig('k', user) })).credentials()
    expect(headers.authorization).toBe(`Bearer ${oidcToken(4_102_444_800)}`)
  })

  it('a file that cannot be read fails the start, with its name', async () => {
    const error = await refusal(load({ path: kubeconfig('k', { tokenFile: 'gone' }) }))
    expect(error.message).toBe(`cannot read ${path.join(folder, 'gone')}`)
  })
})

/** An unsigned token that expires then. */
function oidcToken(expires: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ exp: expires })}.x`
}
