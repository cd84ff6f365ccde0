// The verbs of the command line, in the order of --help. Each is loaded only when argv names it.

import type { Entry } from './spec.ts'

export const entries: readonly Entry[] = [
  {
    name: 'up',
    summary: 'Start everything here: server, daemon and page',
    load: async () => (await import('./host/verbs.ts')).up,
  },
  {
    name: 'task',
    summary: 'Give work, follow it, take its result',
    load: async () => (await import('./task/verbs.ts')).task,
  },
  {
    name: 'session',
    summary: 'Conversations that outlive a task',
    load: async () => (await import('./session/verbs.ts')).session,
  },
  {
    name: 'repo',
    summary: 'The repositories this host serves',
    load: async () => (await import('./repo/verbs.ts')).repo,
  },
  {
    name: 'daemon',
    summary: 'Run agents on this host for a server; look at hosts',
    load: async () => (await import('./host/verbs.ts')).daemon,
  },
  {
    name: 'server',
    summary: 'Run the server alone',
    load: async () => (await import('./host/verbs.ts')).server,
  },
  {
    name: 'backup',
    summary: 'All that the server knows, in one file',
    load: async () => (await import('./host/verbs.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'A backup into an empty data folder or database',
    load: async () => (await import('./host/verbs.ts')).restore,
  },
  {
    name: 'mcp',
    summary: 'Tasks as MCP tools, for editors and agents',
    load: async () => (await import('./mcp-options.ts')).mcp,
  },
  {
    name: 'gc',
    summary: 'Clean up what runs left on this host',
    load: async () => (await import('./host/gc-options.ts')).gc,
  },
  {
    name: 'profile',
    summary: 'Reusable settings of agents',
    load: async () => (await import('./fleet/verbs.ts')).profile,
  },
  {
    name: 'model',
    summary: 'What is known of models',
    load: async () => (await import('./fleet/access-verbs.ts')).model,
  },
  {
    name: 'pool',
    summary: 'Hosts that stand for each other',
    load: async () => (await import('./fleet/verbs.ts')).pool,
  },
  {
    name: 'member',
    summary: 'People and service accounts, and their roles',
    load: async () => (await import('./fleet/access-verbs.ts')).member,
  },
  {
    name: 'token',
    summary: 'Tokens of people and daemons',
    load: async () => (await import('./fleet/verbs.ts')).token,
  },
  { name: 'team', summary: 'Teams', load: async () => (await import('./fleet/verbs.ts')).team },
  { name: 'login', summary: 'Use a server', load: async () => (await import('./identity/verbs.ts')).login },
  { name: 'logout', summary: 'Forget the server', load: async () => (await import('./identity/verbs.ts')).logout },
  {
    name: 'whoami',
    summary: 'Which server, which team, which rights',
    load: async () => (await import('./identity/verbs.ts')).whoami,
  },
  {
    name: 'config',
    summary: 'Carry this machine’s settings to another',
    load: async () => (await import('./identity/verbs.ts')).config,
  },
  {
    name: 'doctor',
    summary: 'Find what is wrong here, with remedies',
    load: async () => (await import('./identity/verbs.ts')).doctor,
  },
  {
    name: 'completion',
    summary: 'Complete words in your shell',
    load: async () => (await import('./completion/verbs.ts')).completionVerb(() => entries),
  },
]
