// The kubeconfig format as kubectl reads it: merging, contexts, relative paths, and what is refused
// with which sentence.

import { describe, expect, it } from 'vitest'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { chooseContext, kubeconfigOf, mergeKubeconfigs } from '../../../src/kube/kubeconfig.ts'

type Json = Record<string, unknown>

/** A complete file with one cluster, user and context. */
function file(name: string, more: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server: `https://${name}` } }],
    users: [{ name, user: { token: `token-of-${name}` } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `ns-${name}` } }],
    ...more,
  }
}

const read = (value: Json, path = '/home/me/.kube/config') => kubeconfigOf(value, path)
const choose = (value: Json, wanted = '') => chooseContext(read(value), wanted, 'config')

function refusal(act: () => unknown): GopherQueueError {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(GopherQueueError)
    return error as GopherQueueError
  }
  throw new Error('it was accepted')
}

describe('a context', () => {
  it('names server, user and namespace', () => {
    expect(choose(file('a'))).toMatchObject({
      context: 'a',
      server: 'https://a',
      namespace: 'ns-a',
      user: { token: 'token-of-a' },
    })
  })

  it('without a namespace means default', () => {
    const value = file('a', { contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }] })
    expect(choose(value).namespace).toBe('default')
  })

  it('without a user means nobody', () => {
    const value = file('a', { contexts: [{ name: 'a', context: { cluster: 'a' } }] })
    expect(choose(value).user).toEqual({})
  })

  it('a trailing slash of the server does not double', () => {
    const value = file('a', { clusters: [{ name: 'a', cluster: { server: 'https://a/p//' } }] })
    expect(choose(value).server).toBe('https://a/p')
  })

  it.each<[string, Json, string, string]>([
    ['no current one', file('a', { 'current-context': '' }), '', 'names no current context'],
    ['an unknown one', file('a'), 'b', 'has no context "b"'],
    ['no cluster', file('a', { clusters: [] }), '', 'cluster "a", which has no server'],
    [
      'a server that is no URL',
      file('a', { clusters: [{ name: 'a', cluster: { server: 'kube:6443 ' } }] }),
      '',
      'has no server',
    ],
    ['no such user', file('a', { users: [] }), '', 'user "a", which is missing'],
    [
      'a proxy',
      file('a', { clusters: [{ name: 'a', cluster: { server: 'https://a', 'proxy-url': 'p' } }] }),
      '',
      'needs a proxy',
    ],
  ])('%s is refused, and the contexts are listed', (_what, value, wanted, words) => {
    const error = refusal(() => choose(value, wanted))
    expect(error.message).toContain(words)
    expect(error.help).toBe('contexts: a')
  })

  it('of a file without any says that there is none', () => {
    expect(refusal(() => choose({})).help).toBe('there is no context in it')
  })
})

describe('several files', () => {
  const merged = mergeKubeconfigs([
    read(file('a', { 'current-context': '' })),
    read(file('b')),
    read({ ...file('a'), users: [{ name: 'a', user: { token: 'late' } }] }),
  ])

  it('the first that names something wins', () => {
    expect(merged.currentContext).toBe('b')
    expect(merged.users.get('a')).toMatchObject({ token: 'token-of-a' })
    expect([...merged.contexts.keys()].sort()).toEqual(['a', 'b'])
  })

  it('the first entry of one name wins inside a file, too', () => {
    const twice = read(
      file('a', {
        users: [
          { name: 'a', user: { token: 'first' } },
          { name: 'a', user: { token: 'second' } },
        ],
      }),
    )
    expect(twice.users.get('a')).toMatchObject({ token: 'first' })
  })
})

describe('paths', () => {
  const value = file('a', {
    clusters: [{ name: 'a', cluster: { server: 'https://a', 'certificate-authority': 'ca.crt' } }],
    users: [
      {
        name: 'a',
        user: { 'client-certificate': '../c.crt', 'client-key': '/abs/k', tokenFile: 't' },
      },
    ],
  })

  it('are relative to their own file', () => {
    const { cluster, user } = chooseContext(read(value, '/home/me/.kube/config'), '', 'x')
    expect(cluster['certificate-authority']).toBe('/home/me/.kube/ca.crt')
    expect(user).toMatchObject({
      'client-certificate': '/home/me/c.crt',
      'client-key': '/abs/k',
      tokenFile: '/home/me/.kube/t',
    })
  })
})

describe('a file that is none', () => {
  it.each<[string, unknown, string]>([
    ['nothing', null, 'its root'],
    ['a list', [], 'its root'],
    ['clusters that are no list', { clusters: {} }, 'clusters'],
    ['a cluster without a name', { clusters: [{ cluster: {} }] }, 'clusters.0.name'],
    ['a context without a cluster', { contexts: [{ name: 'a', context: {} }] }, 'contexts.0'],
    ['a plugin without a command', { users: [{ name: 'a', user: { exec: {} } }] }, 'users.0'],
    ['a token that is a number', { users: [{ name: 'a', user: { token: 5 } }] }, 'users.0'],
  ])('%s is refused with file and field', (_what, value, where) => {
    const error = refusal(() => kubeconfigOf(value, '/etc/kube.yaml'))
    expect(error.code).toBe('KubeconfigInvalid')
    expect(error.message).toContain('/etc/kube.yaml is not valid at ')
    expect(error.message).toContain(where)
  })

  it('never shows a value: tokens stand in these files', () => {
    const value = { users: [{ name: 'a', user: { token: 'secret', exec: { command: 5 } } }] }
    expect(refusal(() => kubeconfigOf(value, 'f')).message).not.toContain('secret')
  })

  it('null where kubectl writes null is absent', () => {
    const value = { clusters: null, users: null, contexts: null, 'current-context': null }
    expect(kubeconfigOf(value, 'f')).toMatchObject({ currentContext: '' })
  })

  it('fields of a later kubectl are ignored', () => {
    expect(() => read(file('a', { preferences: {}, extensions: [] }))).not.toThrow()
  })
})
