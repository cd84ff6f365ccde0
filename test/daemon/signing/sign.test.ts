// Commits of an agent signed by the host: real git asks through the run's socket, real ssh-keygen and gpg sign and verify.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { placeOf } from '../../../src/daemon/mcp/place.ts'
import { layOutPrograms } from '../../../src/daemon/mcp/programs.ts'
import { signingGiven, withGitConfig } from '../../../src/daemon/signing/given.ts'
import type { Signer } from '../../../src/daemon/signing/signer.ts'
import { sign, signerOf } from '../../../src/daemon/signing/signer.ts'
import { processEnv } from '../../../src/lib/env.ts'
import type { ExecResult } from '../../../src/lib/exec.ts'
import { exec } from '../../../src/lib/exec.ts'
import type { GitAuthor } from '../../../src/lib/git.ts'
import { until, World } from '../mcp/world.ts'

const author = { name: 'Ada’s agent', email: 'agent@example.org' }
const folders: string[] = []
let world: World | null = null

afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  world = null
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'capstan-sign-'))
  folders.push(made)
  return made
}

async function ran(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { PATH } = processEnv()
  const result = await exec(program, args, { cwd: '/', env: { PATH, ...env }, timeoutMs: 30_000 })
  if (result.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr}`)
  return result.stdout.toString('utf8').trim()
}

async function sshKey(): Promise<string> {
  const key = join(folder(), 'agent')
  await ran('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'agent', '-f', key])
  return key
}

function signerWith(signing: NonNullable<GitAuthor['signing']>, env: Record<string, string> = {}): Signer {
  const made = signerOf({ ...author, signing }, { ...processEnv(), ...env })
  if (made === null) throw new Error('no signer')
  return made
}

/** A run whose git signs by `signer`, and a repository in it. */
class Run {
  readonly repo = join(folder(), 'repo')
  #env: Record<string, string> = {}

  static async start(signer: Signer): Promise<Run> {
    const run = new Run()
    world = new World({ signer })
    await world.open()
    const given = await signingGiven(signer, world.runDir)
    expect(given.problem).toBeNull()
    layOutPrograms(world.runDir, { sign: true, hostExec: false }, null)
    const names = { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email }
    const committer = { GIT_COMMITTER_NAME: author.name, GIT_COMMITTER_EMAIL: author.email }
    const plain = { PATH: processEnv().PATH ?? '', HOME: run.repo, GIT_CONFIG_NOSYSTEM: '1', ...names, ...committer }
    run.#env = withGitConfig(plain, given.config)
    mkdirSync(run.repo, { recursive: true })
    await run.git('init', '-q', '-b', 'main')
    return run
  }

  try(args: readonly string[], env: Record<string, string> = {}): Promise<ExecResult> {
    return exec('git', args, { cwd: this.repo, env: { ...this.#env, ...env }, timeoutMs: 30_000 })
  }

  async git(...args: string[]): Promise<string> {
    const result = await this.try(args)
    if (result.code !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
    return result.stdout.toString('utf8').trim()
  }

  async commit(message: string): Promise<string> {
    writeFileSync(join(this.repo, 'a.txt'), message)
    await this.git('add', '-A')
    await this.git('commit', '-q', '-m', message)
    return await this.git('rev-parse', 'HEAD')
  }
}

async function allowedSigners(key: string): Promise<string> {
  const path = join(folder(), 'signers')
  writeFileSync(path, `${author.email} ${readFileSync(`${key}.pub`, 'utf8')}`)
  return path
}

describe('with an ssh key', () => {
  it('what an agent commits and tags verifies, and the key is nowhere in its run', async () => {
    const key = await sshKey()
    const run = await Run.start(signerWith({ format: 'ssh', key }))
    const commit = await run.commit('One')
    await run.git('tag', '-m', 'First', 'v1')
    await run.git('tag', 'plain') // needs no message
    const trust = ['-c', `gpg.ssh.allowedSignersFile=${await allowedSigners(key)}`]
    await run.git(...trust, 'verify-commit', commit)
    await run.git(...trust, 'verify-tag', 'v1')
    expect(await run.git(...trust, 'log', '-1', '--format=%G? %GS %an %ce')).toBe(
      `G ${author.email} ${author.name} ${author.email}`,
    )
    const shown = await ran('grep', ['-rlF', readFileSync(key, 'utf8').split('\n')[1] ?? '', world?.dir ?? '']).catch(
      () => 'nowhere',
    )
    expect(shown).toBe('nowhere')
  })

  it('a rebase of somebody else’s work is signed as the committer’s', async () => {
    const key = await sshKey()
    const run = await Run.start(signerWith({ format: 'ssh', key }))
    await run.commit('One')
    const other = await run.try(['commit', '--allow-empty', '--author', 'Bo <bo@example.org>', '-m', 'Two'])
    expect(other.code).toBe(0)
    const trust = ['-c', `gpg.ssh.allowedSignersFile=${await allowedSigners(key)}`]
    expect(await run.git(...trust, 'log', '-1', '--format=%G? %ae')).toBe('G bo@example.org')
  })

  it('a commit by another committer is made without a signature, and that is told once', async () => {
    const run = await Run.start(signerWith({ format: 'ssh', key: await sshKey() }))
    for (const message of ['One', 'Two']) {
      const made = await run.try(['commit', '--allow-empty', '-m', message], { GIT_COMMITTER_EMAIL: 'test@localhost' })
      expect(made).toMatchObject({ code: 0 })
    }
    expect(await run.git('log', '-1', '--format=%G?')).toBe('N')
    const told = world?.steps.flatMap((step) => step.events ?? []) ?? []
    expect(told).toEqual([{ type: 'notice', message: expect.stringContaining('<test@localhost> are not signed') }])
  })

  it('waits for a daemon that restarts, and says clearly when the run is over', async () => {
    const key = await sshKey()
    const run = await Run.start(signerWith({ format: 'ssh', key }))
    await world?.leave()
    const waiting = run.commit('One')
    await until('git asks for a signature', () => existsSync(join(run.repo, 'a.txt')))
    await world?.open()
    expect(await waiting).toMatch(/^[0-9a-f]{40}$/)
    await world?.leave()
    rmSync(placeOf(world?.runDir ?? '').directions)
    const late = await run.try(['commit', '--allow-empty', '-m', 'Late'])
    expect(late.code).not.toBe(0)
    expect(late.stderr).toMatch(/the run is over.*git commit --no-gpg-sign/)
    expect((await run.try(['commit', '--no-gpg-sign', '--allow-empty', '-m', 'Late'])).code).toBe(0)
  })

  it('a key that cannot be used fails the commit with its own words', async () => {
    const key = await sshKey()
    const run = await Run.start(signerWith({ format: 'ssh', key }))
    rmSync(key)
    const made = await run.try(['commit', '--allow-empty', '-m', 'One'])
    expect(made.code).not.toBe(0)
    expect(made.stderr).toMatch(/could not sign \(ssh-keygen\)/)
  })
})

describe('with a gpg key', async () => {
  const gpg = await exec('gpg', ['--version'], { env: { PATH: processEnv().PATH }, timeoutMs: 10_000 }).catch(
    () => null,
  )
  if (gpg?.code !== 0) console.warn('SKIPPED, gpg is not here: signing with gpg is not tested')

  it.skipIf(gpg?.code !== 0)('what an agent commits and tags verifies', async () => {
    const home = mkdtempSync('/tmp/cg-') // gpg-agent's socket needs a short path
    folders.push(home)
    chmodSync(home, 0o700)
    const keys = { GNUPGHOME: home, HOME: home }
    const who = `${author.name} <${author.email}>`
    await ran('gpg', ['--batch', '--passphrase', '', '--quick-gen-key', who, 'ed25519', 'sign', '0'], keys)
    try {
      const run = await Run.start(signerWith({ format: 'openpgp', key: author.email }, keys))
      const commit = await run.commit('One')
      await run.git('tag', '-m', 'First', 'v1')
      for (const args of [
        ['verify-commit', commit],
        ['verify-tag', 'v1'],
      ]) {
        const verified = await run.try(args, keys)
        expect(verified).toMatchObject({ code: 0, stderr: expect.stringContaining('Good signature') })
      }
      expect(await run.try(['commit', '--allow-empty', '-m', 'x'], { GIT_COMMITTER_NAME: 'Bo' })).toMatchObject({
        code: 0,
      })
    } finally {
      await ran('gpgconf', ['--kill', 'all'], keys)
    }
  })
})

describe('the daemon', () => {
  const commit = (committer: string, more = '') =>
    `tree ${'a'.repeat(40)}\nauthor Bo <bo@x> 1 +0000\ncommitter ${committer} 1 +0000\n${more}\nHi\n`
  const own = `${author.name} <${author.email}>`
  const never = AbortSignal.timeout(60_000)

  it.each([
    ['a letter', 'I owe you a thousand.\n'],
    ['a push certificate', `certificate version 0.1\npusher ${own} 1 +0000\n\nx`],
    ['a commit with words before it', `x\n${commit(own)}`],
    ['a commit that is signed already', commit(own, 'gpgsig -----BEGIN\n x\n')],
    ['a commit with two committers', commit(own, `committer ${own} 1 +0000\n`)],
    ['nothing', ''],
    ['more than a message can be', commit(own) + 'x'.repeat(600_000)],
  ])('does not sign %s', async (_, payload) => {
    const signer = signerWith({ format: 'ssh', key: '/nowhere' })
    await expect(sign(signer, Buffer.from(payload), never)).rejects.toMatchObject({ code: 'not_on_host' })
  })

  it('signs nothing for a name that only looks like the identity’s', async () => {
    const signer = signerWith({ format: 'ssh', key: '/nowhere' })
    for (const by of [`${author.name}. <${author.email}>`, `Eve <${author.email}>`, `${author.name} <eve@example.org>`])
      expect(await sign(signer, Buffer.from(commit(by)), never)).toMatchObject({ signature: null, foreign: by })
  })

  it('is asked by nobody without the run’s token, and answers nothing but its two calls', async () => {
    world = new World({ signer: signerWith({ format: 'ssh', key: await sshKey() }) })
    await world.open()
    const stranger = await world.stranger({ hello: 'x', token: 'wrong', plain: true })
    await stranger.closed
    expect(stranger.lines.join('')).toContain('refused')
    const mine = await world.stranger({ hello: 'x', token: world.token(), plain: true })
    for (const call of ['constructor', 'submit_output', 7]) mine.say({ id: 1, call, input: {} })
    await until('three answers', () => mine.lines.length === 4)
    expect(mine.lines.slice(1).every((line) => line.includes('there is no such call'))).toBe(true)
    mine.socket.destroy()
  })
})
