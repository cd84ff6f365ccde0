// capstan pool …, profile …, token …, team …

import type { GroupSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'
import { auditOptions, poolAddOptions, profileOptions, tokenAddOptions } from './options.ts'

const name = { name: 'name', summary: 'Its name' } as const
const nameOrId = { name: 'name', summary: 'Its name or id' } as const

export const pool: GroupSpec = {
  name: 'pool',
  summary: 'Hosts that stand for each other',
  fallback: null,
  verbs: [
    verb({
      name: 'add',
      summary: 'Make a pool',
      args: [name],
      options: poolAddOptions,
      examples: ['capstan pool add fast', 'capstan pool add ci --connector ci-bot'],
      load: async () => (await import('./pools.ts')).addPool,
    }),
    verb({
      name: 'ls',
      summary: 'Pools',
      options: none,
      examples: ['capstan pool ls'],
      load: async () => (await import('./pools.ts')).listPools,
    }),
    verb({
      name: 'show',
      summary: 'One pool',
      args: [nameOrId],
      options: none,
      examples: ['capstan pool show fast'],
      load: async () => (await import('./pools.ts')).showPool,
    }),
    verb({
      name: 'rm',
      summary: 'Remove a pool that nothing uses',
      args: [nameOrId],
      options: none,
      examples: ['capstan pool rm fast'],
      load: async () => (await import('./pools.ts')).removePool,
    }),
  ],
}

export const profile: GroupSpec = {
  name: 'profile',
  summary: 'Reusable settings of agents',
  fallback: null,
  verbs: [
    verb({
      name: 'add',
      summary: 'Make a profile',
      args: [name],
      options: profileOptions,
      examples: ['capstan profile add careful --harness codex --autonomy edit'],
      load: async () => (await import('./profiles.ts')).addProfile,
    }),
    verb({
      name: 'ls',
      summary: 'Profiles',
      options: none,
      examples: ['capstan profile ls'],
      load: async () => (await import('./profiles.ts')).listProfiles,
    }),
    verb({
      name: 'show',
      summary: 'One profile',
      args: [nameOrId],
      options: none,
      examples: ['capstan profile show careful'],
      load: async () => (await import('./profiles.ts')).showProfile,
    }),
    verb({
      name: 'set',
      summary: 'Change settings: the others stay, and it gets a new version',
      args: [nameOrId],
      options: profileOptions,
      examples: ['capstan profile set careful --max-turns 40'],
      load: async () => (await import('./profiles.ts')).setProfile,
    }),
    verb({
      name: 'rm',
      summary: 'Remove a profile that no waiting task names',
      args: [nameOrId],
      options: none,
      examples: ['capstan profile rm careful'],
      load: async () => (await import('./profiles.ts')).removeProfile,
    }),
  ],
}

export const token: GroupSpec = {
  name: 'token',
  summary: 'Tokens of people and daemons',
  fallback: null,
  verbs: [
    verb({
      name: 'add',
      summary: 'Make a token; its secret is shown this once',
      args: [name],
      options: tokenAddOptions,
      examples: ['capstan token add laptop --scope daemon', 'capstan token add ann --expires 720h'],
      load: async () => (await import('./tokens.ts')).addToken,
    }),
    verb({
      name: 'ls',
      summary: 'Tokens, without their secrets',
      options: none,
      examples: ['capstan token ls'],
      load: async () => (await import('./tokens.ts')).listTokens,
    }),
    verb({
      name: 'revoke',
      summary: 'Revoke a token, on live connections too',
      args: [{ name: 'id', summary: 'Its id, from token ls' }],
      options: none,
      examples: ['capstan token revoke ID'],
      load: async () => (await import('./tokens.ts')).revokeToken,
    }),
  ],
}

export const team: GroupSpec = {
  name: 'team',
  summary: 'Teams',
  fallback: null,
  verbs: [
    verb({
      name: 'add',
      summary: 'Make a team',
      args: [name],
      options: none,
      examples: ['capstan team add platform'],
      load: async () => (await import('./teams.ts')).addTeam,
    }),
    verb({
      name: 'ls',
      summary: 'Teams you may see',
      options: none,
      examples: ['capstan team ls'],
      load: async () => (await import('./teams.ts')).listTeams,
    }),
    verb({
      name: 'audit',
      summary: 'Who changed what, the latest first',
      options: auditOptions,
      examples: ['capstan team audit', 'capstan team audit --limit 500 --json'],
      load: async () => (await import('./audit.ts')).showAudit,
    }),
  ],
}
