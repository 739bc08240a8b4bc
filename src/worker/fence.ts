/**
 * The epoch of an attempt, for the handler's own writes (protocol K9). A worker that was cut off, or
 * a leader that was deposed, can leave an older attempt running beside a newer one. The queue refuses
 * the older one's outcome; what it writes elsewhere only the place that is written to can refuse, by
 * keeping the highest epoch it has seen.
 */
import { GopherQueueError } from '../core/errors.ts'

/** For `client.query(statement)` of node-postgres and what takes the same shape. */
export interface FenceStatement {
  readonly text: string
  readonly values: readonly [key: string, epoch: number]
}

export interface Fence {
  readonly epoch: number
  /**
   * The statement that lets this attempt in and every older one out. Run it first in the transaction
   * that has the effect; when it returns **no row**, a newer attempt was there: roll back and throw.
   *
   * For PostgreSQL and SQLite, on a table of yours:
   * `create table job_fence (key text primary key, epoch bigint not null)`.
   *
   * @param table name of the table, may be qualified: `shop.job_fence`
   * @param key what is protected, such as an order id
   * @throws GopherQueueError `InvalidFence` when the name is no plain identifier
   */
  sql(table: string, key: string): FenceStatement
  /**
   * A key for APIs that take one (`Idempotency-Key`). By default one for each attempt
   * (`<uid>.<epoch>`): repeats inside an attempt count once. With `job` the same for all attempts of
   * the run (`<uid>.<runId>`): the effect happens once however often the job is tried.
   */
  idempotencyKey(scope?: 'attempt' | 'job'): string
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/

export function fenceOf(attempt: {
  readonly uid: string
  readonly epoch: number
  readonly runId: string
}): Fence {
  const { uid, epoch, runId } = attempt
  return {
    epoch,
    sql(table, key) {
      if (!IDENTIFIER.test(table)) {
        throw new GopherQueueError(
          'InvalidFence',
          `fence.sql: ${JSON.stringify(table)} is no table`,
          {
            help: 'give a name of letters, digits and "_", such as "job_fence" or "shop.job_fence"',
          },
        )
      }
      const quoted = table.split('.').map((part) => `"${part}"`)
      const text = [
        `insert into ${quoted.join('.')} as fence (key, epoch) values ($1, $2)`,
        'on conflict (key) do update set epoch = excluded.epoch',
        'where fence.epoch <= excluded.epoch returning epoch',
      ].join(' ')
      return { text, values: [key, epoch] }
    },
    idempotencyKey: (scope = 'attempt') =>
      scope === 'job' ? `${uid}.${runId}` : `${uid}.${epoch}`,
  }
}
