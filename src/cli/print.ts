/**
 * The forms in which objects are printed: `table`, `wide`, `json`, `yaml`, `name`. A list is printed
 * page by page as it comes. JSON and YAML hold the objects whole and exactly, numbers beyond 2^53
 * included; what a terminal would act on is written as an escape, which both languages read back.
 */
import { Document, Scalar, visit } from 'yaml'
import { GROUP, KINDS } from '../api/conditions.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { UsageError } from './exit.ts'
import type { Given } from './given.ts'
import type { Output } from './ports.ts'
import { type Column, Table } from './table.ts'

const FORMS = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Form = (typeof FORMS)[number]

/** `-o`, `table` when it is not given. */
export function formOf(given: Given): Form {
  const text = given.text('output') ?? 'table'
  const found = FORMS.find((form) => form === text)
  if (found) return found
  throw new UsageError(
    `--output ${JSON.stringify(text)}: is no form of output`,
    `one of ${FORMS.join(', ')}; templates and JSON paths: kubectl get qj -o jsonpath=…`,
  )
}

/** What a terminal or an editor would act on. JSON has it inside of texts only. */
const ODD = /[\u007f-\u009f\u00ad\u2028\u2029\p{Cf}\p{Cs}]/gu

const escaped = (sign: string): string =>
  [...Array(sign.length).keys()]
    .map((index) => `\\u${sign.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('')

export function jsonText(value: unknown, indent = 2): string {
  return (JSON.stringify(value, null, indent) ?? 'null').replace(ODD, escaped)
}

const YAML = { version: '1.1', aliasDuplicateObjects: false } as const
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const NOT_PLAIN = /[\u0000-\u001f\u007f-\u009f\u00ad\u2028\u2029\p{Cf}\p{Cs}]/u

export function yamlText(value: unknown): string {
  const document = new Document(exactly(value), YAML)
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && NOT_PLAIN.test(node.value)) node.type = QUOTED
    },
  })
  return document.toString({ lineWidth: 0 }).replace(ODD, escaped)
}

const QUOTED = Scalar.QUOTE_DOUBLE

/** Digits that JSON kept (`kube/exact-json.ts`) as a number that YAML keeps. */
function exactly(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(exactly)
  const { rawJSON } = value as { readonly rawJSON?: unknown }
  if (typeof rawJSON === 'string' && Object.getPrototypeOf(value) === null) return BigInt(rawJSON)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, exactly(each)]))
}

/** `queuejob.gopherqueue.io/NAME` */
export function nameText({ kind, meta }: StoredObject): string {
  return `${KINDS[kind].singular}.${GROUP}/${meta.name}`
}

export interface Printing<T> {
  readonly form: Form
  readonly columns: readonly Column<T>[]
  /** What a row of the table is made of. */
  readonly row: (object: StoredObject) => T
}

/** Prints a list page by page. */
export class Printer<T> {
  readonly #output: Output
  readonly #printing: Printing<T>
  readonly #table: Table<T>
  #printed = 0

  constructor(output: Output, printing: Printing<T>) {
    this.#output = output
    this.#printing = printing
    const { form, columns } = printing
    this.#table = new Table(columns.filter(({ wide }) => !wide || form === 'wide'))
  }

  get printed(): number {
    return this.#printed
  }

  async page(objects: readonly StoredObject[]): Promise<void> {
    if (objects.length === 0) return
    const first = this.#printed === 0
    this.#printed += objects.length
    await this.#output.write(this.#textOf(objects, first))
  }

  #textOf(objects: readonly StoredObject[], first: boolean): string {
    const { form, row } = this.#printing
    switch (form) {
      case 'table':
      case 'wide':
        return this.#table.page(objects.map(row))
      case 'name':
        return objects.map((object) => `${nameText(object)}\n`).join('')
      case 'json':
        return `${first ? JSON_HEAD : ''}${objects
          .map(({ raw }, index) => `${first && index === 0 ? '' : ','}\n${indented(jsonText(raw))}`)
          .join('')}`
      case 'yaml':
        return `${first ? YAML_HEAD : ''}${yamlText(objects.map(({ raw }) => raw))}`
    }
  }

  /** The end of the list; an empty one is a list, too. */
  async end(): Promise<void> {
    const { form } = this.#printing
    const empty = this.#printed === 0
    if (form === 'json') await this.#output.write(`${empty ? JSON_HEAD : '\n  '}]\n}\n`)
    if (form === 'yaml' && empty) {
      await this.#output.write('apiVersion: v1\nkind: List\nitems: []\n')
    }
  }
}

const JSON_HEAD = '{\n  "apiVersion": "v1",\n  "kind": "List",\n  "items": ['
const YAML_HEAD = 'apiVersion: v1\nkind: List\nitems:\n'

const indented = (text: string): string => text.replace(/^/gm, '    ')

/** One object: itself, not a list of one. */
export async function printOne<T>(
  output: Output,
  printing: Printing<T>,
  object: StoredObject,
): Promise<void> {
  const { form } = printing
  if (form === 'json') return output.write(`${jsonText(object.raw)}\n`)
  if (form === 'yaml') return output.write(yamlText(object.raw))
  return new Printer(output, printing).page([object])
}
