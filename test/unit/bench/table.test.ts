import { describe, expect, it } from 'vitest'
import { textTable } from '../../../bench/table.ts'

describe('a text table', () => {
  it('lines columns up, words to the left and numbers to the right, with nothing behind', () => {
    const table = textTable(
      ['what', 'jobs/s', 'note'],
      [
        ['create', 12.5, 'first'],
        ['create and record', 1000, ''],
      ],
    )
    expect(table.split('\n')).toEqual([
      'what               jobs/s  note',
      'create               12.5  first',
      'create and record    1000',
    ])
  })

  it('is only a heading without rows', () => {
    expect(textTable(['what', 'jobs/s'], [])).toBe('what  jobs/s')
  })
})
