#!/usr/bin/env node
/**
 * The command `gq`, also `kubectl gq`: submits, shows and steers jobs. It needs the API server and the
 * caller's kubeconfig, nothing of the operator and nothing of NATS; what the caller may not do, he may
 * not do here either. Exit codes: `cli/exit.ts`.
 */
import { basename } from 'node:path'
import { complaint, EXIT, exitCodeOf, Interrupted, OutputClosed } from '../cli/exit.ts'
import type { Given } from '../cli/given.ts'
import type { Cluster, Context } from '../cli/ports.ts'
import { KubeObjects } from '../kube/client-objects.ts'
import { ClientRequests } from '../kube/client-requests.ts'
import { clientStore } from '../kube/client-store.ts'
import { loadKubeConfig } from '../kube/config.ts'
import { KubeTransport } from '../kube/transport.ts'
import { realClock, realRandom } from '../process/clock.ts'
import { type Environment, processEnvironment } from '../process/env.ts'
import { stopSignal } from '../process/signals.ts'
import { type CommandTerminal, commandTerminal } from '../process/terminal.ts'
import { parseGqWords } from './gq-words.ts'
import { VERSION } from './version.ts'

export interface GqSurroundings {
  readonly terminal: CommandTerminal
  readonly environment: Environment
  /** IANA name of the zone of this machine. */
  readonly zone: string
  /** How it was called: `gq`, `kubectl gq`. */
  readonly program: string
  /** Aborted, with an Interrupted, by Ctrl-C. */
  readonly signal: AbortSignal
}

/** @returns the exit code. Never rejects. */
export async function gq(words: readonly string[], surroundings: GqSurroundings): Promise<number> {
  const { terminal, program } = surroundings
  const said: string[] = []
  const parsed = parseGqWords(words, program, VERSION, {
    out: (text) => said.push(text),
    err: (text) => terminal.note(text),
  })
  let cluster: Promise<Cluster> | null = null
  try {
    if (said.length > 0) await terminal.write(said.join(''))
    if (parsed.kind === 'answered') return parsed.exitCode
    const { row, given } = parsed
    const connect = () => {
      cluster ??= openCluster(given, surroundings)
      return cluster
    }
    return await row.run(contextOf(given, surroundings, connect), given)
  } catch (error) {
    const text = complaint(error)
    if (text !== '') terminal.note(text)
    return exitCodeOf(error)
  } finally {
    await (cluster as Promise<Cluster> | null)?.then(({ close }) => close()).catch(() => {})
  }
}

function contextOf(
  given: Given,
  { terminal, zone, signal }: GqSurroundings,
  cluster: () => Promise<Cluster>,
): Context {
  return {
    cluster,
    output: terminal,
    terminal,
    files: terminal,
    clock: realClock,
    random: realRandom,
    zone: given.on('utc') ? 'UTC' : zone,
    version: VERSION,
    signal,
  }
}

const CONNECTIONS = 16

async function openCluster(given: Given, { environment }: GqSurroundings): Promise<Cluster> {
  const time = { clock: realClock, random: realRandom }
  const access = await loadKubeConfig({
    clock: realClock,
    env: environment,
    path: given.text('kubeconfig') ?? '',
    context: given.text('context') ?? '',
  })
  const transport = new KubeTransport({
    ...time,
    access,
    version: VERSION,
    program: 'gq',
    connections: CONNECTIONS,
  })
  const { server, origin } = access
  return {
    ...clientStore({ ...time, transport, server, origin }),
    objects: new KubeObjects(new ClientRequests({ transport, server, origin })),
    namespace: given.text('namespace') ?? access.namespace,
    close: () => transport.close(),
  }
}

/** kubectl runs plugins by the name of their file. */
function programOf(file: string): string {
  return basename(file).startsWith('kubectl-') ? 'kubectl gq' : 'gq'
}

if (import.meta.main) {
  const stopped = new AbortController()
  const stop = stopSignal({
    source: process,
    exit: (code) => process.exit(code),
    heard: () => stopped.abort(new Interrupted()),
  })
  const code = await gq(process.argv.slice(2), {
    terminal: commandTerminal(process, () => new OutputClosed()),
    environment: processEnvironment(),
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    program: programOf(process.argv[1] ?? ''),
    signal: stopped.signal,
  })
  stop.release()
  process.exit(stopped.signal.aborted && code === EXIT.failed ? EXIT.interrupted : code)
}
