import { describe, expect, it } from 'vitest'
import type { CeilingRun } from '../../../bench/ceiling.ts'
import {
  reportBacklog,
  reportCeiling,
  reportConditions,
  reportFairness,
  reportLatency,
  reportScheduler,
  reportStart,
  reportThroughput,
} from '../../../bench/report.ts'
import type { ThroughputRun } from '../../../bench/throughput.ts'

const spread = { count: 100, p50: 1.234, p90: 2, p95: 2, p99: 3.06, max: 40 }

const ceilingOf = (jobsPerSecond: number): CeilingRun => ({
  jobs: 1000,
  seconds: 1000 / jobsPerSecond,
  jobsPerSecond,
  createMs: spread,
  statusMs: spread,
})

const throughput: ThroughputRun = {
  jobs: 2000,
  seconds: 4,
  jobsPerSecond: 500,
  operatorCpuMsPerJob: 0.75,
  apiWritesPerJob: 1.0015,
  writes: { 'PUT gopherqueue.io/queuejobs/status': 2000, 'PUT coordination.k8s.io/leases': 3 },
}

describe('what a benchmark says', () => {
  it('is the ceiling with the times of both requests', () => {
    const report = reportCeiling(ceilingOf(800))
    expect(report.json).toEqual({
      bench: 'ceiling',
      jobs: 1000,
      jobsPerSecond: 800,
      createMs: { p50: 1.2, p90: 2, p99: 3.1, max: 40 },
      statusMs: { p50: 1.2, p90: 2, p99: 3.1, max: 40 },
    })
    expect(report.text).toContain('800 jobs/s')
  })

  it('is the throughput beside the mean of the ceilings before and after', () => {
    const { json, text } = reportThroughput(throughput, [ceilingOf(600), ceilingOf(650)])
    expect(json).toMatchObject({
      bench: 'throughput',
      jobsPerSecond: 500,
      ceilingPerSecond: 625,
      ratio: 0.8,
      operatorCpuMsPerJob: 0.75,
      apiWritesPerJob: 1.002,
    })
    expect(text).toContain('PUT coordination.k8s.io/leases')
  })

  it('names no ceiling that was not measured, and no cost that the system does not tell', () => {
    const blind = { ...throughput, operatorCpuMsPerJob: undefined }
    const { json, text } = reportThroughput(blind, [])
    expect(json).toMatchObject({ ceilingPerSecond: null, ratio: null, operatorCpuMsPerJob: null })
    expect(text).toContain('left out')
    expect(text).toContain('unknown here')
  })

  it('is the latency of each rate, with how late the sender itself was', () => {
    const run = { perSecond: 50, jobs: 3000, ms: spread, senderLateMs: 1.26 }
    expect(reportLatency([run]).json).toEqual({
      bench: 'latency',
      rates: [
        { perSecond: 50, p50: 1.2, p90: 2, p99: 3.1, max: 40, jobs: 3000, senderLateMs: 1.3 },
      ],
    })
  })

  it('is the time to be ready and the memory at rest', () => {
    const readyMs = { count: 5, p50: 612.4, p90: 700, p95: 700, p99: 700, max: 700.2 }
    expect(reportStart({ readyMs, residentBytes: 94_371_840 }).json).toEqual({
      bench: 'start',
      starts: 5,
      readyMs: { p50: 612, max: 700 },
      rssMiB: 90,
    })
    expect(reportStart({ readyMs, residentBytes: undefined }).json.rssMiB).toBeNull()
  })

  it('is what waiting costs: memory, requests, latency beside it, cold start', () => {
    const latency = { perSecond: 50, jobs: 1000, ms: spread, senderLateMs: 0 }
    const run = {
      jobs: 20_000,
      empty: latency,
      beside: latency,
      bytesPerJob: 2048,
      restSeconds: 20,
      requestsPerSecond: 0.444,
      coldStartMs: 4000.2,
    }
    expect(reportBacklog(run).json).toMatchObject({
      kibPerJob: 2,
      requestsPerSecond: 0.44,
      coldStartMs: 4000,
      besideMs: { p50: 1.2 },
    })
    expect(reportBacklog({ ...run, bytesPerJob: undefined }).json.kibPerJob).toBeNull()
  })

  it('is how many times longer a quiet tenant waits beside a noisy one', () => {
    const alone = { perSecond: 10, jobs: 200, ms: spread, senderLateMs: 0 }
    const beside = { ...alone, ms: { ...spread, p95: 3 } }
    const { json, text } = reportFairness({ backlog: 8000, left: 900, alone, beside })
    expect(json).toMatchObject({ ratioP95: 1.5, left: 900, beside: { p95: 3 } })
    expect(text).toContain('1.5 times')
  })

  it('is what limits cost, by runs that followed each other', () => {
    const { json, text } = reportScheduler({
      jobs: 100_000,
      queues: 1_000,
      slots: 1_008,
      starts: { plain: [50_000], keyed: [40_000, 20_000], limited: [38_000, 19_000] },
      ledgerBytes: 1_088,
      readyBytes: { plain: 243, keyed: 374 },
    })
    expect(json).toMatchObject({ costPercent: 5.3, startsPerCpuSecond: { plain: 50_000 } })
    expect(text).toContain('100000 waiting jobs in 1000 queues, 1008 slots')
  })

  it('that need no cluster are told without one', () => {
    const machine = {
      ...{ cpus: 2, platform: 'linux x64', node: '24.0.0', kubernetes: '1.36', nats: '2.15' },
      loadBefore: 0.1,
    }
    const { text } = reportConditions({ goGc: true, name: 'scheduler' }, machine)
    expect(text).toBe('one process; 2 CPUs, linux x64, Node 24.0.0; load 0.1 before the start')
  })

  it.each([
    [true, 'GOGC=400 GOMEMLIMIT=5GiB'],
    [false, 'defaults of Go'],
  ])('names the conditions, also how the API server collects garbage', (goGc, want) => {
    const machine = {
      cpus: 2,
      platform: 'linux x64',
      node: '24',
      kubernetes: '1.36',
      nats: '2.15',
      loadBefore: 0.1,
    }
    const { json, text } = reportConditions({ goGc, name: 'latency' }, machine)
    expect(text).toContain(want)
    expect(text).toContain('load 0.1')
    expect(json).toMatchObject({ apiserverGc: want, cpus: 2, kubernetes: '1.36' })
  })
})
