// capstan up, server, backup, restore, daemon …

import type { GroupSpec, VerbSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'
import { backupOptions, restoreOptions } from './backup-options.ts'
import { batchOptions, daemonOptions, onceOptions, serverOptions, syncOptions, upOptions } from './options.ts'

export const up: VerbSpec = verb({
  name: 'up',
  summary: 'Start everything here: server, daemon and page. A second one adds its repository to the first.',
  options: upOptions,
  examples: ['capstan up', 'capstan up --port 0 --data ./data --json'],
  stays: true,
  load: async () => (await import('../up.ts')).runUp,
})

export const server: VerbSpec = verb({
  name: 'server',
  summary: 'Run the server alone. Options may also stand in CAPSTAN_* variables.',
  options: serverOptions,
  examples: ['capstan server', 'capstan server --listen 0.0.0.0:7420 --tls-cert c.pem --tls-key k.pem'],
  stays: true,
  load: async () => (await import('../server.ts')).runServer,
})

export const backup: VerbSpec = verb({
  name: 'backup',
  summary: 'Write all that the server of this data folder knows into one file, while it runs',
  args: [{ name: 'path', summary: 'File, or a folder for a file named by its time; default: here', optional: true }],
  options: backupOptions,
  examples: ['capstan backup /mnt/backups', 'capstan backup capstan.backup --data ./data'],
  load: async () => (await import('./backup.ts')).runBackup,
})

export const restore: VerbSpec = verb({
  name: 'restore',
  summary: 'Put a backup into an empty data folder or database; a server started on it goes on',
  args: [{ name: 'file', summary: 'What backup wrote' }],
  options: restoreOptions,
  examples: ['capstan restore capstan.backup --data ./data'],
  load: async () => (await import('./backup.ts')).runRestore,
})

const which = { name: 'daemon', summary: 'Id or name; default: the one of this host', optional: true } as const

export const daemon: GroupSpec = {
  name: 'daemon',
  summary: 'Run agents on this host for a server; look at hosts',
  fallback: 'poll',
  verbs: [
    verb({
      name: 'poll',
      summary: 'Take work until stopped (what daemon alone does)',
      options: daemonOptions,
      examples: ['capstan daemon --roles qa --max-agents 4'],
      stays: true,
      load: async () => (await import('../daemon.ts')).runPoll,
    }),
    verb({
      name: 'once',
      summary: 'Run one task and exit with its outcome',
      options: onceOptions,
      examples: ['capstan daemon once --task ID'],
      stays: true,
      load: async () => (await import('../daemon.ts')).runOnce,
    }),
    verb({
      name: 'batch',
      summary: 'Run until there is nothing to take',
      options: batchOptions,
      examples: ['capstan daemon batch --wait-for-first-task 30s'],
      stays: true,
      load: async () => (await import('../daemon.ts')).runBatch,
    }),
    verb({
      name: 'status',
      summary: 'One host: what it runs, has and lacks',
      args: [which],
      options: none,
      examples: ['capstan daemon status'],
      load: async () => (await import('./hosts.ts')).showHost,
    }),
    verb({
      name: 'drain',
      summary: 'Let the named daemon take no more work; without a name the same as batch',
      args: [{ name: 'daemon', summary: 'Id or name', optional: true }],
      options: batchOptions,
      examples: ['capstan daemon drain laptop:app', 'capstan daemon drain --wait-for-first-task 30s'],
      stays: true,
      load: async () => (await import('../daemon.ts')).runDrain,
    }),
    verb({
      name: 'undrain',
      summary: 'Let it take work again, also for accounts whose quota was spent',
      args: [which],
      options: none,
      examples: ['capstan daemon undrain laptop:app'],
      load: async () => (await import('./hosts.ts')).undrainHost,
    }),
    verb({
      name: 'ls',
      summary: 'Hosts, connected ones first',
      options: none,
      examples: ['capstan daemon ls'],
      load: async () => (await import('./hosts.ts')).listHosts,
    }),
    verb({
      name: 'show',
      summary: 'One host: what it runs, has and lacks',
      args: [which],
      options: none,
      examples: ['capstan daemon show laptop:app'],
      load: async () => (await import('./hosts.ts')).showHost,
    }),
    verb({
      name: 'sync-sessions',
      summary: 'Upload conversations of this host that the server lacks',
      options: syncOptions,
      examples: ['capstan daemon sync-sessions --dry-run', 'capstan daemon sync-sessions --state completed --limit 10'],
      load: async () => (await import('./sync-sessions.ts')).syncHere,
    }),
    verb({
      name: 'config',
      summary: 'Effective settings and where each came from',
      options: daemonOptions,
      examples: ['capstan daemon config'],
      load: async () => (await import('./config.ts')).showConfig,
    }),
  ],
}
