// The whole system as processes, for suites that kill parts of it: a genuine cluster, the operator
// with the rights of its own ServiceAccount, workers, and the ledger of effects that their handlers
// leave (one line a start and one an end), which nobody but the handlers writes.

import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterOptions, type DevCluster, startCluster } from '../../devcluster/cluster.ts'
import { kubectl, startTestCluster } from '../servers.ts'

const root = path.join(import.meta.dirname, '..', '..')
const operatorAccount = { namespace: 'gopherqueue-system', name: 'gopherqueue-operator' }

export interface Effect {
  readonly what: 'start' | 'end' | 'abort'
  readonly name: string
  readonly uid: string
  readonly epoch: number
  readonly attempt: number
  readonly worker: string
  readonly at: number
}

export interface Program {
  readonly name: string
  readonly pid: number
  readonly running: boolean
  readonly log: string
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>
  freeze(): void
  continue(): void
}

export interface JobRow {
  readonly name: string
  readonly uid: string
  readonly phase: string
  readonly reason: string
  readonly status: Readonly<Record<string, unknown>>
}

/** One test cluster with everything that GopherQueue needs applied to it. */
export class TestSystem {
  readonly cluster: DevCluster
  readonly #programs: Program[] = []
  readonly #dir: string
  #kubeconfig = ''
  #count = 0

  private constructor(cluster: DevCluster) {
    this.cluster = cluster
    this.#dir = path.join(cluster.dir, 'test')
    mkdirSync(this.#dir)
  }

  /** @param given `crds: false`: whoever starts it applies them */
  static async start(
    given: ClusterOptions & { readonly crds?: boolean } = {},
  ): Promise<TestSystem> {
    const { crds = true, ...options } = given
    const start = crds ? startTestCluster : startCluster
    const cluster = await start({ audit: true, label: 'test', ...options })
    const system = new TestSystem(cluster)
    try {
      await kubectl(cluster, ['apply', '-f', path.join(root, 'rbac', 'operator.yaml')])
      await kubectl(cluster, ['apply', '-f', path.join(root, 'policies')])
      system.#kubeconfig = await cluster.kubeconfig({ serviceAccount: operatorAccount })
      return system
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.filter((each) => each.running).map((each) => each.kill()))
    await this.cluster.stop()
  }

  /** The operator, as a process; resolves when `/readyz` says so, or at once with `wait: false`. */
  async operator(
    options: {
      readonly identity?: string
      readonly wait?: boolean
      readonly args?: readonly string[]
      /** Default: that of its own ServiceAccount. */
      readonly kubeconfig?: string
    } = {},
  ): Promise<Program & { readonly url: string }> {
    const { identity = 'operator-under-test', wait = true, args = [] } = options
    const { kubeconfig = this.#kubeconfig } = options
    const program = this.#spawn('operator', [
      path.join(root, 'src', 'main', 'gopherqueue.ts'),
      'operator',
      '--local',
      '--kubeconfig',
      kubeconfig,
      '--nats-url',
      this.cluster.nats.url,
      '--identity',
      identity,
      '--http-port',
      '0',
      '--metrics-port',
      '0',
      ...args,
    ])
    const line = await until(
      'the operator to say where it listens',
      () => /"health":"(http[^"]+)"/.exec(read(program.log))?.[1] ?? dead(program),
    )
    const operator = Object.assign(program, { url: line })
    if (wait) {
      await until('the operator to be ready', async () => {
        if (!program.running) throw new Error(`the operator ended:\n${read(program.log)}`)
        return (await answer(`${line}/readyz`)) === 200 || undefined
      })
    }
    return operator
  }

  /** A worker of `programs/worker.ts`. */
  worker(options: {
    readonly id?: string
    readonly slots?: number
    readonly queues?: string
    /** Default: `programs/worker.ts`. */
    readonly file?: string
    readonly env?: Readonly<Record<string, string>>
  }): Program {
    const { id = '', slots = 10, queues = 'default', env = {} } = options
    const { file = path.join(import.meta.dirname, 'programs', 'worker.ts') } = options
    return this.#spawn('worker', [file], {
      GOPHERQUEUE_NATS_URL: this.cluster.nats.url,
      GOPHERQUEUE_NAMESPACE: 'default',
      GOPHERQUEUE_QUEUES: queues,
      GOPHERQUEUE_SLOTS: String(slots),
      GOPHERQUEUE_HTTP_PORT: '0',
      GOPHERQUEUE_GRACE_SECONDS: '5',
      EFFECTS: this.effectsFile,
      ...(id === '' ? {} : { GOPHERQUEUE_WORKER_ID: id }),
      ...env,
    })
  }

  get effectsFile(): string {
    return path.join(this.#dir, 'effects.jsonl')
  }

  effects(): readonly Effect[] {
    if (!existsSync(this.effectsFile)) return []
    const lines = readFileSync(this.effectsFile, 'utf8').split('\n')
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Effect)
  }

  /** `kubectl create` of all objects at once. */
  async create(objects: readonly unknown[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects }
    await kubectl(this.cluster, ['create', '-f', '-'], undefined, JSON.stringify(list))
  }

  async jobs(): Promise<readonly JobRow[]> {
    const text = await kubectl(this.cluster, ['get', 'queuejobs', '-o', 'json', '--chunk-size=500'])
    const { items } = JSON.parse(text) as {
      items: readonly {
        metadata: { name: string; uid: string }
        status?: Record<string, unknown>
      }[]
    }
    return items.map(({ metadata, status = {} }) => ({
      name: metadata.name,
      uid: metadata.uid,
      phase: String(status.phase ?? ''),
      reason: String(status.reason ?? ''),
      status,
    }))
  }

  async job(name: string): Promise<JobRow> {
    const found = (await this.jobs()).find((row) => row.name === name)
    if (!found) throw new Error(`there is no job ${name}`)
    return found
  }

  /** Until every job has a phase of `phases`. */
  async settled(phases: readonly string[], seconds = 120): Promise<readonly JobRow[]> {
    let left = ''
    return until(
      () => `all jobs to be ${phases.join(', ')}; ${left}`,
      async () => {
        const rows = await this.jobs()
        const open = rows.filter((row) => !phases.includes(row.phase))
        left = `${open.length} of ${rows.length} are not, e.g. ${JSON.stringify(open[0]?.status ?? {})}`
        return open.length === 0 ? rows : undefined
      },
      seconds,
    )
  }

  note(text: string): void {
    appendFileSync(path.join(this.#dir, 'notes.log'), `${text}\n`)
  }

  #spawn(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Program {
    const log = path.join(this.#dir, `${name}-${++this.#count}.log`)
    const out = openSync(log, 'a')
    const child = spawn(process.execPath, [...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', out, out],
    })
    const program = new ChildProgram(`${name}-${this.#count}`, child, log)
    this.#programs.push(program)
    return program
  }
}

class ChildProgram implements Program {
  readonly name: string
  readonly log: string
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  running = true

  constructor(name: string, child: ChildProcess, log: string) {
    this.name = name
    this.log = log
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code) => {
        this.running = false
        resolve(code)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  async terminate(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#ended
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  continue(): void {
    this.#child.kill('SIGCONT')
  }
}

/** Asks again until there is an answer; fails with what was waited for. */
export async function until<T>(
  what: string | (() => string),
  ask: () => T | undefined | Promise<T | undefined>,
  seconds = 60,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    if (Date.now() > deadline) {
      throw new Error(`waited ${seconds} s for ${typeof what === 'string' ? what : what()}`)
    }
    await sleep(50)
  }
}

async function answer(url: string): Promise<number> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status
  } catch {
    return 0
  }
}

function dead(program: Program): undefined {
  if (!program.running) throw new Error(`${program.name} ended:\n${read(program.log)}`)
  return undefined
}

export function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** A QueueJob for these suites. */
export function jobObject(name: string, spec: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    apiVersion: 'gopherqueue.io/v1alpha1',
    kind: 'QueueJob',
    metadata: { name, namespace: 'default' },
    spec: { type: 'work', ...spec },
  }
}
