// capstan repo …

import type { GroupSpec } from '../spec.ts'
import { verb } from '../spec.ts'
import { repoAddOptions, repoOptions } from './options.ts'

const name = { name: 'repo', summary: 'Its slug or path' } as const

export const repo: GroupSpec = {
  name: 'repo',
  summary: 'The repositories this host serves; a running daemon notices changes',
  fallback: null,
  verbs: [
    verb({
      name: 'add',
      summary: 'Let tasks work in a repository',
      args: [{ name: 'path', summary: 'A checkout; default: the one you are in', optional: true }],
      options: repoAddOptions,
      examples: ['capstan repo add', 'capstan repo add ~/src/app --slug acme/app --trust'],
      load: async () => (await import('./add.ts')).addRepository,
    }),
    verb({
      name: 'ls',
      summary: 'Registered repositories, and what is wrong with them',
      options: repoOptions,
      examples: ['capstan repo ls'],
      load: async () => (await import('./ls.ts')).listRepositories,
    }),
    verb({
      name: 'rm',
      summary: 'Take a repository off the list; nothing of it is deleted',
      args: [name],
      options: repoOptions,
      examples: ['capstan repo rm acme/app'],
      load: async () => (await import('./rm.ts')).removeRepository,
    }),
    verb({
      name: 'trust',
      summary: 'Let its .capstan/repo.toml and its agents’ own files count, as they are now',
      args: [name],
      options: repoOptions,
      examples: ['capstan repo trust acme/app'],
      load: async () => (await import('./trust.ts')).trustRepository,
    }),
  ],
}
