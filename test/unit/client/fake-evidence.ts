// The objects that are read to find out why a job waits, in memory, and what was read of them. The genuine
// adapter behaves so: `test/contract/client/explain.test.ts`.

import type { EvidenceStore, SeenJob, SeenJobs } from '../../../src/client/ports.ts'
import type { JobKey } from '../../../src/core/ids.ts'
import { isTerminal, type JobObject } from '../../../src/core/job.ts'
import type { SeenQueue } from '../../../src/core/seen.ts'
import { jobWith } from './builders.ts'

export class FakeEvidence implements EvidenceStore {
  readonly jobs: JobObject[] = []
  readonly queues: SeenQueue[] = []
  /** Names of jobs that a later operator wrote. */
  readonly unreadable = new Set<string>()
  /** In order: `job a`, `queue q`, `list q`. */
  readonly reads: string[] = []

  async job({ namespace, name }: JobKey): Promise<SeenJob | null> {
    this.reads.push(`job ${name}`)
    const object = this.jobs.find((each) => each.namespace === namespace && each.name === name)
    if (!object) return null
    const { phase, reason = '', message = '' } = object.status
    const view = jobWith({ phase, reason, message }, { namespace, name, uid: object.uid })
    return { view, object: this.unreadable.has(name) ? null : object }
  }

  async queue({ namespace, name }: JobKey): Promise<SeenQueue | null> {
    this.reads.push(`queue ${name}`)
    return this.queues.find((each) => each.namespace === namespace && each.name === name) ?? null
  }

  async jobsOf(
    { namespace, name }: JobKey,
    { ended, most }: { readonly ended: boolean; readonly most: number },
  ): Promise<SeenJobs> {
    this.reads.push(`list ${name}${ended ? ' with ended' : ''}`)
    const found = this.jobs.filter(
      (each) =>
        each.namespace === namespace &&
        each.spec.queue === name &&
        (ended || !isTerminal(each.status.phase)),
    )
    return { jobs: found.slice(0, most), more: found.length > most }
  }
}
