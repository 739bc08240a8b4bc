// What is built, from what, and under which name the result is kept.
//
// A recipe lists every input that can change the result. Its key is a hash of all of them, so a
// result in the cache is found again from any checkout with the same inputs, and never by another.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Kubernetes as required by go/go.mod; the linker stamps it into the programs. */
export const kubernetesVersion = '1.36.3'
/** The nats-server that is built when none fits. */
export const natsVersion = '2.15.2'
/** The helm that renders the chart in tests. */
export const helmVersion = '4.3.1'
/** Oldest API server that the CRDs work on: selectable fields are stable from here on. */
export const kubernetesFloor = '1.32.0'
/** Oldest nats-server that GopherQueue speaks to. */
export const natsFloor = '2.10.27'

/** The programs in the one control-plane executable, each reached by a symbolic link of its name. */
export const controlPlanePrograms = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
] as const

export type ControlPlaneProgram = (typeof controlPlanePrograms)[number]

/** How to make one cached folder of programs. */
export interface Recipe {
  /** For messages: "the Kubernetes control plane 1.36.3". */
  readonly title: string
  /** Why it takes as long as it takes the first time. */
  readonly why: string
  /** The folder name in the cache begins with this. */
  readonly slug: string
  /** Everything that decides the result, by name. */
  readonly inputs: Readonly<Record<string, string>>
  /** The executable that the Go command leaves behind. */
  readonly executable: string
  /** Symbolic links to the executable. */
  readonly links: readonly string[]
  /** Folder to run Go in. */
  readonly cwd: string
  /** Lists the packages to compile, one a line; undefined where Go cannot say beforehand. */
  readonly list: readonly string[] | undefined
  /** Arguments of `go`; `into` is the folder that receives the executable. */
  readonly build: (into: string) => readonly string[]
  /** Run on the executable before the result is kept: it must exit 0. */
  readonly check: readonly string[]
}

const moduleFolder = path.join(import.meta.dirname, 'go')

/** etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl as one program. */
export function controlPlaneRecipe(folder: string = moduleFolder): Recipe {
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', kubernetesLinkFlags()]
  const [major = '', minor = ''] = kubernetesVersion.split('.')
  return {
    title: `the Kubernetes control plane ${kubernetesVersion}`,
    why: `etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl ${major}.${minor} are compiled from source; the first time this takes several minutes, afterwards the result is reused`,
    slug: 'controlplane',
    inputs: {
      ...platform(),
      flags: flags.join(' '),
      'main.go': readFileSync(path.join(folder, 'main.go'), 'utf8'),
      'go.mod': readFileSync(path.join(folder, 'go.mod'), 'utf8'),
      'go.sum': readFileSync(path.join(folder, 'go.sum'), 'utf8'),
    },
    executable: 'controlplane',
    links: controlPlanePrograms,
    cwd: folder,
    list: ['list', '-mod=readonly', '-deps', '.'],
    build: (into) => ['build', '-v', ...flags, '-o', path.join(into, 'controlplane'), '.'],
    check: ['kube-apiserver', '--version'],
  }
}

/** nats-server of one version, by `go install` (its module cannot share one with Kubernetes). */
export function natsRecipe(version: string = natsVersion): Recipe {
  return installRecipe({
    title: `nats-server ${version}`,
    takes: 'half a minute',
    program: 'nats-server',
    target: `github.com/nats-io/nats-server/v2@v${version}`,
    check: ['--version'],
  })
}

/** helm, by `go install`; only the tests of the chart need it. */
export function helmRecipe(version: string = helmVersion): Recipe {
  return installRecipe({
    title: `helm ${version}`,
    takes: 'a minute and a half',
    program: 'helm',
    target: `helm.sh/helm/v${version.split('.')[0]}/cmd/helm@v${version}`,
    check: ['version', '--short'],
  })
}

function installRecipe(what: {
  readonly title: string
  readonly takes: string
  readonly program: string
  readonly target: string
  readonly check: readonly string[]
}): Recipe {
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', '-s -w']
  return {
    title: what.title,
    why: `it is compiled from source; the first time this takes about ${what.takes}, afterwards the result is reused`,
    slug: what.program,
    inputs: { ...platform(), flags: flags.join(' '), target: what.target },
    executable: what.program,
    links: [],
    cwd: moduleFolder,
    list: undefined,
    build: () => ['install', '-v', ...flags, what.target],
    check: what.check,
  }
}

/** Folder name of a recipe's result: its slug and 16 hex digits over every input. */
export function recipeKey(recipe: Pick<Recipe, 'slug' | 'inputs'>): string {
  const hash = createHash('sha256')
  for (const name of Object.keys(recipe.inputs).sort()) {
    const value = recipe.inputs[name] ?? ''
    // Lengths keep ("ab", "c") and ("a", "bc") apart.
    hash.update(`${name.length}:${name}=${value.length}:${value};`)
  }
  return `${recipe.slug}-${hash.digest('hex').slice(0, 16)}`
}

// Without these flags the programs call themselves v0.0.0 and `kubectl version` fails.
function kubernetesLinkFlags(): string {
  const [major = '', minor = ''] = kubernetesVersion.split('.')
  const stamp = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`
  return [
    '-s',
    '-w',
    stamp('gitVersion', `v${kubernetesVersion}`),
    stamp('gitMajor', major),
    stamp('gitMinor', minor),
  ].join(' ')
}

function platform(): Record<string, string> {
  return { os: process.platform, arch: process.arch, cgo: 'off' }
}
