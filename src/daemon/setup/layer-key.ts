// What decides whether what a setup left may be used again: its commands, the files it reads, and where it ran. Equal keys, equal results.

import { join, matchesGlob } from 'node:path'
import { cidOfJson } from '../../lib/cid.ts'
import { gitBytes, longGitMs, zeroSeparated } from '../../lib/git.ts'
import type { SandboxSettings } from '../../protocol/sandbox.ts'
import type { Workspace } from '../workspace/port.ts'
import { privately } from '../workspace/private-git.ts'

/** Raised when layers are made in another way: older ones are then never used. */
const layerVersion = 1

export interface Stage {
  /** Whose commands they are: the profile's, or those of the repository's trusted repo.toml. */
  readonly of: 'profile' | 'repository'
  readonly commands: readonly string[]
  /** Paths and globs below the folder they run in. Null: every file of the base; absent: never kept. */
  readonly cacheKey?: readonly string[] | null
}

export interface KeyParts {
  readonly workspace: Workspace
  /** Of the workspace: where the commands run. */
  readonly subfolder: string | null
  readonly stages: readonly Stage[]
  readonly sandbox: SandboxSettings | null
  /** The host's search path, without a run's own folder: another Node or Python makes other packages. */
  readonly path: string
  readonly signal: AbortSignal
}

/** `unmatched`: names of cacheKey that no file of the base has. */
export async function layerKey(
  parts: KeyParts,
): Promise<{ readonly key: string; readonly unmatched: readonly string[] }> {
  const { workspace, subfolder, stages, sandbox, path } = parts
  const wanted = stages.flatMap(({ cacheKey }) => cacheKey ?? [])
  const files = wanted.length === 0 ? [] : await filesOf(parts)
  const read = stages.map((stage) => filesRead(stage, files, workspace.baseTree))
  const cid = cidOfJson({
    layerVersion,
    host: `${process.platform}-${process.arch}`,
    path,
    subfolder,
    sandbox: sandbox === null ? null : { env: sandbox.env ?? {}, caches: sandbox.caches ?? [] },
    stages: stages.map(({ commands }, at) => ({ commands: [...commands], files: read[at] ?? null })),
  })
  const unmatched = wanted.filter((glob) => !files.some(({ name }) => matches(name, glob)))
  return { key: cid.slice(cid.indexOf('-') + 1), unmatched }
}

interface TreeFile {
  readonly name: string
  /** Mode, kind and id of its content. */
  readonly content: string
}

function filesRead({ cacheKey }: Stage, files: readonly TreeFile[], baseTree: string): readonly string[] {
  if (cacheKey == null) return [baseTree]
  return files
    .filter(({ name }) => cacheKey.some((glob) => matches(name, glob)))
    .map(({ name, content }) => `${content} ${name}`)
}

function matches(name: string, glob: string): boolean {
  return name === glob || matchesGlob(name, glob)
}

/** Of the base, not of the folder: what stands there could be changed meanwhile. Names are below the folder the commands run in. */
async function filesOf({ workspace, subfolder, signal }: KeyParts): Promise<TreeFile[]> {
  const options = { ...privately(workspace, { signal, timeoutMs: longGitMs }), maxBytes: 268_435_456 }
  const listed = zeroSeparated(await gitBytes(['ls-tree', '-r', '-z', workspace.baseTree], options))
  const below = subfolder === null ? '' : `${join(subfolder)}/`
  return listed.flatMap((line) => {
    const at = line.indexOf('\t')
    const name = line.slice(at + 1)
    return name.startsWith(below) ? [{ name: name.slice(below.length), content: line.slice(0, at) }] : []
  })
}
