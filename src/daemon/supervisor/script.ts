// Where the supervisor's script lies: a copy per version in the state folder, so that an upgrade never replaces one that is in use.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cidOf } from '../../lib/cid.ts'
import { codeFile } from '../../lib/package-files.ts'

/** The script of this build. */
const source = codeFile('daemon/supervisor/supervisor.sh')

/** Copies the script to `<stateDir>/supervisors/<hash>/supervisor.sh` (0700) unless it is there, and returns that path. */
export function installScript(stateDir: string): string {
  const text = readFileSync(source)
  const folder = join(stateDir, 'supervisors', cidOf(text).slice('sha256-'.length, 'sha256-'.length + 16))
  const path = join(folder, 'supervisor.sh')
  if (existsSync(path) && readFileSync(path).equals(text)) return path
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const beside = `${path}.${process.pid}.tmp`
  writeFileSync(beside, text, { mode: 0o700 })
  renameSync(beside, path)
  return path
}
