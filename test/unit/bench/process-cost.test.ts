import { describe, expect, it } from 'vitest'
import { costOf, parseCost } from '../../../bench/process-cost.ts'

const stat = (name: string) =>
  `4242 (${name}) S 1 4242 4242 0 -1 4194560 9000 0 12 0 730 45 0 0 20 0 11 0 8111 1320000000 20000 18446744073709551615`
const status = 'Name:\tnode\nVmPeak:\t 1300000 kB\nVmRSS:\t  102400 kB\nThreads:\t11\n'

describe('the cost of a process', () => {
  it('is user and system time in ticks of 10 ms, and the resident memory', () => {
    expect(parseCost(stat('node'), status)).toEqual({
      cpuMs: 7750,
      residentBytes: 104_857_600,
    })
  })

  it('is read right for a program whose name looks like fields', () => {
    expect(parseCost(stat('a) R 1 (2 3'), status)?.cpuMs).toBe(7750)
  })

  it('is unknown for a process without memory of its own, such as one that has ended', () => {
    expect(parseCost(stat('node'), 'Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined()
  })

  it('is unknown for a process that is not there', () => {
    expect(costOf(2 ** 30)).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')('of this process is more than nothing', () => {
    expect(costOf(process.pid)?.cpuMs).toBeGreaterThan(0)
    expect(costOf(process.pid)?.residentBytes).toBeGreaterThan(1_000_000)
  })
})
