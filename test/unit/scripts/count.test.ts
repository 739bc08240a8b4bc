import { describe, expect, it } from 'vitest'
import { add, countVerify, countVitest } from '../../../scripts/count.ts'

const file = (status: string, ...tests: readonly string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((each) => ({ status: each })),
})

describe("vitest's report", () => {
  it('is added up over its files', () => {
    const report = {
      testResults: [
        file('passed', 'passed', 'passed', 'skipped'),
        file('failed', 'passed', 'failed'),
      ],
    }
    expect(countVitest(report, 1)).toEqual({ passed: 3, failed: 1, skipped: 1 })
  })
  it('a file that could not be loaded counts as one failure', () => {
    expect(countVitest({ testResults: [file('failed')] }, 1)).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
    })
  })
  it('a file whose hook failed after its tests counts as one failure', () => {
    expect(countVitest({ testResults: [file('failed', 'passed')] }, 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
    })
  })
  it('a bad exit code without a failed test is a failure', () => {
    expect(countVitest({ testResults: [file('passed', 'passed')] }, 124)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
    })
  })
  it('a good run has none', () => {
    expect(countVitest({ testResults: [file('passed', 'passed')] }, 0).failed).toBe(0)
  })
})

describe("verify's report", () => {
  it('is taken as it is', () => {
    expect(countVerify({ passed: 7, failed: 1 }, 1)).toEqual({ passed: 7, failed: 1, skipped: 0 })
  })
  it('a bad exit code without a failed check is a failure', () => {
    expect(countVerify({}, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })
})

it('counts add up', () => {
  const one = { passed: 1, failed: 2, skipped: 3 }
  expect(add(one, one)).toEqual({ passed: 2, failed: 4, skipped: 6 })
})
