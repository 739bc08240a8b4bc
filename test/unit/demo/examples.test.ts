// The manifests of examples/ against the schemas and against what this release serves: an example that
// the API server or the operator refuses is worse than none.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { z } from 'zod'
import { expectationsIn } from '../../../demo/expectations.ts'
import { shopHandlers } from '../../../examples/shop/handlers.ts'
import { API_VERSION, type Kind, LABELS } from '../../../src/api/conditions.ts'
import { QueueSpec } from '../../../src/api/queue.ts'
import { QueueActionSpec } from '../../../src/api/queueaction.ts'
import { QueueJobSpec } from '../../../src/api/queuejob.ts'
import { QueueScheduleSpec } from '../../../src/api/queueschedule.ts'
import { notYetSupported } from '../../../src/api/served.ts'
import { payloadFromWire } from '../../../src/core/definition.ts'
import { DEFAULT_ZONE, ticksOf } from '../../../src/ingestion/ticks.ts'

const folder = path.join(import.meta.dirname, '..', '..', '..', 'examples')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, unknown>>
}

function manifestsOf(file: string): Manifest[] {
  const text = readFileSync(path.join(folder, file), 'utf8')
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort()

const all = files.flatMap((file) =>
  manifestsOf(file).map((manifest) => ({ file, manifest, kind: manifest.kind })),
)
const ours = all.filter(({ manifest }) => manifest.apiVersion === API_VERSION)
const jobs = ours.filter(({ kind }) => kind === 'QueueJob')
const schedules = ours.filter(({ kind }) => kind === 'QueueSchedule')

const specs: Readonly<Record<string, z.ZodObject>> = {
  QueueJob: QueueJobSpec,
  Queue: QueueSpec,
  QueueAction: QueueActionSpec,
  QueueSchedule: QueueScheduleSpec,
}

describe('every example', () => {
  it('is found', () => {
    expect(jobs.length).toBeGreaterThan(8)
    expect(ours.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Queue', 'QueueAction']))
  })

  it.each(ours)('$file: the $kind is what its schema takes, without an unknown field', (each) => {
    const schema = specs[each.kind]
    expect(schema?.strict().safeParse(each.manifest.spec).error).toBeUndefined()
  })

  it.each(ours)('$file: the $kind asks for nothing that is not served yet', (each) => {
    const kind = each.kind as Kind
    expect(notYetSupported(kind, each.manifest.spec)).toEqual([])
  })

  it('has a name of its own', () => {
    const names = all.map(({ kind, manifest }) => `${kind}/${manifest.metadata.name}`)
    expect(new Set(names).size).toBe(names.length)
  })

  it.each(jobs)('$file: the worker has a handler that takes the payload', ({ manifest }) => {
    const handler = shopHandlers.find(({ definition }) => definition.type === manifest.spec.type)
    expect(handler, `no handler for ${manifest.spec.type}`).toBeDefined()
    if (handler === undefined || 'payloadFrom' in manifest.spec) return
    expect(payloadFromWire(handler.definition.input, manifest.spec.payload)).toMatchObject({
      ok: true,
    })
  })
})

describe('every schedule', () => {
  it.each(schedules)('$file: has ticks, and a worker that takes its jobs', ({ manifest }) => {
    const { schedule, timeZone, template } = QueueScheduleSpec.parse(manifest.spec)
    const answer = ticksOf(schedule, timeZone ?? DEFAULT_ZONE)
    expect(answer.ok && answer.ticks.next(0)).toBeGreaterThan(0)
    const handler = shopHandlers.find(({ definition }) => definition.type === template.spec.type)
    if (!handler) throw new Error(`no handler for ${template.spec.type}`)
    expect(payloadFromWire(handler.definition.input, template.spec.payload)).toMatchObject({
      ok: true,
    })
  })

  it('that an action runs is there', () => {
    const runs = ours.filter(({ manifest }) => manifest.spec.action === 'Run')
    const names = schedules.map(({ manifest }) => manifest.metadata.name)
    expect(runs.length).toBeGreaterThan(0)
    for (const { manifest } of runs) {
      expect(names).toContain((manifest.spec.target as { name: string }).name)
    }
  })
})

describe('the jobs that the demo applies', () => {
  const demo = files.filter((file) => file.startsWith(`jobs${path.sep}`))
  const expectations = demo.flatMap((file) =>
    expectationsIn(file, readFileSync(path.join(folder, file), 'utf8')),
  )

  it('show every kind of end and every detour', () => {
    const ends = new Set(expectations.map(({ ends: end }) => end))
    expect([...ends].sort()).toEqual(['Cancelled', 'Completed', 'DeadLettered'])
    expect(expectations.some(({ attempts }) => attempts === 2)).toBe(true)
    expect(expectations.some(({ delaySeconds }) => delaySeconds > 0)).toBe(true)
  })

  it('hold the job that the example action cancels', () => {
    const [action] = manifestsOf('actions/cancel-report.yaml')
    const cancelled = expectations.find(({ ends }) => ends === 'Cancelled')
    expect(action?.spec.target).toMatchObject({ kind: 'QueueJob', name: cancelled?.name })
  })
})

describe('the worker Deployment', () => {
  const deployment = manifestsOf('worker/deployment.yaml').find(({ kind }) => kind === 'Deployment')
  const pod = (deployment?.spec.template ?? {}) as {
    readonly metadata: { readonly labels: Readonly<Record<string, string>> }
    readonly spec: {
      readonly terminationGracePeriodSeconds: number
      readonly containers: readonly {
        readonly env: readonly { readonly name: string; readonly value?: string }[]
      }[]
    }
  }
  const env = (name: string) =>
    pod.spec.containers[0]?.env.find((each) => each.name === `GOPHERQUEUE_${name}`)?.value

  it('carries the label by which the operator knows workers', () => {
    expect(pod.metadata.labels[LABELS.worker]).toBe('true')
  })

  it('serves the queue of the examples', () => {
    const [queue] = manifestsOf('queue.yaml')
    expect(env('QUEUES')).toBe(queue?.metadata.name)
    // An example of a queue brings its queue along.
    const others = ours.filter(({ kind, file }) => kind === 'Queue' && file !== 'queue.yaml')
    const own = new Set(others.map(({ manifest }) => manifest.metadata.name))
    const served = jobs.filter(({ manifest }) => !own.has(String(manifest.spec.queue)))
    expect(served.length).toBeGreaterThan(8)
    for (const { manifest } of served) expect(manifest.spec.queue).toBe(queue?.metadata.name)
  })

  it('gives handlers less time to finish than the kubelet gives the pod', () => {
    expect(Number(env('GRACE_SECONDS'))).toBeLessThan(pod.spec.terminationGracePeriodSeconds)
  })
})
