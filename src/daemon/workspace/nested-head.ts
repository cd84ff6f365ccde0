// HEAD of a repository that an agent may have made or changed, read as text: even asking git for a ref obeys that repository's configuration.

import { join, resolve } from 'node:path'
import { objectId, validBranchName } from '../../lib/git-refs.ts'
import { readBounded } from './private-git.ts'

/** A HEAD or a ref has one line. */
const maxRefBytes = 4_096
/** The packed refs of a repository of some hundred thousand branches. */
const maxPackedBytes = 33_554_432

/** The commit that HEAD of the repository in `folder` names, whether or not it is there; null when there is none to be read. */
export function nestedHead(folder: string): string | null {
  const gitDir = gitDirOf(folder)
  const head = line(join(gitDir, 'HEAD'))
  if (head === null || objectId.test(head)) return head
  const ref = head.startsWith('ref: ') ? head.slice('ref: '.length) : ''
  if (!ref.startsWith('refs/') || !validBranchName(ref)) return null
  const common = resolve(gitDir, line(join(gitDir, 'commondir')) ?? '.')
  const loose = line(join(common, ref))
  if (loose !== null) return objectId.test(loose) ? loose : null
  return packed(common, ref)
}

/** A submodule's `.git` is a file that says where its git folder is. */
function gitDirOf(folder: string): string {
  const dotGit = join(folder, '.git')
  const pointer = line(dotGit)
  return pointer?.startsWith('gitdir: ') === true ? resolve(folder, pointer.slice('gitdir: '.length)) : dotGit
}

function packed(common: string, ref: string): string | null {
  const text = readBounded(join(common, 'packed-refs'), { maxBytes: maxPackedBytes, links: 'refused' })?.toString(
    'utf8',
  )
  const found = text?.split('\n').find((each) => each.endsWith(` ${ref}`))
  const id = found?.slice(0, -ref.length - 1) ?? ''
  return objectId.test(id) ? id : null
}

function line(path: string): string | null {
  return readBounded(path, { maxBytes: maxRefBytes, links: 'refused' })?.toString('utf8').trimEnd() ?? null
}
