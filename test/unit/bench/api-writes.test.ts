import { describe, expect, it } from 'vitest'
import { readWrites, total, writesBetween } from '../../../bench/api-writes.ts'

const line = (
  verb: string,
  group: string,
  resource: string,
  subresource: string,
  count: number,
  code = 200,
) =>
  `apiserver_request_total{code="${code}",component="apiserver",dry_run="",group="${group}",resource="${resource}",scope="resource",subresource="${subresource}",verb="${verb}",version="v1alpha1"} ${count}`

const metrics = [
  '# TYPE apiserver_request_total counter',
  line('POST', 'gopherqueue.io', 'queuejobs', '', 500, 201),
  line('PATCH', 'gopherqueue.io', 'queuejobs', 'status', 480),
  line('PATCH', 'gopherqueue.io', 'queuejobs', 'status', 3, 409),
  line('WATCH', 'gopherqueue.io', 'queuejobs', '', 2),
  line('PUT', 'coordination.k8s.io', 'leases', '', 9),
  line('PATCH', '', 'namespaces', 'status', 7),
  'apiserver_request_duration_seconds_count{group="gopherqueue.io",verb="PATCH"} 480',
].join('\n')

describe('the writes of the operator', () => {
  it('are those on its own kinds, leases and Events, whatever the answer was', () => {
    expect(Object.fromEntries(readWrites(metrics))).toEqual({
      'POST gopherqueue.io/queuejobs': 500,
      'PATCH gopherqueue.io/queuejobs/status': 483,
      'PUT coordination.k8s.io/leases': 9,
    })
  })

  it('between two readings leave out the jobs that the benchmark created', () => {
    const after = metrics
      .replace('"v1alpha1"} 500', '"v1alpha1"} 900')
      .replace('"v1alpha1"} 480', '"v1alpha1"} 880')
    const written = writesBetween(readWrites(metrics), readWrites(after))
    expect(written).toEqual({ 'PATCH gopherqueue.io/queuejobs/status': 400 })
    expect(total(written)).toBe(400)
  })

  it('of a kind that was never written before count from zero', () => {
    expect(writesBetween(new Map(), readWrites(metrics))).toMatchObject({
      'PUT coordination.k8s.io/leases': 9,
    })
  })
})
