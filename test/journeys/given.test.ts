// What a profile and a task give an agent reaches it, each piece in its way, and never the diff; the agent is a `claude` that says what it sees.

import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

const agent = resolve(import.meta.dirname, '../fakes/reading.ts')

let world: World
let repo: string
let env: Record<string, string>
const stops: (() => Promise<unknown>)[] = []
let failed = false
afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

beforeAll(async () => {
  world = new World()
  repo = await world.repo('app', { 'README.md': '# hello\n', 'CLAUDE.md': 'of the repository\n' })
  const bin = join(world.root, 'bin')
  world.write(join(bin, 'claude'), `#!/bin/sh\nexec ${process.execPath} ${agent} "$@"\n`, 0o755)
  const path = { PATH: `${bin}:${world.env().PATH}`, ANTHROPIC_API_KEY: 'sk-ant-scripted' }
  const data = join(world.root, 'data')
  const server = await world.start<Up>(['server', '--listen', '127.0.0.1:0', '--data', data])
  stops.push(server.stop)
  env = { CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: server.line.token }
  for (const [name, text] of Object.entries({
    'house-style.md': 'Write short sentences.',
    'preamble.md': 'You work for Acme.',
    'deploy.md': '# Deploy to the moon\n\nCount down first.',
    'ticket.md': 'The ticket says: it is broken.',
    'picture.bin': 'bytes of a picture',
  }))
    world.write(join(world.root, name), text)
  const context = [`${file('house-style.md')}:context_inline`, `${file('preamble.md')}:prompt_prefix`]
  const settings = ['--harness', 'claude-code', '--thinking', 'high', '--max-output-tokens', '1000', '--top-k', '3']
  await world.json(['profile', 'add', 'house', ...settings, ...context.flatMap((each) => ['--context', each])], { env })
  await world.json(['profile', 'add', 'scripts', '--harness', 'shell'], { env })
  const { secret } = await world.json<{ secret: string }>(['token', 'add', 'host', '--scope', 'daemon'], { env })
  const profiles = ['--profile', 'house', '--profile', 'scripts']
  const daemon = await world.start(['daemon', '--data', join(world.root, 'host'), '--workspace', repo, ...profiles], {
    env: { ...env, ...path, CAPSTAN_TOKEN: secret },
  })
  stops.push(daemon.stop)
})
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  await world.end(failed)
  expect(processesOf(world.root)).toEqual([])
})

interface Seen {
  readonly prompt: string
  readonly instructions: readonly string[]
  readonly files: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string | null>>
}

async function run(...args: string[]): Promise<{ task: TaskView; seen: Seen; notices: string[] }> {
  const added = await world.json<TaskView>(['task', 'add', '--repo', 'app', ...args], { env })
  const task = await world.json<TaskView>(['task', 'wait', added.id, '--timeout', '30s'], { env })
  const { stdout } = await world.capstan(['task', 'logs', task.id, '--json'], { env })
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TranscriptEvent) // NDJSON by contract
  const said = events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('')
  const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  return { task, seen: JSON.parse(said === '' ? '{}' : said) as Seen, notices }
}

const file = (name: string) => join(world.root, name)

describe('what a profile and a task give', () => {
  it('reaches the agent, each piece in its way, and never the diff', async () => {
    const { task, seen, notices } = await run(
      'fix it',
      ...['--profile', 'house', '--context', `${file('deploy.md')}:skill`, '--context', file('ticket.md')],
      ...['--attach', file('picture.bin'), '--thinking', 'low'],
    )
    expect(task.state).toBe('completed')
    const ticket = '<context name="ticket">\nThe ticket says: it is broken.\n</context>'
    expect(seen.prompt.startsWith(`You work for Acme.\n\nfix it\n\n${ticket}\n\nFiles attached to this task`)).toBe(
      true,
    )
    expect(seen.instructions).toEqual(['<context name="house-style">\nWrite short sentences.\n</context>'])
    const paths = Object.keys(seen.files)
    const skill = paths.find((path) => path.endsWith('/.claude/skills/deploy/SKILL.md')) ?? ''
    expect(seen.files[skill]).toBe(
      '---\nname: deploy\ndescription: "Deploy to the moon"\n---\n\n# Deploy to the moon\n\nCount down first.\n',
    )
    const attached = paths.find((path) => path.endsWith('/picture.bin')) ?? ''
    expect(seen.files[attached]).toBe('bytes of a picture')
    expect(seen.prompt).toContain(`- ${attached}`)
    expect(seen.env).toMatchObject({ CLAUDE_CODE_EFFORT_LEVEL: 'low', CLAUDE_CODE_MAX_OUTPUT_TOKENS: '1000' })
    expect(notices).toContain('not honoured: topK 3: Claude Code has no setting for it')

    const evidence = task.attempts[0]?.evidence
    expect(evidence).toMatchObject({ filesChanged: 1 })
    const { stdout: diff } = await world.capstan(['task', 'diff', task.id], { env })
    expect(diff).toContain('made.txt')
    for (const word of ['CLAUDE.md', 'short sentences', 'moon', 'picture', 'ticket']) expect(diff).not.toContain(word)
    expect(await world.git(repo, 'ls-tree', '-r', '--name-only', evidence?.branch ?? '')).toBe(
      'CLAUDE.md\nREADME.md\nmade.txt',
    )
    expect(await world.git(repo, 'show', `${evidence?.branch}:CLAUDE.md`)).toBe('of the repository')
  })

  it('lies in files whose folder a script is told by a variable', async () => {
    const script = 'cat "$CAPSTAN_ATTACHMENTS/picture.bin"'
    const added = [
      'task',
      'add',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--prompt',
      script,
      '--attach',
      file('picture.bin'),
    ]
    const task = await world.json<TaskView>([...added, '--context', file('ticket.md')], { env })
    await world.json(['task', 'wait', task.id, '--timeout', '30s'], { env })
    const { stdout } = await world.capstan(['task', 'logs', task.id], { env })
    expect(stdout).toContain('bytes of a picture')
    expect(stdout).toContain('not honoured: context ticket: a script is told nothing')
  })

  it('is refused by name and size before anything is sent', async () => {
    world.write(file('huge.bin'), new Uint8Array(11 * 1_048_576))
    world.write(file('long.md'), 'x'.repeat(66_560))
    const refusal = async (...args: string[]) => {
      const { code, stderr } = await world.capstan(['task', 'add', 'x', '--repo', 'app', ...args], { env })
      return `${code}: ${stderr}`
    }
    expect(await refusal('--attach', file('huge.bin'))).toMatch(/huge\.bin has 11 MiB, and at most 10 MiB/)
    expect(await refusal('--context', file('long.md'))).toMatch(/long\.md has 65 KiB, and at most 64 KiB/)
    expect(await refusal('--context', `${file('ticket.md')}:telepathy`)).toMatch(
      /no binding telepathy, only skill, context_inline/,
    )
  })
})
