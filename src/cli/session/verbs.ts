// capstan session …, and those verbs of `task` that go on with earlier work.

import type { GroupSpec, VerbSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'
import { continueOptions, releaseOptions, sendOptions } from './options.ts'

const id = { name: 'id', summary: 'The task’s id' } as const
const anyTask = { name: 'id', summary: 'The id of the session, or of any of its tasks' } as const

export const session: GroupSpec = {
  name: 'session',
  summary: 'Conversations that outlive a task',
  fallback: null,
  verbs: [
    verb({
      name: 'ls',
      summary: 'Conversations, the latest first',
      options: none,
      examples: ['capstan session ls'],
      load: async () => (await import('./sessions.ts')).listSessions,
    }),
    verb({
      name: 'show',
      summary: 'One session, and what waits in it',
      args: [anyTask],
      options: none,
      examples: ['capstan session show ID'],
      load: async () => (await import('./sessions.ts')).showSession,
    }),
    verb({
      name: 'close',
      summary: 'Take no more tasks into a session',
      args: [anyTask],
      options: none,
      examples: ['capstan session close ID'],
      load: async () => (await import('./sessions.ts')).closeSession,
    }),
  ],
}

export const continuing: readonly VerbSpec[] = [
  verb({
    name: 'continue',
    summary: 'A new task that goes on with a task’s work and conversation',
    args: [id, { name: 'prompt', summary: 'What to do next', optional: true }],
    options: continueOptions,
    examples: [
      'capstan task continue ID "now add a test" -f',
      'capstan task continue ID --fork "try it the other way"',
    ],
    load: async () => (await import('./continue.ts')).continueTask,
  }),
  verb({
    name: 'send',
    summary: 'Say something to a task’s agent, now or next',
    args: [id, { name: 'text', summary: 'The message' }],
    options: sendOptions,
    examples: ['capstan task send ID "use the other library"', 'capstan task send ID --now "stop after the tests"'],
    load: async () => (await import('./send.ts')).sendMessage,
  }),
  verb({
    name: 'edit',
    summary: 'Other words for a task that still waits',
    args: [id, { name: 'text', summary: 'The new prompt' }],
    options: none,
    examples: ['capstan task edit ID "use the other library, and say why"'],
    load: async () => (await import('./send.ts')).editMessage,
  }),
  verb({
    name: 'hold',
    summary: 'Keep a task that waits until it is released',
    args: [id],
    options: none,
    examples: ['capstan task hold ID'],
    load: async () => (await import('./send.ts')).holdTask,
  }),
  verb({
    name: 'release',
    summary: 'Let a held task go, or say a message that waits at once',
    args: [id],
    options: releaseOptions,
    examples: ['capstan task release ID', 'capstan task release ID --now'],
    load: async () => (await import('./send.ts')).releaseTask,
  }),
]
