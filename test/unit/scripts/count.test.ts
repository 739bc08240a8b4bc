import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { add, countVerify, countVitest } from '../../../scripts/count.ts'
import { root } from '../../../scripts/repository.ts'

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

describe('the last line and the exit code', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-count-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const good = {
    verify: { passed: 8, failed: 0 },
    tests: { testResults: [file('passed', 'passed')] },
  }

  /** Runs the program as .ci/run does, with these reports; one that is undefined was never written. */
  function count(reports: { verify?: unknown; tests?: unknown }, codes = ['0', '0']) {
    const at = (name: string) => path.join(folder, `${name}.json`)
    for (const name of ['verify', 'tests'] as const) {
      rmSync(at(name), { force: true })
      if (reports[name] !== undefined) writeFileSync(at(name), JSON.stringify(reports[name]))
    }
    const [verify = '', tests = ''] = codes
    const args = [
      '--verify',
      at('verify'),
      '--verify-code',
      verify,
      '--tests',
      at('tests'),
      '--tests-code',
      tests,
    ]
    const ran = spawnSync(process.execPath, [path.join(root, 'scripts', 'count.ts'), ...args], {
      encoding: 'utf8',
    })
    return { last: ran.stdout.trimEnd().split('\n').at(-1), code: ran.status }
  }

  it('0 when everything passed', () => {
    expect(count(good)).toEqual({ last: '9 passed, 0 failed', code: 0 })
  })
  it.each([
    [
      'a test failed',
      { ...good, tests: { testResults: [file('failed', 'passed', 'failed')] } },
      ['0', '1'],
      '9 passed, 1 failed',
    ],
    [
      'a check failed',
      { ...good, verify: { passed: 7, failed: 1 } },
      ['1', '0'],
      '8 passed, 1 failed',
    ],
    ['no test ran', { ...good, tests: { testResults: [] } }, ['0', '0'], '8 passed, 0 failed'],
    [
      'every test was skipped',
      { ...good, tests: { testResults: [file('passed', 'skipped')] } },
      ['0', '0'],
      '8 passed, 0 failed',
    ],
    ['the tests were cut off', { verify: good.verify }, ['0', '124'], '8 passed, 1 failed'],
    ['nothing was written at all', {}, ['1', '1'], '0 passed, 2 failed'],
  ])('1 when %s', (_, reports, codes, last) => {
    expect(count(reports, codes)).toEqual({ last, code: 1 })
  })
})
