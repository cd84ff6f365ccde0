// Whose account a CLI uses here, and whether it is about to renew what it signs in with.

import { expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import type { HostProbe } from '../../../src/daemon/harness/port.ts'

function host(env: Record<string, string>, files: Record<string, unknown> = {}): HostProbe {
  const texts = new Map(Object.entries(files).map(([path, value]) => [path, JSON.stringify(value)]))
  const read = (path: string) => texts.get(path) ?? null
  return { env: { HOME: '/h', ...env }, which: () => null, output: async () => null, read, list: () => [] }
}

const jwt = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`

test('two keys are two accounts, one key is one, and none of it can be read back', () => {
  const [a, b] = ['sk-ant-a', 'sk-ant-b'].map((key) => claudeCode.account?.(host({ ANTHROPIC_API_KEY: key })))
  expect(a).toMatch(/^key-[0-9a-f]{10}$/)
  expect(b).not.toBe(a)
  expect(claudeCode.account?.(host({ ANTHROPIC_API_KEY: 'sk-ant-a' }))).toBe(a)
  expect(codex.account?.(host({ OPENAI_API_KEY: 'sk-a' }))).toMatch(/^key-/)
})

test('a subscription is known by its account, also after its token was renewed', () => {
  const files = (token: string) => ({
    '/h/.claude.json': { oauthAccount: { accountUuid: 'u-1', organizationUuid: 'o-1' } },
    '/h/.claude/.credentials.json': { claudeAiOauth: { accessToken: token, expiresAt: 5 } },
    '/h/.codex/auth.json': {
      tokens: { account_id: 'acc', access_token: jwt({ exp: 1_800_000_000 }), id_token: token },
    },
  })
  for (const harness of [claudeCode, codex]) {
    const account = harness.account?.(host({}, files('one')))
    expect(account).toMatch(/^account-[0-9a-f]{10}$/)
    expect(harness.account?.(host({}, files('two')))).toBe(account)
  }
  expect(claudeCode.account?.(host({}))).toBeNull()
})

test('a file of tokens says until when it is fresh; a key needs no renewal', () => {
  const path = '/h/.claude/.credentials.json'
  expect(claudeCode.credentials?.(host({}, { [path]: { claudeAiOauth: { expiresAt: 1_760_000_000_000 } } }))).toEqual({
    path,
    freshUntil: 1_760_000_000_000,
  })
  expect(claudeCode.credentials?.(host({}))).toEqual({ path, freshUntil: null })
  expect(claudeCode.credentials?.(host({ ANTHROPIC_API_KEY: 'k' }))).toBeNull()
  expect(claudeCode.credentials?.(host({ CLAUDE_CODE_USE_BEDROCK: '1' }))).toBeNull()
  const tokens = { tokens: { access_token: jwt({ exp: 1_760_000_000 }) } }
  expect(codex.credentials?.(host({ CODEX_HOME: '/c' }, { '/c/auth.json': tokens }))).toEqual({
    path: '/c/auth.json',
    freshUntil: 1_760_000_000_000,
  })
  expect(codex.credentials?.(host({}, { '/h/.codex/auth.json': { OPENAI_API_KEY: 'sk' } }))).toBeNull()
  const google = '/h/.gemini/oauth_creds.json'
  const signedIn = {
    [google]: { expiry_date: 1_760_000_000_000 },
    '/h/.gemini/google_accounts.json': { active: 'a@b' },
  }
  expect(geminiCli.credentials?.(host({}, signedIn))).toEqual({ path: google, freshUntil: 1_760_000_000_000 })
  expect(geminiCli.account?.(host({}, signedIn))).toMatch(/^account-/)
  expect(geminiCli.credentials?.(host({ GEMINI_API_KEY: 'k' }, signedIn))).toBeNull()
  expect(geminiCli.account?.(host({ GEMINI_API_KEY: 'k' }, signedIn))).toMatch(/^key-/)
})
