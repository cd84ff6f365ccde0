// The options of the task verbs.

import { thinkingLevels } from '../../core/thinking.ts'
import type { OptionSpec } from '../spec.ts'

export const addOptions = [
  { name: 'prompt', kind: 'text', value: 'TEXT', summary: 'The prompt, instead of the argument' },
  { name: 'prompt-file', kind: 'text', value: 'FILE', summary: 'Read the prompt from a file, or - for standard input' },
  { name: 'repo', kind: 'text', value: 'SLUG', summary: 'Repository; default: the registered one you are in' },
  { name: 'harness', kind: 'text', value: 'NAME', summary: 'Agent CLI: codex, claude-code, shell …' },
  { name: 'model', kind: 'text', value: 'NAME', summary: 'Model, as the agent CLI calls it' },
  { name: 'thinking', kind: 'text', value: 'LEVEL', choices: thinkingLevels, summary: 'How much the model thinks' },
  { name: 'profile', kind: 'list', value: 'NAME', summary: 'Allowed profile (repeatable)' },
  { name: 'pool', kind: 'text', value: 'NAME', summary: 'Only hosts of this pool' },
  { name: 'daemon', kind: 'text', value: 'ID', summary: 'Only this daemon, by id or name' },
  { name: 'role', kind: 'text', value: 'NAME', summary: 'Only daemons with this role' },
  { name: 'label', kind: 'list', value: 'LABEL', summary: 'Only daemons with this label (repeatable)' },
  { name: 'type', kind: 'text', value: 'NAME', summary: 'Task type; default: freeform' },
  {
    name: 'expect',
    kind: 'text',
    value: 'WHAT',
    choices: ['changes', 'output', 'nothing'],
    summary: 'What done needs',
  },
  { name: 'output-schema', kind: 'text', value: 'FILE', summary: 'JSON Schema of the output; done needs one' },
  { name: 'review', kind: 'text', value: 'WHEN', choices: ['none', 'required'], summary: 'Wait for task accept' },
  {
    name: 'check',
    kind: 'list',
    value: 'CMD',
    summary: 'Must pass after the agent: "npm test" or "name=command" (repeatable)',
  },
  { name: 'base', kind: 'text', value: 'REF', summary: 'Branch, tag or commit to start from; default: HEAD' },
  {
    name: 'workspace-mode',
    kind: 'text',
    value: 'MODE',
    choices: ['worktree', 'shared', 'scratch'],
    summary: 'Where the agent works',
  },
  { name: 'timeout', kind: 'duration', value: 'DUR', summary: 'Agent time, such as 30m; 0: none; default 2h' },
  { name: 'max-turns', kind: 'count', min: 1, value: 'N', summary: 'End after so many turns' },
  { name: 'max-cost', kind: 'amount', min: 0, value: 'USD', summary: 'End when it costs more' },
  {
    name: 'context',
    kind: 'list',
    value: 'FILE[:HOW]',
    summary: 'Text for the agent, as skill, context_inline, prompt_prefix or user_inline (repeatable)',
  },
  { name: 'attach', kind: 'list', value: 'FILE', summary: 'File for the agent, outside the diff (repeatable)' },
  { name: 'priority', kind: 'count', min: -1000, max: 1000, value: 'N', summary: 'Higher first; default 0' },
  { name: 'attempts', kind: 'count', min: 1, max: 20, value: 'N', summary: 'At most so many attempts; default 3' },
  {
    name: 'failover',
    kind: 'text',
    value: 'HOW',
    choices: ['patient', 'fast'],
    summary: 'When its host is lost, wait for it or go on elsewhere',
  },
  {
    name: 'on-stall',
    kind: 'text',
    value: 'WHAT',
    choices: ['notify', 'abort', 'fail'],
    summary: 'When the agent is silent too long',
  },
  { name: 'stall-timeout', kind: 'duration', value: 'DUR', summary: 'How long is too long; 0: never; default 30m' },
  {
    name: 'on-rate-limit',
    kind: 'text',
    value: 'WHAT',
    choices: ['wait', 'park', 'failover'],
    summary: 'When its quota is spent; default failover',
  },
  { name: 'autonomy', kind: 'text', value: 'HOW', choices: ['full', 'edit', 'ask'], summary: 'What it may do unasked' },
  { name: 'title', kind: 'text', value: 'TEXT', summary: 'Default: the first line of the prompt' },
  { name: 'run-at', kind: 'text', value: 'TIME', summary: 'Not before: 2026-01-31T09:00 or in a span: 2h' },
  { name: 'expires-at', kind: 'text', value: 'TIME', summary: 'Give up when not started by then' },
  { name: 'correlation-id', kind: 'text', value: 'ID', summary: 'Ties tasks together' },
  {
    name: 'idempotency-key',
    kind: 'text',
    value: 'KEY',
    summary: 'The same key gives the same task, not a second one',
  },
  { name: 'interactive', kind: 'flag', summary: 'The agent in a terminal, for you to join: task attach' },
  { name: 'wait', kind: 'flag', summary: 'Wait for the end; the exit code says how it ended' },
  { name: 'follow', short: 'f', kind: 'flag', summary: 'Show the agent at work until the end' },
] as const satisfies readonly OptionSpec[]

export const listOptions = [
  { name: 'state', kind: 'list', commas: true, value: 'STATE', summary: 'Only these: queued, running, failed …' },
  { name: 'repo', kind: 'text', value: 'SLUG', summary: 'Only of this repository' },
  { name: 'harness', kind: 'text', value: 'NAME', summary: 'Only of this agent CLI' },
  { name: 'daemon', kind: 'text', value: 'ID', summary: 'Only of this daemon' },
  { name: 'label', kind: 'text', value: 'LABEL', summary: 'Only with this label' },
  { name: 'correlation-id', kind: 'text', value: 'ID', summary: 'Only with this correlation id' },
  {
    name: 'limit',
    kind: 'count',
    min: 1,
    max: 10_000,
    value: 'N',
    summary: 'At most so many; default 20, with --json 200',
  },
] as const satisfies readonly OptionSpec[]

export const showOptions = [
  { name: 'log', kind: 'flag', summary: 'Also what happened when, and who did it' },
] as const satisfies readonly OptionSpec[]

export const logsOptions = [
  { name: 'follow', short: 'f', kind: 'flag', summary: 'Go on until the task ends' },
  { name: 'attempt', kind: 'count', min: 1, value: 'N', summary: 'Only this attempt' },
] as const satisfies readonly OptionSpec[]

export const attemptOptions = [
  { name: 'attempt', kind: 'count', min: 1, value: 'N', summary: 'This attempt; default: the last' },
] as const satisfies readonly OptionSpec[]

export const waitOptions = [
  { name: 'timeout', kind: 'duration', value: 'DUR', summary: 'Stop waiting after this (exit 124); default: never' },
] as const satisfies readonly OptionSpec[]

export const messageOptions = [
  { name: 'message', short: 'm', kind: 'text', value: 'TEXT', summary: 'Why; kept in the log' },
] as const satisfies readonly OptionSpec[]

export const requestsOptions = [
  { name: 'all', kind: 'flag', summary: 'Also those that are not open any more' },
] as const satisfies readonly OptionSpec[]

export const answerOptions = [
  { name: 'allow', kind: 'flag', summary: 'Allow it, this once' },
  { name: 'deny', kind: 'flag', summary: 'Deny it' },
  { name: 'option', kind: 'text', value: 'ID', summary: 'Choose this option of the request' },
  { name: 'text', kind: 'text', value: 'TEXT', summary: 'Answer in words, or add words to the choice' },
] as const satisfies readonly OptionSpec[]

export const restoreOptions = [
  { name: 'to', kind: 'text', value: 'PATH', summary: 'A folder that does not exist; default: ./capstan-TASK' },
  { name: 'attempt', kind: 'count', min: 1, value: 'N', summary: 'This attempt; default: the last' },
  { name: 'data', kind: 'text', value: 'DIR', summary: 'Data folder of this host’s daemon' },
] as const satisfies readonly OptionSpec[]
