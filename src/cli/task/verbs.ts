// capstan task …

import { continuing } from '../session/verbs.ts'
import type { GroupSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'
import {
  addOptions,
  answerOptions,
  attemptOptions,
  listOptions,
  logsOptions,
  messageOptions,
  requestsOptions,
  restoreOptions,
  showOptions,
  waitOptions,
} from './options.ts'

const id = { name: 'id', summary: 'The task’s id' } as const
const ids = { name: 'id', summary: 'The tasks’ ids', variadic: true } as const

export const task: GroupSpec = {
  name: 'task',
  summary: 'Give work, follow it, take its result',
  fallback: null,
  verbs: [
    verb({
      name: 'add',
      summary: 'Give work',
      args: [{ name: 'prompt', summary: 'What the agent is to do', optional: true }],
      options: addOptions,
      examples: [
        'capstan task add "fix the failing test" --follow',
        'capstan task add --prompt-file plan.md --check "npm test" --wait',
        'capstan task add --harness shell --prompt "date > now.txt" --json',
      ],
      load: async () => (await import('./add.ts')).addTask,
    }),
    verb({
      name: 'ls',
      summary: 'Tasks, newest first',
      options: listOptions,
      examples: ['capstan task ls', 'capstan task ls --state queued,running --json'],
      load: async () => (await import('./ls.ts')).listTasks,
    }),
    verb({
      name: 'show',
      summary: 'One task: its state in words, attempts, checks',
      args: [id],
      options: showOptions,
      examples: ['capstan task show ID --log'],
      load: async () => (await import('./show.ts')).showTask,
    }),
    verb({
      name: 'logs',
      summary: 'What the agent said and did',
      args: [id],
      options: logsOptions,
      examples: ['capstan task logs ID -f', 'capstan task logs ID --json > events.ndjson'],
      load: async () => (await import('./logs.ts')).showLogs,
    }),
    verb({
      name: 'diff',
      summary: 'What the agent changed, as a patch that git apply takes',
      args: [id],
      options: attemptOptions,
      examples: ['capstan task diff ID | git apply --check'],
      load: async () => (await import('./diff.ts')).showDiff,
    }),
    verb({
      name: 'requests',
      summary: 'What agents ask of you: what exactly, the options, until when',
      args: [{ name: 'id', summary: 'A task’s or a request’s id; default: every open one', optional: true }],
      options: requestsOptions,
      examples: ['capstan task requests', 'capstan task requests TASK_ID --all --json'],
      load: async () => (await import('./requests.ts')).showRequests,
    }),
    verb({
      name: 'answer',
      summary: 'Answer what an agent asks; once, for good',
      args: [{ name: 'request-id', summary: 'The request’s id' }],
      options: answerOptions,
      examples: [
        'capstan task answer REQUEST_ID --allow',
        'capstan task answer REQUEST_ID --deny --text "use the staging key"',
        'capstan task answer REQUEST_ID --text "call it v2"',
      ],
      load: async () => (await import('./answer.ts')).answerRequest,
    }),
    verb({
      name: 'wait',
      summary: 'Wait for tasks to end: 0 done, 1 failed, 3 cancelled, 124 not yet',
      args: [ids],
      options: waitOptions,
      examples: ['capstan task wait ID --timeout 10m --json'],
      load: async () => (await import('./wait.ts')).waitForTasks,
    }),
    verb({
      name: 'cancel',
      summary: 'End a task for good; its work is kept',
      args: [id],
      options: messageOptions,
      examples: ['capstan task cancel ID -m "not needed any more"'],
      load: async () => (await import('./change.ts')).cancelTask,
    }),
    verb({
      name: 'attach',
      summary: 'Join the terminal of an interactive task; Ctrl-] leaves it at work',
      args: [id],
      options: none,
      examples: ['capstan task attach ID'],
      load: async () => (await import('./attach.ts')).attachTask,
    }),
    verb({
      name: 'finish',
      summary: 'End the agent of an interactive task; what it made is the result',
      args: [id],
      options: none,
      examples: ['capstan task finish ID'],
      load: async () => (await import('./attach.ts')).finishTask,
    }),
    verb({
      name: 'retry',
      summary: 'Run a failed or rejected task again from base',
      args: [id],
      options: none,
      examples: ['capstan task retry ID'],
      load: async () => (await import('./change.ts')).retryTask,
    }),
    verb({
      name: 'accept',
      summary: 'Accept a completed task that waits for review',
      args: [id],
      options: messageOptions,
      examples: ['capstan task accept ID'],
      load: async () => (await import('./change.ts')).acceptTask,
    }),
    verb({
      name: 'reject',
      summary: 'Reject a completed task',
      args: [id],
      options: messageOptions,
      examples: ['capstan task reject ID -m "the test is still missing"'],
      load: async () => (await import('./change.ts')).rejectTask,
    }),
    verb({
      name: 'apply',
      summary: 'Bring the changes into the working tree you are in',
      args: [id],
      options: attemptOptions,
      examples: ['capstan task apply ID'],
      load: async () => (await import('./apply.ts')).applyTask,
    }),
    verb({
      name: 'restore',
      summary: 'Bring back the kept workspace of a task on this host',
      args: [id],
      options: restoreOptions,
      examples: ['capstan task restore ID --to ../restored'],
      load: async () => (await import('./restore.ts')).restoreTask,
    }),
    ...continuing,
  ],
}
