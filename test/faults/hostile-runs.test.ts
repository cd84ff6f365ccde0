// Agents that tamper with their own run, and settings nobody vouched for: that run alone suffers, and nothing runs that the host forbids.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Field } from './field.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()
const runDir = '$(dirname "$TMPDIR")'

async function withRepoFile(field: Field, toml: string): Promise<void> {
  field.world.write(join(field.repo, '.capstan/repo.toml'), toml)
  await field.world.git(field.repo, 'add', '-A')
  await field.world.git(field.repo, 'commit', '-q', '-m', 'Settings')
}

async function trust(field: Field, dataDir: string): Promise<void> {
  const ran = await field.world.capstan(['repo', 'trust', 'app', '--data', dataDir], { cwd: field.repo })
  expect(ran.stderr).toBe('')
}

test('a run that deletes its own folder, or puts folders and pipes into it, leaves the daemon and the other runs alone', async () => {
  const field = await make()
  const host = await field.host('box')
  const gate = field.gate()
  const good = await field.add(gate.wait)
  const tampering = [
    `rm -rf "${runDir}"; sleep 1`,
    `mkdir "${runDir}/touched.new" "${runDir}/state.json.new" "${runDir}/patch"; echo x > f`,
    `mkfifo "${runDir}/touched.new" "${runDir}/state.json.new" "${runDir}/patch" "${runDir}/exit.new"; echo x > f`,
    `mkdir "${runDir}/exit"`,
  ]
  const tasks = await Promise.all(tampering.map((prompt) => field.add(prompt, { maxAttempts: 1, repo: 'app' })))
  const ends = []
  for (const { id } of tasks) ends.push((await field.ended(id, 60_000)).state)
  expect(ends).toEqual(['failed', 'completed', 'completed', expect.any(String)])
  gate.open()
  expect((await field.ended(good.id)).state).toBe('completed')
  expect(host.child.exitCode).toBeNull()
}, 90_000)

test('a host that allows no shell runs no check of a task, and says so', async () => {
  const field = await make()
  const home = join(field.world.home, '.capstan')
  field.world.write(join(home, 'policy.toml'), 'allowShell = false\n')
  field.world.write(join(home, 'daemon.toml'), '[harness.mine]\ncommand = "sh"\nargs = ["-c", "{prompt}"]\n')
  await field.host('box')
  const mark = join(field.world.root, 'ran')
  const checks = [{ name: 'mine', command: `touch '${mark}'` }]
  const { id } = await field.add('echo x > f', { harness: 'mine', repo: 'app', checks })
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts[0]?.evidence?.checks).toMatchObject([
    { name: 'mine', exitCode: null, skipped: "the host's policy.toml says allowShell = false" },
  ])
  expect(existsSync(mark)).toBe(false)
})

test('a host that can serve none of its profiles takes no work without one, and says why', async () => {
  const field = await make()
  await field.client.call('createProfile', { body: { name: 'needy', harness: 'shell', requiredEnv: ['NOT_THERE'] } })
  await field.host('box', { args: ['--profile', 'needy'] })
  const { id } = await field.add('echo x > f', { repo: 'app' })
  const why = await field.world.until('the reason', async () => {
    const task = await field.task(id)
    return task.why?.includes('NOT_THERE') === true ? task : null
  })
  expect([why.state, why.attempts]).toEqual(['queued', []])
})

test('what setup leaves behind is not the agent’s change', async () => {
  const field = await make()
  await withRepoFile(field, 'setup = ["echo made > generated.txt"]\n')
  const host = await field.host('box')
  await trust(field, host.dataDir)
  const idle = await field.ended((await field.add('true', { repo: 'app', expect: 'changes' })).id)
  expect(idle).toMatchObject({ state: 'failed', reason: 'no_changes' })
  const busy = await field.ended((await field.add('echo x > f', { repo: 'app', expect: 'changes' })).id)
  expect(busy.state).toBe('completed')
  expect(busy.attempts[0]?.evidence?.filesChanged).toBe(1)
  const notices = (await field.events(busy.id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  expect(notices.join('\n')).toContain('setup left files')
})

test('a repo.toml that nobody trusted and nobody can read is skipped with a sentence', async () => {
  const field = await make()
  await withRepoFile(field, 'setpu = ["true"]\n')
  await field.host('box')
  const { id } = await field.add('echo x > f', { repo: 'app' })
  expect((await field.ended(id)).state).toBe('completed')
  const notices = (await field.events(id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  expect(notices.join('\n')).toContain('unknown key "setpu"')
})

test('a setup that the death of the daemon cut short is ended before it runs again', async () => {
  const field = await make()
  const mark = join(field.world.root, 'mark')
  field.world.write(mark, '')
  const script = join(field.world.root, 'setup.sh')
  const gate = join(field.world.root, 'gate')
  const first = `grep -q begin '${mark}' && { echo again >> '${mark}'; exit 0; }`
  const late = `while [ -e '${mark}' ] && [ ! -e '${gate}' ]; do sleep 0.05; done\necho late >> '${mark}'`
  field.world.write(script, `${first}\necho begin >> '${mark}'\n${late}\n`)
  await withRepoFile(field, `setup = ["sh '${script}'"]\n`)
  const host = await field.host('box')
  await trust(field, host.dataDir)
  // the agent opens the gate of the first setup and gives it twenty of its looks: were it alive, it would write
  const { id } = await field.add(`touch '${gate}'; sleep 1; echo agent >> '${mark}'`, { repo: 'app' })
  await field.world.until('setup runs', async () => (readFileSync(mark, 'utf8').includes('begin') ? true : null))
  await host.stop('SIGKILL')
  await field.host('box', { data: host.dataDir })
  expect((await field.ended(id)).state).toBe('completed')
  expect(readFileSync(mark, 'utf8')).toBe('begin\nagain\nagent\n')
})
