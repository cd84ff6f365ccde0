// What may follow the words typed so far, from the tables of verbs and options.

import type { Entry, GroupSpec, OptionSpec, VerbSpec } from '../spec.ts'

/** What stands where a candidate is wanted. `task`: the id of a task; the caller knows how to list those. */
export type Candidates = { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'task' }

/**
 * `words` are those after `capstan`; the last is being typed and may be empty. Gives all that fit the place, whether or not they begin with
 * what is typed; nothing where a file or free text is wanted.
 */
export async function candidates(words: readonly string[], entries: readonly Entry[]): Promise<Candidates> {
  const [name, ...rest] = words
  if (name === undefined || rest.length === 0) return only(entries.map((entry) => entry.name))
  const spec = await entries.find((entry) => entry.name === name)?.load()
  if (spec === undefined) return only([])
  if (!('verbs' in spec)) return within(spec, rest, null)
  return inGroup(spec, rest)
}

function inGroup(group: GroupSpec, words: readonly string[]): Candidates {
  const [name = '', ...rest] = words
  const verb = group.verbs.find((each) => each.name === name || each.aliases.includes(name))
  if (verb !== undefined && rest.length > 0) return within(verb, rest, group)
  if (words.length > 1) return only([])
  const fallback = group.verbs.find((each) => each.name === group.fallback)
  if (name.startsWith('-')) return only(fallback === undefined ? ['--help'] : optionNames(fallback))
  return only(group.verbs.map((each) => each.name))
}

function within(verb: VerbSpec, words: readonly string[], group: GroupSpec | null): Candidates {
  const typed = words.at(-1) ?? ''
  const before = verb.options.find((option) => isNamed(option, words.at(-2) ?? ''))
  if (before !== undefined && before.kind !== 'flag') return only(before.choices ?? [])
  if (typed.startsWith('-')) return only(optionNames(verb))
  return group?.name === 'task' && verb.args[0]?.name === 'id' ? { kind: 'task' } : only([])
}

function isNamed(option: OptionSpec, word: string): boolean {
  return word === `--${option.name}` || (option.short !== undefined && word === `-${option.short}`)
}

function optionNames(verb: VerbSpec): readonly string[] {
  const shown = verb.options.filter((option) => option.hidden !== true)
  const names = shown.flatMap(({ name, negated }) =>
    negated === undefined ? [`--${name}`] : [`--${name}`, `--no-${name}`],
  )
  return [...names, ...(verb.json ? ['--json'] : []), '--help']
}

function only(words: readonly string[]): Candidates {
  return { kind: 'words', words }
}
