// What host_exec takes from a hostile git folder and from the user's own settings: at most so much, and never another remote than was checked.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HostExec } from '../../../src/daemon/hostexec/host-exec.ts'
import { readyMirror } from '../../../src/daemon/hostexec/mirror.ts'
import type { Journal } from '../../../src/daemon/journal/journal.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { processEnv } from '../../../src/lib/env.ts'
import { makeRedactor } from '../../../src/lib/redact.ts'
import type { Place } from '../workspace/place.ts'
import { makePlace } from '../workspace/place.ts'

let place: Place
let repo: string
let workspace: Workspace
let journal: Journal
const signal = () => AbortSignal.timeout(60_000)

beforeEach(async () => {
  place = makePlace()
  journal = openJournal(':memory:', 0).journal
  repo = await place.repo('repo')
  for (const name of ['one', 'two']) {
    await place.git(place.folder, 'clone', '-q', '--bare', repo, place.path(`${name}.git`))
    await place.git(repo, 'remote', 'add', name, place.path(`${name}.git`))
  }
  workspace = await prepare(place.request(repo, { isolatedFor: { name: 'Ada', email: 'ada@example.org' } }))
  journal.saveRun({ attemptId: workspace.attemptId, taskId: 'task_1', epoch: 1, n: 1, step: 'started', data: null })
})
afterEach(() => {
  journal[Symbol.dispose]()
  place[Symbol.dispose]()
})

function hostExec(): HostExec {
  return new HostExec({
    attemptId: workspace.attemptId,
    workspace,
    cwd: workspace.path,
    runDir: place.path('run'),
    allowed: ['git'],
    rules: [{ executable: 'git' }],
    host: { ...processEnv(), HOME: place.folder, GIT_CONFIG_NOSYSTEM: '1' },
    user: null,
    forge: null,
    redact: makeRedactor({}),
    calls: journal.calls,
    clock: systemClock,
    own: () => {},
  })
}

async function run(host: HostExec, key: string, ...argv: string[]) {
  const decide = async () => ({ label: null, text: 'nobody is asked here' })
  return await host.call({ key, input: { argv }, signal: signal(), decide })
}

const branchAt = (name: string) => place.git(place.path(`${name}.git`), 'branch', '--list', workspace.branch ?? '')

test('a folder of endless refs is looked at up to a limit, which is said, and its branch is known all the same', async () => {
  const { cloneDir = '', branch } = workspace
  for (const folder of ['refs/heads/a', 'refs/tags/b/c']) {
    mkdirSync(join(cloneDir, folder), { recursive: true })
    for (let n = 0; n < 2_500; n += 1) writeFileSync(join(cloneDir, folder, `${n}`), '')
  }
  const mirror = await readyMirror(workspace, signal())
  expect(mirror.lost).toEqual([expect.stringContaining('more than 5000 branches and tags')])
  expect(readFileSync(join(mirror.gitDir, 'packed-refs'), 'utf8')).toContain(` refs/heads/${branch}\n`)
})

test('a file in the place of a folder of refs holds no ref', async () => {
  const { cloneDir = '', branch } = workspace
  for (const folder of ['refs/heads', 'refs/tags']) {
    rmSync(join(cloneDir, folder), { recursive: true, force: true })
    writeFileSync(join(cloneDir, folder), 'x')
  }
  const mirror = await readyMirror(workspace, signal())
  expect(mirror).toMatchObject({ lost: [], branch })
})

test('what was refused before it began is refused for the same reason when it is sent again', async () => {
  await place.git(repo, 'remote', 'add', 'near', join(workspace.path, 'own.git'))
  await using host = hostExec()
  for (let n = 0; n < 2; n += 1)
    await expect(run(host, 'same', 'git', 'push', 'near')).rejects.toThrow('that an agent could write, or is not there')
})

test('words without a remote mean origin, whatever the user’s own settings name, and nothing where there is none', async () => {
  const { branch } = workspace
  place.write('.gitconfig', `[remote]\n\tpushDefault = two\n[branch "${branch}"]\n\tpushRemote = two\n\tremote = two\n`)
  await using host = hostExec()
  await expect(run(host, 'a', 'git', 'push')).rejects.toThrow(
    'git push names no remote, and of those of the registered repository (one, two) none is origin; name one',
  )
  await place.git(repo, 'remote', 'rename', 'one', 'origin')
  expect(await run(host, 'b', 'git', 'push')).toMatchObject({ exitCode: 0 })
  expect(await branchAt('one')).toContain(branch)
  expect(await branchAt('two')).toBe('')
})

test('calls that come to nothing are slowed too', async () => {
  await using host = hostExec()
  const said = await Promise.all(
    Array.from({ length: 110 }, (_, n) => run(host, `${n}`, 'git', 'log').catch((error: unknown) => String(error))),
  )
  expect(said.filter((each) => String(each).includes('too often')).length).toBeGreaterThan(0)
  expect(said[0]).toContain('not run on the host')
})
