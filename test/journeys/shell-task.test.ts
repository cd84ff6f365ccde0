// A shell task from the first command to a diff that applies elsewhere.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import { processesOf, World } from './world.ts'

let world: World
let repo: string

beforeEach(async () => {
  world = new World()
  repo = await world.repo('app', {
    'README.md': '# hello\n',
    'old name.txt': 'moved\n'.repeat(40),
    'gone.txt': 'bye\n',
    '.gitignore': 'ignored/\n',
  })
})

afterEach(async (context) => {
  await world.end(context.task.result?.state === 'fail')
  expect(processesOf(world.root)).toEqual([])
})

function last<T>(list: readonly T[]): T {
  const item = list.at(-1)
  if (item === undefined) throw new Error('the list is empty')
  return item
}

const script = [
  'echo working',
  'printf "more\\n" >> README.md',
  'printf "\\000\\001\\377binary\\000" > logo.bin',
  'printf "with spaces and umlauts\\n" > "späte Änderung äöü.txt"',
  'git mv "old name.txt" "new name.txt"',
  'rm gone.txt',
  'mkdir -p ignored && echo secret > ignored/x',
  'printf "#!/bin/sh\\n" > run.sh && chmod +x run.sh',
  'ln -s README.md link',
].join('\n')

describe('a shell task', () => {
  it('comes back as a diff that gives the same tree on a clean clone', async () => {
    await world.up(repo)
    const task = await world.finish(['--prompt', script, '--repo', 'app', '--harness', 'shell', '--expect', 'changes'])
    expect(task).toMatchObject({ state: 'completed', verdict: 'accepted' })
    const attempt = last(task.attempts)
    const { evidence } = attempt
    expect(attempt).toMatchObject({ state: 'completed', harness: 'shell', exitCode: 0 })
    expect(evidence).toMatchObject({ workspaceMode: 'worktree', filesChanged: 7, diffWithheld: null })
    expect(evidence?.branch).toMatch(/^capstan\//)

    const patch = await world.capstan(['task', 'diff', task.id])
    const clone = join(world.root, 'clone')
    await world.git(world.root, 'clone', '-q', repo, clone)
    world.write(join(world.root, 'p.patch'), patch.stdout)
    await world.git(clone, 'apply', '--index', join(world.root, 'p.patch'))
    expect(await world.git(clone, 'write-tree')).toBe(evidence?.treeId)
    expect(await world.git(repo, 'rev-parse', `${evidence?.checkpointRef}^{tree}`)).toBe(evidence?.treeId)
    expect(await world.git(repo, 'rev-parse', `${evidence?.branch}^{tree}`)).toBe(evidence?.treeId)
    expect(await world.git(repo, 'status', '--porcelain')).toBe('')
    expect(existsSync(join(repo, 'logo.bin'))).toBe(false)
  })

  it('is seen in the transcript as it spoke, numbered without a hole', async () => {
    await world.up(repo)
    const task = await world.finish([
      '--prompt',
      'for i in 1 2 3; do echo line $i; done; echo oops >&2',
      '--repo',
      'app',
      '--harness',
      'shell',
    ])
    const logs = await world.capstan(['task', 'logs', task.id, '--json'])
    const events = logs.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TranscriptEvent) // NDJSON by contract
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1))
    const said = events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('\n')
    expect(said).toContain('line 1')
    expect(said).toContain('line 3')
    expect(JSON.stringify(events)).toContain('oops')
  })

  it('applies to the working tree by hand, and is refused on conflict with the list', async () => {
    await world.up(repo)
    const task = await world.finish(['--prompt', 'echo agent > README.md', '--repo', 'app', '--harness', 'shell'])
    world.write(join(repo, 'README.md'), 'mine\n')
    const refused = await world.capstan(['task', 'apply', task.id], { cwd: repo })
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('README.md')
    await world.git(repo, 'checkout', '--', 'README.md')
    expect((await world.capstan(['task', 'apply', task.id], { cwd: repo })).code).toBe(0)
    expect(await world.git(repo, 'diff', '--stat')).toContain('README.md')
  })

  it('that changes nothing fails only where changes were expected', async () => {
    await world.up(repo)
    expect(
      await world.finish(['--prompt', 'true', '--repo', 'app', '--harness', 'shell', '--expect', 'changes']),
    ).toMatchObject({ state: 'failed', reason: 'no_changes' })
    expect(await world.finish(['--prompt', 'true', '--repo', 'app', '--harness', 'shell'])).toMatchObject({
      state: 'completed',
    })
  })

  it('that crashes is a failure with its exit code, and its work is kept', async () => {
    await world.up(repo)
    const task = await world.finish(['--prompt', 'echo half > half.txt; exit 7', '--repo', 'app', '--harness', 'shell'])
    expect(task).toMatchObject({ state: 'failed', reason: 'agent_failed' })
    const { evidence, exitCode } = last(task.attempts)
    expect(exitCode).toBe(7)
    expect(await world.git(repo, 'show', `${evidence?.checkpointRef}:half.txt`)).toBe('half')
  })

  it('that runs too long is timed out with its whole tree', async () => {
    await world.up(repo)
    const task = await world.finish([
      '--prompt',
      'setsid sleep 321 & nohup sleep 321 & sleep 321',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--timeout',
      '1s',
    ])
    expect(task).toMatchObject({ state: 'failed', reason: 'timed_out' })
    expect(last(task.attempts).state).toBe('timed_out')
    expect(processesOf('sleep\u0000321')).toEqual([])
  })

  it('that is cancelled stops, and its checkpoint is there', async () => {
    await world.up(repo)
    const { id } = await world.json<{ id: string }>([
      'task',
      'add',
      '--prompt',
      'echo begun > begun.txt; echo ready; sleep 300',
      '--repo',
      'app',
      '--harness',
      'shell',
    ])
    await world.until('the script speaks', async () =>
      (await world.capstan(['task', 'logs', id])).stdout.includes('ready'),
    )
    expect((await world.capstan(['task', 'cancel', id])).code).toBe(0)
    expect((await world.capstan(['task', 'wait', id, '--timeout', '20s'])).code).toBe(3)
    const attempt = await world.until('the host reports the tree gone', async () => {
      const task = await world.json<{ attempts: { state: string; evidence: { checkpointRef: string } | null }[] }>([
        'task',
        'show',
        id,
      ])
      const latest = last(task.attempts)
      return latest.state === 'cancelled' && latest.evidence !== null ? latest : null
    })
    expect(await world.git(repo, 'show', `${attempt.evidence?.checkpointRef}:begun.txt`)).toBe('begun')
  })
})

describe('checks', () => {
  it('that pass are evidence; one that changes the tree is said', async () => {
    await world.up(repo)
    const task = await world.finish([
      '--prompt',
      'echo a > a.txt',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--check',
      'there=test -f a.txt',
      '--check',
      'gen=echo g > generated.txt',
    ])
    expect(task.state).toBe('completed')
    const { evidence } = last(task.attempts)
    expect(evidence?.checks.map((check) => [check.name, check.exitCode])).toEqual([
      ['there', 0],
      ['gen', 0],
    ])
    expect(evidence?.changedByChecks).toBe(true)
  })

  it('that fail make the task fail, and keep the work', async () => {
    await world.up(repo)
    const task = await world.finish([
      '--prompt',
      'echo a > a.txt',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--check',
      'tests=echo two broken; exit 2',
    ])
    expect(task).toMatchObject({ state: 'failed', reason: 'checks_failed' })
    const { evidence } = last(task.attempts)
    expect(evidence?.checks[0]).toMatchObject({ name: 'tests', exitCode: 2 })
    expect(evidence?.checks[0]?.outputTail).toContain('two broken')
    expect(await world.git(repo, 'show', `${evidence?.checkpointRef}:a.txt`)).toBe('a')
  })
})
