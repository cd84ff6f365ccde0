// Which words git may be given on the host. Everything that needs no network an agent does inside; of the rest only options that can start no
// program, name no file and no address. Whoever allows a push cannot know every option of git: a rule for `push` must not mean `--receive-pack`.

import { Problem } from '../../core/problem.ts'
import type { Remote } from './mirror.ts'

interface Command {
  readonly flags: readonly string[]
  /** With a value behind `=`, or without one. */
  readonly valued: readonly string[]
}

const common = ['-q', '--quiet', '-v', '--verbose', '--progress', '--no-progress', '-4', '-6', '--ipv4', '--ipv6']

const commands: Readonly<Record<string, Command>> = {
  push: {
    flags: [
      ...common,
      '-u',
      '--set-upstream',
      '-f',
      '--force',
      '--force-with-lease',
      '--force-if-includes',
      '--tags',
      '--follow-tags',
      '--all',
      '--branches',
      '-d',
      '--delete',
      '-n',
      '--dry-run',
      '--porcelain',
      '--atomic',
      '--no-verify',
    ],
    valued: ['--force-with-lease', '--push-option'],
  },
  fetch: {
    flags: [...common, '-t', '--tags', '-n', '--no-tags', '-p', '--prune', '-f', '--force', '--dry-run', '--atomic'],
    valued: [],
  },
  'ls-remote': {
    flags: ['-q', '--quiet', '-h', '--heads', '--branches', '-t', '--tags', '--refs', '--exit-code', '--symref'],
    valued: ['--sort'],
  },
}

/** A remote's name, then what to push or fetch: names of refs, with `+` and `:` between them. */
const refspec = /^\+?[A-Za-z0-9_./@^~*-]*(?::[A-Za-z0-9_./*-]*)?$/

/** The remote that these words speak of, or that is meant where they name none. Throws `not_on_host`. */
export function gitRemote(args: readonly string[], remotes: readonly Remote[]): Remote {
  const [name = '', ...rest] = args
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    const can = Object.keys(commands).join(', ')
    throw new Problem(
      'not_on_host',
      `git ${shown(name)} is not run on the host: only ${can} are, and no option before them; everything else works inside`,
    )
  }
  const bad = rest.filter((word) => word.startsWith('-')).find((word) => !allows(command, word))
  if (bad !== undefined)
    throw new Problem(
      'not_on_host',
      `git ${name} is not given ${shown(bad)} on the host: ${optionsOf(command)} are possible`,
    )
  const [remote, ...refs] = rest.filter((word) => !word.startsWith('-'))
  const wrong = refs.find((word) => !refspec.test(word))
  if (wrong !== undefined)
    throw new Problem('not_on_host', `${shown(wrong)} is not a ref that git ${name} takes on the host`)
  if (remote === undefined) return defaultRemote(name, remotes)
  const found = remotes.find((each) => each.name === remote)
  if (found !== undefined) return found
  const known = remotes.map((each) => each.name).join(', ')
  throw new Problem(
    'not_on_host',
    `${shown(remote)} is not a remote of the registered repository (${known === '' ? 'it has none' : known}); addresses and paths are not taken`,
  )
}

/** The only one, else origin. The user's own configuration may name another, which nobody here has looked at. */
function defaultRemote(command: string, remotes: readonly Remote[]): Remote {
  const [only] = remotes
  const found = remotes.length === 1 ? only : remotes.find(({ name }) => name === 'origin')
  if (found !== undefined) return found
  const names = remotes.map(({ name }) => name).join(', ')
  const detail =
    remotes.length === 0
      ? `the registered repository has no remote, so git ${command} has nowhere to go; add one there (git remote add)`
      : `git ${command} names no remote, and of those of the registered repository (${names}) none is origin; name one`
  throw new Problem('not_on_host', detail)
}

function allows({ flags, valued }: Command, word: string): boolean {
  const [option = '', ...value] = word.split('=')
  return value.length === 0 ? flags.includes(word) : valued.includes(option)
}

function optionsOf({ flags, valued }: Command): string {
  return [...flags, ...valued.filter((each) => !flags.includes(each)).map((each) => `${each}=…`)].join(' ')
}

function shown(word: string): string {
  return JSON.stringify(word.length > 80 ? `${word.slice(0, 80)}…` : word)
}
