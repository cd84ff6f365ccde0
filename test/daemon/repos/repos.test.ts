// Which repositories a host offers, what is said of those it cannot, and what of repo.toml is obeyed.

import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { agentConfigIn, holdsFile } from '../../../src/daemon/repos/agent-config.ts'
import { inspectRepo } from '../../../src/daemon/repos/inspect.ts'
import {
  addRepo,
  listRepos,
  removeRepo,
  resolveInside,
  slugOfRemote,
  trustRepo,
} from '../../../src/daemon/repos/registry.ts'
import { parseRepoFile, repoFileAt } from '../../../src/daemon/repos/repo-file.ts'
import { surveyRepos } from '../../../src/daemon/repos/survey.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { isRoot, makePlace } from '../workspace/place.ts'

describe('a repository', () => {
  test('that cannot be used is named with its remedy', async () => {
    using place = makePlace()
    mkdirSync(place.path('plain'))
    await place.git(place.folder, 'init', '-q', '--bare', 'bare.git')
    await place.git(place.folder, 'init', '-q', 'empty')
    const repo = await place.repo('repo')
    const file = place.write('file', '')
    place.write('broken/.git', 'gitdir: /nowhere\n')
    const said = async (path: string) => {
      const found = await inspectRepo(path)
      return found.usable ? '' : found.problem
    }
    expect(await said(place.path('plain'))).toMatch(/plain is not a git repository; make it one: git init/)
    expect(await said(place.path('bare.git'))).toMatch(/is a bare repository; register a checkout of it: git clone/)
    expect(await said(place.path('empty'))).toMatch(/empty has no commit yet; make one first/)
    expect(await said(place.path('nowhere'))).toMatch(/nowhere does not exist; it was moved or deleted/)
    expect(await said(file)).toMatch(/file is a file; register the folder/)
    expect(await said(place.path('broken'))).toMatch(/broken cannot be read as a git repository/)
    expect(await said(join(repo, '.git'))).toMatch(/is inside a \.git folder/)
  })

  test.skipIf(isRoot)('whose git folder is read-only is refused with the remedy', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    chmodSync(join(repo, '.git'), 0o500)
    const found = await inspectRepo(repo)
    chmodSync(join(repo, '.git'), 0o700)
    expect(found).toMatchObject({ usable: false, problem: expect.stringContaining('cannot be written by this user') })
  })

  test.skipIf(!isRoot)('of another user is refused as git refuses it, with both remedies', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    for (const path of [repo, join(repo, '.git')]) chownSync(path, 12_345, 12_345)
    expect(await inspectRepo(repo)).toMatchObject({
      usable: false,
      problem: expect.stringMatching(/belongs to another user \(uid 12345\).*chown.*safe\.directory/),
    })
  })

  test('that is detached, dirty, mid-rebase, shallow or has submodules is usable with a notice', async () => {
    using place = makePlace()
    const library = await place.repo('library')
    const repo = await place.repo('repo')
    expect(await inspectRepo(repo)).toMatchObject({ usable: true, branch: 'main', notices: [], path: repo })
    await place.git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib')
    await place.git(repo, 'commit', '-q', '-m', 'Modules')
    await place.git(repo, 'checkout', '-q', '--detach')
    place.write('repo/a.txt', 'dirty\n')
    mkdirSync(join(repo, '.git/rebase-merge'))
    await place.git(place.folder, 'clone', '-q', '--depth', '1', `file://${repo}`, 'shallow')
    const found = await inspectRepo(join(repo, 'lib', '..'))
    expect(found).toMatchObject({ usable: true, branch: null })
    const notices = found.usable ? found.notices.join('\n') : ''
    for (const words of ['detached', 'middle of a rebase', 'Submodules', 'Uncommitted changes'])
      expect(notices).toContain(words)
    expect(await inspectRepo(place.path('shallow'))).toMatchObject({
      usable: true,
      notices: expect.arrayContaining([expect.stringContaining('shallow')]),
    })
  })

  test('linked from another one shares its git folder', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    await place.git(repo, 'worktree', 'add', '-q', '-b', 'side', place.path('linked'))
    expect(await inspectRepo(place.path('linked'))).toMatchObject({
      path: place.path('linked'),
      commonDir: join(repo, '.git'),
      branch: 'side',
    })
  })

  test('that hangs or is gone does not hold up the others', async () => {
    using place = makePlace()
    const registry = place.path('repos.json')
    for (const name of ['good', 'hung', 'gone']) await addRepo(registry, { path: await place.repo(name) })
    const pipe = join(place.path('hung'), '.git/config.more')
    await place.git(place.folder, '-c', `alias.fifo=!mkfifo '${pipe}'`, 'fifo')
    await place.git(
      place.path('hung'),
      'config',
      '--file',
      join(place.path('hung'), '.git/config'),
      'include.path',
      pipe,
    )
    renameSync(place.path('gone'), place.path('moved'))
    const began = systemClock.monotonic()
    const survey = await surveyRepos(listRepos(registry), { timeoutMs: 700 })
    expect(systemClock.monotonic() - began).toBeLessThan(30_000)
    expect(survey.map((each) => each.problem?.replace(place.folder, '') ?? null)).toEqual([
      null,
      expect.stringContaining('did not end within 0.7 s'),
      expect.stringContaining('/gone does not exist'),
    ])
  })
})

describe('the registry', () => {
  test('takes the slug from the remote, else from the folder', () => {
    expect(slugOfRemote('git@github.com:acme/app.git')).toBe('acme/app')
    expect(slugOfRemote('https://user:secret@host:8443/group/sub/app/')).toBe('sub/app')
    expect(slugOfRemote('ssh://git@host/acme/my%20app.git')).toBe('acme/my-20app')
    expect(slugOfRemote('host.example:acme/app')).toBe('acme/app')
    for (const local of ['/srv/git/app.git', '../app', 'file:///srv/app', '']) expect(slugOfRemote(local)).toBeNull()
  })

  test('adds, renames, lists and removes, by slug or path', async () => {
    using place = makePlace()
    const registry = place.path('data/repos.json')
    expect(listRepos(registry)).toEqual([])
    const repo = await place.repo('-my repo-')
    await place.git(repo, 'config', 'remote.origin.url', 'git@github.com:acme/app.git')
    symlinkSync(repo, place.path('link'))
    const { repo: added } = await addRepo(registry, { path: place.path('link') })
    expect(added).toEqual({ slug: 'acme/app', path: repo, commonDir: join(repo, '.git'), trusted: [] })
    await addRepo(registry, { path: repo, slug: 'mine' })
    expect((await addRepo(registry, { path: repo })).repo.slug).toBe('mine')
    expect(listRepos(registry)).toHaveLength(1)
    await addRepo(registry, { path: await place.repo('plain name') })
    expect(listRepos(registry).map((each) => each.slug)).toEqual(['mine', 'plain-name'])
    await expect(removeRepo(registry, 'other')).rejects.toThrow('there are: mine, plain-name')
    await removeRepo(registry, place.path('link'))
    expect(listRepos(registry).map((each) => each.slug)).toEqual(['plain-name'])
    expect(existsSync(join(repo, 'a.txt'))).toBe(true)
  })

  test('refuses a second path with the same slug, naming both, and a slug with a wrong sign', async () => {
    using place = makePlace()
    const registry = place.path('repos.json')
    const one = await place.repo('one/app')
    const two = await place.repo('two/App')
    await addRepo(registry, { path: one })
    await expect(addRepo(registry, { path: two })).rejects.toThrow(new RegExp(`"App" of ${two} is that of ${one}`))
    await expect(addRepo(registry, { path: two, slug: '../x' })).rejects.toThrow('The slug "../x" is not valid')
    await addRepo(registry, { path: two, slug: 'second' })
  })

  test('loses nothing when twelve are added at once', async () => {
    using place = makePlace()
    const registry = place.path('repos.json')
    const paths = await Promise.all(Array.from({ length: 12 }, (_, i) => place.repo(`r${i}`)))
    await Promise.all(paths.map((path) => addRepo(registry, { path })))
    expect(listRepos(registry)).toHaveLength(12)
  })

  test('refuses a path outside, through a link, or through dots', async () => {
    using place = makePlace()
    const registry = place.path('repos.json')
    const repo = await place.repo('repo')
    await addRepo(registry, { path: repo })
    const repos = listRepos(registry)
    place.write('outside/secret', '')
    place.write('repo-next/file', '')
    symlinkSync(place.path('outside'), join(repo, 'out'))
    symlinkSync(repo, place.path('in'))
    expect(resolveInside(repos, place.path('in/a.txt'))).toMatchObject({
      path: join(repo, 'a.txt'),
      repo: { slug: 'repo' },
    })
    expect(resolveInside(repos, join(repo, 'new/file')).path).toBe(join(repo, 'new/file'))
    for (const path of ['out/secret', 'out/new', '../outside/secret', '../repo-next/file', 'none/../../outside']) {
      expect(() => resolveInside(repos, `${repo}/${path}`)).toThrow(
        expect.objectContaining({ code: 'repo_not_allowed' }),
      )
    }
    expect(() => resolveInside(repos, 'relative')).toThrow('relative is in no registered repository')
  })

  test('says so when its file is not one', () => {
    using place = makePlace()
    place.write('repos.json', '{"version":1,"repos":[{"slug":"../x"}]}')
    expect(() => listRepos(place.path('repos.json'))).toThrow('is not a list of repositories')
  })
})

describe('what configures the agents', () => {
  const files = {
    'README.md': 'x',
    '.claude/settings.json': '{}',
    '.claude/commands/a.md': 'a',
    '.mcp.json': '{}',
    'app/.Claude/settings.json': '{}',
    'lib/.claude/settings.json': '{}',
    'CLAUDE.md': 'words',
  }
  const names = ['.claude', '.mcp.json']

  test('is found at the root and on the way to where the agent works, whatever its case', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    const at = { cwd: repo }
    const root = ['.claude/commands/a.md', '.claude/settings.json', '.mcp.json']
    expect((await agentConfigIn('HEAD', { names, subfolder: null }, at))?.paths).toEqual(root)
    const below = await agentConfigIn('HEAD', { names, subfolder: 'app/src' }, at)
    expect(below?.paths).toEqual([...root, 'app/.Claude/settings.json'])
    expect(await agentConfigIn('HEAD', { names: ['.codex'], subfolder: 'app' }, at)).toBeNull()
    expect(await holdsFile('HEAD', 'CLAUDE.md', at)).toBe(true)
    expect(await holdsFile('HEAD', 'GEMINI.md', at)).toBe(false)
  })

  test('is trusted as it is, each agent’s alone; a change of one of its files makes it another', async () => {
    using place = makePlace()
    const registry = place.path('repos.json')
    const repo = await place.repo('repo', files)
    await addRepo(registry, { path: repo })
    const cidNow = async () => (await agentConfigIn('HEAD', { names, subfolder: null }, { cwd: repo }))?.cid ?? ''
    const before = await cidNow()
    const trusted = await trustRepo(registry, 'repo')
    expect(trusted).toMatchObject({ file: null, agents: { 'claude-code': { cid: before } } })
    expect(Object.keys(trusted.agents)).toEqual(['claude-code'])
    expect(listRepos(registry)[0]?.trusted).toEqual([before])
    chmodSync(join(repo, '.mcp.json'), 0o755)
    await place.git(repo, 'commit', '-qam', 'Change a mode')
    expect(await cidNow()).not.toBe(before)
  })

  test('may be a link, which counts like a file', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { 'evil/settings.json': '{}' })
    symlinkSync('evil', join(repo, '.claude'))
    await place.git(repo, 'add', '-A')
    await place.git(repo, 'commit', '-qm', 'Link')
    expect((await agentConfigIn('HEAD', { names, subfolder: null }, { cwd: repo }))?.paths).toEqual(['.claude'])
  })
})

describe('repo.toml', () => {
  const toml = 'setup = "npm ci"\nbaseBranch = "main"\n[[checks]]\nname = "test"\ncommand = "npm test"\n'

  test('is read from the commit, and obeyed only for the content that was trusted', async () => {
    using place = makePlace()
    const registry = place.path('repos.json')
    const repo = await place.repo('repo', { '.capstan/repo.toml': toml })
    await addRepo(registry, { path: repo })
    const commit = await place.git(repo, 'rev-parse', 'HEAD')
    const at = async (sha: string) =>
      repoFileAt({ commonDir: join(repo, '.git'), commit: sha, trusted: listRepos(registry)[0]?.trusted ?? [] })
    expect(await at(commit)).toMatchObject({ kind: 'untrusted', reason: expect.stringContaining('capstan repo trust') })
    await trustRepo(registry, 'repo')
    expect(await at(commit)).toMatchObject({
      kind: 'trusted',
      file: { setup: ['npm ci'], checks: [{ name: 'test', command: 'npm test' }] },
    })
    writeFileSync(join(repo, '.capstan/repo.toml'), `${toml}# touched\n`)
    expect((await at(commit)).kind).toBe('trusted')
    await place.git(repo, 'commit', '-qam', 'Touch')
    expect((await at(await place.git(repo, 'rev-parse', 'HEAD'))).kind).toBe('untrusted')
  })

  test('missing, huge or a link is no settings', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const now = async () =>
      repoFileAt({ commonDir: join(repo, '.git'), commit: await place.git(repo, 'rev-parse', 'HEAD'), trusted: [] })
    expect((await now()).kind).toBe('none')
    await expect(trustRepo(place.path('none.json'), 'repo')).rejects.toThrow('nothing is')
    await expect(addRepo(place.path('r.json'), { path: repo, trust: true })).rejects.toThrow(
      'no .capstan/repo.toml at HEAD',
    )
    place.write('repo/.capstan/repo.toml', `# ${'x'.repeat(70_000)}\n`)
    await place.git(repo, 'add', '-A')
    await place.git(repo, 'commit', '-qm', 'Huge')
    expect(await now()).toMatchObject({ kind: 'invalid', problem: expect.stringContaining('at most 65536') })
    rmSync(join(repo, '.capstan/repo.toml'))
    symlinkSync('/etc/hostname', join(repo, '.capstan/repo.toml'))
    await place.git(repo, 'add', '-A')
    await place.git(repo, 'commit', '-qm', 'Link')
    expect(await now()).toMatchObject({ kind: 'invalid', problem: expect.stringContaining('is not a plain file') })
  })

  test('says what is wrong by name', () => {
    expect(parseRepoFile('setpu = "x"')).toMatch(/unknown key "setpu"; known are: setup, .*teardown/)
    expect(parseRepoFile('a = ')).toMatch(/is not TOML at line 1/)
    expect(parseRepoFile('ports = "many"')).toMatch(/wrong "ports"/)
    expect(parseRepoFile('subfolder = "../x"')).toMatch(/wrong "subfolder": stays inside/)
    expect(parseRepoFile('checks = 3')).toMatch(/"checks" that is of no known form/)
    expect(parseRepoFile('[checks]\ntest = "npm test"\n')).toMatchObject({
      checks: [{ name: 'test', command: 'npm test' }],
    })
    expect(parseRepoFile('')).toMatchObject({ setup: [], checks: [], copy: [], link: [], ports: 0 })
  })
})
