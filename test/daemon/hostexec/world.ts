// A run with a sandboxed worktree, a repository that has a forge, and an agent that asks for programs on the host through the run's socket.

import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/client'
import type { ApprovalRule } from '../../../src/core/approval.ts'
import type { Forge } from '../../../src/daemon/hostexec/forge.ts'
import { HostExec } from '../../../src/daemon/hostexec/host-exec.ts'
import type { OwnStep } from '../../../src/daemon/run/talk-step.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { Env } from '../../../src/lib/env.ts'
import { processEnv } from '../../../src/lib/env.ts'
import { exec } from '../../../src/lib/exec.ts'
import { makeRedactor } from '../../../src/lib/redact.ts'
import { attemptId, call, World } from '../mcp/world.ts'
import type { Place } from '../workspace/place.ts'
import { makePlace } from '../workspace/place.ts'

export const token = 'forge-token-0123456789'
export const anyGit = { executable: 'git' }

export interface HostWorldOptions {
  readonly rules?: readonly ApprovalRule[]
  readonly allowed?: readonly string[]
  readonly forge?: Forge | null
  /** Before the host's own PATH. */
  readonly path?: string
  /** Settings of the registered repository, as `git config` takes them. */
  readonly settings?: readonly (readonly [string, string])[]
  readonly mode?: 'worktree' | 'scratch'
}

export class HostWorld implements AsyncDisposable {
  readonly place: Place = makePlace()
  readonly run: World
  readonly #options: HostWorldOptions
  #workspace: Workspace | null = null
  #agent: Client | null = null

  constructor(options: HostWorldOptions = {}) {
    this.#options = options
    this.run = new World({ hostExec: (run) => this.#hostExec(run) })
  }

  /** The remote `origin` is `url(folder of the bare repository)`; default: that folder itself. */
  async open(url: (bare: string) => string = (bare) => bare): Promise<void> {
    const { place } = this
    const repo = await place.repo('repo')
    const bare = place.path('forge', 'app.git')
    await place.git(place.folder, 'clone', '-q', '--bare', repo, bare)
    await place.git(bare, 'config', 'http.receivepack', 'true')
    await place.git(repo, 'remote', 'add', 'origin', url(bare))
    for (const [key, value] of this.#options.settings ?? []) await place.git(repo, 'config', key, value)
    const isolatedFor = { name: 'Ada', email: 'ada@example.org' }
    const scratch = this.#options.mode === 'scratch'
    this.#workspace = await prepare(place.request(scratch ? null : repo, { isolatedFor }))
    await this.run.open()
    this.#agent = await this.run.agent()
  }

  get workspace(): Workspace {
    if (this.#workspace === null) throw new Error('not open')
    return this.#workspace
  }

  get agent(): Client {
    if (this.#agent === null) throw new Error('not open')
    return this.#agent
  }

  /** As the agent asks for a program on the host. */
  async exec(...argv: string[]): Promise<{ isError: boolean; text: string; exitCode: unknown }> {
    const answer = await call(this.agent, 'host_exec', { argv })
    const [content] = answer.content
    const text = content?.type === 'text' ? content.text : ''
    const { exitCode } = (answer.structuredContent ?? {}) as { exitCode?: unknown } // of host_exec
    return { isError: answer.isError === true, text, exitCode }
  }

  /** As the agent's own git, inside. */
  async inside(...args: string[]): Promise<string> {
    const { cloneDir = '', path } = this.workspace
    const env = {
      PATH: processEnv().PATH,
      HOME: this.place.folder,
      GIT_DIR: cloneDir,
      GIT_WORK_TREE: path,
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.org',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.org',
    }
    const ran = await exec('git', args, { cwd: path, env, timeoutMs: 20_000 })
    if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`)
    return ran.stdout.toString('utf8').trim()
  }

  async commit(message: string): Promise<string> {
    this.place.write(join(this.workspace.path, `${message}.txt`), message)
    await this.inside('add', '-A')
    await this.inside('commit', '-q', '-m', message)
    return await this.inside('rev-parse', 'HEAD')
  }

  /** A branch of the forge. */
  async atForge(branch: string): Promise<string> {
    const bare = this.place.path('forge', 'app.git')
    return await this.place.git(bare, 'rev-parse', '--verify', `refs/heads/${branch}`)
  }

  /** A program of the host. */
  program(name: string, script: string): string {
    const path = this.place.write(join('bin', name), `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
    return this.place.path('bin')
  }

  get notices(): readonly string[] {
    return this.run.steps.flatMap(({ events = [] }) =>
      events.flatMap((event) => (event.type === 'notice' ? [event.message] : [])),
    )
  }

  get asks(): readonly NonNullable<OwnStep['ask']>[] {
    return this.run.steps.flatMap(({ ask }) => (ask === undefined ? [] : [ask]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run[Symbol.asyncDispose]()
    this.place[Symbol.dispose]()
  }

  #hostExec(run: World): HostExec {
    const { rules = [], allowed = ['git', 'gh'], forge = null, path } = this.#options
    const host: Env = { ...processEnv(), HOME: this.place.folder, GIT_CONFIG_NOSYSTEM: '1' }
    return new HostExec({
      attemptId,
      workspace: this.workspace,
      cwd: this.workspace.path,
      runDir: run.runDir,
      allowed,
      rules,
      host: { ...host, PATH: path === undefined ? host.PATH : `${this.place.path(path)}:${host.PATH}` },
      user: null,
      forge,
      redact: makeRedactor({ 'forge token': token }),
      calls: run.journal.calls,
      clock: systemClock,
      own: (step) => run.own(step),
    })
  }
}
