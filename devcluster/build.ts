// The programs of a cluster: found on the machine, found in the cache, or built once.
//
// A result is kept in `$XDG_CACHE_HOME/gopherqueue/<recipe key>` (default ~/.cache). It is built in
// a folder beside it and moved into place by one rename, so a folder of that name is always whole.
// One process builds, others that want the same result wait for it (lock.ts).

import { execFile, spawn } from 'node:child_process'
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type ControlPlanePaths, findControlPlane, findNats, searchFolders } from './find.ts'
import { isLock, tryLock } from './lock.ts'
import { type Progress, startProgress } from './progress.ts'
import {
  type ControlPlaneProgram,
  controlPlanePrograms,
  controlPlaneRecipe,
  natsRecipe,
  type Recipe,
  recipeKey,
} from './recipe.ts'

const lockPollMs = 500
const logTailLines = 25

export interface ProgramsWanted {
  readonly controlPlane: readonly ControlPlaneProgram[]
  /** False: no nats-server is looked for. */
  readonly nats: boolean
  /** Exactly this version; undefined: any that fits. */
  readonly natsVersion: string | undefined
}

export interface Programs {
  readonly controlPlane: ControlPlanePaths
  readonly nats: string | undefined
}

/** Paths of every program wanted; builds what is neither on the machine nor in the cache. */
export async function findPrograms(wanted: ProgramsWanted, env = process.env): Promise<Programs> {
  const folders = searchFolders(env)
  const controlPlane =
    (await findControlPlane(wanted.controlPlane, folders)) ?? (await builtControlPlane(env))
  if (!wanted.nats) return { controlPlane, nats: undefined }
  const nats = await findNats(wanted.natsVersion, folders)
  return { controlPlane, nats: nats ?? (await builtNats(wanted.natsVersion, env)) }
}

async function builtControlPlane(env: NodeJS.ProcessEnv): Promise<ControlPlanePaths> {
  const folder = await ensureBuilt(controlPlaneRecipe(), env)
  return Object.fromEntries(controlPlanePrograms.map((name) => [name, path.join(folder, name)]))
}

async function builtNats(version: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  return path.join(await ensureBuilt(natsRecipe(version), env), 'nats-server')
}

/** The folder that all results of all checkouts share. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const configured = env.XDG_CACHE_HOME
  // The XDG specification says that a relative path is to be ignored.
  const base =
    configured !== undefined && path.isAbsolute(configured)
      ? configured
      : path.join(homedir(), '.cache')
  return path.join(base, 'gopherqueue')
}

/** The folder with a recipe's result, which is built now if it is not there. */
export async function ensureBuilt(recipe: Recipe, env = process.env): Promise<string> {
  const cache = cacheFolder(env)
  const target = path.join(cache, recipeKey(recipe))
  if (existsSync(target)) return target
  mkdirSync(cache, { recursive: true })
  let waiting: Progress | undefined
  for (;;) {
    const attempt = tryLock(`${target}.lock`)
    if (isLock(attempt)) {
      try {
        waiting?.end(existsSync(target) ? 'the other build is done' : 'taking over the build')
        // Whoever held the lock before may have finished it.
        if (!existsSync(target)) await build(recipe, target, env)
        return target
      } finally {
        attempt.release()
      }
    }
    waiting ??= startProgress(
      recipe.title,
      `is being built by another process (${attempt.pid} on ${attempt.host}); waiting for it`,
    )
    waiting.say('waiting for the other build')
    await sleep(lockPollMs)
  }
}

async function build(recipe: Recipe, target: string, env: NodeJS.ProcessEnv): Promise<void> {
  removeLeftovers(target)
  const work = `${target}.building-${process.pid}`
  mkdirSync(work)
  const log = `${target}.log`
  const progress = startProgress(recipe.title, recipe.why)
  try {
    await compile(recipe, work, { log, env, progress })
    for (const link of recipe.links) symlinkSync(recipe.executable, path.join(work, link))
    await promisify(execFile)(path.join(work, recipe.executable), [...recipe.check])
    renameSync(work, target)
    progress.end(`ready in ${target}`)
  } catch (error) {
    progress.end('failed')
    rmSync(work, { recursive: true, force: true })
    throw error
  }
}

// A build that was killed leaves its folder; under the lock nobody else works in one.
function removeLeftovers(target: string): void {
  const prefix = `${path.basename(target)}.building-`
  for (const name of readdirSync(path.dirname(target))) {
    if (name.startsWith(prefix))
      rmSync(path.join(path.dirname(target), name), { recursive: true, force: true })
  }
}

interface BuildContext {
  readonly log: string
  readonly env: NodeJS.ProcessEnv
  readonly progress: Progress
}

// Go's own words are counted, not shown: one "downloading" line for each module, one line for
// each package that had to be compiled (none for what Go's own cache still has).
async function compile(recipe: Recipe, work: string, context: BuildContext): Promise<void> {
  rmSync(context.log, { force: true })
  const env = goEnvironment(context.env, work)
  let downloaded = 0
  let compiled = 0
  let packages = 0
  const sayCompiling = () => {
    const of = packages > 0 ? ` of ${packages}` : ''
    context.progress.say(`compiling, ${compiled}${of} packages`)
  }
  const read = (line: string) => {
    if (line.startsWith('go: downloading')) {
      context.progress.say(`downloading, ${++downloaded} modules`)
    } else if (!line.startsWith('go: ')) {
      compiled++
      sayCompiling()
    }
  }
  if (recipe.list !== undefined) {
    context.progress.say('resolving modules')
    await go(recipe, recipe.list, { ...context, env }, (line, stream) => {
      if (stream === 'stdout') packages++
      else read(line)
    })
    compiled = 0
  }
  sayCompiling()
  await go(recipe, recipe.build(work), { ...context, env }, read)
}

/** `auto` lets any Go from 1.21 on fetch the newer one that go.mod asks for. */
function goEnvironment(env: NodeJS.ProcessEnv, work: string): NodeJS.ProcessEnv {
  return {
    ...env,
    CGO_ENABLED: '0',
    GOTOOLCHAIN: 'auto',
    GOWORK: 'off',
    GOBIN: work,
    GOOS: '',
    GOARCH: '',
  }
}

type LineReader = (line: string, stream: 'stdout' | 'stderr') => void

async function go(
  recipe: Recipe,
  args: readonly string[],
  context: BuildContext,
  onLine: LineReader,
): Promise<void> {
  const log = openLog(context.log)
  const child = spawn('go', args, {
    cwd: recipe.cwd,
    env: context.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(startFailure(error, recipe)))
  })
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] }).on('line', (line) => {
      log.write(line)
      onLine(line, stream)
    })
  }
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const code = await Promise.race([closed, failed])
  const problem = await log.end()
  if (code !== 0) throw new Error(buildFailure(recipe, context.log, code, problem))
}

export interface BuildLog {
  readonly write: (line: string) => void
  /** Resolves when all is written, with what kept it from being written; '' = nothing. */
  readonly end: () => Promise<string>
}

/** The log of a build. A disk that is full ends the log, not the program: Go's own failure says more. */
export function openLog(file: string): BuildLog {
  const stream = createWriteStream(file, { flags: 'a' })
  let problem = ''
  stream.on('error', (error) => {
    problem = `${file} could not be written: ${error.message}`
  })
  return {
    write: (line) => void stream.write(`${line}\n`),
    end: () =>
      new Promise((resolve) => {
        stream.once('close', () => resolve(problem))
        stream.end()
        if (stream.closed) resolve(problem)
      }),
  }
}

function startFailure(error: Error, recipe: Recipe): Error {
  if (!('code' in error) || error.code !== 'ENOENT') return error
  return new Error(
    `${recipe.title} has to be built once, and for that the \`go\` command is missing: install Go 1.21 or newer (https://go.dev/dl) and put it on the PATH.`,
  )
}

function buildFailure(recipe: Recipe, log: string, code: number | null, problem: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-logTailLines)
  return `building ${recipe.title} failed (go ended with ${code}). The end of the log:\n${lines.join('\n')}\n${problem === '' ? `The whole log: ${log}` : problem}`
}
