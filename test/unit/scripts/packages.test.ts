import { expect, it } from 'vitest'
import { type PackageFacts, packageProblems } from '../../../scripts/packages.ts'

const facts = (change: {
  dependencies?: Record<string, string>
  dev?: Record<string, string>
  lock?: PackageFacts['lock']['packages'][string]
  page?: string
}): PackageFacts => ({
  manifest: {
    dependencies: change.dependencies ?? { zod: '4.0.0' },
    devDependencies: change.dev ?? {},
  },
  lock: { packages: { '': {}, 'node_modules/zod': change.lock ?? { integrity: 'sha512-x' } } },
  page: change.page ?? '# D\n\n| Package | Why |\n|---|---|\n| `zod` | schemas |\n',
})

it('a pinned, explained package without a script is fine', () => {
  expect(packageProblems(facts({}))).toEqual([])
})

it('a development tool may run an install script', () => {
  expect(
    packageProblems(facts({ lock: { integrity: 'x', hasInstallScript: true, dev: true } })),
  ).toEqual([])
})

it('a package of the repository itself needs no hash', () => {
  expect(packageProblems(facts({ lock: { link: true, resolved: 'sdks/typescript' } }))).toEqual([])
})

it.each([
  ['a version range', { dependencies: { zod: '^4.0.0' } }, 'zod must be pinned to one version'],
  ['a tag', { dev: { zod: 'latest' } }, 'zod must be pinned to one version'],
  [
    'a package without a reason',
    { dev: { vitest: '1.0.0' } },
    'no line that says why vitest is needed',
  ],
  ['an empty reason', { page: '| `zod` |  |\n' }, 'no line that says why zod is needed'],
  [
    'a reason without a package',
    { page: '| `zod` | a |\n| `ajv` | b |\n' },
    'explains ajv, which package.json does not name',
  ],
  [
    'a download host',
    { lock: { integrity: 'x', resolved: 'https://example.org/zod.tgz' } },
    'names a download host',
  ],
  [
    'an install script of a runtime package',
    { lock: { integrity: 'x', hasInstallScript: true } },
    'runs an install script',
  ],
  ['a package that nothing vouches for', { lock: {} }, 'has no integrity hash'],
])('%s is a problem', (_, change, words) => {
  expect(packageProblems(facts(change)).join('\n')).toContain(words)
})

it('a thirteenth runtime dependency is one too many', () => {
  const named = (n: number) => Array.from({ length: n }, (_, i) => `p${i}`)
  const many = (n: number) =>
    packageProblems(
      facts({
        dependencies: Object.fromEntries(named(n).map((name) => [name, '1.0.0'])),
        page: named(n)
          .map((name) => `| \`${name}\` | why |\n`)
          .join(''),
      }),
    )
  expect(many(12)).toEqual([])
  expect(many(13)).toEqual(['package.json has 13 runtime dependencies, at most 12 are allowed'])
})
