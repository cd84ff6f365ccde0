// The options of the verbs about pools, profiles, tokens and teams.

import type { OptionSpec } from '../spec.ts'

export const poolAddOptions = [
  {
    name: 'connector',
    kind: 'text',
    value: 'NAME',
    summary: 'Token whose daemons may join, or `me`; default: every daemon of the team',
  },
] as const satisfies readonly OptionSpec[]

export const profileOptions = [
  { name: 'description', kind: 'text', value: 'TEXT', summary: 'What it is for' },
  { name: 'harness', kind: 'text', value: 'NAME', summary: 'Agent CLI' },
  { name: 'model', kind: 'text', value: 'NAME', summary: 'Model, as the agent CLI calls it' },
  { name: 'autonomy', kind: 'text', value: 'HOW', choices: ['full', 'edit', 'ask'], summary: 'What it may do unasked' },
  { name: 'max-turns', kind: 'count', min: 1, value: 'N', summary: 'End after so many turns' },
  { name: 'max-bash-timeouts', kind: 'count', min: 1, value: 'N', summary: 'End after so many hung commands' },
  { name: 'timeout', kind: 'duration', value: 'DUR', summary: 'Agent time' },
  {
    name: 'required-env',
    kind: 'list',
    commas: true,
    value: 'NAME',
    summary: 'Variable that the host must have (repeatable)',
  },
  {
    name: 'pass-env',
    kind: 'list',
    commas: true,
    value: 'NAME',
    summary: 'Variable that reaches the agent (repeatable)',
  },
  {
    name: 'required-tools',
    kind: 'list',
    commas: true,
    value: 'NAME',
    summary: 'Program that must be on PATH (repeatable)',
  },
  {
    name: 'workspace-modes',
    kind: 'list',
    commas: true,
    value: 'MODE',
    choices: ['worktree', 'shared', 'scratch'],
    summary: 'Allowed modes, the default first',
  },
] as const satisfies readonly OptionSpec[]

export const tokenAddOptions = [
  {
    name: 'scope',
    kind: 'list',
    commas: true,
    value: 'SCOPE',
    choices: ['user', 'admin', 'daemon'],
    summary: 'What it may do; default: user',
  },
  { name: 'team', kind: 'text', value: 'NAME', summary: 'Default: yours' },
  { name: 'expires', kind: 'text', value: 'TIME', summary: 'Date, or span such as 720h; default: never' },
] as const satisfies readonly OptionSpec[]
