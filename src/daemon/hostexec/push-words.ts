// The words by which a rule judges `git push` on the host: what the refspecs mean, not only how they are written.

import type { ApprovalRule } from '../../core/approval.ts'
import { ruleForWords } from '../../core/approval.ts'
import type { Remote } from './mirror.ts'

export interface PushFrom {
  /** HEAD is on it; null: detached. */
  readonly branch: string | null
  readonly remotes: readonly Remote[]
}

export interface PushWords {
  /** As they were, and behind them what they come to: names of branches, `--force` and `-f`. */
  readonly words: readonly string[]
  /** They may write or delete refs that stand nowhere in them. */
  readonly open: boolean
}

const openFlags: ReadonlySet<string> = new Set([
  '--all',
  '--branches',
  '--tags',
  '--follow-tags',
  '-d',
  '--delete',
  '--mirror',
  '--prune',
])

/** True for words that this file reads: `git push …`. */
export function isPush(argv: readonly string[]): boolean {
  return argv[0] === 'git' && argv[1] === 'push'
}

/** The rule that allows this push. One that excludes anything allows none whose refs the words do not name. */
export function ruleForPush(
  argv: readonly string[],
  from: PushFrom,
  rules: readonly ApprovalRule[],
): ApprovalRule | null {
  const { words, open } = pushWords(argv, from)
  return ruleForWords(words, open ? rules.filter(({ argsExcludes = [] }) => argsExcludes.length === 0) : rules)
}

/** `argv` has passed the table of git's words: no option there takes the next word as its value. */
export function pushWords(argv: readonly string[], from: PushFrom): PushWords {
  const args = argv.slice(2)
  const flags = args.filter((word) => word.startsWith('-'))
  const [remote = null, ...refspecs] = args.filter((word) => !word.startsWith('-'))
  const given = refspecs.length === 0 ? ['HEAD'] : refspecs
  const targets = given.map((refspec) => targetOf(refspec, from.branch))
  const forced =
    flags.some((flag) => /^(?:-f|--force|--force-with-lease(?:=.*)?)$/.test(flag)) ||
    given.some((refspec) => refspec.startsWith('+'))
  const mapped = given.some((refspec) => !refspec.includes(':')) && mapsRefs(remote, from.remotes)
  return {
    words: [...argv, ...targets.flatMap(namesOf), ...(forced ? ['--force', '-f'] : [])],
    open: mapped || flags.some((flag) => openFlags.has(flag)) || targets.includes(null),
  }
}

/** The ref that is written; null: several, one that is deleted, or one that only git could tell. */
function targetOf(refspec: string, branch: string | null): string | null {
  const [source = '', target] = refspec.replace(/^\+/, '').split(':')
  if (source === '' || source.startsWith('^') || refspec.includes('*')) return null
  if (target !== undefined) return target === '' || target === 'HEAD' ? null : target
  return source === 'HEAD' || source === '@' ? branch : source
}

/** All ways to write it, so that it is found whichever of them a rule excludes. */
function namesOf(target: string | null): readonly string[] {
  if (target === null) return []
  const short = target.replace(/^(?:refs\/)?(?:heads|tags)\//, '')
  return [target, short, `heads/${short}`, `refs/heads/${short}`]
}

/** The repository's own `remote.NAME.push` says where a name goes that has no target. */
function mapsRefs(remote: string | null, remotes: readonly Remote[]): boolean {
  return remotes.some(({ name, mapped }) => mapped && (remote === null || name === remote))
}
