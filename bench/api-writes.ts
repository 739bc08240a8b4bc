// How many writes the operator made, by the API server's own count (`apiserver_request_total` of its
// /metrics). That is the word of the one who did the work, and free: an audit log that names every
// writer slows the API server by a twentieth. In a benchmark's cluster nobody but the operator and
// the benchmark writes what is counted here, and the benchmark creates jobs and does nothing else.

const writeVerbs = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION'])

/** Kinds that the operator writes: its own, leases and Events. */
const operatorWrites = new Set([
  'gopherqueue.io/queuejobs',
  'gopherqueue.io/queues',
  'gopherqueue.io/queueactions',
  'gopherqueue.io/queueschedules',
  'coordination.k8s.io/leases',
  'events.k8s.io/events',
  '/events',
])

/** Writes since the start of the API server by `VERB group/resource[/subresource]`. */
export type WriteCounts = ReadonlyMap<string, number>

/** From the text of the API server's /metrics. */
export function readWrites(metrics: string): WriteCounts {
  const counts = new Map<string, number>()
  for (const { verb, kind, subresource, value } of requestsIn(metrics)) {
    if (!writeVerbs.has(verb)) continue
    const what = `${verb} ${kind}${subresource === '' ? '' : `/${subresource}`}`
    counts.set(what, (counts.get(what) ?? 0) + value)
  }
  return counts
}

/** Requests of any verb, reads too; a watch counts when it ends. */
export function readRequests(metrics: string): number {
  return requestsIn(metrics).reduce((sum, { value }) => sum + value, 0)
}

interface Requests {
  readonly verb: string
  readonly kind: string
  readonly subresource: string
  readonly value: number
}

/** On kinds that the operator works with. */
function requestsIn(metrics: string): readonly Requests[] {
  const lines = metrics.split('\n').filter((line) => line.startsWith('apiserver_request_total{'))
  return lines.flatMap((line) => {
    const labels = Object.fromEntries(
      [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    )
    const { verb = '', group = '', resource = '', subresource = '' } = labels
    const kind = `${group}/${resource}`
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    return operatorWrites.has(kind) ? [{ verb, kind, subresource, value }] : []
  })
}

/** What the operator wrote between two readings: all of it but the creation of jobs. */
export function writesBetween(before: WriteCounts, after: WriteCounts): Record<string, number> {
  const written: Record<string, number> = {}
  for (const [what, count] of after) {
    const more = count - (before.get(what) ?? 0)
    if (more > 0 && what !== 'POST gopherqueue.io/queuejobs') written[what] = more
  }
  return written
}

export function total(written: Readonly<Record<string, number>>): number {
  return Object.values(written).reduce((sum, count) => sum + count, 0)
}
