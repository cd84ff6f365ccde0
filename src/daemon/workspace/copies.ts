// Copied ignored files that the agent changed: kept in a folder of the daemon's (0700), never in git objects, because they are often secrets.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cidOf } from '../../lib/cid.ts'
import { watchedBytes } from './carry.ts'
import type { Workspace } from './port.ts'
import { readBounded } from './private-git.ts'

/** Archives each one as it is now and says so. */
export function keepChangedCopies(workspace: Workspace): string[] {
  const archive = join(dirname(workspace.baseIndex), 'copies')
  const notices: string[] = []
  for (const { path, cid } of workspace.carried) {
    if (cid === null) continue
    const bytes = readBounded(join(workspace.path, path), { maxBytes: watchedBytes, links: 'refused' })
    if (bytes === null || cidOf(bytes) === cid) continue
    mkdirSync(dirname(join(archive, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(archive, path), bytes, { mode: 0o600 })
    notices.push(`The copied file ${path} was changed; the new content is kept on the host, outside git.`)
  }
  return notices
}
