/**
 * The JSON schema of the chart's values: strict, so that a misspelt value fails the installation
 * instead of being ignored. Settings of the operator come from its own configuration; those that the
 * chart sets by itself (addresses, files, ports) are left out.
 */
import { OperatorConfig, type Setting, settingsOf } from '../api/config.ts'

type Json = Readonly<Record<string, unknown>>

/** Set by the chart from other values, or not at all in a cluster. */
const NOT_FOR_USERS: ReadonlySet<string> = new Set([
  'kubeconfig',
  'natsUrl',
  'natsCaFile',
  'namespace',
  'installationKeyFile',
  'identity',
  'httpPort',
  'metricsPort',
  'local',
])

const says = (description: string, schema: Json): Json => ({ description, ...schema })
const text = (description: string, more: Json = {}) =>
  says(description, { type: 'string', ...more })
const flag = (description: string) => says(description, { type: 'boolean' })
const exactly = (description: string, properties: Json): Json =>
  says(description, { type: 'object', additionalProperties: false, properties })
const free = (description: string) => says(description, { type: 'object' })
const strings = (description: string) =>
  says(description, { type: 'object', additionalProperties: { type: 'string' } })
const objects = (description: string) =>
  says(description, { type: 'array', items: { type: 'object' } })

function settingSchema(setting: Setting): Json {
  const unit = setting.unit === '' ? '' : ` Unit: ${setting.unit}.`
  return says(`${setting.says}${unit}`, {
    type: setting.type,
    ...(setting.minimum === null ? {} : { minimum: setting.minimum }),
    ...(setting.maximum === null ? {} : { maximum: setting.maximum }),
    ...(setting.values === null ? {} : { enum: setting.values }),
  })
}

/** `information.percent` becomes an object in an object. */
function configSchema(): Json {
  const groups: Record<string, Record<string, Json>> = {}
  const properties: Record<string, Json> = {}
  for (const setting of settingsOf(OperatorConfig)) {
    if (NOT_FOR_USERS.has(setting.path)) continue
    const [group = '', name] = setting.path.split('.')
    if (name === undefined) properties[group] = settingSchema(setting)
    else groups[group] = { ...groups[group], [name]: settingSchema(setting) }
  }
  for (const [group, inside] of Object.entries(groups)) {
    properties[group] = exactly(`Settings under \`${group}\`.`, inside)
  }
  return exactly('Settings of the operator (docs/configuration.md).', properties)
}

const image = (of: string) =>
  exactly(`Image of ${of}.`, {
    repository: text('Name with registry, without tag.', { minLength: 1 }),
    tag: text('Tag; empty: the version of the chart, for an image of ours.'),
    digest: text('Digest, wins over the tag.', { pattern: '^(sha256:[0-9a-f]{64})?$' }),
    pullPolicy: says('When the image is pulled.', { enum: ['Always', 'IfNotPresent', 'Never'] }),
  })

const NATS = exactly('Where NATS is: exactly one of `url` and `bundled.enabled`.', {
  url: text('Address of a NATS server with JetStream, several separated by commas.', {
    pattern: '^$|^(nats|tls)://[^\\s,]+(,(nats|tls)://[^\\s,]+)*$',
  }),
  caSecret: exactly('Secret with the certificate authorities of the NATS server.', {
    name: text('Name; empty: those of the system.'),
    key: text('Key inside the Secret.', { minLength: 1 }),
  }),
  bundled: exactly('One NATS server of this release: for a trial, not for production.', {
    enabled: flag('Whether it is installed.'),
    image: image('nats-server'),
    storage: exactly('Its volume.', {
      size: text('Size of the volume.', { pattern: '^[0-9]+(Ki|Mi|Gi|Ti)?$' }),
      storageClassName: text("StorageClass; empty: the cluster's default."),
    }),
    resources: free('Resources of its container.'),
  }),
})

export function valuesSchema(): Json {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart gopherqueue',
    type: 'object',
    additionalProperties: false,
    properties: {
      global: free('Of charts that hold this one; not used.'),
      nameOverride: text('Name of the objects instead of the name of the release.', {
        pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$',
        maxLength: 50,
      }),
      image: image('the operator'),
      imagePullSecrets: objects('Secrets with credentials for the registry.'),
      replicas: says('Operators; more than one: the others stand by.', {
        type: 'integer',
        minimum: 0,
        maximum: 10,
      }),
      crds: exactly('CustomResourceDefinitions.', {
        enabled: flag('Whether this release installs and upgrades them.'),
        keep: flag('Whether they, and with them every job, outlive the release.'),
      }),
      policy: exactly('The admission policy that guards QueueActions.', {
        enabled: flag('False: somebody else installs it. Without it the operator acts on none.'),
      }),
      personas: exactly('ClusterRoles for viewers, submitters and workers.', {
        enabled: flag('Whether they are installed. Nothing is bound to them.'),
      }),
      serviceAccount: exactly("The operator's ServiceAccount.", {
        annotations: strings('Its annotations.'),
      }),
      installationKey: exactly('Secret with the 32 bytes that nonces are made from.', {
        secret: text('Name of the Secret, which must exist.', { minLength: 1 }),
        key: text('Key inside the Secret.', { minLength: 1 }),
      }),
      nats: NATS,
      config: configSchema(),
      resources: free("Resources of the operator's container."),
      podAnnotations: strings('Annotations of the pods.'),
      podLabels: strings('Labels of the pods.'),
      priorityClassName: text('PriorityClass of the pods.'),
      nodeSelector: strings('Labels of the nodes that may run the pods.'),
      tolerations: objects('Taints that the pods tolerate.'),
      affinity: free('Affinity of the pods.'),
      topologySpreadConstraints: objects('How the pods spread.'),
    },
  }
}
