/** What the user gave after the name of a command, by the long names of the options. */
import { UsageError } from './exit.ts'

export type GivenValue = string | boolean | readonly string[]

export class Given {
  /** Names and the like that stand without an option. */
  readonly args: readonly string[]
  readonly #values: ReadonlyMap<string, GivenValue>

  constructor(args: readonly string[], values: ReadonlyMap<string, GivenValue>) {
    this.args = args
    this.#values = values
  }

  on(option: string): boolean {
    return this.#values.get(option) === true
  }

  text(option: string): string | undefined {
    const value = this.#values.get(option)
    return typeof value === 'string' ? value : undefined
  }

  /** Of an option that may be repeated, or holds several values with commas. */
  list(option: string): readonly string[] {
    const value = this.#values.get(option)
    return Array.isArray(value) ? value : []
  }

  /** Reads a value; a mistake names the option. */
  read<T>(option: string, reader: (text: string) => T): T | undefined {
    const text = this.text(option)
    return text === undefined ? undefined : this.#reading(option, text, reader)
  }

  readAll<T>(option: string, reader: (text: string) => T): readonly T[] {
    return this.list(option).map((text) => this.#reading(option, text, reader))
  }

  #reading<T>(option: string, text: string, reader: (text: string) => T): T {
    try {
      return reader(text)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      throw new UsageError(`--${option} ${JSON.stringify(text)}: ${error.message}`, error.help)
    }
  }
}
