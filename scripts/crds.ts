// The CRDs of every release, kept in test/fixtures/crds/<version>/, and the comparison with them.
//
//   node scripts/crds.ts check     crds/ takes nothing away from any release (part of `npm run verify`)
//   node scripts/crds.ts release   keeps crds/ as those of package.json's version (npm run release:crds)
//
// A snapshot moves only by the second command. It refuses a version that is tagged, and CRDs that take
// something away from another release; until a version is tagged its own snapshot may be taken again.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { type Crd, losses, type Reviewed } from './crd-diff.ts'
import { readText, report, root } from './repository.ts'

const current = 'crds'
const snapshots = 'test/fixtures/crds'
const reviewedFile = `${snapshots}/reviewed.yaml`

function yamlFiles(folder: string): readonly string[] {
  return readdirSync(path.join(root, folder))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => `${folder}/${file}`)
}

const readCrds = (folder: string) => yamlFiles(folder).map((file) => parse(readText(file)) as Crd)

function releases(): readonly string[] {
  const entries = readdirSync(path.join(root, snapshots), { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

function lossesSince(versions: readonly string[]): readonly string[] {
  const reviewed = (parse(readText(reviewedFile)) ?? []) as readonly Reviewed[]
  const now = readCrds(current)
  return versions.flatMap((version) =>
    losses(readCrds(`${snapshots}/${version}`), now, reviewed).map(
      (loss) => `since ${version}, ${loss}`,
    ),
  )
}

function check(): readonly string[] {
  const known = releases()
  if (known.length === 0)
    return [`${snapshots} holds no release to compare with: npm run release:crds`]
  return lossesSince(known)
}

function release(): readonly string[] {
  const { version } = JSON.parse(readText('package.json')) as { version: string }
  const tag = `v${version}`
  const tagged = execFileSync('git', ['tag', '--list', tag], { cwd: root, encoding: 'utf8' }).trim()
  if (tagged !== '') return [`${tag} is released: raise the version in package.json first`]
  const lost = lossesSince(releases().filter((known) => known !== version))
  if (lost.length > 0) return lost
  const folder = path.join(root, snapshots, version)
  if (existsSync(folder)) rmSync(folder, { recursive: true })
  mkdirSync(folder, { recursive: true })
  for (const file of yamlFiles(current))
    writeFileSync(path.join(folder, path.basename(file)), readText(file))
  return []
}

switch (process.argv[2]) {
  case 'check':
    process.exitCode = report(check())
    break
  case 'release':
    process.exitCode = report(release())
    break
  default:
    console.error('usage: node scripts/crds.ts check | release')
    process.exitCode = 2
}
