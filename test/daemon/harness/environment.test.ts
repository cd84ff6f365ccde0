// Which variables reach an agent.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { cleanPath, passedBy, runEnvironment, searchPath } from '../../../src/daemon/harness/environment.ts'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import { readSecretDir } from '../../../src/daemon/harness/secret-dir.ts'
import { packageRoot } from '../../../src/lib/package-files.ts'
import { fakeHost } from './hosts.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capstan-env-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const run = { runId: 'att_1', taskId: 'task_1', attempt: 2, tmpDir: '/runs/1/tmp' }
const marks = { TMPDIR: '/runs/1/tmp', CAPSTAN_RUN_ID: 'att_1', CAPSTAN_TASK_ID: 'task_1', CAPSTAN_ATTEMPT: '2' }
const base = { secrets: {}, harness: [], profile: [], run, switches: {} }

test('what a shell needs passes, the rest of the daemon’s environment does not', () => {
  const needed = { HOME: '/h', LANG: 'C', LC_ALL: 'C', TZ: 'UTC', XDG_CONFIG_HOME: '/x', https_proxy: 'p' }
  const other = {
    AWS_SECRET_ACCESS_KEY: 'k',
    TMPDIR: '/other',
    NODE_OPTIONS: '--inspect',
    EDITOR: 'vi',
    UNSET: undefined,
  }
  expect(runEnvironment({ ...base, host: { ...needed, ...other, PATH: '/bin' } })).toEqual({
    ...needed,
    ...marks,
    PATH: '/bin',
  })
})

test('what the harness, the profile and the secrets folder name passes; secrets go over the host’s values', () => {
  const host = { PATH: '/bin', ANTHROPIC_API_KEY: 'host', ANTHROPIC_MODEL: 'm', NEEDED: 'n', OTHER: 'o' }
  const env = runEnvironment({
    ...base,
    host,
    harness: ['ANTHROPIC_*'],
    profile: ['NEEDED'],
    secrets: { ANTHROPIC_API_KEY: 'secret' },
    switches: { QUIET: '1' },
  })
  expect(env).toEqual({
    ...marks,
    PATH: '/bin',
    ANTHROPIC_API_KEY: 'secret',
    ANTHROPIC_MODEL: 'm',
    NEEDED: 'n',
    QUIET: '1',
  })
})

test('the search path by which a setup is kept is the same for all runs, also where each has commands of its own', () => {
  const host = { PATH: '/bin:/usr/bin' }
  const pathOf = (id: string) => runEnvironment({ ...base, host, run: { ...run, commands: `/mcp/${id}/bin` } }).PATH
  expect(['a', 'b'].map(pathOf)).toEqual([`${searchPath(host)}:/mcp/a/bin`, `${searchPath(host)}:/mcp/b/bin`])
})

test('npm’s and our own variables never pass, whoever names them', () => {
  const host = { PATH: '/bin', CAPSTAN_TOKEN: 'cap_1', npm_config_prefix: '/p', INIT_CWD: '/i' }
  const secrets = { CAPSTAN_TOKEN: 'cap_2', npm_config__auth: 'a' }
  const profile = ['CAPSTAN_TOKEN', 'npm_config_prefix', 'INIT_CWD']
  const switches = { CAPSTAN_RUN_ID: 'forged' }
  expect(runEnvironment({ ...base, host, secrets, profile, switches })).toEqual({ ...marks, PATH: '/bin' })
})

test('PATH loses our own node_modules/.bin, npm’s helpers and relative folders, and keeps those of others', () => {
  const ours = ['/a/capstan/node_modules/.bin', '/a/node_modules/.bin/', '/node_modules/.bin']
  const npm = '/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin'
  const kept = ['/a/capstan/test/peers/codex/node_modules/.bin', '/b/node_modules/.bin', '/usr/bin']
  const path = [...ours, npm, kept[0], '.', '', 'bin', kept[1], kept[2], '/usr/bin'].join(':')
  expect(cleanPath(path, '/a/capstan')).toBe(kept.join(':'))
})

test('the variables of a cloud pass only where it is in use', () => {
  expect(passedBy(claudeCode, fakeHost({}))).not.toContain('AWS_*')
  expect(passedBy(claudeCode, fakeHost({ env: { CLAUDE_CODE_USE_BEDROCK: '1' } }))).toContain('AWS_*')
})

test('each file of the secrets folder is a variable; dot files and folders are skipped', () => {
  writeFileSync(join(folder, 'API_KEY'), 'one\ntwo\n\n')
  writeFileSync(join(folder, '.hidden'), 'x')
  mkdirSync(join(folder, 'folder'))
  expect(readSecretDir(folder)).toEqual({ API_KEY: 'one\ntwo' })
  expect(readSecretDir(join(folder, 'missing'))).toEqual({})
  expect(readSecretDir(null)).toEqual({})
})

test('a file that cannot be a variable is refused by its name', () => {
  writeFileSync(join(folder, 'api-key'), 'x')
  expect(() => readSecretDir(folder)).toThrow(/api-key is not named like a variable/)
  rmSync(join(folder, 'api-key'))
  writeFileSync(join(folder, 'BINARY'), Buffer.from([65, 0, 66]))
  expect(() => readSecretDir(folder)).toThrow(/zero byte/)
})

test('the probe finds programs on the path that runs will have, and reads what is small enough', async () => {
  const program = join(folder, 'agent')
  writeFileSync(program, '#!/bin/sh\necho "agent 1.2.3 $KEY $CAPSTAN_TOKEN"\n', { mode: 0o755 })
  writeFileSync(join(folder, 'plain'), 'not executable', { mode: 0o644 })
  const env = { PATH: `${join(packageRoot, 'node_modules/.bin')}:${folder}:/bin:/usr/bin`, CAPSTAN_TOKEN: 'cap_1' }
  const probe = makeHostProbe(env, { KEY: 'k' })
  expect(probe.which('agent')).toBe(program)
  expect(probe.which(program)).toBe(program)
  expect([probe.which('plain'), probe.which('vitest'), probe.which('./agent')]).toEqual([null, null, null])
  expect(await probe.output(program, [])).toBe('agent 1.2.3 k \n')
  expect(await probe.output('/bin/sh', ['-c', 'exit 3'])).toBeNull()
  expect(await probe.output(join(folder, 'missing'), [])).toBeNull()
  expect([probe.read(join(folder, 'plain')), probe.read(folder)]).toEqual(['not executable', null])
})
