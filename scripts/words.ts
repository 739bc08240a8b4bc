// Words that do not belong in the project: paths and hosts of somebody's machine, markers of unfinished
// work, tests that are switched off. The patterns are written so that this file does not match itself.

import { readText, report, repositoryFiles } from './repository.ts'

interface Ban {
  readonly what: string
  readonly pattern: RegExp
  /** Files that the ban is about; without it, all text files. */
  readonly only?: RegExp
  readonly except?: RegExp
}

/** A folder of one machine at the start of a path, not inside a longer word or path. */
const machineFolder = (names: string) => new RegExp(`(^|[^A-Za-z0-9_.~-])/(${names})/`)
const hosts = [
  'registry\\.npm' + 'js',
  'proxy\\.go' + 'lang',
  'deb\\.deb' + 'ian',
  'pypi\\.' + 'org',
  'files\\.python' + 'hosted',
]

export const BANS: readonly Ban[] = [
  { what: 'absolute path of one machine', pattern: machineFolder('work|farm|root|Users') },
  { what: 'host of a package registry', pattern: new RegExp(hosts.join('|')) },
  {
    what: 'marker of unfinished work',
    pattern: new RegExp(`\\b(TO${'DO'}|FIX${'ME'}|X${'XX'}|HA${'CK'})\\b`),
    except: /^LICENSE$/,
  },
  {
    what: 'test that is switched off or runs alone',
    pattern: new RegExp(
      `\\b(it|test|describe)\\.(on${'ly'}|sk${'ip'}|to${'do'}|fails)\\b|\\bx${'it'}\\(`,
    ),
    only: /\.(test\.)?[cm]?[jt]s$/,
  },
]

/** Lock files and sums are made by tools; `packages.ts` looks into them. */
const madeByTools = /(^|\/)(package-lock\.json|go\.sum)$/
const binary = /\.(png|jpg|gif|ico|woff2?|wasm|gz|tgz)$/

/** One line per finding: `file:line: what: text`. */
export function findWords(files: ReadonlyMap<string, string>): readonly string[] {
  const found: string[] = []
  for (const [file, text] of files) {
    const bans = BANS.filter(
      ({ only, except }) => (only?.test(file) ?? true) && !(except?.test(file) ?? false),
    )
    text.split('\n').forEach((line, index) => {
      for (const { what, pattern } of bans) {
        if (pattern.test(line))
          found.push(`${file}:${index + 1}: ${what}: ${line.trim().slice(0, 120)}`)
      }
    })
  }
  return found
}

if (import.meta.main) {
  const files = repositoryFiles().filter((file) => !madeByTools.test(file) && !binary.test(file))
  process.exitCode = report(findWords(new Map(files.map((file) => [file, readText(file)]))))
}
