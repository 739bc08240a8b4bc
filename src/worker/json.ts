/**
 * Is a value JSON, with nothing lost on the way? `JSON.stringify` answers too kindly: it drops
 * functions, turns a Map, a Promise or a stream into `{}`, NaN and a hole in a list into null, and
 * walks a gigabyte before anyone can say that 16 KiB are allowed. A handler that returns such a value
 * has a bug that the one who waits for the result would find, so it is refused here with its path.
 *
 * What has a `toJSON` of its own (Date, URL, decimals) is taken as that; properties that are
 * undefined are dropped, as everybody expects.
 */

export interface Loss {
  /** Such as `items[3].at`; '' = the value as a whole. */
  readonly path: string
  readonly problem: string
}

/** Deeper values overflow a decoder somewhere on the way. */
const MAX_DEPTH = 200

interface Walk {
  readonly maxBytes: number
  /** Least number of bytes that what was seen takes as JSON. */
  bytes: number
  readonly above: object[]
}

/** Null: it is JSON, and not larger than `maxBytes` by much. Never throws. */
export function lossOf(value: unknown, maxBytes: number): Loss | null {
  if (value === undefined) return null
  const walk: Walk = { maxBytes, bytes: 0, above: [] }
  try {
    return look(value, '', '', walk) ?? tooLarge(walk, 2 * maxBytes)
  } catch (error) {
    // A getter or toJSON of the value threw.
    const said = error instanceof Error ? error.message : 'an unreadable error'
    return { path: '', problem: `cannot be read: ${said.slice(0, 200)}` }
  }
}

function look(raw: unknown, path: string, key: string, walk: Walk): Loss | null {
  const large = tooLarge(walk, walk.maxBytes)
  if (large) return large
  const value = converted(raw, key)
  switch (typeof value) {
    case 'string':
      walk.bytes += value.length + 2
      return null
    case 'number':
      walk.bytes += 1
      return Number.isFinite(value) ? null : { path, problem: `is ${value}, which JSON has not` }
    case 'boolean':
      walk.bytes += 4
      return null
    case 'object':
      return value === null ? null : inside(value, path, walk)
    case 'bigint':
      return { path, problem: 'is a BigInt, which JSON has not; return a string' }
    case 'function':
    case 'symbol':
    case 'undefined':
      return { path, problem: `is ${typeof value === 'undefined' ? '' : 'a '}${typeof value}` }
  }
}

function inside(value: object, path: string, walk: Walk): Loss | null {
  const foreign = notData(value)
  if (foreign) return { path, problem: foreign }
  if (walk.above.includes(value)) return { path, problem: 'refers back to itself' }
  if (walk.above.length >= MAX_DEPTH) {
    return { path: '', problem: `is nested deeper than ${MAX_DEPTH} levels` }
  }
  walk.above.push(value)
  walk.bytes += 2
  const loss = Array.isArray(value) ? ofList(value, path, walk) : ofRecord(value, path, walk)
  walk.above.pop()
  return loss
}

function ofList(list: readonly unknown[], path: string, walk: Walk): Loss | null {
  for (let i = 0; i < list.length; i++) {
    walk.bytes += 1
    const loss = look(list[i], `${path}[${i}]`, String(i), walk)
    if (loss) return loss
  }
  return null
}

function ofRecord(record: object, path: string, walk: Walk): Loss | null {
  for (const key of Object.keys(record)) {
    const inner: unknown = Reflect.get(record, key)
    if (inner === undefined) continue
    walk.bytes += key.length + 4
    const loss = look(inner, path === '' ? key : `${path}.${key}`, key, walk)
    if (loss) return loss
  }
  return null
}

function tooLarge({ bytes, maxBytes }: Walk, over: number): Loss | null {
  if (bytes <= over) return null
  return { path: '', problem: `is larger than ${maxBytes} bytes as JSON` }
}

/** As JSON.stringify does it first of all. */
function converted(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  const toJson: unknown = Reflect.get(value, 'toJSON')
  if (typeof toJson !== 'function') return value
  const json: unknown = toJson.call(value, key)
  // An invalid Date says null.
  return json === null && value instanceof Date ? Number.NaN : json
}

/** Objects that JSON would turn into `{}` or into a list of numbers. */
function notData(value: object): string | null {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return 'is binary data; return it as base64 text, or store it and return a reference'
  }
  if (value instanceof Map || value instanceof Set) {
    return `is a ${value instanceof Map ? 'Map' : 'Set'}; return a plain object or a list`
  }
  if (typeof Reflect.get(value, 'then') === 'function') return 'is a promise that nobody awaited'
  if (typeof Reflect.get(value, 'pipe') === 'function' || value instanceof ReadableStream) {
    return 'is a stream; store its content and return a reference'
  }
  if (value instanceof Error) return 'is an Error; throw it'
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof RegExp) {
    return `is a ${value.constructor.name}, which JSON has not`
  }
  return null
}
