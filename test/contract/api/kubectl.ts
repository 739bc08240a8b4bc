// kubectl as a user runs it against the shared cluster, with what it printed and how it ended.

import { spawn } from 'node:child_process'
import { inject } from 'vitest'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const withinMs = 60_000

/** `input` is what `--filename -` reads. */
export function kubectl(args: readonly string[], input = ''): Promise<Ran> {
  const { kubectl: program, kubeconfig } = inject('servers')
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      timeout: withinMs,
    })
    const text = { out: '', err: '' }
    child.stdout.on('data', (chunk) => {
      text.out += chunk
    })
    child.stderr.on('data', (chunk) => {
      text.err += chunk
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, ...text }))
    child.stdin.end(input)
  })
}
