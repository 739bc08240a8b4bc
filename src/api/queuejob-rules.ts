/**
 * The CEL rules of QueueJob that look at more than one field (protocol W9, job-model.md sections 1
 * and 2, api-on-the-server.md section 4).
 *
 * Cost decides the form: each property access copies the list of its siblings, so there are few
 * rules, the cheap exit stands first, and what one leaf can say for itself stands on the leaf
 * (`frozen` in `queuejob.ts`). A rule on `spec` or at the root is never forgiven for old objects, so
 * after the first release nothing here may become stricter.
 */
import { TERMINAL_PHASES, WAITING_PHASES } from './conditions.ts'
import { type CelRule, OBSERVED_GENERATION_RULE } from './fields.ts'

const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(', ')
const listed = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')

/** Optional fields that can be neither added nor removed; those with a default cannot be absent. */
const KEPT_FIELDS = [
  'payloadFrom',
  'delaySeconds',
  'idempotencyKey',
  'dependsOn',
  'concurrencyKey',
  'fairnessKey',
  'array',
  'resources',
] as const

/** Optional fields that may change while the job waits; `priority` always has a value. */
const WAITING_FIELDS = [
  'startAfter',
  'attemptDeadlineSeconds',
  'activeDeadlineSeconds',
  'handlerVersion',
  'retry',
  'crashBudget',
] as const

/** The payload is a node without a type: only `dyn()` opens it. */
const presence = [
  'has(dyn(self).payload) == has(dyn(oldSelf).payload)',
  ...KEPT_FIELDS.map((field) => `has(self.${field}) == has(oldSelf.${field})`),
].join(' && ')

export const SPEC_RULES: readonly CelRule[] = [
  {
    rule: '!(has(dyn(self).payload) && has(self.payloadFrom))',
    message: 'must not have both `payload` and `payloadFrom`: remove one of them',
    fieldPath: '.payloadFrom',
    reason: 'FieldValueForbidden',
  },
  {
    rule: '!(has(self.startAfter) && has(self.delaySeconds))',
    message: 'must not have both `startAfter` and `delaySeconds`: remove one of them',
    fieldPath: '.delaySeconds',
    reason: 'FieldValueForbidden',
  },
  {
    rule: '!has(self.attemptDeadlineSeconds) || !has(self.activeDeadlineSeconds) || self.attemptDeadlineSeconds <= self.activeDeadlineSeconds',
    messageExpression:
      "'`attemptDeadlineSeconds` (%d) must not be greater than `activeDeadlineSeconds` (%d)'.format([self.attemptDeadlineSeconds, self.activeDeadlineSeconds])",
    message: '`attemptDeadlineSeconds` must not be greater than `activeDeadlineSeconds`',
    fieldPath: '.attemptDeadlineSeconds',
  },
  {
    rule: presence,
    message: `${listed(['payload', ...KEPT_FIELDS])} must not be added or removed: delete the job and create it again`,
    reason: 'FieldValueForbidden',
  },
  {
    rule: '!has(dyn(self).payload) || !has(dyn(oldSelf).payload) || dyn(self).payload == dyn(oldSelf).payload',
    message: '`spec.payload` must not be changed: delete the job and create it again',
    fieldPath: '.payload',
    reason: 'FieldValueForbidden',
  },
]

const unchanged = (field: string) =>
  `has(self.spec.${field}) == has(oldSelf.spec.${field}) && (!has(self.spec.${field}) || self.spec.${field} == oldSelf.spec.${field})`

const waitingNames = listed(['priority', ...WAITING_FIELDS])

/** Rules that need both spec and status, and so must stand at the root. */
export const ROOT_RULES: readonly CelRule[] = [
  {
    rule: [
      '!has(oldSelf.status)',
      `oldSelf.status.phase in [${quoted(WAITING_PHASES)}]`,
      'self.spec == oldSelf.spec',
      `(self.spec.priority == oldSelf.spec.priority && ${WAITING_FIELDS.map(unchanged).join(' && ')})`,
    ].join(' || '),
    messageExpression: `'${waitingNames} may only be changed while the job waits; it is ' + oldSelf.status.phase`,
    message: `${waitingNames} may only be changed while the job waits`,
    fieldPath: '.spec',
    reason: 'FieldValueForbidden',
  },
  {
    // Attempts already used stand: lowering the maximum must not block every later write (U6).
    rule: [
      '!has(self.spec.retry)',
      '!has(self.spec.retry.maxAttempts)',
      '!has(self.status)',
      '!has(self.status.attempts)',
      'self.status.attempts <= self.spec.retry.maxAttempts',
      '(has(oldSelf.status) && has(oldSelf.status.attempts) && self.status.attempts <= oldSelf.status.attempts)',
    ].join(' || '),
    message: '`status.attempts` must not rise above `spec.retry.maxAttempts`',
    fieldPath: '.status.attempts',
  },
]

const terminal = `[${quoted(TERMINAL_PHASES)}]`
const epochRises = 'has(self.epoch) && (!has(oldSelf.epoch) || self.epoch > oldSelf.epoch)'

/**
 * The server's own copy of protocol W9: what no writer, however confused, can do to a job. `phase` is
 * required by the schema and so needs no `has()`; a status that is removed comes back as its default,
 * whose `observedGeneration` of -1 and missing epoch are refused here.
 */
export const STATUS_RULES: readonly CelRule[] = [
  {
    rule: '!has(oldSelf.epoch) || (has(self.epoch) && self.epoch >= oldSelf.epoch)',
    messageExpression:
      "has(self.epoch) ? '`status.epoch` must not fall: it was %d, the write says %d'.format([oldSelf.epoch, self.epoch]) : '`status.epoch` must not disappear'",
    message: '`status.epoch` must not fall or disappear',
    fieldPath: '.epoch',
  },
  OBSERVED_GENERATION_RULE,
  {
    // A final phase either stays, or is left by a replay, or is a dead letter that is discarded.
    rule: [
      `!(oldSelf.phase in ${terminal})`,
      'self.phase == oldSelf.phase',
      `(${epochRises} && (self.phase in ${terminal} ? oldSelf.phase == 'DeadLettered' && self.phase == 'Cancelled' : has(self.replays) && self.replays == (has(oldSelf.replays) ? oldSelf.replays : 0) + 1))`,
    ].join(' || '),
    messageExpression: `'\`status.phase\` ' + oldSelf.phase + ' is final: it is left only by a replay (a phase that is not final, a higher \`epoch\` and \`replays\` plus 1), a dead letter also by a discard (Cancelled and a higher \`epoch\`)'`,
    message:
      'a final `status.phase` is left only by a replay (a phase that is not final, a higher `epoch` and `replays` plus 1), a dead letter also by a discard (Cancelled and a higher `epoch`)',
    fieldPath: '.phase',
    reason: 'FieldValueForbidden',
  },
  {
    // Trimming may drop the result of a finished job; nothing may replace it (job-model section 5).
    rule: [
      `!(oldSelf.phase in ${terminal})`,
      'self.phase != oldSelf.phase',
      '(has(self.epoch) == has(oldSelf.epoch) && (!has(self.epoch) || self.epoch == oldSelf.epoch) && (!has(dyn(self).result) || (has(dyn(oldSelf).result) && dyn(self).result == dyn(oldSelf).result)))',
    ].join(' || '),
    message:
      'while `status.phase` is final, `epoch` must not change and `result` may only be dropped: replay the job to run it again',
    fieldPath: '.phase',
    reason: 'FieldValueForbidden',
  },
]
