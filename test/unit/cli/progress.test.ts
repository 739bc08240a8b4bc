// The line that says how far something is.

import { beforeEach, describe, expect, it } from 'vitest'
import { Progress } from '../../../src/cli/progress.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'

let clock: VirtualClock
let said: string[]
beforeEach(() => {
  clock = new VirtualClock()
  said = []
})

function progress(redraws: boolean): Progress {
  const output = { write: async () => {}, note: (text: string) => void said.push(text) }
  return new Progress({ output, terminal: { redraws }, clock })
}

describe.each([true, false])('progress (a terminal: %s)', (redraws) => {
  it('says nothing of what takes less than two seconds', () => {
    const line = progress(redraws)
    line.say('a')
    clock.advance(1_999)
    line.end()
    clock.advance(10_000)
    expect(said).toEqual([])
  })

  it('says after two seconds what was said last, and nothing twice', () => {
    const line = progress(redraws)
    line.say('a')
    line.say('b')
    clock.advance(2_000)
    line.say('b')
    expect(said.join('')).toBe(redraws ? '\r\u001b[Kb' : 'b\n')
    line.end()
    expect(said.join('').endsWith(redraws ? '\r\u001b[K' : 'b\n')).toBe(true)
  })

  it('shows what a user wrote as printable text', () => {
    const line = progress(redraws)
    line.say('a\u001b[2J\nb')
    clock.advance(2_000)
    expect(said.join('')).toContain('a\\u001b[2J\\nb')
    line.end()
  })
})

it('on a terminal every change is shown, elsewhere one in ten seconds', () => {
  for (const redraws of [true, false]) {
    said = []
    const line = progress(redraws)
    clock.advance(2_000)
    for (let second = 0; second < 20; second++) {
      line.say(`step ${second}`)
      clock.advance(1_000)
    }
    line.end()
    expect(said.filter((text) => text.includes('step'))).toHaveLength(redraws ? 20 : 2)
  }
})
