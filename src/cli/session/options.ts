// The options of the verbs that go on with earlier work.

import type { OptionSpec } from '../spec.ts'

export const continueOptions = [
  { name: 'fork', kind: 'flag', summary: 'A new branch and a copy of the conversation; else both are extended' },
  { name: 'handoff', kind: 'flag', summary: 'Begin a fresh conversation with a summary where resuming is impossible' },
  { name: 'daemon', kind: 'text', value: 'ID', summary: 'On this daemon, by id or name; default: where it was' },
  { name: 'prompt-file', kind: 'text', value: 'FILE', summary: 'Read the prompt from a file, or - for standard input' },
  { name: 'hold', kind: 'flag', summary: 'Keep it until capstan task release' },
  { name: 'wait', kind: 'flag', summary: 'Stay until it has ended' },
  { name: 'follow', short: 'f', kind: 'flag', summary: 'Show it as it happens, to its end' },
] as const satisfies readonly OptionSpec[]

export const releaseOptions = [
  { name: 'now', kind: 'flag', summary: 'Say it to the agent at work, where that takes words' },
] as const satisfies readonly OptionSpec[]

export const sendOptions = [
  { name: 'now', kind: 'flag', summary: 'To the agent at work, where it takes words' },
  { name: 'hold', kind: 'flag', summary: 'Keep it until capstan task release' },
] as const satisfies readonly OptionSpec[]
