// The command line of the demo: `npm run demo -- [options]`.

import { parseArgs } from 'node:util'

export const usage = `usage: npm run demo -- [options]

  Starts a genuine Kubernetes control plane and NATS on this machine, the operator and a worker, applies
  the manifests of examples/, shows the jobs until they have ended, and stays up for trying things.
  Nothing but Node and Go is needed: no Docker, no root. Ctrl-C ends and removes everything.

  --exit    end when the jobs have ended; exit code 0 only if each ended as its manifest says
  --json    print one JSON line on stdout; everything else goes to stderr
  --keep    keep the folder with all logs
  --help
`

export interface DemoOptions {
  readonly exit: boolean
  readonly json: boolean
  readonly keep: boolean
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

export function parseOptions(args: readonly string[]): ParsedOptions {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { exit: flag, json: flag, keep: flag, help: flag },
    })
    const { help, ...options } = values
    return help ? { kind: 'help' } : { kind: 'run', options }
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) }
  }
}
