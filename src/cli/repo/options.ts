// The options of the repo verbs.

import type { OptionSpec } from '../spec.ts'

const data = {
  name: 'data',
  kind: 'text',
  value: 'DIR',
  summary: 'Data folder; default: the running one’s, else ~/.capstan',
} as const satisfies OptionSpec

export const repoAddOptions = [
  {
    name: 'slug',
    kind: 'text',
    value: 'NAME',
    summary: 'Its name; default: owner/name of the remote, else the folder',
  },
  { name: 'trust', kind: 'flag', summary: 'Let its .capstan/repo.toml and its agents’ settings count' },
  data,
] as const satisfies readonly OptionSpec[]

export const repoOptions = [data] as const satisfies readonly OptionSpec[]
