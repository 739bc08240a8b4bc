/**
 * Who may create which QueueAction: a ValidatingAdmissionPolicy that belongs to the CRDs
 * (resources.md, "Rights"). The verb is the action in lower case on the resource of the target; a
 * target by name asks for that name, a selector or `all` for every object of the namespace. CRD rules
 * cannot ask the authorizer, a policy can; no webhook is needed.
 *
 * The operator looks for this policy at start and refuses to act without it (`ActionsUnguarded`).
 */
import { GROUP, KINDS, VERSION } from './conditions.ts'
import { TARGET_KINDS } from './queueaction.ts'

export const ACTION_POLICY_NAME = 'gopherqueue-actions'

const resources = TARGET_KINDS.map((kind) => `'${kind}': '${KINDS[kind].plural}'`).join(', ')
const asked = `authorizer.group('${GROUP}').resource(variables.resource).namespace(request.namespace)`

export const ACTION_POLICY = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: ACTION_POLICY_NAME },
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [GROUP],
          apiVersions: [VERSION],
          operations: ['CREATE'],
          resources: [KINDS.QueueAction.plural],
        },
      ],
    },
    variables: [
      { name: 'verb', expression: 'object.spec.action.lowerAscii()' },
      { name: 'resource', expression: `{${resources}}[object.spec.target.kind]` },
      {
        name: 'check',
        expression: `has(object.spec.target.name) ? ${asked}.name(object.spec.target.name).check(variables.verb) : ${asked}.check(variables.verb)`,
      },
      {
        name: 'targets',
        expression:
          "has(object.spec.target.name) ? variables.resource + '/' + object.spec.target.name : 'all ' + variables.resource",
      },
    ],
    validations: [
      {
        expression: 'variables.check.allowed()',
        messageExpression:
          "'user ' + request.userInfo.username + ' may not ' + variables.verb + ' ' + variables.targets + ' in namespace ' + request.namespace + ': grant the verb ' + variables.verb + ' on ' + variables.resource",
        reason: 'Forbidden',
      },
      {
        expression:
          '!has(object.spec.requestedBy) || object.spec.requestedBy == request.userInfo.username',
        message: '`spec.requestedBy` must be your own user name or absent',
        reason: 'Forbidden',
      },
    ],
  },
} as const

export const ACTION_POLICY_BINDING = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: ACTION_POLICY_NAME },
  spec: { policyName: ACTION_POLICY_NAME, validationActions: ['Deny'] },
} as const
