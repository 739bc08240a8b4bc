// Which programs on a machine are new enough, judged by what they print.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { natsFits, searchFolders } from '../../../devcluster/find.ts'
import { atLeast, parseVersion, type Version } from '../../../devcluster/version.ts'

const version = (major: number, minor: number, patch: number, preRelease = false): Version => ({
  major,
  minor,
  patch,
  preRelease,
})

describe('parseVersion', () => {
  const cases: Record<string, { text: string; want: Version | undefined }> = {
    'reads what kube-apiserver prints': { text: 'Kubernetes v1.36.3\n', want: version(1, 36, 3) },
    'reads what nats-server prints': { text: 'nats-server: v2.15.2', want: version(2, 15, 2) },
    'reads the first line of etcd': {
      text: 'etcd Version: 3.6.8\nGit SHA: 1a2b3c\nGo Version: go1.26.8',
      want: version(3, 6, 8),
    },
    'takes a distribution suffix as the release': { text: 'v1.32.4+k3s1', want: version(1, 32, 4) },
    'marks a pre-release': { text: 'v1.36.0-rc.1', want: version(1, 36, 0, true) },
    'does not cut a version out of an address': { text: 'listening on 127.0.0.1', want: undefined },
    'finds none in other text': { text: 'unknown flag: --version', want: undefined },
    'does not take two numbers for three': { text: 'v1.36', want: undefined },
  }
  for (const [name, { text, want }] of Object.entries(cases)) {
    it(name, () => expect(parseVersion(text)).toEqual(want))
  }

  it('reads back every version that it could be given', () => {
    const part = fc.integer({ min: 0, max: 999_999 })
    fc.assert(
      fc.property(part, part, part, (major, minor, patch) => {
        expect(parseVersion(`program v${major}.${minor}.${patch}`)).toEqual(
          version(major, minor, patch),
        )
      }),
    )
  })
})

describe('atLeast', () => {
  const floor = version(1, 32, 0)
  const cases: Record<string, { found: Version; want: boolean }> = {
    'accepts the floor itself': { found: version(1, 32, 0), want: true },
    'accepts a later patch': { found: version(1, 32, 9), want: true },
    'compares numbers, not text': { found: version(1, 100, 0), want: true },
    'accepts a later major with a lower minor': { found: version(2, 0, 0), want: true },
    'refuses an earlier minor with a higher patch': { found: version(1, 31, 99), want: false },
    'refuses a pre-release of the floor': { found: version(1, 32, 0, true), want: false },
    'accepts a pre-release of a later version': { found: version(1, 33, 0, true), want: true },
  }
  for (const [name, { found, want }] of Object.entries(cases)) {
    it(name, () => expect(atLeast(found, floor)).toBe(want))
  }

  it('orders any two different releases in exactly one direction', () => {
    const small = fc.integer({ min: 0, max: 3 })
    const release = fc.tuple(small, small, small).map(([a, b, c]) => version(a, b, c))
    fc.assert(
      fc.property(release, release, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect(atLeast(one, other) && atLeast(other, one)).toBe(same)
        expect(atLeast(one, other) || atLeast(other, one)).toBe(true)
      }),
    )
  })
})

describe('a nats-server found on the machine', () => {
  it('fits from 2.10.27 on when no version is asked for', () => {
    expect(natsFits(version(2, 10, 27), undefined)).toBe(true)
    expect(natsFits(version(2, 9, 10), undefined)).toBe(false)
  })

  it('fits only exactly when one is asked for', () => {
    expect(natsFits(version(2, 10, 27), '2.10.27')).toBe(true)
    expect(natsFits(version(2, 15, 2), '2.10.27')).toBe(false)
  })
})

describe('searchFolders', () => {
  it('looks into KUBEBUILDER_ASSETS before the PATH', () => {
    expect(searchFolders({ KUBEBUILDER_ASSETS: '/assets', PATH: '/usr/bin:/bin' })).toEqual([
      '/assets',
      '/usr/bin',
      '/bin',
    ])
  })

  it('leaves out what would depend on the current folder', () => {
    expect(searchFolders({ PATH: '/usr/bin::node_modules/.bin' })).toEqual(['/usr/bin'])
  })
})
