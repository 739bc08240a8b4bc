// What the project depends on, checked: few direct runtime dependencies, every direct one pinned to one
// version and explained in docs/dependencies.md, no install script in anything that users run, and a
// lock file that names no download host (so that it works behind every mirror).

import { readText, report } from './repository.ts'

const maxRuntime = 12

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

interface LockEntry {
  readonly dev?: boolean
  readonly resolved?: string
  readonly link?: boolean
  readonly integrity?: string
  readonly hasInstallScript?: boolean
}

export interface PackageFacts {
  readonly manifest: Manifest
  readonly lock: { readonly packages: Readonly<Record<string, LockEntry>> }
  /** Text of docs/dependencies.md. */
  readonly page: string
}

export function packageProblems({ manifest, lock, page }: PackageFacts): readonly string[] {
  const runtime = Object.entries(manifest.dependencies ?? {})
  const direct = [...runtime, ...Object.entries(manifest.devDependencies ?? {})]
  const count =
    runtime.length > maxRuntime
      ? [
          `package.json has ${runtime.length} runtime dependencies, at most ${maxRuntime} are allowed`,
        ]
      : []
  return [
    ...count,
    ...direct.flatMap(pinningProblem),
    ...explanationProblems(
      direct.map(([name]) => name),
      page,
    ),
    ...Object.entries(lock.packages).flatMap(lockProblems),
  ]
}

function pinningProblem([name, version]: readonly [string, string]): readonly string[] {
  if (/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) return []
  return [`package.json: ${name} must be pinned to one version, it says "${version}"`]
}

/** Rows of the page's tables: | `name` | why |. */
function explanationProblems(names: readonly string[], page: string): readonly string[] {
  const rows = new Map(
    [...page.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, name = '', why = '']) => [
      name,
      why.trim(),
    ]),
  )
  const missing = names.filter((name) => (rows.get(name) ?? '') === '')
  const left = [...rows.keys()].filter((name) => !names.includes(name))
  return [
    ...missing.map((name) => `docs/dependencies.md has no line that says why ${name} is needed`),
    ...left.map(
      (name) => `docs/dependencies.md explains ${name}, which package.json does not name`,
    ),
  ]
}

function lockProblems([place, entry]: readonly [string, LockEntry]): readonly string[] {
  if (!place.startsWith('node_modules/')) return []
  const host = entry.resolved !== undefined && entry.link !== true
  const script = entry.hasInstallScript === true && entry.dev !== true
  return [
    ...(host
      ? [
          `package-lock.json: ${place} names a download host; .npmrc must hold omit-lockfile-registry-resolved=true`,
        ]
      : []),
    ...(script
      ? [
          `package-lock.json: ${place} runs an install script on the machine of everybody who installs it`,
        ]
      : []),
    ...(entry.link !== true && entry.integrity === undefined
      ? [`package-lock.json: ${place} has no integrity hash`]
      : []),
  ]
}

if (import.meta.main) {
  process.exitCode = report(
    packageProblems({
      manifest: JSON.parse(readText('package.json')),
      lock: JSON.parse(readText('package-lock.json')),
      page: readText('docs/dependencies.md'),
    }),
  )
}
