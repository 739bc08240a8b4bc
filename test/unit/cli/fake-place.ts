// Where the commands run in unit tests: objects in memory, actions that a test carries out, a terminal
// that remembers what it was told, and a virtual clock that goes on as long as a command needs it.

import type { Kind } from '../../../src/api/conditions.ts'
import { complaint, exitCodeOf } from '../../../src/cli/exit.ts'
import type { Context, Objects, Selectors } from '../../../src/cli/ports.ts'
import type { ActionView, Created, NewAction, NewObject } from '../../../src/client/ports.ts'
import type { JobKey } from '../../../src/core/ids.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import type { StoredObject } from '../../../src/kube/client-objects.ts'
import { jobView } from '../../../src/kube/client-views.ts'
import { isRecord, metaOf } from '../../../src/kube/objects.ts'
import { parseGqWords } from '../../../src/main/gq-words.ts'
import { FakeActions, FakeCluster, someone } from '../client/fake-cluster.ts'

export const NOW = Date.UTC(2026, 4, 1, 12)

export interface Given {
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly created?: string
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

let versions = 1

export function stored(kind: Kind, name: string, given: Given = {}): StoredObject {
  const { namespace = 'shop', labels = {}, annotations = {}, spec = {}, status } = given
  const raw = {
    apiVersion: 'gopherqueue.io/v1alpha1',
    kind,
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: String(++versions),
      creationTimestamp: given.created ?? '2026-05-01T11:00:00Z',
      generation: 1,
      labels,
      annotations,
      managedFields: [{ manager: 'kubectl' }],
    },
    spec,
    ...(status === undefined ? {} : { status }),
  }
  const meta = metaOf(raw)
  if (!meta) throw new Error('no object')
  return { kind, meta, raw }
}

export function aJob(name: string, phase = 'Pending', given: Given = {}): StoredObject {
  const spec = { queue: 'mail', type: 'email.send', priority: 'Normal', ...given.spec }
  return stored('QueueJob', name, { ...given, spec, status: { phase, ...given.status } })
}

/** As the API server selects: fields that a CRD makes selectable, labels by equality. */
function selected({ raw, meta }: StoredObject, { field = '', label = '' }: Selectors): boolean {
  const valueAt = (path: string) =>
    path.split('.').reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), raw) ?? ''
  const holds = (text: string, value: (key: string) => unknown) =>
    text.split(',').every((part) => {
      const [, key = '', sign, wanted] = /^([^!=]+)(!?=)(.*)$/.exec(part) ?? []
      return part === '' || (value(key) === wanted) === (sign === '=')
    })
  return holds(field, valueAt) && holds(label, (key) => meta.labels[key])
}

export class FakeObjects implements Objects {
  readonly objects: StoredObject[] = []
  readonly created: { object: NewObject<unknown>; dryRun: boolean }[] = []
  readonly patches: { key: JobKey; change: unknown }[] = []
  readonly asked: Selectors[] = []
  pageSize = 500
  /** Told of what a command stored. */
  stored: (object: StoredObject) => void = () => {}

  put(...objects: readonly StoredObject[]): void {
    this.objects.push(...objects)
  }

  async get(kind: Kind, { namespace, name }: JobKey): Promise<StoredObject | null> {
    return (
      this.objects.find(
        (each) =>
          each.kind === kind && each.meta.namespace === namespace && each.meta.name === name,
      ) ?? null
    )
  }

  async *pages(kind: Kind, namespace: string, selectors: Selectors) {
    this.asked.push(selectors)
    const found = this.objects.filter(
      (each) =>
        each.kind === kind &&
        (namespace === '' || each.meta.namespace === namespace) &&
        selected(each, selectors),
    )
    for (let at = 0; at < found.length; at += this.pageSize) {
      yield found.slice(at, at + this.pageSize)
    }
  }

  async create(
    kind: Kind,
    object: NewObject<unknown>,
    { dryRun = false }: { readonly dryRun?: boolean },
  ): Promise<Created<StoredObject>> {
    if (await this.get(kind, object)) return { kind: 'exists' }
    this.created.push({ object, dryRun })
    const { name, namespace, labels, annotations } = object
    const spec = object.spec as Readonly<Record<string, unknown>>
    const made = stored(kind, name, { namespace, labels, annotations, spec })
    if (!dryRun) {
      this.put(made)
      this.stored(made)
    }
    return { kind: 'created', object: made }
  }

  async patch(kind: Kind, key: JobKey, change: unknown): Promise<StoredObject | null> {
    this.patches.push({ key, change })
    return this.get(kind, key)
  }
}

export class FakePlace {
  readonly objects = new FakeObjects()
  readonly actions = new FakeActions()
  readonly jobs = new FakeCluster()
  readonly clock = new VirtualClock(NOW)
  readonly stopper = new AbortController()
  readonly questions: string[] = []
  readonly files = new Map<string, string>()
  /** What somebody answers; null: nobody is there. */
  answer: string | null = null
  redraws = false
  /** What the operator does with an action, as soon as it is there. */
  operator: (action: NewAction) => Partial<ActionView> = () => ({
    phase: 'Completed',
    counts: { matched: 1, done: 1, skipped: 0, failed: 0 },
  })

  constructor() {
    this.objects.stored = (object) => this.#watchable(object)
  }

  get asked(): readonly NewAction[] {
    return [...this.actions.stored.values()]
  }

  /** Jobs that can be waited for, too. */
  putJobs(...jobs: readonly StoredObject[]): void {
    this.objects.put(...jobs)
    for (const job of jobs) this.#watchable(job)
  }

  #watchable({ raw, meta }: StoredObject): void {
    const view = jobView(raw, meta)
    this.jobs.put(view, view.status, { uid: view.uid, queue: view.queue, type: view.type })
  }

  async run(...words: readonly string[]) {
    let out = ''
    let err = ''
    const parsed = parseGqWords(words, 'gq', '1.2.3', {
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
    })
    if (parsed.kind === 'answered') return { code: parsed.exitCode, out, err }
    const { row, given } = parsed
    const context: Context = {
      cluster: async () => ({
        objects: this.objects,
        actions: this.actions,
        store: this.jobs,
        feed: this.jobs,
        identity: someone,
        namespace: given.text('namespace') ?? 'shop',
        close: async () => {},
      }),
      output: {
        write: async (text) => {
          out += text
        },
        note: (text) => {
          err += text
        },
      },
      terminal: {
        asks: this.answer !== null,
        redraws: this.redraws,
        ask: async (question) => {
          this.questions.push(question)
          return this.answer ?? ''
        },
      },
      files: { read: async (path) => this.files.get(path) ?? '' },
      clock: this.clock,
      random: new SeededRandom(7),
      zone: given.on('utc') ? 'UTC' : 'Europe/Berlin',
      version: '1.2.3',
      signal: this.stopper.signal,
    }
    let code: number | null = null
    const running = row.run(context, given).then(
      (exit) => {
        code = exit
      },
      (error: unknown) => {
        err += complaint(error)
        code = exitCodeOf(error)
      },
    )
    for (let step = 0; code === null && step < 200; step++) {
      this.#operate()
      await this.clock.advanceAsync(1_000)
    }
    await running
    return { code, out, err }
  }

  #operate(): void {
    for (const action of this.asked) this.actions.end(action, this.operator(action))
  }
}
