// Git metadata and files that an agent wrote run nothing in the daemon, leak nothing into the tree, and never hang it.

import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inspectRepo } from '../../../src/daemon/repos/inspect.ts'
import { applyPatch } from '../../../src/daemon/workspace/apply.ts'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { deliverBranch } from '../../../src/daemon/workspace/deliver.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { copyIndex } from '../../../src/daemon/workspace/private-git.ts'
import { remove } from '../../../src/daemon/workspace/remove.ts'
import { addAll } from '../../../src/daemon/workspace/snapshot.ts'
import type { Place } from './place.ts'
import { captureOf, makePlace } from './place.ts'

const hookNames = [
  'post-checkout',
  'post-index-change',
  'reference-transaction',
  'pre-commit',
  'post-commit',
  'fsmonitor-watchman',
]

/** A program that leaves the mark; git may call it in any of the roles below. */
function payload(place: Place): string {
  const file = place.write('payload.sh', `#!/bin/sh\ntouch '${place.pwned}'\ncat\n`)
  chmodSync(file, 0o755)
  return file
}

function evilConfig(program: string): string {
  return [
    '[core]',
    `\tfsmonitor = ${program}`,
    `\tsshCommand = ${program}`,
    `\tpager = ${program}`,
    `\teditor = ${program}`,
    '[diff]',
    `\texternal = ${program}`,
    '[diff "e"]',
    `\ttextconv = ${program}`,
    `\tcommand = ${program}`,
    '[filter "e"]',
    `\tclean = ${program}`,
    `\tsmudge = ${program}`,
    `\tprocess = ${program}`,
    '\trequired = true',
    '[filter "lfs"]',
    `\tclean = ${program}`,
    `\tprocess = ${program}`,
    '[merge "e"]',
    `\tdriver = ${program}`,
    '[uploadpack]',
    `\tpackObjectsHook = ${program}`,
    '[gpg]',
    `\tprogram = ${program}`,
    '[log]',
    '\tshowSignature = true',
    '[credential]',
    `\thelper = !${program}`,
    '',
  ].join('\n')
}

function evilHooks(gitDir: string, program: string): void {
  mkdirSync(join(gitDir, 'hooks'), { recursive: true })
  for (const name of hookNames) {
    rmSync(join(gitDir, 'hooks', name), { force: true })
    symlinkSync(program, join(gitDir, 'hooks', name))
  }
}

const attributes = '* filter=e diff=e merge=e\n*.lfs filter=lfs\n'

/** All that the daemon does after an agent has ended. */
async function everything(workspace: Workspace, place: Place) {
  const captured = await capture(workspace, captureOf(workspace))
  await deliverBranch(workspace, captured, { author: { name: 'A', email: 'a@b' }, message: 'm' })
  const after = await capture(workspace, captureOf(workspace))
  if (workspace.repoPath !== null) await inspectRepo(workspace.repoPath)
  const removed = await remove(workspace)
  expect(existsSync(place.pwned)).toBe(false)
  return { captured, after, removed }
}

async function start(place: Place) {
  const program = payload(place)
  const repo = await place.repo('repo', { 'a.txt': 'one\n', 'b.lfs': 'two\n' })
  const workspace = await prepare(place.request(repo))
  writeFileSync(join(workspace.path, 'work.txt'), 'work\n')
  writeFileSync(join(workspace.path, 'a.txt'), 'changed\n')
  return { program, repo, workspace }
}

/** An evil repository elsewhere that metadata can point to. */
async function evilRepo(place: Place, program: string): Promise<string> {
  const evil = await place.repo('evil', { 'a.txt': 'x\n' })
  appendFileSync(join(evil, '.git/config'), evilConfig(program))
  evilHooks(join(evil, '.git'), program)
  return join(evil, '.git')
}

test('the payload does run where git is asked plainly, so these tests can fail', async () => {
  using place = makePlace()
  const { program, repo, workspace } = await start(place)
  appendFileSync(join(repo, '.git/config'), evilConfig(program))
  writeFileSync(join(workspace.path, '.gitattributes'), attributes)
  await place.git(workspace.path, 'status').catch(() => '')
  expect(existsSync(place.pwned)).toBe(true)
})

test('a .git file swapped for one that points to an evil repository', async () => {
  using place = makePlace()
  const { program, workspace } = await start(place)
  const evil = await evilRepo(place, program)
  writeFileSync(join(workspace.path, '.git'), `gitdir: ${evil}\n`)
  const { captured } = await everything(workspace, place)
  expect(captured.patch?.toString()).toContain('+work')
})

test('a .git file replaced by a link, by a folder, or gone', async () => {
  using place = makePlace()
  const { program, repo } = await start(place)
  const evil = await evilRepo(place, program)
  const swaps = [(git: string) => symlinkSync(evil, git), (git: string) => mkdirSync(git), () => {}]
  for (const swap of swaps) {
    const workspace = await prepare(place.request(repo))
    writeFileSync(join(workspace.path, 'work.txt'), 'work\n')
    rmSync(join(workspace.path, '.git'))
    swap(join(workspace.path, '.git'))
    const { captured } = await everything(workspace, place)
    expect(captured.evidence.filesChanged).toBe(1)
  }
})

test('a commondir rewritten, config.worktree and hooks in the worktree’s own data', async () => {
  using place = makePlace()
  const { program, repo, workspace } = await start(place)
  const evil = await evilRepo(place, program)
  const admin = workspace.adminDir ?? ''
  writeFileSync(join(admin, 'commondir'), evil)
  writeFileSync(join(admin, 'gitdir'), join(place.folder, 'elsewhere/.git'))
  writeFileSync(join(admin, 'config.worktree'), evilConfig(program))
  await place.git(repo, 'config', 'extensions.worktreeConfig', 'true')
  evilHooks(admin, program)
  const { removed } = await everything(workspace, place)
  expect(removed).toEqual({ removed: true })
  expect(existsSync(admin)).toBe(false)
})

test('the main configuration rewritten with filters, monitors, diff programs and hooks, and attributes that name them', async () => {
  using place = makePlace()
  const { program, repo, workspace } = await start(place)
  appendFileSync(join(repo, '.git/config'), evilConfig(program))
  evilHooks(join(repo, '.git'), program)
  for (const file of [join(workspace.path, '.gitattributes'), join(repo, '.git/info/attributes')])
    writeFileSync(file, attributes)
  const { captured } = await everything(workspace, place)
  expect(captured.patch?.toString()).toContain('+work')
  // the next task starts in the same repository, shared and apart; and a patch is applied to the checkout
  await prepare(place.request(repo))
  const shared = await prepare(place.request(repo, { mode: 'shared' }))
  await capture(shared, captureOf(shared))
  writeFileSync(join(repo, '.gitattributes'), attributes)
  rmSync(join(repo, '.gitattributes'))
  await applyPatch(repo, Buffer.from('--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n'))
  expect(existsSync(place.pwned)).toBe(false)
})

test('nested repositories with monitors, filters, hooks and alternates, also as a submodule and inside tracked folders', async () => {
  using place = makePlace()
  const { program, workspace } = await start(place)
  const evil = await evilRepo(place, program)
  for (const name of ['n1', 'n1/deeper', 'n2']) {
    const inner = join(workspace.path, name)
    mkdirSync(inner, { recursive: true })
    await place.git(inner, 'init', '-q')
    writeFileSync(join(inner, 'f'), 'x\n')
    await place.git(inner, 'add', 'f')
    await place.git(inner, 'commit', '-q', '-m', 'i')
    writeFileSync(join(inner, 'f'), 'y\n')
    writeFileSync(join(inner, '.gitattributes'), attributes)
    appendFileSync(join(inner, '.git/config'), evilConfig(program))
    evilHooks(join(inner, '.git'), program)
  }
  writeFileSync(join(workspace.path, 'n2/.git/objects/info/alternates'), `${join(evil, 'objects')}\n`)
  mkdirSync(join(workspace.path, 'n3'))
  writeFileSync(join(workspace.path, 'n3/.git'), `gitdir: ${evil}\n`)
  const { captured, removed } = await everything(workspace, place)
  expect(captured.evidence.nestedRepos).toEqual(['n1', 'n1/deeper', 'n2', 'n3'])
  expect(removed.removed).toBe(false) // what is not copied for safety's sake keeps the folder
})

test('a submodule of the base turned into an evil repository', async () => {
  using place = makePlace()
  const program = payload(place)
  const library = await place.repo('library')
  const repo = await place.repo('repo')
  await place.git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib')
  await place.git(repo, 'commit', '-q', '-m', 'Modules')
  const workspace = await prepare(place.request(repo))
  const inner = join(workspace.path, 'lib')
  await place.git(workspace.path, 'clone', '-q', library, 'lib')
  appendFileSync(join(inner, '.git/config'), evilConfig(program))
  writeFileSync(join(inner, '.gitattributes'), attributes)
  writeFileSync(join(inner, 'a.txt'), 'ONE\n')
  await everything(workspace, place)
})

test('HEAD as garbage, a link to a secret, a huge file, an option, a pipe', async () => {
  using place = makePlace()
  const { repo } = await start(place)
  const secret = place.write('secret', 'ref: refs/heads/main\n')
  const huge = 'ref: refs/heads/main'.padEnd(50_000_000, 'x')
  const heads: ((head: string) => unknown)[] = [
    (head) => writeFileSync(head, 'ref: --upload-pack=touch\n'),
    (head) => writeFileSync(head, 'ref: refs/heads/../../secret\n'),
    (head) => writeFileSync(head, huge),
    (head) => symlinkSync(secret, head),
    (head) => place.git(place.folder, '-c', `alias.fifo=!mkfifo '${head}'`, 'fifo'),
    () => {},
  ]
  for (const swap of heads) {
    const workspace = await prepare(place.request(repo))
    writeFileSync(join(workspace.path, 'work.txt'), 'work\n')
    const head = join(workspace.adminDir ?? '', 'HEAD')
    rmSync(head)
    await swap(head)
    const { captured } = await everything(workspace, place)
    expect(captured.headSha).toBe(workspace.baseSha)
    expect(captured.notices.join()).toContain('HEAD of the workspace names no commit')
    expect(readFileSync(secret, 'utf8')).toBe('ref: refs/heads/main\n')
  }
})

test('the agent’s index as garbage or a link is read as none', async () => {
  using place = makePlace()
  const { workspace } = await start(place)
  const index = join(workspace.adminDir ?? '', 'index')
  const secret = place.write('secret', 'x')
  writeFileSync(index, 'DIRC garbage')
  await capture(workspace, captureOf(workspace))
  rmSync(index)
  symlinkSync(secret, index)
  await everything(workspace, place)
  expect(readFileSync(secret, 'utf8')).toBe('x')
})

test('links out of the workspace are recorded as links, and the folder swapped for a link is refused', async () => {
  using place = makePlace()
  const { repo, workspace } = await start(place)
  const secret = place.write('outside/secret.txt', 'secret\n')
  symlinkSync(place.path('outside'), join(workspace.path, 'out'))
  const { captured } = await everything(workspace, place)
  expect(captured.patch?.toString()).not.toContain('+secret')
  const next = await prepare(place.request(repo))
  await capture(next, captureOf(next))
  rmSync(next.path, { recursive: true })
  symlinkSync(place.path('outside'), next.path)
  await expect(capture(next, captureOf(next))).rejects.toThrow('replaced by a link')
  expect(await remove(next)).toMatchObject({ removed: false })
  expect(existsSync(secret)).toBe(true)
})

test('GIT_* variables of the daemon’s environment do not reach its git', async () => {
  using place = makePlace()
  const { workspace } = await start(place)
  const before = { ...process.env }
  Object.assign(process.env, {
    GIT_DIR: '/nonexistent',
    GIT_INDEX_FILE: '/nonexistent',
    GIT_EXTERNAL_DIFF: payload(place),
    GIT_CONFIG_COUNT: '1',
  })
  try {
    await everything(workspace, place)
  } finally {
    process.env = before
  }
})

test('a pipe where git looks for rules is named, not waited for', async () => {
  using place = makePlace()
  for (const name of ['.gitignore', 'deep/.gitattributes']) {
    const { workspace } = await start(place)
    mkdirSync(join(workspace.path, 'deep'))
    writeFileSync(join(workspace.path, 'deep/new.txt'), 'new')
    const pipe = join(workspace.path, name)
    await place.git(place.folder, '-c', `alias.fifo=!mkfifo '${pipe}'`, 'fifo')
    const index = place.path(`index-${workspace.attemptId}`)
    copyIndex(workspace.baseIndex, index)
    await expect(addAll(workspace, index, undefined, 300)).rejects.toThrow(`${pipe} is a pipe`)
    rmSync(pipe)
    expect((await capture(workspace, captureOf(workspace))).patch?.toString()).toContain('+work')
    rmSync(place.path('repo'), { recursive: true })
  }
})

test('a slow but honest folder is read to its end after the first look', async () => {
  using place = makePlace()
  const { workspace } = await start(place)
  const index = place.path('index')
  copyIndex(workspace.baseIndex, index)
  expect(await addAll(workspace, index, undefined, 1)).toMatchObject({ missing: [] })
})

/** Makes a repository ask a program of the agent's for every object that it lacks. */
function makePromisor(gitDir: string, pwned: string): void {
  const lines = ['[core]', '\trepositoryformatversion = 1', '[extensions]', '\tpartialClone = origin']
  const remote = [
    '[remote "origin"]',
    `\turl = ${join(gitDir, 'nowhere')}`,
    '\tpromisor = true',
    `\tuploadpack = "touch '${pwned}'; false"`,
  ]
  appendFileSync(join(gitDir, 'config'), [...lines, ...remote, ''].join('\n'))
}

const missing = (digit: string) => `${digit.repeat(40)}\n`

test('objects that are missing are not fetched by a program that the agent named: nested, HEAD, base, branch, checkout', async () => {
  using place = makePlace()
  const { repo, workspace } = await start(place)
  const inner = join(workspace.path, 'n')
  mkdirSync(inner)
  await place.git(inner, 'init', '-q', '-b', 'main')
  makePromisor(join(inner, '.git'), place.pwned)
  writeFileSync(join(inner, '.git/refs/heads/main'), missing('1'))
  writeFileSync(join(inner, 'f'), 'x\n')
  await everything(workspace, place)

  const second = await prepare(place.request(repo))
  const gitDir = join(repo, '.git')
  makePromisor(gitDir, place.pwned)
  writeFileSync(join(second.adminDir ?? '', 'HEAD'), missing('2'))
  await everything(second, place)
  await prepare(place.request(repo, { base: '3'.repeat(40) })).catch(() => {})
  writeFileSync(join(gitDir, 'refs/heads/rel'), missing('4'))
  await prepare(place.request(repo, { base: 'rel' })).catch(() => {})
  writeFileSync(join(gitDir, 'refs/heads/main'), missing('5'))
  await prepare(place.request(repo)).catch(() => {})
  expect((await inspectRepo(repo)).usable).toBe(false)
  expect(existsSync(place.pwned)).toBe(false)
  await place.git(repo, 'rev-parse', '--verify', `${'6'.repeat(40)}^{commit}`).catch(() => '')
  expect(existsSync(place.pwned)).toBe(true) // plain git does run it, so this test can fail
})

test('pipes in the git folder of a nested repository are named or passed over, never waited for', async () => {
  using place = makePlace()
  const { workspace } = await start(place)
  const inner = join(workspace.path, 'n')
  mkdirSync(inner)
  await place.git(inner, 'init', '-q', '-b', 'main')
  const pipe = (path: string) => place.git(place.folder, '-c', `alias.fifo=!rm -f '${path}'; mkfifo '${path}'`, 'fifo')
  const config = join(inner, '.git/config')
  await pipe(place.path('included'))
  writeFileSync(config, `[include]\n\tpath = ${place.path('included')}\n`)
  const included = await capture(workspace, captureOf(workspace))
  expect(included.unkept.join()).toContain('reaches beyond it')
  await pipe(config)
  const piped = await capture(workspace, captureOf(workspace))
  expect(piped.unkept.join()).toContain('is not a plain file')
  const head = join(inner, '.git/HEAD')
  await pipe(head)
  const index = place.path('index')
  copyIndex(workspace.baseIndex, index)
  await expect(addAll(workspace, index, undefined, 300)).rejects.toThrow('is a pipe')
})
