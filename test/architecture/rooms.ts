// The table of rings and rooms (architecture.md, section 6) and the rules that are made from it. A rule
// looks at one file and names what is wrong; with it comes a file that breaks it, so that a rule that
// sees nothing is found out.

import type { Import, Source } from './source.ts'

/** Inner rings first; a room is a folder of src/. */
export const RINGS: readonly (readonly string[])[] = [
  ['api'],
  ['core', 'runtime'],
  [
    'ingestion',
    'scheduler',
    'persistence',
    'recovery',
    'observability',
    'security',
    'worker',
    'client',
  ],
  ['kube', 'nats', 'http', 'process'],
  // The commands of `gq`: they show what adapters bring, and only the entry point calls them.
  ['cli'],
  ['main'],
]

/** The one door inside a ring: the machinery with time uses the vocabulary's clock. */
const INSIDE_RING_1 = { from: 'runtime', to: 'core' }

/** Packages and the rooms or files that may load them; a type may be imported anywhere. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  croner: ['ingestion'],
  // In cli one schema: the input of a job whose type is known where it runs.
  zod: [
    ...['api', 'core', 'ingestion', 'persistence', 'worker', 'client', 'kube', 'nats'],
    ...['cli/submit.ts', 'main'],
  ],
  // In cli the form in which objects and manifests are printed.
  yaml: ['kube', 'process', 'cli/print.ts', 'main'],
  undici: ['kube'],
  '@kubernetes/client-node': ['kube'],
  '@nats-io/jetstream': ['nats'],
  '@nats-io/transport-node': ['nats'],
  // Handlers get a pino logger, also in the tests of whoever writes them.
  pino: ['process', 'worker/testing.ts'],
  'prom-client': ['http'],
  commander: ['main'],
}

/** What is pure in Node: rings 0 to 2 may use it, and nothing else of Node. */
const PURE_MODULES = ['node:crypto', 'node:buffer', 'node:util', 'node:async_hooks', 'node:assert']

export interface Rule {
  readonly name: string
  /** What is wrong with the file; empty when nothing is. */
  readonly find: (source: Source) => readonly string[]
  /** A file that breaks the rule. */
  readonly broken: { readonly path: string; readonly text: string }
}

export const ringOf = (room: string): number => RINGS.findIndex((rooms) => rooms.includes(room))
export const roomOf = (file: string): string => file.split('/')[0] ?? ''

/** Imports of the file that `wrong` says are wrong. */
export function importsThat(wrong: (found: Import, source: Source) => boolean): Rule['find'] {
  return (source) =>
    source.imports
      .filter((found) => wrong(found, source))
      .map(({ specifier }) => `imports ${specifier}`)
}

/** Words that must not stand in the code of some files. */
export function words(pattern: RegExp, where: (source: Source) => boolean): Rule['find'] {
  return (source) => {
    if (!where(source)) return []
    return [...source.code.matchAll(pattern)].map(([word]) => `says ${word}`)
  }
}

const isPorts = (file: string) => file.endsWith('/ports.ts')

function leavesItsRing({ file, typeOnly }: Import, source: Source): boolean {
  if (file === null) return false
  const to = roomOf(file)
  if (to === source.room) return false
  const [from, ring] = [ringOf(source.room), ringOf(to)]
  if (ring !== from) return ring > from
  if (source.room === INSIDE_RING_1.from && to === INSIDE_RING_1.to) return false
  return !(from === 2 && typeOnly && isPorts(file))
}

const sideDoor = (source: Source, { specifier, file }: Import) =>
  specifier.startsWith('.') && file === null && source.room !== 'main'

const inner = (source: Source) => ringOf(source.room) <= 2
const outsideTime = (source: Source) => !['process', 'main'].includes(source.room)

export const ROOM_RULES: readonly Rule[] = [
  {
    name: 'every file is in a room of the table',
    find: ({ room }) => (ringOf(room) === -1 ? ['is in no room'] : []),
    broken: { path: 'common/text.ts', text: '' },
  },
  {
    name: 'a file imports from its own room or further in; from a neighbour of ring 2 the types of its ports only',
    find: importsThat(leavesItsRing),
    broken: { path: 'core/job.ts', text: "import { decide } from '../scheduler/decide.ts'" },
  },
  {
    name: 'rooms of ring 2 take no value from a neighbour, not even from its ports',
    find: importsThat(leavesItsRing),
    broken: {
      path: 'scheduler/cycle.ts',
      text: "import { FactSink } from '../persistence/ports.ts'",
    },
  },
  {
    name: 'adapters do not know each other',
    find: importsThat(leavesItsRing),
    broken: { path: 'nats/connect.ts', text: "import type { Token } from '../kube/config.ts'" },
  },
  {
    name: 'nobody imports the composition roots',
    find: importsThat(leavesItsRing),
    broken: { path: 'http/server.ts', text: "import type { Parts } from '../main/operator.ts'" },
  },
  {
    name: 'no file of src/ reaches out of src/, but for the version in package.json',
    find: importsThat((found, source) => sideDoor(source, found)),
    broken: {
      path: 'kube/jobs.ts',
      text: "import { startCluster } from '../../devcluster/cluster.ts'",
    },
  },
  {
    name: 'each package has its rooms',
    find: importsThat(({ specifier, file, typeOnly }, source) => {
      if (file !== null || specifier.startsWith('.') || specifier.startsWith('node:')) return false
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      return (
        !typeOnly && ![source.room, source.path].some((place) => PACKAGES[name]?.includes(place))
      )
    }),
    broken: {
      path: 'scheduler/decide.ts',
      text: "import { connect } from '@nats-io/transport-node'",
    },
  },
  {
    name: 'the Kubernetes client is loaded by one file',
    find: importsThat(
      ({ specifier, typeOnly }, source) =>
        specifier === '@kubernetes/client-node' && !typeOnly && source.path !== 'kube/config.ts',
    ),
    broken: { path: 'kube/jobs.ts', text: "import { KubeConfig } from '@kubernetes/client-node'" },
  },
  {
    name: 'rings 0 to 2 do no input or output of their own',
    find: importsThat(
      ({ specifier }, source) =>
        inner(source) && specifier.startsWith('node:') && !PURE_MODULES.includes(specifier),
    ),
    broken: { path: 'worker/isolation.ts', text: "import { readFileSync } from 'node:fs'" },
  },
  {
    name: 'time, randomness and the environment come from process/ and main/ only',
    find: words(
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bset(Timeout|Interval)\b|\bMath\.random\b|\brandom(UUID|Bytes|Int)\b|\bgetRandomValues\b|\bAbortSignal\.timeout\b|\bprocess\.(env|argv|exit|hrtime|on)\b/g,
      outsideTime,
    ),
    broken: { path: 'kube/reflector.ts', text: 'export const at = () => Date.now()' },
  },
  {
    name: 'only entry points write to the console',
    find: words(/\bconsole\.|\bprocess\.std(out|err)\b/g, outsideTime),
    broken: { path: 'nats/connect.ts', text: "console.log('connected')" },
  },
]

const BAD_NAME = /(^|[/-])(utils?|common|helpers?|misc|manager|types|stuff)([/.-]|$)/

/** Closed tables: nothing to follow, so length does no harm. */
const TABLES = ['api/reasons-table.ts', 'observability/metrics.ts']

/** How a file of src/ looks, whatever its room (style.md). */
export const STYLE_RULES: readonly Rule[] = [
  {
    name: 'no file is named after nothing',
    find: ({ path }) => (BAD_NAME.test(path) ? ['has such a name'] : []),
    broken: { path: 'kube/utils.ts', text: '' },
  },
  {
    name: 'no barrels and no default exports',
    find: words(/\bexport\s+(\*|default\b)/g, () => true),
    broken: { path: 'core/all.ts', text: "export * from './ids.ts'" },
  },
  {
    name: 'no file is longer than 450 lines, but for tables that are one row after the other',
    find: ({ lines, path }) => (lines > 450 && !TABLES.includes(path) ? [`has ${lines}`] : []),
    broken: { path: 'core/long.ts', text: '\n'.repeat(500) },
  },
  {
    name: 'no import is computed, so that every import can be read',
    find: words(
      /\bimport\s*\(\s*(?!'#)|\brequire\s*\(/g,
      ({ room }) => room !== 'main' && room !== 'process',
    ),
    broken: { path: 'worker/registry.ts', text: 'const found = await import(file)' },
  },
]
