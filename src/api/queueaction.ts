/**
 * QueueAction: an imperative act as an object, so that GitOps tools do not revert it and RBAC can
 * grant it one by one (resources.md). Immutable as a whole; deleting it stops it. Who may create
 * which action is decided by the admission policy of `action-policy.ts`.
 */
import { z } from 'zod'
import { ACTION_PHASES, GROUP, PHASES, VERSION } from './conditions.ts'
import {
  about,
  anyJson,
  ascii,
  bool,
  Conditions,
  choice,
  type DeepReadonly,
  int,
  label,
  list,
  OBSERVED_GENERATION_RULE,
  ObjectMeta,
  ObservedGeneration,
  objectName,
  PATTERNS,
  text,
  time,
} from './fields.ts'

export const ACTIONS = [
  'Cancel',
  'Retry',
  'Replay',
  'Discard',
  'Pause',
  'Resume',
  'Drain',
  'Purge',
  'Run',
] as const
export type ActionName = (typeof ACTIONS)[number]

export const TARGET_KINDS = ['QueueJob', 'Queue', 'QueueSchedule'] as const

/** Which actions each kind of target knows. */
export const ACTIONS_OF: Readonly<Record<(typeof TARGET_KINDS)[number], readonly ActionName[]>> = {
  QueueJob: ['Cancel', 'Retry', 'Replay', 'Discard', 'Resume'],
  Queue: ['Pause', 'Resume', 'Drain', 'Purge'],
  QueueSchedule: ['Run'],
}

const never = { mutable: 'never' } as const

const Selector = about(
  z.object({
    labels: about(
      z
        .record(z.string(), ascii(63, PATTERNS.labelValue, { says: 'Value of one label.' }, 0))
        .refine((labels) => Object.keys(labels).length <= 16, 'at most 16 labels'),
      {
        says: 'Labels that the object must carry, all of them.',
        default: 'any',
        ...never,
        with: { maxProperties: 16, 'x-refined-by': 'maxProperties' },
        rules: [
          {
            rule: 'self.all(key, size(key) <= 317)',
            message: 'a label key must have at most 317 characters',
          },
        ],
      },
    ).optional(),
    queue: label({ says: 'Queue of the job.', default: 'any', ...never }).optional(),
    type: ascii(63, PATTERNS.handlerType, {
      says: 'Type of the job.',
      default: 'any',
      ...never,
    }).optional(),
    phases: list(choice(PHASES, { says: 'One phase.' }), PHASES.length, {
      says: 'Phases of the job.',
      default: 'any',
      ...never,
    }).optional(),
    reasons: list(ascii(64, PATTERNS.camelCase, { says: 'One reason.' }), 32, {
      says: 'Reasons of the job.',
      default: 'any',
      ...never,
    }).optional(),
    errorCode: ascii(64, PATTERNS.code, {
      says: 'Code of the last failure.',
      default: 'any',
      ...never,
    }).optional(),
    finishedAfter: time({
      says: 'Jobs that ended at or after this time.',
      default: 'any',
      ...never,
    }).optional(),
    finishedBefore: time({
      says: 'Jobs that ended before this time.',
      default: 'any',
      ...never,
    }).optional(),
  }),
  {
    says: 'Objects that match all that is given. Excludes `name` and `all`.',
    default: 'none',
    ...never,
    rules: [
      {
        rule: '!has(self.finishedAfter) || !has(self.finishedBefore) || self.finishedAfter < self.finishedBefore',
        message: '`finishedAfter` must be before `finishedBefore`',
        fieldPath: '.finishedAfter',
      },
    ],
  },
)

const Target = about(
  z.object({
    kind: choice(TARGET_KINDS, {
      says: 'Kind of the targets.',
      default: 'none, required',
      ...never,
    }),
    name: objectName({
      says: 'Name of the one target. Excludes `selector` and `all`.',
      default: 'none',
      ...never,
    }).optional(),
    uid: ascii(64, PATTERNS.uid, {
      says: 'Uid of the one target; the action fails with TargetMismatch when another object has the name now.',
      default: 'any',
      ...never,
    }).optional(),
    selector: Selector.optional(),
    all: bool({
      says: 'Every object of the kind in the namespace; must be true. Excludes `name` and `selector`.',
      default: 'none',
      ...never,
    }).optional(),
  }),
  {
    says: 'What the action is about, in the namespace of the action.',
    default: 'none, required',
    ...never,
    rules: [
      {
        rule: '(has(self.name) ? 1 : 0) + (has(self.selector) ? 1 : 0) + (has(self.all) ? 1 : 0) == 1',
        message: 'must have exactly one of `name`, `selector` and `all`',
      },
      {
        rule: '!has(self.all) || self.all',
        message: '`all` must be true or absent',
        fieldPath: '.all',
      },
      {
        rule: '!has(self.uid) || has(self.name)',
        message: '`uid` needs `name`',
        fieldPath: '.uid',
      },
      {
        rule: "!has(self.selector) || self.kind == 'QueueJob' || (!has(self.selector.queue) && !has(self.selector.type) && !has(self.selector.phases) && !has(self.selector.reasons) && !has(self.selector.errorCode) && !has(self.selector.finishedAfter) && !has(self.selector.finishedBefore))",
        message: 'only a QueueJob can be selected by anything but `labels`',
        fieldPath: '.selector',
      },
    ],
  },
)

const perKind = TARGET_KINDS.map(
  (kind) =>
    `(self.target.kind == '${kind}' && self.action in [${ACTIONS_OF[kind].map((name) => `'${name}'`).join(', ')}])`,
).join(' || ')

export const QueueActionSpec = about(
  z.object({
    action: choice(ACTIONS, {
      says: 'What to do. QueueJob: Cancel, Retry, Replay, Discard, Resume; Queue: Pause, Resume, Drain, Purge; QueueSchedule: Run.',
      default: 'none, required',
      ...never,
    }),
    target: Target,
    dryRun: bool({ says: 'Only count what matches.', default: 'false', ...never }).optional(),
    ratePerSecond: int(1, 1000, {
      says: 'How fast the targets are worked through.',
      unit: 'targets per second',
      default: '50',
      ...never,
    }).optional(),
    maxTargets: int(1, 1_000_000, {
      says: 'If more match, nothing is done and the action fails with TooManyTargets.',
      unit: 'targets',
      default: '10000',
      ...never,
    }).optional(),
    graceSeconds: int(0, 3600, {
      says: 'How long a running attempt may take to end after it was told to.',
      unit: 'seconds',
      default: '30',
      ...never,
    }).optional(),
    payload: anyJson({
      says: 'Payload of the next run: any JSON of at most 128 KiB. Only for Replay by `name`.',
      default: "the job's",
      ...never,
    }).optional(),
    comment: text(256, {
      says: 'Why; shown on what the action changed.',
      default: 'none',
      ...never,
    }).optional(),
    requestedBy: text(256, {
      says: 'User name of who asks; refused unless it is the caller.',
      default: 'none: see the audit log',
      ...never,
    }).optional(),
    ttlSecondsAfterFinished: int(0, 315_360_000, {
      says: 'How long the action stays after its end.',
      unit: 'seconds',
      default: '86400',
      ...never,
    }).optional(),
  }),
  {
    says: 'What the user wants. Must not be changed as a whole.',
    rules: [
      {
        rule: 'self == oldSelf',
        message:
          '`spec` of an action must not be changed: delete the action and create another one',
        reason: 'FieldValueForbidden',
      },
      {
        rule: perKind,
        messageExpression: "'`action` ' + self.action + ' is not for a ' + self.target.kind",
        message: '`action` is not for this kind of target',
        fieldPath: '.action',
      },
      {
        rule: "!has(dyn(self).payload) || (self.action == 'Replay' && has(self.target.name))",
        message: '`payload` is only for the action Replay with `target.name`',
        fieldPath: '.payload',
      },
    ],
  },
)
export type QueueActionSpec = DeepReadonly<z.infer<typeof QueueActionSpec>>

const count = (says: string) => int(0, 10_000_000, { says, unit: 'targets' }).optional()

export const QueueActionStatus = about(
  z.object({
    observedGeneration: ObservedGeneration,
    phase: choice(ACTION_PHASES, { says: 'Where the action stands.', default: 'Pending' }),
    reason: ascii(64, PATTERNS.camelCase, {
      says: 'Why, one word of the table of reasons.',
    }).optional(),
    message: text(1024, { says: 'The reason in one sentence, for people.' }).optional(),
    order: int(0, Number.MAX_SAFE_INTEGER, {
      says: 'Order of this action among all; a job takes no action with a lower one.',
    }).optional(),
    matched: count('Objects that matched at the start.'),
    done: count('Targets that were changed.'),
    skipped: count('Targets that needed no change.'),
    failed: count('Targets that could not be changed.'),
    cursor: text(512, {
      says: 'Last target that was worked on; where to go on after a crash.',
    }).optional(),
    failures: list(
      about(
        z.object({
          name: objectName({ says: 'Name of the target.' }),
          reason: ascii(64, PATTERNS.camelCase, { says: 'Why, one word.' }),
          message: text(256, { says: 'Why, for people.' }).optional(),
        }),
        { says: 'One target that could not be changed.' },
      ),
      20,
      { says: 'A sample of the failures.' },
    ).optional(),
    startTime: time({ says: 'When the operator began.' }).optional(),
    completionTime: time({ says: 'When it ended.' }).optional(),
    conditions: Conditions.optional(),
  }),
  {
    says: 'What the system says. Written only by the operator.',
    rules: [
      OBSERVED_GENERATION_RULE,
      {
        rule: '!has(oldSelf.order) || (has(self.order) && self.order == oldSelf.order)',
        message: '`status.order` must not change once it is set',
        fieldPath: '.order',
      },
      {
        rule: "!(oldSelf.phase in ['Completed', 'Failed']) || self.phase == oldSelf.phase",
        message: '`status.phase` of an action that has ended must not change',
        fieldPath: '.phase',
      },
    ],
    with: { 'x-kubernetes-map-type': 'atomic' },
  },
)
export type QueueActionStatus = DeepReadonly<z.infer<typeof QueueActionStatus>>

const UNSEEN = { observedGeneration: -1, phase: 'Pending' } as const

export const QueueActionRoot = about(
  z.object({ spec: QueueActionSpec, status: QueueActionStatus.default({ ...UNSEEN }).optional() }),
  { says: 'A QueueAction is one act on jobs, a queue or a schedule; it is done once.' },
)

/** A QueueAction as read from the API server. */
export const QueueAction = z.object({
  apiVersion: z.literal(`${GROUP}/${VERSION}`),
  kind: z.literal('QueueAction'),
  metadata: ObjectMeta,
  spec: QueueActionSpec,
  status: QueueActionStatus.default({ ...UNSEEN }),
})
export type QueueAction = DeepReadonly<z.infer<typeof QueueAction>>
