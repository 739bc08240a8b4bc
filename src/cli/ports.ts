/**
 * What the commands need: a cluster, a place to write to, a person to ask, files, time. Implemented by
 * `kube/client-*.ts` and `process/terminal.ts`; the unit tests put simple things in their place.
 */
import type { Kind } from '../api/conditions.ts'
import type {
  ActionStore,
  Created,
  Identity,
  JobFeed,
  JobStore,
  NewObject,
} from '../client/ports.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { JobKey } from '../core/ids.ts'
import type { StoredObject } from '../kube/client-objects.ts'

export interface Selectors {
  readonly label?: string
  readonly field?: string
}

/** Objects as they are stored. Every method rejects with an ApiError or the reason of its signal. */
export interface Objects {
  get(kind: Kind, key: JobKey, signal?: AbortSignal): Promise<StoredObject | null>
  /** In the order of namespaces and names. @param namespace '' = all */
  pages(
    kind: Kind,
    namespace: string,
    selectors: Selectors,
    signal?: AbortSignal,
  ): AsyncIterable<readonly StoredObject[]>
  /** `dryRun`: everything is checked by the API server and nothing is stored. */
  create(
    kind: Kind,
    object: NewObject<unknown>,
    options: { readonly dryRun?: boolean },
    signal?: AbortSignal,
  ): Promise<Created<StoredObject>>
  /** A merge patch; null: there is no such object. */
  patch(
    kind: Kind,
    key: JobKey,
    change: unknown,
    signal?: AbortSignal,
  ): Promise<StoredObject | null>
}

/** One API server, as the caller's kubeconfig reaches it. */
export interface Cluster {
  readonly objects: Objects
  readonly actions: ActionStore
  readonly store: JobStore
  readonly feed: JobFeed
  readonly identity: Identity
  /** Of `--namespace`, else of the context. */
  readonly namespace: string
  /** Gives back connections. */
  readonly close: () => Promise<void>
}

export interface Output {
  /** Standard output; resolves when there is room for more. @throws OutputClosed */
  write(text: string): Promise<void>
  /** Standard error. */
  note(text: string): void
}

export interface Terminal {
  /** Somebody can answer. */
  readonly asks: boolean
  /** Standard error is a terminal: a line can be written over. */
  readonly redraws: boolean
  /** One line of standard input. @throws the reason of the signal */
  ask(question: string, signal: AbortSignal): Promise<string>
}

export interface Files {
  /** @param path `-` = standard input. @throws GopherQueueError `FileUnreadable`, `FileTooLarge` */
  read(path: string, maxBytes: number): Promise<string>
}

/** Everything that one run of a command has. */
export interface Context {
  /** Connects at the first call. @throws GopherQueueError `KubeconfigMissing`, `KubeconfigInvalid` */
  readonly cluster: () => Promise<Cluster>
  readonly output: Output
  readonly terminal: Terminal
  readonly files: Files
  readonly clock: Clock
  readonly random: Random
  /** IANA name of the zone that times are shown in. */
  readonly zone: string
  readonly version: string
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}
