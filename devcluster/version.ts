// Version numbers as programs print them, and whether one is new enough.
//
// Programs found on a machine are judged by what they say of themselves (`--version`), never by
// their file name. A pre-release of the floor itself does not count as the floor.

export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
  /** True for `1.36.0-rc.1`; build metadata (`+k3s1`) is not a pre-release. */
  readonly preRelease: boolean
}

/** The first `X.Y.Z` in the text (with or without a `v`), or undefined when there is none. */
export function parseVersion(text: string): Version | undefined {
  const found = /(?<![\d.])v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?![.\d])(-[0-9A-Za-z])?/.exec(text)
  if (found === null) return undefined
  const [, major, minor, patch, suffix] = found
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    preRelease: suffix !== undefined,
  }
}

/** Whether `version` is `floor` or newer. */
export function atLeast(version: Version, floor: Version): boolean {
  if (version.major !== floor.major) return version.major > floor.major
  if (version.minor !== floor.minor) return version.minor > floor.minor
  if (version.patch !== floor.patch) return version.patch > floor.patch
  return floor.preRelease || !version.preRelease
}

/** The version as people write it: `2.15.2`, `1.36.0-…` for a pre-release. */
export function formatVersion(version: Version): string {
  return `${version.major}.${version.minor}.${version.patch}${version.preRelease ? '-…' : ''}`
}
