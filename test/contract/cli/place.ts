// gq against the genuine API server: the command in this process with a terminal that remembers, other
// callers by impersonation, and a hand that does to actions what an operator would.

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inject } from 'vitest'
import { parse, stringify } from 'yaml'
import { gq } from '../../../src/main/gq.ts'
import type { Door, Json } from '../api/door.ts'
import { patch } from '../api/door.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Caller {
  readonly namespace?: string
  readonly kubeconfig?: string
  /** What somebody answers; absent: nobody is there. */
  readonly answer?: string
  readonly files?: Readonly<Record<string, string>>
}

export async function run(words: readonly string[], caller: Caller = {}): Promise<Ran> {
  const { kubeconfig = inject('servers').kubeconfig, namespace, answer, files = {} } = caller
  let out = ''
  let err = ''
  const code = await gq([...words, ...(namespace ? ['--namespace', namespace] : [])], {
    terminal: {
      asks: answer !== undefined,
      redraws: false,
      write: async (text) => {
        out += text
      },
      note: (text) => {
        err += text
      },
      ask: async (question) => {
        err += question
        return answer ?? ''
      },
      read: async (file) => files[file] ?? '',
    },
    environment: { KUBECONFIG: kubeconfig },
    zone: 'Europe/Berlin',
    program: 'gq',
    signal: new AbortController().signal,
  })
  return { code, out, err }
}

/** A kubeconfig of the admin's that speaks as somebody else. */
export function kubeconfigAs(user: string): string {
  const servers = inject('servers')
  const config = parse(readFileSync(servers.kubeconfig, 'utf8'))
  config.users[0].user.as = user
  const file = path.join(servers.dir, `kubeconfig-as-${user}.yaml`)
  writeFileSync(file, stringify(config))
  return file
}

const DONE = { phase: 'Completed', matched: 1, done: 1, skipped: 0, failed: 0 }

/** Ends every action of the namespaces as soon as it is there, as long as `act` takes. */
export async function operated<T>(
  doors: readonly Door[],
  act: () => Promise<T>,
  how: (spec: Json) => Json = () => DONE,
): Promise<T> {
  let over = false
  const working = (async () => {
    while (!over) for (const door of doors) await endActions(door, how)
  })()
  try {
    return await act()
  } finally {
    over = true
    await working
  }
}

async function endActions(door: Door, how: (spec: Json) => Json): Promise<void> {
  for (const { metadata, spec, status } of await actionsAt(door)) {
    if (status.phase !== 'Pending') continue
    const change = { status: { observedGeneration: 1, ...how(spec) } }
    await patch(door, 'queueactions', String(metadata.name), change, 'status')
  }
}

export interface Action {
  readonly metadata: Json
  readonly spec: Json
  readonly status: Json
}

export async function actionsAt(door: Door): Promise<readonly Action[]> {
  const answer = await door.send('GET', door.path('queueactions'))
  return (answer.body.items ?? []) as Action[]
}
