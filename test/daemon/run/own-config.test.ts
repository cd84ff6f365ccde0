// Configuration of an agent that lies in its workspace and that git does not track: nobody trusted it, wherever it came from.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import { addRepo, trustRepo } from '../../../src/daemon/repos/registry.ts'
import type { RunDeps } from '../../../src/daemon/run/deps.ts'
import { holdConfig } from '../../../src/daemon/run/own-config.ts'
import type { RunRecord } from '../../../src/daemon/run/record.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import type { Place } from '../workspace/place.ts'
import { makePlace } from '../workspace/place.ts'

const files = { '.gitignore': '*.local.json\n.opencode/\n', '.claude/settings.json': '{}', 'app/a.txt': 'one\n' }

/** The repository's own files are trusted. */
async function trusted(place: Place): Promise<string> {
  const repo = await place.repo('repo', files)
  await addRepo(place.path('repos.json'), { path: repo, slug: 'app' })
  await trustRepo(place.path('repos.json'), 'app')
  return repo
}

/** What was decided, and what the transcript says. */
async function decided(place: Place, workspace: Workspace, harness: Harness, subfolder: string | null = null) {
  const saved: unknown[] = []
  const notices: string[] = []
  const record = {
    state: {},
    prepared: () => ({ workspace, harness }),
    save: ({ held }: { held: unknown }) => saved.push(held),
    notice: (said: readonly string[]) => notices.push(...said),
  }
  const deps = { registryPath: place.path('repos.json') }
  const where = { subfolder, signal: AbortSignal.timeout(25_000) }
  await holdConfig(deps as unknown as RunDeps, record as unknown as RunRecord, where) // all that it uses
  return { held: saved.at(-1), notices: notices.join('\n') }
}

test('an ignored file beside trusted ones holds all of it back, in the folders on the way too, and its remedy is told', async () => {
  using place = makePlace()
  const workspace = await prepare(place.request(await trusted(place)))
  expect(await decided(place, workspace, claudeCode)).toEqual({ held: null, notices: '' })
  place.write(join(workspace.path, '.claude/settings.local.json'), '{}')
  place.write(join(workspace.path, 'app/.mcp.json'), '{}')
  const { held, notices } = await decided(place, workspace, claudeCode, 'app')
  expect(held).toMatchObject({ paths: ['.claude/settings.local.json', 'app/.mcp.json'] })
  expect(notices).toContain('remove .claude/settings.local.json, app/.mcp.json, which git does not track, or name')
  expect(notices).not.toContain('repo trust')
})

test('what the trusted repo.toml has brought along counts', async () => {
  using place = makePlace()
  const repo = await trusted(place)
  place.write(join(repo, '.claude/settings.local.json'), '{}')
  const carry = { copy: ['.claude/settings.local.json'], link: [] }
  const workspace = await prepare(place.request(repo, { carry }))
  expect(await decided(place, workspace, claudeCode)).toEqual({ held: null, notices: '' })
})

test('an agent that would obey what an earlier one left in a shared checkout does not run', async () => {
  using place = makePlace()
  const repo = await trusted(place)
  place.write(join(repo, '.opencode/plugin/evil.js'), '')
  const workspace = await prepare(place.request(repo, { mode: 'shared' }))
  await expect(decided(place, workspace, opencode)).rejects.toThrow(
    /OpenCode would obey .opencode\/plugin\/evil.js of this repository.*; its owner can: remove .*, or use mode worktree; or use another harness/,
  )
})
