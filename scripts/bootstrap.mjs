#!/usr/bin/env node
// Runs a command of this project in a fresh clone: `node scripts/bootstrap.mjs COMMAND [ARGS…]`.
//
// COMMAND is a program of node_modules/.bin (`node`, `vitest`, …). What it needs is put in place
// first: when node_modules is missing or belongs to another package-lock.json, `npm ci` runs. The
// command then runs on the Node that package.json pins (npm package `node`), whatever is installed.
//
// This file runs before anything is installed: plain JavaScript for Node 20, no dependencies.
// All it says goes to stderr; stdout belongs to the command.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..')
const modules = path.join(root, 'node_modules')
const marker = path.join(modules, '.gopherqueue-lock')
// A link to the package's program; what is said to exist here exists behind the link.
const pinnedNode = path.join(modules, '.bin', 'node')

const say = (text) => process.stderr.write(`${text}\n`)

async function main() {
  const [command, ...args] = process.argv.slice(2)
  if (command === undefined || command.includes('/')) {
    say(
      'usage: node scripts/bootstrap.mjs COMMAND [ARGS…]   (COMMAND: a program of node_modules/.bin)',
    )
    return 2
  }
  if (whyInstall() !== undefined) await withInstallLock(install)
  return run(path.join(modules, '.bin', command), args)
}

/** Why `npm ci` has to run; undefined when everything is in place. */
function whyInstall() {
  if (!existsSync(modules)) return 'node_modules is missing'
  const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8')
  const hash = createHash('sha256').update(lock).digest('hex')
  if (!existsSync(marker) || readFileSync(marker, 'utf8').trim() !== hash) {
    if (!installedByHand(JSON.parse(lock))) {
      return 'node_modules was not installed from this package-lock.json'
    }
    writeFileSync(marker, `${hash}\n`)
  }
  return existsSync(pinnedNode) ? undefined : 'the pinned Node is missing'
}

/**
 * Whether somebody's own `npm ci` or `npm install` already installed exactly this lock file. npm
 * writes down what it installed; packages for other platforms are missing there by design.
 */
function installedByHand(lock) {
  const written = path.join(modules, '.package-lock.json')
  if (!existsSync(written)) return false
  const installed = JSON.parse(readFileSync(written, 'utf8')).packages ?? {}
  const wanted = Object.entries(lock.packages).filter(([place]) =>
    place.startsWith('node_modules/'),
  )
  const right = wanted.every(([place, entry]) => {
    const found = installed[place]
    if (found === undefined) return entry.optional === true || entry.devOptional === true
    return found.version === entry.version && found.integrity === entry.integrity
  })
  const places = new Set(wanted.map(([place]) => place))
  const extra = Object.keys(installed).filter(
    (place) => place.startsWith('node_modules/') && !places.has(place),
  )
  return right && extra.length === 0
}

// Two commands started together in a fresh clone must not both install into the same folder.
async function withInstallLock(work) {
  const name = createHash('sha256').update(path.resolve(root)).digest('hex').slice(0, 16)
  const lock = path.join(tmpdir(), `gopherqueue-install-${process.getuid?.() ?? 0}-${name}`)
  const ownerFile = path.join(lock, 'pid')
  for (let told = false; ; told = true) {
    try {
      mkdirSync(lock, { mode: 0o700 })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (abandoned(lock, ownerFile)) {
        rmSync(lock, { recursive: true, force: true })
        continue
      }
      if (!told) say('Another command is installing the dependencies; waiting for it.')
      await sleep(300)
    }
  }
  const release = () => rmSync(lock, { recursive: true, force: true })
  process.once('exit', release)
  writeFileSync(ownerFile, String(process.pid))
  try {
    await work()
  } finally {
    release()
  }
}

function abandoned(lock, ownerFile) {
  try {
    const pid = Number(readFileSync(ownerFile, 'utf8'))
    if (pid > 0) {
      process.kill(pid, 0)
      return false
    }
  } catch (error) {
    if (error.code === 'ESRCH') return true
    if (error.code === 'EPERM') return false
  }
  // The owner has not written its number yet, or never will.
  try {
    return Date.now() - statSync(lock).mtimeMs > 10_000
  } catch {
    return false
  }
}

async function install() {
  // Whoever held the lock before may have done it.
  const why = whyInstall()
  if (why === undefined) return
  say(`Installing the dependencies with \`npm ci\` (about a minute, 500 MB): ${why}.`)
  const started = Date.now()
  const clock = setInterval(() => {
    say(`  npm ci: ${Math.round((Date.now() - started) / 1000)} s`)
  }, 5_000)
  const code = await quietly('npm', ['ci', '--loglevel=error', '--engine-strict=false'], root)
  clearInterval(clock)
  if (code !== 0) fail(`\`npm ci\` failed with code ${code}; what it said stands above.`)
  if (!existsSync(pinnedNode)) await installPinnedNode()
  const lock = readFileSync(path.join(root, 'package-lock.json'))
  writeFileSync(marker, `${createHash('sha256').update(lock).digest('hex')}\n`)
}

// npm can be set to skip install scripts, and the package `node` fetches its program in one. The
// script is allowed by name in package.json (`allowScripts`); here it is run for those whose npm
// skipped it all the same.
async function installPinnedNode() {
  say('The install script of the package `node` was skipped; running it now.')
  const folder = path.join(modules, 'node')
  const code = await quietly('node', ['installArchSpecificPackage.js'], folder)
  // npm makes no link to a program that is not there yet.
  if (code === 0 && !existsSync(pinnedNode)) {
    rmSync(pinnedNode, { force: true })
    symlinkSync(path.join('..', 'node', 'bin', 'node'), pinnedNode)
  }
  if (existsSync(pinnedNode)) return
  fail('The pinned Node is missing. This installs it: npm ci --ignore-scripts=false')
}

/** Runs a tool of the machine (not of node_modules, which is being replaced), its output on stderr. */
function quietly(command, args, cwd) {
  const outside = (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.endsWith(path.join('node_modules', '.bin')))
    .join(path.delimiter)
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, PATH: outside },
      stdio: ['ignore', 2, 2],
    })
    const interrupt = (signal) => {
      child.kill(signal)
      process.exit(128 + constants.signals[signal])
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.once(signal, interrupt)
    child.once('error', (error) => fail(`${command} could not be started: ${error.message}`))
    child.once('close', (code) => {
      for (const signal of signals) process.off(signal, interrupt)
      resolve(code ?? 1)
    })
  })
}

/** Runs the command in our place: same streams, same exit code, signals passed on. */
function run(program, args) {
  if (!existsSync(program)) fail(`${path.basename(program)} is not in node_modules/.bin`)
  const bin = path.join(modules, '.bin')
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` }
  const child = spawn(program, args, { env, stdio: 'inherit' })
  // Ctrl-C reaches the command from the terminal itself; passing it on too would make it two.
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  process.on('SIGINT', () => {
    if (!atTerminal) child.kill('SIGINT')
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => {
    child.once('error', (error) => fail(`${program} could not be started: ${error.message}`))
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)))
  })
}

function fail(text) {
  say(text)
  process.exit(1)
}

process.exitCode = await main()
