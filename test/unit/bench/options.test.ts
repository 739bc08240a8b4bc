import { describe, expect, it } from 'vitest'
import { parseOptions, usage } from '../../../bench/options.ts'

const optionsOf = (...args: string[]) => {
  const parsed = parseOptions(args)
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed))
  return parsed.options
}

describe('the command line of the benchmarks', () => {
  it('needs nothing but a name', () => {
    expect(optionsOf('throughput')).toEqual({
      name: 'throughput',
      jobs: 5000,
      slots: 100,
      rates: [50, 100],
      seconds: 1,
      starts: 5,
      ceiling: true,
      goGc: true,
      json: false,
      keep: false,
    })
  })

  it('takes rates as a list', () => {
    expect(optionsOf('latency', '--rates', '10, 200', '--seconds', '5')).toMatchObject({
      rates: [10, 200],
      seconds: 5,
    })
  })

  it('lets what is on by default be switched off', () => {
    expect(optionsOf('throughput', '--no-ceiling', '--no-gc')).toMatchObject({
      ceiling: false,
      goGc: false,
    })
  })

  it('lets 20,000 jobs wait, and a quiet tenant send ten a second beside 8,000', () => {
    expect(optionsOf('backlog')).toMatchObject({ jobs: 20_000, slots: 100, seconds: 20 })
    expect(optionsOf('fairness')).toMatchObject({ jobs: 8000, slots: 10, rates: [10], seconds: 20 })
  })

  it('rests for ten seconds before the memory at rest is read', () => {
    expect(optionsOf('start').seconds).toBe(10)
  })

  it.each([
    [
      'no name',
      [],
      'NAME must be one of ceiling, throughput, latency, start, backlog, fairness, scheduler, is ""',
    ],
    ['an unknown name', ['speed'], 'is "speed"'],
    ['two names', ['ceiling', 'latency'], 'is "ceiling latency"'],
    ['a number that is none', ['ceiling', '--jobs', 'many'], '--jobs must be a whole number'],
    ['a number below the least', ['ceiling', '--jobs', '0'], 'from 1 to 1000000, is "0"'],
    ['one bad rate among good ones', ['latency', '--rates', '50,,100'], '--rates must be'],
    ['an unknown option', ['ceiling', '--fast'], "'--fast'"],
  ])('refuses %s and says what is wrong', (_, args, problem) => {
    const parsed = parseOptions(args)
    expect(parsed.kind === 'wrong' && parsed.problem).toContain(problem)
  })

  it('shows help whatever else is asked', () => {
    expect(parseOptions(['--help'])).toEqual({ kind: 'help' })
    for (const option of ['--jobs', '--slots', '--rates', '--seconds', '--starts', '--json']) {
      expect(usage).toContain(option)
    }
  })
})
