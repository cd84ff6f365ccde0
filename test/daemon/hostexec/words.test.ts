// Words before anything runs: where gh may be sent, what a push comes to, and what is taken out of addresses.

import { describe, expect, it } from 'vitest'
import type { ApprovalRule } from '../../../src/core/approval.ts'
import { addressCleaner } from '../../../src/daemon/hostexec/credentials.ts'
import { forgeVariables } from '../../../src/daemon/hostexec/forge.ts'
import { checkGhWords } from '../../../src/daemon/hostexec/gh-words.ts'
import { ruleForPush } from '../../../src/daemon/hostexec/push-words.ts'

const host = 'git.corp.example'

describe('gh', () => {
  it.each([
    'pr view 1 -R localhost:17443/a/b',
    'pr view 1 --repo localhost:17443/a/b',
    'pr view 1 --repo=localhost:17443/a/b',
    'pr view 1 -R=localhost:17443/a/b',
    'pr view 1 -R https://localhost:17443/a/b',
    'pr view 1 -R git@localhost:a/b',
    'pr view 1 -R',
    'pr view https://localhost:17443/a/b/pull/1',
    'pr view HTTPS://localhost/a/b/pull/1',
    'pr view --comments https://localhost/a/b/pull/1',
    'pr view --json --title https://localhost/a/b/pull/1',
    `pr view https://${host}@localhost/a/b/pull/1`,
    `pr view https://${host}:x@localhost/a/b/pull/1`,
    `pr view https://${host}.evil.example/a/b/pull/1`,
    'issue close 1 --duplicate-of=https://localhost/a/b/issues/2',
    'repo view localhost/a/b',
    'repo view git@localhost:a/b',
    'repo view ssh://git@localhost/a/b',
    'pr view 1 -R github.com/a/b',
    'pr view 1 --hostname localhost',
  ])('is not sent to another host: %s', (words) => {
    expect(() => checkGhWords(words.split(' '), host)).toThrow(expect.objectContaining({ code: 'not_on_host' }))
  })

  it.each([
    'pr view 1 -R a/b',
    `pr view 1 --repo ${host}/a/b`,
    `pr view 1 --repo=${host.toUpperCase()}/a/b`,
    `pr view https://${host}/a/b/pull/1`,
    `repo view ${host}/a/b`,
    'repo view a/b',
    'pr create --title x --body see_https://localhost/ --head ada:x',
    'pr create --title=https://localhost/ --body=https://localhost/',
  ])('goes to its forge: %s', (words) => {
    expect(() => checkGhWords(words.split(' '), host)).not.toThrow()
  })

  it('is told the token’s host, whichever it is', () => {
    for (const each of [host, 'github.com', 'a.ghe.com'])
      expect(forgeVariables({ token: 'x', host: null }, each).GH_HOST).toBe(each)
  })
})

describe('a push by a rule', () => {
  const rule: ApprovalRule = {
    executable: 'git',
    argsPrefix: ['push', 'origin'],
    argsExcludes: ['--force', '-f', 'main', 'release/1'],
  }
  const holds = (words: string, more: { branch?: string | null; mapped?: boolean; rules?: ApprovalRule[] } = {}) => {
    const { branch = 'feature', mapped = false, rules = [rule] } = more
    const remotes = [{ name: 'origin', urls: ['https://x/y'], mapped }]
    const argv = ['git', 'push', 'origin', ...words.split(' ').filter((word) => word !== '')]
    return ruleForPush(argv, { branch, remotes }, rules) !== null
  }

  it.each(['', 'HEAD', '@', '-u HEAD', 'feature', 'HEAD:refs/heads/x', 'tag v1'])('on a branch passes: %s', (words) => {
    expect(holds(words)).toBe(true)
  })

  it.each(['', 'HEAD', '@', '-u HEAD'])('is judged by the branch that HEAD is on: %s', (words) => {
    expect(holds(words, { branch: 'main' })).toBe(false)
    expect(holds(words, { branch: 'release/1' })).toBe(false)
    expect(holds(words, { branch: null })).toBe(false)
    expect(holds('HEAD:refs/heads/x', { branch: 'main' })).toBe(true)
  })

  it.each([
    'refs/heads/mai*:refs/heads/mai*',
    '+HEAD:refs/heads/x',
    '--force-with-lease HEAD:refs/heads/x',
    '--force-with-lease=x HEAD:refs/heads/x',
    '--all',
    '--branches',
    '--tags',
    ':',
    '+:',
    ':x',
    '-d x',
    '--delete x',
    'x :x',
    '^main',
    'HEAD:HEAD',
    'HEAD:',
    'HEAD:refs/heads/release/1',
    'HEAD:heads/release/1',
    'HEAD:heads/main',
  ])('that could come to what is excluded is not allowed: %s', (words) => {
    expect(holds(words)).toBe(false)
    expect(holds(words, { rules: [{ executable: 'git', argsPrefix: ['push'] }] })).toBe(true)
  })

  it('is not judged by names that the repository maps to others', () => {
    expect(holds('feature', { mapped: true })).toBe(false)
    expect(holds('feature:feature', { mapped: true })).toBe(true)
  })
})

describe('what is printed', () => {
  it('has no user and no password of an address', () => {
    const remotes = [{ name: 'origin', urls: ['https://ada:s3cr3t%21word@host/x'], mapped: false }]
    const clean = addressCleaner((text) => text, remotes)
    expect(clean('From http://bob:x@other/y, git@h:x, ssh://git@h/x')).toBe(
      'From http://***@other/y, git@h:x, ssh://git@h/x',
    )
    expect(clean('it is s3cr3t!word or s3cr3t%21word')).not.toContain('s3cr3t')
  })
})
