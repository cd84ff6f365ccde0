// git is run with nothing of the user's or the repository's that could surprise, and names are never options.

import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { git, gitBytes, gitOrNull, lastWords, runGit } from '../../src/lib/git.ts'
import { commitOf, refWords, requireBranchName, validBranchName } from '../../src/lib/git-refs.ts'
import { makePlace } from '../daemon/workspace/place.ts'

describe('git', () => {
  test('fails with a sentence that names the command, the folder and the cause', async () => {
    using place = makePlace()
    const cwd = await place.repo('repo')
    await expect(git(['rev-parse', '--verify', 'nope'], { cwd })).rejects.toMatchObject({
      code: 'workspace_failed',
      detail: `git rev-parse in ${cwd} failed with 128: Needed a single revision.`,
    })
    await expect(git(['status'], { cwd: place.path('gone') })).rejects.toThrow(
      'gone does not exist; it was moved or deleted',
    )
    expect(await gitOrNull(['rev-parse', '--verify', 'nope'], { cwd })).toBeNull()
  })

  test('ends at its timeout with the remedy, and at its signal', async () => {
    using place = makePlace()
    const cwd = await place.repo('repo')
    const hang = ['-c', 'alias.hang=!sleep 30', 'hang']
    await expect(runGit(hang, { cwd, timeoutMs: 200 })).rejects.toThrow(
      /did not end within 0.2 s; look for a hung disk/,
    )
    const signal = AbortSignal.timeout(100)
    await expect(runGit(hang, { cwd, signal })).rejects.toThrow('timeout')
  })

  test('refuses an answer larger than it may be', async () => {
    using place = makePlace()
    const cwd = await place.repo('repo', { big: 'x'.repeat(10_000) })
    await expect(gitBytes(['cat-file', 'blob', 'HEAD:big'], { cwd, maxBytes: 1_000 })).rejects.toThrow(
      'more than 1000 bytes',
    )
  })

  test('reads neither the user’s configuration nor hooks, and never asks', async () => {
    using place = makePlace()
    const cwd = await place.repo('repo')
    place.write('repo/.git/hooks/post-commit', `#!/bin/sh\ntouch '${place.pwned}'\n`)
    await place.git(cwd, 'config', 'core.hooksPath', '.git/hooks')
    const shown = await git(['config', '--list', '--show-scope'], { cwd })
    expect(shown).not.toMatch(/^(system|global)/m)
    expect(shown).toContain('command\tcore.hookspath=/dev/null')
    await git(['commit', '--allow-empty', '-m', 'x'], { cwd })
    expect(existsSync(place.pwned)).toBe(false)
    expect(await git(['log', '-1', '--format=%an'], { cwd })).toBe('Capstan')
  })

  test('says what git said', () => {
    expect(lastWords('hint: x\nfatal: bad thing.\nmore')).toBe('bad thing')
    expect(lastWords('')).toBe('it said nothing')
  })
})

describe('names of refs', () => {
  test('the rule agrees with git’s own', async () => {
    using place = makePlace()
    const names = [
      'main',
      'a/b',
      'a..b',
      '.a',
      'a/.b',
      'a.lock',
      'a.lock/b',
      '-a',
      'a b',
      'a~',
      'a^',
      'a:',
      'a?',
      'a*',
      'a[',
      'a\\',
      '/a',
      'a/',
      'a//b',
      'a.',
      'a@{b',
      'ü',
      'a\x7f',
      'HEAD',
    ]
    for (const name of names) {
      const said = await gitOrNull(['check-ref-format', '--branch', name], { cwd: place.folder })
      expect([name, validBranchName(name)]).toEqual([name, said !== null])
    }
    expect(validBranchName('@')).toBe(false) // git would allow it, but everywhere else it means HEAD
    expect(() => requireBranchName('--force')).toThrow('"--force" is not a branch name')
  })

  test('words of any title are a valid part of a branch', () => {
    expect(refWords('Fix the Login: now!')).toBe('fix-the-login-now')
    expect(refWords('Überprüfe ÄÖ')).toBe('uberprufe-ao')
    expect(refWords('日本語')).toBe('task')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (title) =>
        validBranchName(`capstan/x/${refWords(title)}`),
      ),
    )
  })

  test('a revision that looks like an option is no revision', async () => {
    using place = makePlace()
    const cwd = await place.repo('repo')
    for (const name of ['--all', '-h', '', ' ', 'a\nb']) expect(await commitOf(name, { cwd })).toBeNull()
    expect(await commitOf('main', { cwd })).toMatch(/^[0-9a-f]{40}$/)
  })
})
