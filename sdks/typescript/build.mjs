#!/usr/bin/env node
// Builds the package that is published: `node sdks/typescript/build.mjs [FOLDER]` writes dist/.
//
//   *.js           one file for each entry, and what they share; the nats and pino packages stay outside
//   beat-thread.js the program of the heartbeat thread, which is loaded by its path
//   types/         the declarations, as they stand in the repository
//   package.json   the one of this folder, with the built files as its exports
//
// Inside the repository nothing is built: there the exports are the sources.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const root = path.join(here, '../..')
const entries = ['index', 'worker', 'client', 'testing', 'protocol']

/** Users' programs may run on Node 20, which lacks these. */
const lacking = {
  'Promise.withResolvers': 'withResolvers',
  'URL.parse': 'parseUrl',
}

/** Writes the package into `outdir`, which is emptied first. */
export async function buildPackage(outdir) {
  rmSync(outdir, { recursive: true, force: true })
  mkdirSync(outdir, { recursive: true })
  const manifest = JSON.parse(readFileSync(path.join(here, 'package.json'), 'utf8'))
  const external = [
    ...Object.keys(manifest.dependencies),
    ...Object.keys(manifest.peerDependencies),
  ]
  await build({
    absWorkingDir: root,
    entryPoints: {
      ...Object.fromEntries(entries.map((name) => [name, `sdks/typescript/src/${name}.ts`])),
      'beat-thread': 'src/main/beat-thread.ts',
    },
    outdir,
    bundle: true,
    splitting: true,
    chunkNames: 'shared-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external,
    define: lacking,
    inject: ['sdks/typescript/node20.mjs'],
    // Error and class names are seen in logs and statuses.
    keepNames: true,
    legalComments: 'linked',
    logLevel: 'warning',
    // Some dependencies are CommonJS and ask for Node's own modules at run time.
    banner: {
      js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
    },
  })
  emitTypes(path.join(outdir, 'types'))
  cpSync(path.join(root, 'LICENSE'), path.join(outdir, 'LICENSE'))
  cpSync(path.join(here, 'README.md'), path.join(outdir, 'README.md'))
  writeFileSync(
    path.join(outdir, 'package.json'),
    `${JSON.stringify(published(manifest), null, 2)}\n`,
  )
}

function published(manifest) {
  const exported = Object.entries(manifest.exports).map(([name, source]) => {
    const entry = path.basename(source, '.ts')
    const types = `./types/sdks/typescript/src/${entry}.d.ts`
    return [name, { types, default: `./${entry}.js` }]
  })
  const { scripts: _, ...rest } = manifest
  return { ...rest, exports: Object.fromEntries(exported) }
}

function emitTypes(outDir) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-types-'))
  try {
    const config = path.join(folder, 'tsconfig.json')
    const compilerOptions = {
      noEmit: false,
      emitDeclarationOnly: true,
      declaration: true,
      // Types of bundled packages must not be asked for.
      stripInternal: true,
      rootDir: root,
      outDir,
      typeRoots: [path.join(root, 'node_modules/@types')],
    }
    const files = entries.map((name) => path.join(here, `src/${name}.ts`))
    const extended = {
      extends: path.join(root, 'tsconfig.json'),
      compilerOptions,
      files,
      include: [],
    }
    writeFileSync(config, JSON.stringify(extended))
    execFileSync(path.join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: 'inherit' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  await buildPackage(path.resolve(process.argv[2] ?? path.join(here, 'dist')))
}
