// Watches the QueueJobs of a cluster with the operator's own reflector and notes every end that was
// recorded, so that a suite can say "once" and mean it.

import { isTerminal, type JobObject } from '../../src/core/job.ts'
import { loadKubeConfig } from '../../src/kube/config.ts'
import { decodeJob } from '../../src/kube/jobs.ts'
import { collectionPath } from '../../src/kube/paths.ts'
import { Reflector } from '../../src/kube/reflector.ts'
import { type KubeRequests, KubeTransport } from '../../src/kube/transport.ts'
import type { Logger } from '../../src/observability/ports.ts'
import { realClock, realRandom } from '../../src/process/clock.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

export interface JobsWatch {
  /** Newest version of each job by name. */
  readonly jobs: ReadonlyMap<string, JobObject>
  /** For each job the ends that were recorded, as `phase@epoch`: more than one is a job that ended twice. */
  readonly ends: ReadonlyMap<string, ReadonlySet<string>>
  /** Creates many at once; kubectl creates one after the other. */
  create(objects: readonly unknown[]): Promise<void>
  /** Any other request, as the cluster's admin. */
  readonly requests: KubeRequests
  /** Jobs that have not ended. */
  open(): readonly JobObject[]
  stop(): Promise<void>
}

export async function watchJobs(kubeconfig: string): Promise<JobsWatch> {
  const access = await loadKubeConfig({ clock: realClock, env: {}, path: kubeconfig })
  const transport = new KubeTransport({
    access,
    clock: realClock,
    random: realRandom,
    version: 'test',
    program: 'gopherqueue-test',
  })
  const jobs = new Map<string, JobObject>()
  const ends = new Map<string, Set<string>>()
  const reflector = new Reflector<JobObject>({
    transport,
    name: 'queuejobs',
    path: collectionPath('QueueJob'),
    decode: decodeJob,
    watcher: {
      changed(job) {
        jobs.set(job.name, job)
        const { phase, epoch = 0 } = job.status
        if (!isTerminal(phase)) return
        const known = ends.get(job.name) ?? new Set<string>()
        ends.set(job.name, known.add(`${phase}@${epoch}`))
      },
      removed: (key) => void jobs.delete(key.name),
      unreadable: (object) => {
        throw new Error(`unreadable: ${object.name}: ${object.problem}`)
      },
      synced() {},
    },
    clock: realClock,
    random: realRandom,
    logger: QUIET,
  })
  reflector.start()
  await reflector.relist()
  return {
    jobs,
    ends,
    requests: transport,
    create: async (objects) => {
      const path = collectionPath('QueueJob', 'default')
      await Promise.all(
        objects.map((body) => transport.request({ verb: 'POST', path, body, deadlineMs: 60_000 })),
      )
    },
    open: () => [...jobs.values()].filter((job) => !isTerminal(job.status.phase)),
    stop: async () => {
      reflector.stop()
      await transport.close()
    },
  }
}
