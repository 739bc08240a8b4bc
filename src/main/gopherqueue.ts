#!/usr/bin/env node
/**
 * The command `gopherqueue`: `operator`, `worker`, `standalone`. Words become a command and flags, the
 * layers become one configuration, and a program runs until it is told to stop (exit codes: names.md).
 *
 * Mistakes of usage and configuration are told here, on standard error, one line each and all at once,
 * before anything is opened or connected.
 */
import type { z } from 'zod'
import { HANDLERS_FILE_ENV, OperatorConfig, StandaloneConfig, WorkerConfig } from '../api/config.ts'
import { printConfig } from '../process/config-layers.ts'
import { configFileOf, type Environment, loadConfig, processEnvironment } from '../process/env.ts'
import { type Invocation, parseCommandLine, type Terminal } from './command-line.ts'
import { EXIT } from './exit-codes.ts'
import type { launch } from './launch.ts'
import type { HandlersRun, Programs } from './process-ports.ts'
import { VERSION } from './version.ts'

export interface Surroundings {
  readonly terminal: Terminal
  readonly environment: Environment
  /** Loaded only when a program is to run: help and mistakes need nothing of it. */
  readonly launcher: () => Promise<Launcher>
}

export interface Launcher {
  readonly launch: typeof launch
  readonly programs: Programs
}

export async function gopherqueue(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const invocation = parseCommandLine(words, VERSION, surroundings.terminal)
  if (invocation.kind === 'answered') return invocation.exitCode
  const given = { command: invocation, surroundings }
  switch (invocation.command.name) {
    case 'operator':
      return carryOut(OperatorConfig, given, (programs, run) => programs.operator(run))
    case 'worker':
      return carryOut(WorkerConfig, given, (programs, run) => programs.worker(run))
    case 'standalone':
      return carryOut(StandaloneConfig, given, (programs, run) => programs.standalone(run))
  }
}

async function carryOut<S extends z.ZodType>(
  schema: S,
  { command, surroundings }: { command: Command; surroundings: Surroundings },
  program: (programs: Programs, run: HandlersRun<z.output<S>>) => Promise<number>,
): Promise<number> {
  const { terminal, environment, launcher } = surroundings
  const request = { schema, flags: command.flags, file: command.configFile, environment }
  const compiled = await loadConfig(request)
  const problems = [
    ...(compiled.kind === 'rejected' ? compiled.problems : []),
    ...handlersProblem(command, environment),
  ]
  if (compiled.kind === 'rejected' || problems.length > 0) {
    terminal.err(problems.map((problem) => `gopherqueue: ${problem}\n`).join(''))
    return EXIT.usage
  }
  if (command.printConfig) {
    terminal.out(printConfig(schema, compiled))
    return EXIT.stopped
  }
  const { launch, programs } = await launcher()
  const handlersFile = handlersFileOf(command, environment)
  return launch({
    ...request,
    compiled,
    configFile: configFileOf(request),
    program: (run) => program(programs, { ...run, handlersFile }),
  })
}

type Command = Extract<Invocation, { kind: 'command' }>

function handlersFileOf({ handlersFile }: Command, environment: Environment): string {
  return handlersFile ?? environment[HANDLERS_FILE_ENV] ?? ''
}

function handlersProblem(command: Command, environment: Environment): readonly string[] {
  const needed = command.command.handlers && !command.printConfig
  if (!needed || handlersFileOf(command, environment) !== '') return []
  return [
    `${command.command.name} needs handlers: --handlers FILE, or ${HANDLERS_FILE_ENV}=FILE; the file exports \`handlers\``,
  ]
}

if (import.meta.main) {
  const code = await gopherqueue(process.argv.slice(2), {
    terminal: {
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
    },
    environment: processEnvironment(),
    launcher: async () => {
      const [{ launch }, { PROGRAMS }] = await Promise.all([
        import('./launch.ts'),
        import('./programs.ts'),
      ])
      return { launch, programs: PROGRAMS }
    },
  })
  process.exit(code)
}
