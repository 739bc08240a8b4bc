/** Field selectors of the client. A name that a user chose is a value, whatever signs it has (B9). */
import type { JobSelection } from '../client/ports.ts'

/** As Kubernetes escapes values of field selectors. */
export function selectorValue(value: string): string {
  return value.replace(/[\\,=]/g, (sign) => `\\${sign}`)
}

/** '' = everything. */
export function jobSelector({ queue, type, phase }: JobSelection): string {
  const wanted = [
    ['spec.queue', queue],
    ['spec.type', type],
    ['status.phase', phase],
  ] as const
  return wanted
    .flatMap(([field, value]) => (value === undefined ? [] : [`${field}=${selectorValue(value)}`]))
    .join(',')
}
