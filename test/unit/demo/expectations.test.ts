import { describe, expect, it } from 'vitest'
import { expectationsIn } from '../../../demo/expectations.ts'

const manifest = (annotations: string, spec = '  type: order.place') => `
kind: QueueJob
metadata:
  name: order-1
  annotations:
${annotations}
spec:
${spec}
`
const ends = (phase: string) => `    examples.gopherqueue.io/ends: ${phase}`

describe('what an example is expected to do', () => {
  it('stands in its annotations', () => {
    const text = manifest(`${ends('DeadLettered')}\n    examples.gopherqueue.io/attempts: "2"`)
    expect(expectationsIn('a.yaml', text)).toEqual([
      { name: 'order-1', ends: 'DeadLettered', attempts: 2, delaySeconds: 0 },
    ])
  })

  it('takes any number of attempts when the manifest names none', () => {
    expect(expectationsIn('a.yaml', manifest(ends('Completed')))[0]?.attempts).toBeNull()
  })

  it('includes that it does not start before its delay', () => {
    const text = manifest(ends('Completed'), '  delaySeconds: 8')
    expect(expectationsIn('a.yaml', text)[0]?.delaySeconds).toBe(8)
  })

  it('is read for every job of a file', () => {
    const one = manifest(ends('Completed'))
    const other = one.replace('order-1', 'order-2')
    expect(expectationsIn('a.yaml', `${one}---${other}`).map(({ name }) => name)).toEqual([
      'order-1',
      'order-2',
    ])
  })

  it.each([
    ['does not say how it ends', manifest('    other: "1"')],
    ['ends in a phase that is no end', manifest(ends('Running'))],
    ['is of another kind', manifest(ends('Completed')).replace('QueueJob', 'Queue')],
  ])('is an error that names the file when a manifest %s', (_, text) => {
    expect(() => expectationsIn('jobs/09.yaml', text)).toThrow('jobs/09.yaml')
  })
})
