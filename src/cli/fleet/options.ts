// The options of the verbs about pools, profiles, models, members, tokens and teams.

import { roles } from '../../core/role.ts'
import { thinkingLevels } from '../../core/thinking.ts'
import type { OptionSpec } from '../spec.ts'

export const poolAddOptions = [
  {
    name: 'connector',
    kind: 'text',
    value: 'NAME',
    summary: 'Member whose daemons may join, or `me`; default: every daemon of the team',
  },
] as const satisfies readonly OptionSpec[]

export const profileOptions = [
  { name: 'description', kind: 'text', value: 'TEXT', summary: 'What it is for' },
  { name: 'harness', kind: 'text', value: 'NAME', summary: 'Agent CLI' },
  { name: 'model', kind: 'text', value: 'NAME', summary: 'Model, as the agent CLI calls it' },
  { name: 'provider', kind: 'text', value: 'NAME', summary: 'Whose model it is' },
  { name: 'thinking', kind: 'text', value: 'LEVEL', choices: thinkingLevels, summary: 'How much the model thinks' },
  { name: 'temperature', kind: 'amount', min: 0, max: 2, value: 'N', summary: 'Of the model' },
  { name: 'top-p', kind: 'amount', min: 0, max: 1, value: 'N', summary: 'Of the model' },
  { name: 'top-k', kind: 'count', min: 1, value: 'N', summary: 'Of the model' },
  { name: 'max-output-tokens', kind: 'count', min: 1, value: 'N', summary: 'Of one answer' },
  {
    name: 'context',
    kind: 'list',
    value: 'FILE[:HOW]',
    summary: 'Text for each agent, as skill, context_inline, prompt_prefix or user_inline (repeatable)',
  },
  { name: 'autonomy', kind: 'text', value: 'HOW', choices: ['full', 'edit', 'ask'], summary: 'What it may do unasked' },
  { name: 'max-turns', kind: 'count', min: 1, value: 'N', summary: 'End after so many turns' },
  { name: 'max-bash-timeouts', kind: 'count', min: 1, value: 'N', summary: 'End after so many hung commands' },
  { name: 'timeout', kind: 'duration', value: 'DUR', summary: 'Agent time' },
  { name: 'session-ttl', kind: 'duration', value: 'DUR', summary: 'How long a conversation may be gone on with' },
  { name: 'workspace-ttl', kind: 'duration', value: 'DUR', summary: 'How long a host keeps a run’s folder' },
  {
    name: 'on-rate-limit',
    kind: 'text',
    value: 'WHAT',
    choices: ['wait', 'park', 'failover'],
    summary: 'When the quota is spent',
  },
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
  { name: 'lease-ttl', kind: 'duration', value: 'DUR', summary: 'How long its host may go unheard, 15s to 10m' },
  { name: 'heartbeat-interval', kind: 'duration', value: 'DUR', summary: 'How often its host is heard, 1s to 60s' },
  { name: 'max-batch-size', kind: 'count', min: 1, max: 50, value: 'N', summary: 'Events in one message; default 50' },
  { name: 'setup', kind: 'list', value: 'COMMAND', summary: 'Run before the agent, kept for later runs (repeatable)' },
  {
    name: 'cache-key',
    kind: 'list',
    commas: true,
    value: 'FILE',
    summary: 'What setup made is used again while these stay (repeatable)',
  },
  { name: 'sandbox', kind: 'text', value: 'FILE', summary: 'Sandbox and commands as TOML; see docs/sandbox.md' },
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
  { name: 'account', kind: 'text', value: 'NAME', summary: 'Member it is for; default: one of the token’s name' },
  { name: 'team', kind: 'text', value: 'NAME', summary: 'Default: yours' },
  { name: 'expires', kind: 'text', value: 'TIME', summary: 'Date, or span such as 720h; default: never' },
] as const satisfies readonly OptionSpec[]

export const modelListOptions = [
  { name: 'provider', kind: 'text', value: 'NAME', summary: 'Only this one’s' },
] as const satisfies readonly OptionSpec[]

export const modelOptions = [
  { name: 'display-name', kind: 'text', value: 'TEXT', summary: 'What people call it' },
  { name: 'description', kind: 'text', value: 'TEXT', summary: 'What it is good for' },
  { name: 'context-window', kind: 'count', min: 1, value: 'TOKENS', summary: 'How much it takes in' },
  {
    name: 'thinking',
    kind: 'list',
    commas: true,
    value: 'LEVEL',
    choices: thinkingLevels,
    summary: 'Thinking levels that it has (repeatable)',
  },
  { name: 'tools', kind: 'flag', summary: 'It can use tools', negated: 'It cannot use tools' },
] as const satisfies readonly OptionSpec[]

const roleOption = { name: 'role', kind: 'text', value: 'ROLE', choices: roles, summary: 'What it may do' } as const

export const memberAddOptions = [
  roleOption,
  { name: 'service', kind: 'flag', summary: 'A service account instead of a person' },
] as const satisfies readonly OptionSpec[]

export const memberSetOptions = [{ ...roleOption, required: true }] as const satisfies readonly OptionSpec[]

export const auditOptions = [
  { name: 'actor', kind: 'text', value: 'NAME', summary: 'Only of this one: user:ann, daemon:laptop' },
  { name: 'operation', kind: 'text', value: 'NAME', summary: 'Only such calls: createToken' },
  { name: 'target', kind: 'text', value: 'ID', summary: 'Only on this; of a task with all that its log tells' },
  { name: 'tasks', kind: 'flag', summary: 'Also who made which task' },
  { name: 'limit', kind: 'count', min: 1, max: 10_000, value: 'N', summary: 'At most so many lines; default 50' },
] as const satisfies readonly OptionSpec[]
