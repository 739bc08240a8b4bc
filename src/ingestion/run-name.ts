/**
 * Name of the job that the action Run makes. It depends on nothing but schedule and action, so that the
 * job is made once, however often the action is carried out: the second creation finds the name taken.
 */
import { createHash } from 'node:crypto'

/** Six of 32 signs: 52 of the schedule's name, `-run-` and these are the 63 that a job may have. */
const SIGNS = 'abcdefghijklmnopqrstuvwxyz234567'
const HASH_LENGTH = 6

export function runName(schedule: string, actionUid: string): string {
  const digest = createHash('sha256').update(actionUid).digest()
  let hash = ''
  for (const byte of digest.subarray(0, HASH_LENGTH)) hash += SIGNS[byte % SIGNS.length] ?? ''
  return `${schedule}-run-${hash}`
}
