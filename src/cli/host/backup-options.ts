// The options of backup and restore.

import type { OptionSpec } from '../spec.ts'

export const databaseSetting = {
  name: 'database',
  kind: 'text',
  value: 'URL',
  summary: 'postgres://…; default: the data folder’s SQLite',
} as const satisfies OptionSpec

const data = {
  name: 'data',
  kind: 'text',
  value: 'DIR',
  summary: 'Data folder; default: ~/.capstan',
} as const satisfies OptionSpec

export const backupOptions = [data, databaseSetting] as const satisfies readonly OptionSpec[]
export const restoreOptions = [data, databaseSetting] as const satisfies readonly OptionSpec[]
