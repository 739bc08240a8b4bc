// Adds up what the suites of a run said, for .ci/run: the counts of `verify --json` and vitest's JSON
// report. The last line is `N passed, N failed`. A report that is missing, a file that could not be
// loaded and a run that ended badly without naming a test each count as one failure: what nobody
// counted is never a success.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What count needs of vitest's JSON report. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

const nothing: Count = { passed: 0, failed: 0, skipped: 0 }

/** `code` is the exit code of the run that wrote the report. */
export function countVitest(report: VitestReport, code: number): Count {
  const count = report.testResults.map(countFile).reduce(add, nothing)
  return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count
}

function countFile(file: VitestReport['testResults'][number]): Count {
  const of = (...states: readonly string[]) =>
    file.assertionResults.filter(({ status }) => states.includes(status)).length
  const failed = of('failed')
  // A file that fails to load, or whose hook fails, has no failed test of its own.
  const unnamed = file.status === 'failed' && failed === 0 ? 1 : 0
  const passed = of('passed')
  return {
    passed,
    failed: failed + unnamed,
    skipped: file.assertionResults.length - passed - failed,
  }
}

export function countVerify(report: Partial<Count>, code: number): Count {
  const { passed = 0, failed = 0 } = report
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed, skipped: 0 }
}

export function add(a: Count, b: Count): Count {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  }
}

function read<T>(file: string | undefined, count: (report: T) => Count): Count {
  try {
    return count(JSON.parse(readFileSync(file ?? '', 'utf8')) as T)
  } catch (error) {
    console.error(`no counts in ${file}: ${error instanceof Error ? error.message : String(error)}`)
    return { ...nothing, failed: 1 }
  }
}

function main(): number {
  const { values } = parseArgs({
    options: {
      verify: { type: 'string' },
      'verify-code': { type: 'string', default: '1' },
      tests: { type: 'string' },
      'tests-code': { type: 'string', default: '1' },
    },
  })
  const verify = read<Partial<Count>>(values.verify, (report) =>
    countVerify(report, Number(values['verify-code'])),
  )
  const tests = read<VitestReport>(values.tests, (report) =>
    countVitest(report, Number(values['tests-code'])),
  )
  const all = add(verify, tests)
  const line = (name: string, { passed, failed, skipped }: Count) =>
    console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  line('verify', verify)
  line('tests', tests)
  console.log(`${all.passed} passed, ${all.failed} failed`)
  return all.failed === 0 && tests.passed > 0 && verify.passed > 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = main()
