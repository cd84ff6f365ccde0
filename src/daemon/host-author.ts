// Who commits what an agent left uncommitted: the host's own git user, as its owner set it.

import type { Env } from '../lib/env.ts'
import { exec } from '../lib/exec.ts'
import type { GitAuthor } from '../lib/git.ts'

const fallback: GitAuthor = { name: 'Capstan', email: 'capstan@localhost' }

/** `user.name` and `user.email` of the user's git configuration; a repository's own are not asked, an agent could write them. */
export async function hostAuthor(env: Env, cwd: string): Promise<GitAuthor> {
  const [name, email] = await Promise.all([read('user.name', env, cwd), read('user.email', env, cwd)])
  return name === null || email === null ? fallback : { name, email }
}

async function read(key: string, env: Env, cwd: string): Promise<string | null> {
  const { PATH, HOME, XDG_CONFIG_HOME } = env
  const asked = await exec('git', ['config', '--global', '--get', key], {
    cwd,
    env: { PATH, HOME, XDG_CONFIG_HOME },
    timeoutMs: 10_000,
  })
  const value = asked.stdout.toString('utf8').trim()
  return asked.code === 0 && value !== '' ? value : null
}
