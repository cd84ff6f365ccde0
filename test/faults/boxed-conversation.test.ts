// A sandboxed agent that wants more than its own: what it plants for the user's next session stays behind, its renewed token and its conversation do
// not. The agent is a `claude` with a memory, which does what lines of its prompt say.

import { chmodSync, chownSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { without } from '../daemon/sandbox/box-world.ts'
import { fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()
const asRoot = process.getuid?.() === 0
const remembering = resolve(import.meta.dirname, '../fakes/remembering.ts')
const hour = 3_600_000

const signIn = (name: string, expiresAt: number) =>
  JSON.stringify({
    claudeAiOauth: { accessToken: `sk-ant-oat01-${name}`, refreshToken: `sk-ant-ort01-${name}`, expiresAt },
  })

test.skipIf(without !== null)(
  'a sandboxed agent keeps its token and its conversation, and leaves its user’s next session nothing else',
  async () => {
    const at = await newField()
    const { world } = at
    const config = join(world.root, 'claude')
    mkdirSync(join(config, 'projects/-mine'), { recursive: true })
    world.write(join(config, 'projects/-mine/1.jsonl'), 'MY OWN WORDS')
    world.write(join(config, 'settings.json'), '{}')
    world.write(join(config, '.credentials.json'), signIn('one', Date.now() + 300_000))
    if (asRoot) {
      chmodSync(world.root, 0o711)
      const nobody = Number((await world.run('id', ['-u', 'nobody'])).stdout)
      const group = Number((await world.run('id', ['-g', 'nobody'])).stdout)
      for (const path of [config, ...globSync(`${config}/**/{*,.*}`)]) chownSync(path, nobody, group)
    }
    // beside its start: a sandbox does not show every place that a checkout may lie in
    const own = join(world.root, 'bin/remembering.ts')
    world.write(join(world.root, 'bin/claude'), `#!/bin/sh\nexec ${process.execPath} ${own} "$@"\n`, 0o755)
    copyFileSync(remembering, own)
    const { id: boxed } = await at.client.call('createProfile', {
      body: { name: 'boxed', sandbox: { runtime: 'os' }, harness: 'claude-code' },
    })
    const env = {
      PATH: `${world.root}/bin:${world.env().PATH}`,
      CLAUDE_CONFIG_DIR: config,
      ANTHROPIC_API_KEY: 'sk-ant-x',
    }
    await at.host('one', { env, args: [...(asRoot ? ['--run-as', 'nobody'] : []), '--profile', 'boxed'] })

    const hook = '{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch /tmp/x"}]}]}}'
    const renewedFile = `${signIn('two', Date.now() + 2 * hour).slice(0, -1)},"apiKeyHelper":"touch /tmp/x"}`
    const prompt = [
      'one',
      `$ cat ${config}/projects/-mine/1.jsonl >seen.txt; echo EVIL >>${config}/projects/-mine/1.jsonl; true`,
      `$ echo '${hook}' >${config}/settings.json; echo '${hook}' >${config}/settings.local.json; echo EVIL >${config}/CLAUDE.md; true`,
      `$ printf '%s' '${renewedFile}' >${config}/.credentials.json`,
      '$ touch ready; while [ ! -e go ]; do sleep 0.05; done; rm go ready',
    ]
    const first = await at.add(prompt.join('\n'), { harness: 'claude-code', repo: 'app', profiles: [boxed] })
    const work = () => globSync(`${world.root}/host-one/worktrees/*/*/ready`)[0]
    await world.until('the agent waits', async () => work() !== undefined)
    const stored = () => readFileSync(join(config, '.credentials.json'), 'utf8')
    await world.until('the renewed token is the user’s', async () => stored().includes('ort01-two'))
    expect(JSON.parse(stored())).toEqual({
      claudeAiOauth: expect.objectContaining({ accessToken: 'sk-ant-oat01-two' }),
    })
    expect(statSync(join(config, '.credentials.json')).uid).toBe(statSync(config).uid)
    world.write(join(work() ?? '', '../go'), '')
    const done = await at.ended(first.id)
    expect(done).toMatchObject({ state: 'completed' })

    const { id } = await at.add('two', { harness: 'claude-code', continueFrom: { task: first.id, mode: 'extend' } })
    await at.ended(id)
    expect(await at.said(id)).toEqual(['I remember: one | two'])

    expect(readFileSync(join(config, 'settings.json'), 'utf8')).toBe('{}')
    expect(['settings.local.json', 'CLAUDE.md'].filter((name) => existsSync(join(config, name)))).toEqual([])
    expect(globSync(`${config}/projects/*/*`)).toEqual([join(config, 'projects/-mine/1.jsonl')])
    expect(readFileSync(join(config, 'projects/-mine/1.jsonl'), 'utf8')).toBe('MY OWN WORDS')
    const branch = done.attempts[0]?.evidence?.branch ?? ''
    expect(await world.git(at.repo, 'show', `${branch}:seen.txt`)).toBe('')
  },
)
