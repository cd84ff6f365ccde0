// Conversations of sandboxed runs: kept while they are used or could be gone on with, gone after that, and no link in them leads out.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { Seated } from '../../../src/daemon/session/conversation-home.ts'
import { conversationHome } from '../../../src/daemon/session/conversation-home.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { Place } from '../workspace/place.ts'
import { makePlace } from '../workspace/place.ts'
import { hourMs, makeHost } from './host.ts'

const isolatedFor = { name: 'Ada', email: 'ada@example.org' }
const name = '.claude/projects/-w-app/one.jsonl'

function homeOf(stateDir: string, workspace: Seated): string {
  const home = conversationHome(stateDir, workspace)
  if (home === null) throw new Error('not sandboxed')
  return home
}

/** A home that no run on record works in. */
function makeIdle(place: Place) {
  const host = makeHost(place)
  const home = homeOf(host.stateDir, { sandboxed: true, repoPath: '/repos/app' })
  return { ...host, home, write: (path: string, text = 'said\n') => place.write(join(home, path), text) }
}

/** So many days from now: the kernel's time of a change cannot be set, so the daemon looks later instead. */
function later(days: number) {
  return { clock: { ...systemClock, now: () => systemClock.now() + days * 24 * hourMs } }
}

test('what no run wrote for a week goes with its empty folder, and a dry run says how much; a CLI’s own places stay', async () => {
  using place = makePlace()
  const { clean, home, write } = makeIdle(place)
  const [told, folder] = [write(name, 'x'.repeat(10_000)), dirname(join(home, name))]
  const young = await clean(later(6))
  expect(young.removed).toEqual([])
  const deep = write('.codex/sessions/2026/11/21/rollout.jsonl')
  const said = await clean({ ...later(8), dryRun: true })
  expect(said.removed).toMatchObject([{ kind: 'conversation', path: home, attemptId: null }])
  expect(said.bytes).toBeGreaterThanOrEqual(10_000)
  expect([told, deep].map(existsSync)).toEqual([true, true])
  const done = await clean(later(8))
  expect(done.bytes).toBe(said.bytes)
  expect([told, deep, dirname(deep), folder].map(existsSync)).toEqual([false, false, false, true])
  expect((await clean(later(8))).removed).toEqual([])
})

test('an agent that sets the times of its files keeps none of them longer, and none of another’s shorter', async () => {
  using place = makePlace()
  const { clean, write } = makeIdle(place)
  const told = write(name)
  utimesSync(told, new Date('2000-01-01'), new Date('2000-01-01'))
  await clean()
  expect(existsSync(told)).toBe(true)
  utimesSync(told, new Date('2100-01-01'), new Date('2100-01-01'))
  await clean(later(8))
  expect(existsSync(told)).toBe(false)
})

test('links in the place of files, folders and a whole home are removed or left, and never followed', async () => {
  using place = makePlace()
  const { clean, home, write } = makeIdle(place)
  const precious = place.write('precious/file', 'mine')
  write(name)
  symlinkSync(precious, join(home, '.claude/projects/-w-app/file.jsonl'))
  symlinkSync(dirname(precious), join(home, '.claude/projects/-w-other'))
  symlinkSync(dirname(precious), join(dirname(home), 'linked-home'))
  await clean(later(8))
  expect(readFileSync(precious, 'utf8')).toBe('mine')
  expect(existsSync(join(home, '.claude/projects/-w-other'))).toBe(false)
  rmSync(join(home, '.claude'), { recursive: true })
  symlinkSync(dirname(precious), join(home, '.claude'))
  await clean(later(8))
  expect(readFileSync(precious, 'utf8')).toBe('mine')
})

test('a database and what lies beside it go together, once nobody wrote to any of it', async () => {
  using place = makePlace()
  const { clean, home, write } = makeIdle(place)
  const data = '.local/share/opencode'
  const all = [`${data}/opencode.db`, `${data}/storage/migration`, `${data}/log/one.log`].map((path) => write(path))
  const written = Math.max(...all.map((path) => statSync(path).ctimeMs))
  // the kernel's clock of files turns in steps
  const log = join(home, data, 'opencode.db-wal')
  while (!existsSync(log) || statSync(log).ctimeMs <= written) write(`${data}/opencode.db-wal`)
  const clock = { ...systemClock, now: () => statSync(log).ctimeMs + 168 * hourMs }
  await clean({ clock })
  expect(all.map(existsSync)).toEqual([true, true, true])
  await clean(later(8))
  expect(all.map(existsSync)).toEqual([false, false, false])
})

test('a run that works keeps what it wrote and the places that its sandbox mounts; what is older goes', async () => {
  using place = makePlace()
  const host = makeHost(place)
  const repo = await place.repo('repo')
  const home = homeOf(host.stateDir, { sandboxed: true, repoPath: repo })
  const old = place.write(join(home, '.claude/projects/-w-old/old.jsonl'), 'old\n')
  const mounted = place.write(join(home, '.local/share/opencode/auth.json'), '')
  const workspace = await host.begin(repo, { isolatedFor })
  expect(conversationHome(host.stateDir, workspace)).toBe(home)
  const own = place.write(join(home, name), 'own\n')
  host.needs(workspace)
  await host.clean(later(60))
  expect([old, dirname(old), mounted, own].map(existsSync)).toEqual([false, true, true, true])
})

test('what a run on record could be gone on with stays as long as its record, also where that is kept longer', async () => {
  using place = makePlace()
  const host = makeHost(place)
  const repo = await place.repo('repo')
  const workspace = await host.begin(repo, { isolatedFor, company: { team: 'team_1', profile: 'prof_1' } })
  const told = place.write(join(homeOf(host.stateDir, workspace), name), 'own\n')
  await host.end(workspace, 'failed', 0)
  place.write(join(workspace.path, 'new.txt'), 'not in the checkpoint') // so that it is kept
  await host.clean(later(8))
  expect([workspace.path, told].map(existsSync)).toEqual([true, true])
  rmSync(join(workspace.path, 'new.txt'))
  const said = await host.clean({ ...later(8), dryRun: true })
  expect(said.removed.map(({ kind }) => kind)).toContain('conversation')
  await host.clean({ olderThanMs: 0 })
  expect([workspace.path, told].map(existsSync)).toEqual([false, false])
})

test('where a journal cannot be read nothing goes: it may name a run that works', async () => {
  using place = makePlace()
  const { clean, stateDir, write } = makeIdle(place)
  const told = write(name)
  mkdirSync(join(stateDir, 'journal.db'))
  await clean(later(8))
  expect(existsSync(told)).toBe(true)
})
