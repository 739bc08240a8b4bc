import { describe, expect, it } from 'vitest'
import { Queues } from '../../../src/ingestion/queues.ts'
import { aQueue, NAMESPACE, QUEUE } from '../../builders.ts'

const OURS = 'gopherqueue.io/default'

function aBook() {
  let now = 0
  const queues = new Queues(OURS, () => now)
  queues.synced()
  const state = (name = QUEUE) => queues.state(NAMESPACE, name)
  return { queues, state, pass: (ms: number) => (now += ms) }
}

describe('a queue', () => {
  it('that exists and says nothing is open', () => {
    const { queues, state } = aBook()
    queues.set(aQueue())
    expect([state().kind, queues.holds(NAMESPACE, QUEUE)]).toEqual(['open', false])
  })

  it('named default need not exist', () => {
    expect(aBook().state('default').kind).toBe('open')
  })

  it('that is missing holds its jobs, and is missed since the first that asked', () => {
    const { queues, state, pass } = aBook()
    pass(500)
    expect(state()).toEqual({ kind: 'missing', since: 500 })
    pass(10_000)
    expect(state()).toEqual({ kind: 'missing', since: 500 })
    expect(queues.holds(NAMESPACE, QUEUE)).toBe(true)
  })

  it('that appears opens at once, and is missed anew when it goes again', () => {
    const { queues, state, pass } = aBook()
    state()
    queues.set(aQueue())
    expect(state().kind).toBe('open')
    pass(7_000)
    queues.remove(aQueue())
    expect(state()).toEqual({ kind: 'missing', since: 7_000 })
  })

  it('that pauses holds until it does not', () => {
    const { queues, state } = aBook()
    queues.set(aQueue({ spec: { paused: true } }))
    expect(state().kind).toBe('paused')
    queues.set(aQueue({ generation: 2 }))
    expect(state().kind).toBe('open')
  })

  it('of another operator is foreign, whatever else it says', () => {
    const { queues, state } = aBook()
    queues.set(aQueue({ spec: { controllerName: 'example.com/other', paused: true } }))
    expect(state().kind).toBe('foreign')
  })

  it('is another one in another namespace', () => {
    const { queues } = aBook()
    queues.set(aQueue())
    expect(queues.state('elsewhere', QUEUE).kind).toBe('missing')
  })
})

describe('names of queues that never existed', () => {
  it('are forgotten, the oldest first, when there are too many', () => {
    const { state, pass } = aBook()
    state('first')
    pass(1)
    for (let n = 0; n < 10_000; n++) state(`no-${n}`)
    pass(1)
    expect(state('first')).toEqual({ kind: 'missing', since: 2 })
    expect(state('no-9999')).toEqual({ kind: 'missing', since: 1 })
  })
})

describe('a name without a Queue', () => {
  it('says nothing before the Queues are known: its Queue may pause it', () => {
    const queues = new Queues(OURS, () => 0)
    expect(queues.state(NAMESPACE, 'default').kind).toBe('foreign')
    expect(queues.holds(NAMESPACE, 'default')).toBe(true)
    queues.synced()
    expect(queues.state(NAMESPACE, 'default').kind).toBe('open')
  })

  it('belongs to the operator with the default controller name only (docs/decisions/0021)', () => {
    const queues = new Queues('example.com/other', () => 0)
    queues.synced()
    expect(queues.state(NAMESPACE, 'default').kind).toBe('foreign')
    expect(queues.state(NAMESPACE, QUEUE).kind).toBe('foreign')
    queues.set(aQueue({ name: 'default', spec: { controllerName: 'example.com/other' } }))
    expect(queues.state(NAMESPACE, 'default').kind).toBe('open')
  })
})

describe('a queue that an action pauses', () => {
  it('holds as one that its spec pauses', () => {
    const { queues, state } = aBook()
    const paused = { by: 'anna', since: '2026-05-01T12:00:00Z' }
    queues.set(aQueue({ status: { observedGeneration: 1, paused } }))
    expect(state().kind).toBe('paused')
    queues.set(aQueue({ status: { observedGeneration: 1 } }))
    expect(state().kind).toBe('open')
  })
})
