// Exit codes and what is said on standard error.

import { describe, expect, it } from 'vitest'
import { worst } from '../../../src/cli/acts.ts'
import {
  complaint,
  exitCodeOf,
  Interrupted,
  OutputClosed,
  UsageError,
} from '../../../src/cli/exit.ts'
import { ApiError, ForbiddenError } from '../../../src/client/errors.ts'
import { GopherQueueError } from '../../../src/core/errors.ts'

const told = (code: string) => ({ code, message: 'm', help: 'h' })

describe('an error ends with', () => {
  it.each([
    [new UsageError('m'), 64],
    [new GopherQueueError('KubeconfigMissing', 'm'), 64],
    [new GopherQueueError('InvalidPayload', 'm'), 64],
    [new GopherQueueError('TargetNotFound', 'm'), 4],
    [new ForbiddenError('create', 'queuejobs', { message: 'm', help: 'h' }), 77],
    [new ApiError('terminal', told('Unauthorized')), 77],
    [new ApiError('terminal', told('NotInstalled')), 69],
    [new ApiError('transient', told('Unreachable')), 69],
    [new ApiError('waiting', told('TooManyRequests')), 69],
    [new ApiError('terminal', told('InvalidSpec')), 64],
    [new ApiError('terminal', told('QuotaExceeded')), 1],
    [new Interrupted(), 130],
    [new OutputClosed(), 0],
    [new TypeError('a bug'), 1],
    ['text', 1],
  ])('%s → %i', (error, code) => expect(exitCodeOf(error)).toBe(code))
})

it('what is said names the help, and is printable', () => {
  expect(complaint(new UsageError('no \u001b[2J', 'do\nthis'))).toBe(
    'gq: no \\u001b[2J\n    do\\nthis\n',
  )
  expect(complaint(new TypeError('bug'))).toBe('gq: bug\n')
  expect(complaint(new OutputClosed())).toBe('')
})

it('of many codes the one counts that a script must not miss', () => {
  expect([worst([]), worst([0, 2]), worst([2, 1, 4]), worst([3, 77]), worst([0, 3])]).toEqual([
    0, 2, 1, 77, 3,
  ])
})
