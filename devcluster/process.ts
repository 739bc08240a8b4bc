// One server as a child process: start it, wait until it is ready, and every way to end or halt it.
//
//   stopped ──start()──▶ running ──stop() | kill() | its own end──▶ stopped
//                        running ◀─freeze() / continue()─▶ frozen
//
// Each server is its own process group in its own session, so that Ctrl-C in the terminal reaches
// only the program that started the cluster. What it prints goes to a log file that is appended to
// over restarts. While it runs, its number stands in a file under `pids/`, written by the process
// itself before it becomes the server: cleanup.sh needs it when nobody else is left.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const readyWithinMs = 60_000
const readyPollMs = 40
const stopWithinMs = 5_000

// $0 pid folder, $1 name: leave a trace, look whether the cluster is being taken down, then become
// the server. The order is what makes it safe; cleanup.sh does the reverse.
const launchScript =
  'echo $$ >"$0/$1.pid" || exit 125; [ -e "$0/closed" ] && exit 125; shift; exec "$@"'

export interface ProcessSpec {
  readonly name: string
  /** The cluster's folder: `logs/` and `pids/` are in it. */
  readonly folder: string
  /** Path of the program; undefined when none was found, with the sentence to say then. */
  readonly program: string | undefined
  readonly missing: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Asked again and again until true; a rejection counts as "not yet". */
  readonly ready: () => Promise<boolean>
}

/** How a process ended. */
export interface ExitReason {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** True when stop() or kill() brought it about, false for an end of its own. */
  readonly wanted: boolean
}

/** The chosen port was taken by somebody else in the meantime: choose again. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError'
}

export interface ManagedProcess {
  readonly name: string
  readonly logFile: string
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  readonly running: boolean
  /** How it ended last; undefined before the first end. */
  readonly exit: ExitReason | undefined
  /** Starts it and resolves when it is ready. Does nothing when it runs. */
  readonly start: () => Promise<void>
  /** SIGTERM, after the deadline (ms, default 5,000) SIGKILL. Resolves when it has ended. */
  readonly stop: (deadlineMs?: number) => Promise<void>
  /** SIGKILL, also when frozen. Resolves when it has ended. */
  readonly kill: () => Promise<void>
  /** SIGSTOP: it keeps its sockets and answers nothing. */
  readonly freeze: () => void
  /** SIGCONT after freeze(). */
  readonly continue: () => void
  /** stop(), then start(). */
  readonly restart: () => Promise<void>
  /** The last lines of its log. */
  readonly logTail: (lines?: number) => string
}

interface Running {
  readonly child: ChildProcess
  readonly pid: number
  readonly ended: Promise<void>
  wanted: boolean
}

/** A process that is not started yet. `changed` is called after every start and every end. */
export function manageProcess(spec: ProcessSpec, changed: () => void): ManagedProcess {
  return new ChildServer(spec, changed)
}

class ChildServer implements ManagedProcess {
  readonly name: string
  readonly logFile: string
  exit: ExitReason | undefined
  readonly #spec: ProcessSpec
  readonly #changed: () => void
  #current: Running | undefined
  #starting: Promise<void> | undefined

  constructor(spec: ProcessSpec, changed: () => void) {
    this.#spec = spec
    this.#changed = changed
    this.name = spec.name
    this.logFile = path.join(spec.folder, 'logs', `${spec.name}.log`)
  }

  get pid(): number | undefined {
    return this.#current?.pid
  }

  get running(): boolean {
    return this.#current !== undefined
  }

  start = (): Promise<void> => {
    this.#starting ??= this.#startOnce().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  stop = (deadlineMs = stopWithinMs): Promise<void> => this.#end('SIGTERM', deadlineMs)

  kill = (): Promise<void> => this.#end('SIGKILL', stopWithinMs)

  freeze = (): void => {
    this.#signal('SIGSTOP')
  }

  continue = (): void => {
    this.#signal('SIGCONT')
  }

  restart = async (): Promise<void> => {
    await this.stop()
    await this.start()
  }

  logTail = (lines = 15): string => tail(this.logFile, lines)

  async #startOnce(): Promise<void> {
    if (this.#current !== undefined) return
    const logStart = existsSync(this.logFile) ? statSync(this.logFile).size : 0
    const running = this.#spawn()
    const deadline = Date.now() + readyWithinMs
    for (;;) {
      if (this.#current !== running) throw this.#startError('ended before it was ready', logStart)
      if (await this.#spec.ready().catch(() => false)) return
      if (Date.now() > deadline) throw this.#startError('did not become ready in 60 s', logStart)
      await sleep(readyPollMs)
    }
  }

  #spawn(): Running {
    const { name, folder, program, args, env, missing } = this.#spec
    if (program === undefined) throw new Error(missing)
    const pids = path.join(folder, 'pids')
    const log = openSync(this.logFile, 'a', 0o600)
    const child = spawn('/bin/sh', ['-c', launchScript, pids, name, program, ...args], {
      cwd: folder,
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    if (child.pid === undefined) throw new Error(`${name}: /bin/sh could not be started`)
    // A forgotten cluster must not keep its owner alive; waiting calls ref() again.
    child.unref()
    const ended = Promise.withResolvers<void>()
    const running: Running = { child, pid: child.pid, ended: ended.promise, wanted: false }
    this.#current = running
    child.once('exit', (code, signal) => {
      this.exit = { code, signal, wanted: running.wanted }
      this.#current = undefined
      rmSync(path.join(pids, `${name}.pid`), { force: true })
      ended.resolve()
      this.#changed()
    })
    this.#changed()
    return running
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL', deadlineMs: number): Promise<void> {
    const running = this.#current
    if (running === undefined) return
    running.wanted = true
    running.child.ref()
    this.#signal(signal)
    // A frozen process receives SIGTERM only once it goes on.
    this.#signal('SIGCONT')
    const timer = setTimeout(() => this.#signal('SIGKILL'), deadlineMs)
    await running.ended
    clearTimeout(timer)
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#current === undefined) return
    try {
      process.kill(-this.#current.pid, signal)
    } catch (error) {
      // It ended just now and its exit event is on the way.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  #startError(what: string, logStart: number): Error {
    const said = existsSync(this.logFile)
      ? readFileSync(this.logFile).subarray(logStart).toString()
      : ''
    const lines = said.trimEnd().split('\n').slice(-12).join('\n')
    const text = `${this.name} ${what}. The end of its log:\n${lines}`
    return /address already in use/.test(said) ? new PortTakenError(text) : new Error(text)
  }
}

function tail(file: string, lines: number): string {
  if (!existsSync(file)) return ''
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
}
