// A folder with real repositories for the tests of workspaces; gone after each test.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { WorkspaceRequest } from '../../../src/daemon/workspace/port.ts'
import { processEnv } from '../../../src/lib/env.ts'
import { exec } from '../../../src/lib/exec.ts'

export interface Place extends Disposable {
  readonly folder: string
  /** A file whose existence shows that something ran that must not. */
  readonly pwned: string
  path(...parts: string[]): string
  write(path: string, content: string | Uint8Array): string
  /** Plain git as a user runs it, with no configuration of the machine. Throws when it fails. */
  git(cwd: string, ...args: string[]): Promise<string>
  /** A repository with one commit of these files. */
  repo(name: string, files?: Readonly<Record<string, string | Uint8Array>>): Promise<string>
  request(repoPath: string | null, more?: Partial<WorkspaceRequest>): WorkspaceRequest
}

let born = 0

export function makePlace(): Place {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'capstan-test-')))
  const path = (...parts: string[]) => join(folder, ...parts)
  const write = (name: string, content: string | Uint8Array) => {
    const file = name.startsWith('/') ? name : path(name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    return file
  }
  const git = (cwd: string, ...args: string[]) => plainGit(folder, cwd, args)
  const repo = async (name: string, files: Readonly<Record<string, string | Uint8Array>> = { 'a.txt': 'one\n' }) => {
    const top = path(name)
    mkdirSync(top, { recursive: true })
    await git(top, 'init', '-q', '-b', 'main')
    for (const [file, content] of Object.entries(files)) write(join(top, file), content)
    await git(top, 'add', '-A')
    await git(top, 'commit', '-q', '--allow-empty', '-m', 'Start')
    return top
  }
  return {
    folder,
    pwned: path('PWNED'),
    path,
    write,
    git,
    repo,
    request: (repoPath, more = {}) => requestFor(folder, repoPath, more),
    [Symbol.dispose]: () => {
      execFileSync('chmod', ['-R', 'u+rwX', folder]) // agents here take away their own right to delete
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function requestFor(folder: string, repoPath: string | null, more: Partial<WorkspaceRequest>): WorkspaceRequest {
  born += 1
  const body = `${process.pid}`.padStart(18, '0') + `${born}`.padStart(8, '0')
  return {
    mode: repoPath === null ? 'scratch' : 'worktree',
    taskId: `task_${body}`,
    attemptId: `att_${body}`,
    n: 1,
    title: 'Fix the Login: now!',
    repo: repoPath === null ? null : { slug: 'acme/app', path: repoPath },
    base: null,
    root: join(folder, 'worktrees'),
    stateDir: join(folder, 'state'),
    signal: AbortSignal.timeout(25_000),
    ...more,
  }
}

async function plainGit(home: string, cwd: string, args: readonly string[]): Promise<string> {
  const env = {
    PATH: processEnv().PATH,
    HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Test',
    GIT_AUTHOR_EMAIL: 'test@localhost',
    GIT_COMMITTER_NAME: 'Test',
    GIT_COMMITTER_EMAIL: 'test@localhost',
  }
  const result = await exec('git', args, { cwd, env, timeoutMs: 20_000 })
  if (result.code !== 0) throw new Error(`git ${args.join(' ')} in ${cwd}: ${result.stderr}`)
  return result.stdout.toString('utf8').trimEnd()
}

/** What a capture needs besides the workspace. */
export function captureOf(workspace: { taskId: string; attemptId: string }) {
  return { taskId: workspace.taskId, attemptId: workspace.attemptId, commitMessage: 'Checkpoint' }
}

export const isRoot = process.getuid?.() === 0
