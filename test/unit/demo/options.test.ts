import { describe, expect, it } from 'vitest'
import { parseOptions } from '../../../demo/options.ts'

describe('the command line of the demo', () => {
  it('needs nothing', () => {
    const options = { exit: false, json: false, keep: false }
    expect(parseOptions([])).toEqual({ kind: 'run', options })
  })

  it('takes its flags in any order', () => {
    const options = { exit: true, json: true, keep: false }
    expect(parseOptions(['--json', '--exit'])).toEqual({ kind: 'run', options })
  })

  it('shows help instead of running', () => {
    expect(parseOptions(['--exit', '--help'])).toEqual({ kind: 'help' })
  })

  it.each([[['--jsn']], [['up']]])('refuses %s', (args) => {
    expect(parseOptions(args)).toMatchObject({ kind: 'wrong' })
  })
})
