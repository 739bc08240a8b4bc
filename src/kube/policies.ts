/**
 * Is anybody kept from creating any QueueAction? Only the ValidatingAdmissionPolicy of
 * `api/action-policy.ts` asks for the rights of each act, so without it, and a binding that denies,
 * whoever may create actions may do all of them; the operator then refuses to act
 * (`ActionsUnguarded`, resources.md).
 */
import { ACTION_POLICY_NAME } from '../api/action-policy.ts'
import { GROUP, KINDS } from '../api/conditions.ts'
import type { Clock, MonoMs } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { KubeError } from './errors.ts'
import { isRecord, type RawObject } from './objects.ts'
import type { KubeRequests } from './transport.ts'

/** `unknown`: it could not be read; not a reason to act. */
export type ActionGuard = 'guarded' | 'missing' | 'unknown'

const BASE = '/apis/admissionregistration.k8s.io/v1'
/** Who removes the policy is a cluster administrator, and rare. */
const GOOD_FOR_MS = 60_000
const UNKNOWN_FOR_MS = 5_000
const DEADLINE_MS = 10_000

export class ActionPolicyCheck {
  readonly #requests: KubeRequests
  readonly #clock: Clock
  #known: ActionGuard = 'unknown'
  #problem = 'not looked at yet'
  #until: MonoMs = Number.NEGATIVE_INFINITY
  #looking: Promise<ActionGuard> | null = null

  constructor(requests: KubeRequests, clock: Clock) {
    this.#requests = requests
    this.#clock = clock
  }

  /** What is wrong, in one line with the command that mends it; '' = guarded. */
  get problem(): string {
    return this.#problem
  }

  /** As seen within the last minute. Never rejects. */
  async check(): Promise<ActionGuard> {
    if (this.#clock.monotonic() < this.#until) return this.#known
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #look(): Promise<ActionGuard> {
    try {
      const [policy, binding] = await Promise.all([
        this.#read('validatingadmissionpolicies'),
        this.#read('validatingadmissionpolicybindings'),
      ])
      const gap = gapIn(policy, binding)
      this.#known = gap === '' ? 'guarded' : 'missing'
      this.#problem =
        gap === '' ? '' : `${gap}; kubectl apply --filename policies/queueactions.yaml`
    } catch (error) {
      this.#known = 'unknown'
      this.#problem = `the policy ${ACTION_POLICY_NAME} cannot be read: ${describeError(error)}`
    }
    const goodFor = this.#known === 'unknown' ? UNKNOWN_FOR_MS : GOOD_FOR_MS
    this.#until = this.#clock.monotonic() + goodFor
    return this.#known
  }

  /** Null: not there, or a server that knows no such policies. */
  async #read(plural: string): Promise<unknown> {
    try {
      return await this.#requests.request({
        verb: 'GET',
        path: `${BASE}/${plural}/${ACTION_POLICY_NAME}`,
        maxBytes: 1_048_576,
        deadlineMs: DEADLINE_MS,
      })
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return null
      throw error
    }
  }
}

/** Why the two objects do not guard every action; '' = they do. */
function gapIn(policy: unknown, binding: unknown): string {
  const rule = specOf(policy)
  if (!rule) return `there is no ValidatingAdmissionPolicy ${ACTION_POLICY_NAME}`
  if (rule.failurePolicy === 'Ignore') return `the policy ${ACTION_POLICY_NAME} ignores failures`
  if (isEmpty(rule.validations)) return `the policy ${ACTION_POLICY_NAME} checks nothing`
  if (!isEmpty(rule.matchConditions) || !coversActions(rule.matchConstraints)) {
    return `the policy ${ACTION_POLICY_NAME} does not match every creation of a QueueAction`
  }
  const bound = specOf(binding)
  if (!bound) return `there is no ValidatingAdmissionPolicyBinding ${ACTION_POLICY_NAME}`
  if (bound.policyName !== ACTION_POLICY_NAME) {
    return `the binding ${ACTION_POLICY_NAME} binds another policy`
  }
  const actions = Array.isArray(bound.validationActions) ? bound.validationActions : []
  if (!actions.includes('Deny')) return `the binding ${ACTION_POLICY_NAME} does not deny`
  const match = isRecord(bound.matchResources) ? bound.matchResources : {}
  if (isSelective(match) || !isEmpty(match.resourceRules)) {
    return `the binding ${ACTION_POLICY_NAME} leaves objects out`
  }
  return ''
}

function specOf(object: unknown): RawObject | null {
  return isRecord(object) && isRecord(object.spec) ? object.spec : null
}

function coversActions(match: unknown): boolean {
  if (!isRecord(match) || isSelective(match) || !Array.isArray(match.resourceRules)) return false
  return match.resourceRules.some(
    (rule: unknown) =>
      isRecord(rule) &&
      isEmpty(rule.resourceNames) &&
      names(rule.apiGroups, GROUP) &&
      names(rule.operations, 'CREATE') &&
      names(rule.resources, KINDS.QueueAction.plural),
  )
}

function names(list: unknown, wanted: string): boolean {
  return Array.isArray(list) && (list.includes(wanted) || list.includes('*'))
}

/** Selectors that the server fills in are empty and select everything. */
function isSelective(match: RawObject): boolean {
  const selectors = [match.namespaceSelector, match.objectSelector]
  return (
    !isEmpty(match.excludeResourceRules) ||
    selectors.some((selector) => isRecord(selector) && !Object.values(selector).every(isEmpty))
  )
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
