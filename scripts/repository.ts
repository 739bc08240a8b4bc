// The files of the repository as git knows them: tracked, and new ones that are not ignored. What a
// check does not see it cannot find, so an empty answer is an error.

import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'

export const root = path.join(import.meta.dirname, '..')

/** Paths relative to the root, `/` between folders. */
export function repositoryFiles(): readonly string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: root,
      maxBuffer: 64 * 1_048_576,
    },
  )
  const files = listed
    .toString('utf8')
    .split('\0')
    .filter((file) => file !== '' && exists(file))
  if (files.length === 0)
    throw new Error('git lists no file: run this inside a clone of the repository')
  return files
}

export function readText(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
}

// A file that was deleted but is still in the index.
function exists(file: string): boolean {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.isFile() ?? false
}

/** Prints the problems; the exit code of a check. */
export function report(problems: readonly string[]): number {
  for (const problem of problems) console.error(problem)
  return problems.length === 0 ? 0 : 1
}
