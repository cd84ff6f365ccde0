// Hands what the daemon made over to the user that agents run as, where the daemon is root and they are not.

import { chmodSync, existsSync, lchownSync, lstatSync, readdirSync } from 'node:fs'
import { lchown } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import type { Workspace } from './port.ts'

/** Small folders; what is not there is left out. */
export function giveFolders(user: RunUser | null, folders: readonly string[]): void {
  if (user === null) return
  for (const folder of folders.filter(existsSync))
    for (const path of allIn(folder)) lchownSync(path, user.uid, user.gid)
}

/**
 * The path and all below it. Never through a link, which a repository may hold and an agent may leave: a daemon of root would give away what it
 * leads to. Node's own `recursive` follows links to folders.
 */
function* allIn(path: string): Generator<string> {
  yield path
  if (!lstatSync(path).isDirectory()) return
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) yield* allIn(inner)
    else yield inner
  }
}

/** The workspace's files and the agent's git folder, before an agent has been in them. A shared checkout stays its owner's. */
export async function giveWorkspace(user: RunUser | null, workspace: Workspace): Promise<void> {
  if (user === null || workspace.mode === 'shared') return
  const { path, cloneDir, commonDir, objectDir, baseIndex } = workspace
  for (const folder of [dirname(path), dirname(baseIndex)]) chmodSync(folder, 0o711) // to be passed through, not looked at
  if (commonDir !== null && !(await mayRead(user, objectDir))) {
    throw new Problem(
      'workspace_failed',
      `the user ${user.name} cannot read ${objectDir}; let it, or run without --run-as.`,
    )
  }
  for (const folder of cloneDir === undefined ? [path] : [path, cloneDir])
    for (const each of allIn(folder)) await lchown(each, user.uid, user.gid)
  // git asks whose the pointer is
  if (cloneDir !== undefined) await lchown(join(dirname(cloneDir), 'gitfile'), user.uid, user.gid)
}

async function mayRead(user: RunUser, folder: string): Promise<boolean> {
  const args = ['-c', 'cd "$1" && test -r .', 'sh', folder]
  return (await exec('/bin/sh', args, { env: {}, cwd: '/', timeoutMs: 10_000, user })).code === 0
}
