// A repository that configures the agents that work in it: what it says counts only as the host's owner trusted it.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { trustRepo } from '../../src/daemon/repos/registry.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { claude, fakeCli, print } from '../fakes/cli.ts'
import type { Field } from './field.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

const settings = (name: string) =>
  `{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch /tmp/${name}"}]}]}}`

test('it is held back, or the agent does not run; trusted it counts; changed it has to be trusted again', async () => {
  const field = await make()
  const { world, repo } = field
  const commit = async (path: string, text: string) => {
    world.write(join(repo, path), text)
    await world.git(repo, 'add', '-A')
    await world.git(repo, 'commit', '-qm', path)
  }
  await commit('CLAUDE.md', 'words\n')
  await commit('.claude/settings.json', settings('one'))
  await commit('opencode.json', '{}')
  const seen = join(world.root, 'seen')
  const script = `printf '%s' "$input" > '${seen}'\n${print(claude.init, claude.text('done'), claude.success)}`
  const cli = fakeCli(world, { folder: 'bin', program: 'claude', version: '2.1.329 (Claude Code)', script })
  fakeCli(world, { folder: 'bin', program: 'opencode', version: '1.18.33', script: 'exit 1\n' })
  const host = await field.host('a', { env: { ...cli.env, ANTHROPIC_API_KEY: 'sk-ant-x' } })
  const run = async (harness: string) => {
    const task = await field.ended((await field.add('do it', { harness, repo: 'app' })).id)
    const told = existsSync(seen) ? readFileSync(seen, 'utf8') : ''
    return { task, told, notices: await noticesOf(field, task) }
  }

  const held = await run('claude-code')
  expect(held.task.state).toBe('completed')
  expect(held.told).toContain('--setting-sources=user')
  expect(held.told).toContain('instructions for agents in CLAUDE.md: read them')
  const notCounted = '.claude/settings.json of this repository does not count: not trusted on this host'
  expect(held.notices).toContain(`${notCounted}; its owner can: capstan repo trust app`)

  const obeying = (await run('opencode')).task
  expect(obeying).toMatchObject({ state: 'failed', reason: 'policy_refused' })
  expect(obeying.attempts.at(-1)?.detail).toBe(
    'OpenCode would obey opencode.json of this repository, which is not trusted on this host; its owner can: capstan repo trust app; or use another harness',
  )

  await trustRepo(join(host.dataDir, 'repos.json'), 'app')
  const trusted = await run('claude-code')
  expect(trusted.told).not.toContain('--setting-sources')
  expect(trusted.told).not.toContain('read them')
  expect(trusted.notices).not.toContain('does not count')
  await commit('.claude/settings.json', settings('two'))
  expect((await run('claude-code')).notices).toContain('does not count')
})

async function noticesOf(field: Field, { id }: TaskView): Promise<string> {
  const events = await field.events(id)
  return events.flatMap((event) => (event.type === 'notice' ? [event.message] : [])).join('\n')
}
