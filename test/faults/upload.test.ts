// A host that keeps its words: whatever way an agent, its tools or its setup say a line of the source, the server never has it.

import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { type Field, fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()
const secret = 'let kestrel = quarry(7719)'

async function host(at: Field, policy: string): Promise<void> {
  at.world.write(join(at.repo, 'kestrel.ts'), `${secret}\n`)
  await at.world.git(at.repo, 'add', '-A')
  await at.world.git(at.repo, 'commit', '-qm', 'source')
  const agent = resolve(import.meta.dirname, '../fakes/tool-agent.ts')
  const table = `[harness.tools]\ncommand = "${process.execPath}"\nargs = ["${agent}", "{promptFile}"]\n`
  at.world.write(join(at.world.home, '.capstan/daemon.toml'), table)
  at.world.write(join(at.world.home, '.capstan/policy.toml'), policy)
  const tells = {
    runtime: 'none' as const,
    setupCommands: ['cat kestrel.ts; true'],
    resumeCommands: [{ run: 'cat kestrel.ts' }],
  }
  const fails = { runtime: 'none' as const, setupCommands: ['cat kestrel.ts >&2; exit 4'] }
  const { client } = at
  for (const [name, sandbox] of [
    ['tells', tells],
    ['fails', fails],
  ] as const)
    await client.call('createProfile', { body: { name, sandbox: { ...sandbox } } })
  await at.host('one', { args: ['--profile', 'tells', '--profile', 'fails'] })
}

/** Files of the server that hold a part of the line. */
function holding(at: Field): string[] {
  const files = globSync('**/*', { cwd: join(at.world.root, 'server'), withFileTypes: true })
  return files
    .filter((each) => each.isFile())
    .filter((each) => {
      const bytes = readFileSync(join(each.parentPath, each.name)).toString('latin1')
      return ['kestrel = quarry', 'quarry(7719)'].some((line) => bytes.includes(line))
    })
    .map((each) => each.name)
}

const steps = [
  ['report_progress', { message: '@kestrel.ts', plan: [{ text: '@kestrel.ts', status: 'pending' }] }],
  ['ask_human', { question: '@kestrel.ts', options: ['@kestrel.ts', 'no'] }],
  ['submit_output', { output: { code: '@kestrel.ts' } }],
  ['task_create', { prompt: '@kestrel.ts', harness: 'tools' }],
]

test.each(['headers', 'none'])(
  'at %s neither a question, an output, a progress, a created task nor a setup carries source',
  async () => {
    const at = await newField()
    await host(at, `[upload]\nevents = "headers"\ndiff = false\nartifacts = false\nsession = false\n`)
    const asks = await at.add(JSON.stringify(steps), { repo: 'app', harness: 'tools', profiles: ['tells'] })
    const [asked] = await at.world.until('the question', async () => {
      const { items } = await at.client.call('listRequests', {})
      return items.length > 0 && items
    })
    const request = await at.client.call('getRequest', { params: { id: asked?.id ?? '' } })
    expect(request).toMatchObject({ title: 'kept on the host', body: {} })
    expect(JSON.stringify(request)).not.toContain('kestrel')
    await at.client.call('answerRequest', { params: { id: request.id }, body: { optionId: '1' } })
    const done = await at.ended(asks.id)
    expect(done).toMatchObject({ state: 'completed', attempts: [{ output: null }] })
    const { items: made } = await at.client.call('listTasks', {})
    expect(made.filter(({ causeId }) => causeId === asks.id)).toEqual([])
    const failed = await at.ended(
      (await at.add('true', { repo: 'app', profiles: ['fails'], harness: 'shell', maxAttempts: 1 })).id,
    )
    expect(failed).toMatchObject({ reason: 'workspace_failed', attempts: [{ detail: 'kept on the host' }] })
    await at.stopServer()
    expect(holding(at)).toEqual([])
  },
)

test('with everything on, the same run is found there: the search finds what there is', async () => {
  const at = await newField()
  await host(at, '')
  const { id } = await at.add(JSON.stringify(steps.slice(0, 1)), { repo: 'app', harness: 'tools', profiles: ['tells'] })
  await at.ended(id)
  await at.stopServer()
  expect(holding(at)).not.toEqual([])
})
