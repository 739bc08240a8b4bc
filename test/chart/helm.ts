// Renders the chart with the real helm. Helm is compiled once, like the servers (devcluster/build.ts);
// without Go, or without a network on the first time, the tests fail and say what is missing.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { ensureBuilt } from '../../devcluster/build.ts'
import { helmRecipe } from '../../devcluster/recipe.ts'

export const chart = path.join(import.meta.dirname, '..', '..', 'charts', 'gopherqueue')
export const release = 'gq'
export const namespace = 'chart-release'

/** Compiling takes two minutes here; ten are more than enough for a slow machine. */
export const helmWithinMs = 600_000
const renderWithinMs = 30_000

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

export interface Rendered {
  readonly code: number
  readonly err: string
  readonly text: string
  readonly objects: readonly Manifest[]
}

export function helmProgram(): Promise<string> {
  return ensureBuilt(helmRecipe()).then((folder) => path.join(folder, 'helm'))
}

export async function helm(args: readonly string[], input = ''): Promise<Rendered> {
  const program = await helmProgram()
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { timeout: renderWithinMs })
    let text = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({ code: code ?? -1, err, text, objects: objectsOf(text) }),
    )
    child.stdin.end(input)
  })
}

function objectsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object): object is Manifest => object !== null && typeof object === 'object')
}

/** The chart with values in YAML, as it would be installed on Kubernetes 1.36. */
export function render(values: string): Promise<Rendered> {
  const args = ['template', release, chart, '--namespace', namespace, '--kube-version', '1.36.0']
  return helm([...args, '--values', '-'], values)
}
