#!/usr/bin/env node
// Bundles the program of the image: `npm run bundle` writes dist/, `npm run bundle -- FOLDER` another
// folder (benchmarks take one of their own, so that two runs do not meet).
//
//   dist/gopherqueue.mjs   every command (operator, worker, standalone, …) in one file
//   dist/beat-thread.js    the program of the heartbeat thread, which is loaded by its path
//   dist/package.json      tells Node that the .js file is a module
//
// The image needs nothing else but Node: no node_modules, no compiler.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

const root = path.join(import.meta.dirname, '..')

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  sourcemap: 'linked',
  // Error and class names are seen in logs.
  keepNames: true,
  legalComments: 'linked',
  logLevel: 'warning',
  // Some dependencies are CommonJS and ask for Node's own modules at run time.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
  },
}

/** Writes the bundle into `outdir`, which is emptied first. */
export async function bundle(outdir) {
  rmSync(outdir, { recursive: true, force: true })
  mkdirSync(outdir, { recursive: true })
  const programs = [
    ['src/main/gopherqueue.ts', 'gopherqueue.mjs'],
    ['src/main/beat-thread.ts', 'beat-thread.js'],
  ]
  for (const [entry, file] of programs) {
    await build({ ...shared, entryPoints: [entry], outfile: path.join(outdir, file) })
  }
  writeFileSync(path.join(outdir, 'package.json'), '{ "type": "module" }\n')
}

if (import.meta.main) await bundle(path.resolve(root, process.argv[2] ?? 'dist'))
