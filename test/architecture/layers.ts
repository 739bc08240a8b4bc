// The dependency rules between the layers of the architecture, and what each layer must not handle, row
// by row as the architecture lists them. A layer is a room of ring 2; most rows say whom a layer must
// not know at all, not even by type, some which words would betray that it does another layer's work.

import { importsThat, type Rule, roomOf, words } from './rooms.ts'
import type { Import, Source } from './source.ts'

export interface Layer {
  readonly layer: string
  readonly room: string
  readonly mustNot: readonly Rule[]
}

/** The layer must not import any of these rooms or files, types included. */
function unknownTo(room: string, what: string, files: RegExp, broken: string): Rule {
  return {
    name: what,
    find: importsThat(
      ({ file, specifier }: Import, source: Source) =>
        source.room === room && files.test(file ?? specifier),
    ),
    broken: { path: `${room}/decide.ts`, text: `import type { X } from '${broken}'` },
  }
}

/** The layer must not say these words. */
function unsaid(room: string, what: string, pattern: RegExp, broken: string): Rule {
  return {
    name: what,
    find: words(pattern, (source) => source.room === room),
    broken: { path: `${room}/decide.ts`, text: broken },
  }
}

export const LAYERS: readonly Layer[] = [
  {
    layer: 'Ingestion',
    room: 'ingestion',
    mustNot: [
      unknownTo('ingestion', 'job execution logic', /^worker\//, '../worker/ports.ts'),
      unknownTo('ingestion', 'scheduling decisions', /^scheduler\//, '../scheduler/ports.ts'),
      unsaid(
        'ingestion',
        'retry policy enforcement',
        /\b(backoffMs|FailurePolicy)\b/g,
        'return backoffMs(policy, 1, 0)',
      ),
      unsaid(
        'ingestion',
        'worker selection',
        /\b(WorkerId|ClassId|classDigest|freeSlots)\b/g,
        'let x: WorkerId',
      ),
      unsaid(
        'ingestion',
        'result storage',
        /\b(resultJson|MAX_RESULT_BYTES|Report)\b/g,
        'store(report.resultJson)',
      ),
    ],
  },
  {
    layer: 'Scheduler',
    room: 'scheduler',
    mustNot: [
      unknownTo('scheduler', 'job validation', /^(ingestion\/|zod$)/, '../ingestion/ports.ts'),
      unknownTo('scheduler', 'actual job execution', /^worker\//, '../worker/ports.ts'),
      unknownTo(
        'scheduler',
        'persistence mechanics',
        /^(persistence\/(?!ports\.ts$)|kube\/)/,
        '../persistence/status.ts',
      ),
      unknownTo('scheduler', 'authentication', /^security\//, '../security/ports.ts'),
      unsaid(
        'scheduler',
        'result interpretation',
        /\b(resultJson|InvalidResult)\b/g,
        'if (outcome.resultJson) retry()',
      ),
    ],
  },
  {
    layer: 'Worker execution',
    room: 'worker',
    mustNot: [
      unknownTo('worker', 'job persistence', /^(persistence|kube)\//, '../persistence/ports.ts'),
      unsaid(
        'worker',
        'retry decisions',
        /\b(RetryPolicy|RetryRule|FailurePolicy)\b/g,
        'policy as FailurePolicy',
      ),
      unknownTo('worker', 'scheduling', /^scheduler\//, '../scheduler/ports.ts'),
      unknownTo('worker', 'authentication', /^security\//, '../security/ports.ts'),
      unknownTo('worker', 'job validation', /^ingestion\//, '../ingestion/validate.ts'),
    ],
  },
  {
    layer: 'Persistence',
    room: 'persistence',
    mustNot: [
      unknownTo('persistence', 'job execution', /^worker\//, '../worker/ports.ts'),
      unknownTo('persistence', 'scheduling logic', /^scheduler\//, '../scheduler/ports.ts'),
      unknownTo('persistence', 'business validation', /^ingestion\//, '../ingestion/ports.ts'),
      unknownTo(
        'persistence',
        'network protocols',
        /^(kube|nats|http)\/|^(undici|@nats-io|node:(net|tls|http2?|https)$)/,
        'node:net',
      ),
      unknownTo('persistence', 'authentication', /^security\//, '../security/ports.ts'),
    ],
  },
  {
    layer: 'Recovery',
    room: 'recovery',
    mustNot: [
      unknownTo(
        'recovery',
        'normal job flow',
        /^(ingestion\/|scheduler\/(?!ports\.ts$))/,
        '../scheduler/decide.ts',
      ),
      unknownTo('recovery', 'job execution', /^worker\//, '../worker/ports.ts'),
      unsaid('recovery', 'business logic', /\bpayload(Json)?\b/g, 'if (item.payloadJson) leave()'),
      unknownTo('recovery', 'authentication', /^security\//, '../security/ports.ts'),
      unsaid(
        'recovery',
        'result determination',
        /\b(resultJson|FailurePolicy|retryAfterMs: \d)\b/g,
        'policy as FailurePolicy',
      ),
    ],
  },
  {
    layer: 'Observability',
    room: 'observability',
    mustNot: [
      unknownTo(
        'observability',
        'metric interpretation',
        /^core\/(backoff|job)\.ts$/,
        '../core/job.ts',
      ),
      unsaid(
        'observability',
        'alerting logic',
        /\b(alert|page|notify)\w*\s*\(/gi,
        'if (waiting > 10) alert()',
      ),
      unknownTo(
        'observability',
        'job processing',
        /^(ingestion|scheduler|worker|recovery)\//,
        '../scheduler/ports.ts',
      ),
      unknownTo(
        'observability',
        'state modification',
        /^(persistence|kube)\//,
        '../persistence/ports.ts',
      ),
      unknownTo('observability', 'authentication decisions', /^security\//, '../security/ports.ts'),
    ],
  },
  {
    layer: 'Security boundary',
    room: 'security',
    mustNot: [
      unknownTo('security', 'job processing', /^(worker|recovery)\//, '../worker/ports.ts'),
      unknownTo('security', 'persistence', /^persistence\//, '../persistence/ports.ts'),
      unknownTo('security', 'scheduling', /^scheduler\//, '../scheduler/ports.ts'),
      unknownTo('security', 'business logic', /^ingestion\//, '../ingestion/ports.ts'),
      unknownTo(
        'security',
        'metrics collection',
        /^(observability\/(?!ports\.ts$)|prom-client$)/,
        '../observability/metrics.ts',
      ),
    ],
  },
]

const LAYER_ROOMS = ['ingestion', 'scheduler', 'persistence', 'recovery', 'worker', 'client']

/** "Dependency rules" of the architecture. */
export const LAYER_RULES: readonly Rule[] = [
  {
    name: 'persistence has no outbound dependencies: it imports rings 0 and 1 only',
    find: importsThat(
      ({ file }, { room }) =>
        room === 'persistence' &&
        file !== null &&
        !['api', 'core', 'runtime', room].includes(roomOf(file)),
    ),
    broken: {
      path: 'persistence/writer.ts',
      text: "import type { Logger } from '../observability/ports.ts'",
    },
  },
  {
    name: 'observability influences none: from it the layers know the ports only',
    find: importsThat(
      ({ file }, { room }) =>
        LAYER_ROOMS.includes(room) &&
        (file?.startsWith('observability/') ?? false) &&
        file !== 'observability/ports.ts',
    ),
    broken: {
      path: 'recovery/rescuer.ts',
      text: "import type { Name } from '../observability/metrics.ts'",
    },
  },
  {
    name: 'observability receives from all and asks none: it imports rings 0 and 1 only',
    find: importsThat(
      ({ file }, { room }) =>
        room === 'observability' &&
        file !== null &&
        !['api', 'core', 'runtime', room].includes(roomOf(file)),
    ),
    broken: {
      path: 'observability/health.ts',
      text: "import type { Link } from '../recovery/ports.ts'",
    },
  },
  {
    name: 'the security boundary wraps the outside: no layer that decides knows it',
    find: importsThat(
      ({ file }, { room }) =>
        LAYER_ROOMS.includes(room) &&
        room !== 'ingestion' &&
        (file?.startsWith('security/') ?? false),
    ),
    broken: {
      path: 'client/submit.ts',
      text: "import type { Review } from '../security/ports.ts'",
    },
  },
  {
    name: 'ingestion alone may ask security, and only its ports',
    find: importsThat(
      ({ file }, { room }) =>
        room === 'ingestion' &&
        (file?.startsWith('security/') ?? false) &&
        file !== 'security/ports.ts',
    ),
    broken: {
      path: 'ingestion/validate.ts',
      text: "import type { Limits } from '../security/limits.ts'",
    },
  },
]
