// Bundles the programs of the image: `npm run bundle` writes dist/, `npm run bundle -- FOLDER` another
// folder (benchmarks take one of their own, so that two runs do not meet).
//
//   dist/gopherqueue.mjs   every command (operator, worker, standalone, …)
//   dist/gq.mjs            the command for users, `gq` and `kubectl gq`
//   dist/*-HASH.mjs        what only some commands need, loaded by those: less memory for the others
//   dist/beat-thread.js    the program of the heartbeat thread, which is loaded by its path
//   dist/package.json      tells Node that the .js file is a module
//
// The image needs nothing else but Node: no node_modules, no compiler.

import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type BuildOptions, build } from 'esbuild'

const root = path.join(import.meta.dirname, '..')

const shared: BuildOptions & { metafile: true } = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  sourcemap: 'linked',
  // Error and class names are seen in logs.
  keepNames: true,
  legalComments: 'linked',
  // The source text stays in memory for as long as the program runs.
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
  logLevel: 'warning',
  // Some dependencies are CommonJS and ask for Node's own modules at run time.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
  },
}

/**
 * Flags of Node that the programs are run with: a young generation of 2 MiB instead of 16 saves
 * memory at rest, and costs a little more garbage collection under load. The Dockerfile says the same.
 */
export const nodeFlags: readonly string[] = ['--max-semi-space-size=2']

/** Writes the bundle into `outdir`, which is emptied first; the paths of all files that went into it. */
export async function bundle(outdir: string): Promise<readonly string[]> {
  rmSync(outdir, { recursive: true, force: true })
  mkdirSync(outdir, { recursive: true })
  const command = await build({
    ...shared,
    entryPoints: ['src/main/gopherqueue.ts'],
    outdir,
    splitting: true,
    outExtension: { '.js': '.mjs' },
  })
  // Built apart: what it shares with the operator must not be cut into pieces for its sake.
  const gq = await build({
    ...shared,
    entryPoints: ['src/main/gq.ts'],
    outdir,
    splitting: true,
    outExtension: { '.js': '.mjs' },
  })
  chmodSync(path.join(outdir, 'gq.mjs'), 0o755)
  const thread = await build({
    ...shared,
    entryPoints: ['src/main/beat-thread.ts'],
    outfile: path.join(outdir, 'beat-thread.js'),
  })
  writeFileSync(path.join(outdir, 'package.json'), '{ "type": "module" }\n')
  return [command, gq, thread].flatMap(({ metafile }) => Object.keys(metafile.inputs))
}

if (import.meta.main) await bundle(path.resolve(root, process.argv[2] ?? 'dist'))
