// Secrets are blackened in the forms in which they usually appear.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeRedactor, redactEvent, secretsAmong } from '../../src/lib/redact.ts'

const secret = 'sk-"Zürich"/+ 9\\x'
const redact = makeRedactor({ KEY: secret, OTHER: 'sk-other-value', SHORT: 'abc' })

const forms: readonly (readonly [string, string])[] = [
  ['plain', secret],
  ['in JSON', JSON.stringify({ a: secret })],
  ['in JSON in JSON', JSON.stringify(JSON.stringify({ a: secret }))],
  ['in a URL', `https://x/?k=${encodeURIComponent(secret)}&b`],
  ['in a form', `k=${encodeURIComponent(secret).replaceAll('%20', '+')}`],
  ['as hex', Buffer.from(secret).toString('hex')],
  ['as upper-case hex', Buffer.from(secret).toString('hex').toUpperCase()],
]

test.each(forms)('a secret %s is blackened', (_form, text) => {
  const shown = redact(`before ${text} after`)
  expect(shown).toContain('[redacted KEY]')
  expect(shown).toMatch(/^before .* after$/s)
  for (const [, whole] of forms) expect(shown).not.toContain(whole)
})

test('a secret inside base64 is blackened whatever stands around it', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), fc.boolean(), (before, after, urlSafe) => {
      const encoded = Buffer.from(`${before}${secret}${after}`).toString(urlSafe ? 'base64url' : 'base64')
      expect(redact(encoded)).toContain('[redacted KEY]')
    }),
  )
})

test('no text around a secret lets it through', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      expect(redact(`${before}sk-other-value${after}`)).not.toContain('sk-other-value')
    }),
  )
})

test('a value of several lines is found line by line', () => {
  const pem = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n  hkiG9w0BAQEFAASC\n-----END KEY-----'
  const shown = makeRedactor({ PEM: pem })(`line: MIIEvQIBADANBgkq, hkiG9w0BAQEFAASC`)
  expect(shown).toBe('line: [redacted PEM], [redacted PEM]')
  expect(makeRedactor({ PEM: pem })(pem)).toBe('[redacted PEM]')
})

test('secrets that overlap or hold each other leave nothing', () => {
  const both = makeRedactor({ A: 'abcdef', B: 'defghi', C: 'abcdefgh' })
  expect(both('xabcdefghix')).toBe('x[redacted C]x')
  expect(both('abcdefabcdef')).toBe('[redacted A][redacted A]')
})

test('values shorter than six characters and an empty list change nothing', () => {
  expect(redact('abc')).toBe('abc')
  expect(makeRedactor({})('anything')).toBe('anything')
})

test('every string of an event is blackened, keys too, and its shape stays', () => {
  const event = {
    type: 'tool_start',
    input: { command: ['x', 'sk-other-value'], 'sk-other-value': 1 },
    ok: true,
    n: null,
  }
  expect(redactEvent(event, redact)).toEqual({
    type: 'tool_start',
    input: { command: ['x', '[redacted OTHER]'], '[redacted OTHER]': 1 },
    ok: true,
    n: null,
  })
})

test('what the environment names like a credential is a secret; paths, counts and switches are not', () => {
  const env = {
    OPENAI_API_KEY: 'sk-1',
    GITHUB_TOKEN: 'ghp',
    ANTHROPIC_CUSTOM_HEADERS: 'x: y',
    GOOGLE_APPLICATION_CREDENTIALS: '/home/u/key.json',
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: '64000',
    HOME: '/home/u',
    LANG: 'C.UTF-8',
  }
  expect(Object.keys(secretsAmong(env, { ANY: 'value' })).sort()).toEqual([
    'ANTHROPIC_CUSTOM_HEADERS',
    'ANY',
    'GITHUB_TOKEN',
    'OPENAI_API_KEY',
  ])
})

test('thirty secrets do not slow a megabyte of output by many seconds', () => {
  const many = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`S${index}`, `secret-value-${index}-abcdefgh`]),
  )
  const redactMany = makeRedactor(many)
  const text = `${'the quick brown fox jumps over the lazy dog. '.repeat(20)}\n`
  const startedAt = performance.now()
  for (let size = 0; size < 1_000_000; size += text.length) redactMany(text)
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('a secret that a shortened line ends in goes, though it is not whole', () => {
  expect(redact('curl -H sk-other-v…')).toBe('curl -H [redacted OTHER]…')
  expect(redact('"curl sk-other-v…" and more')).toBe('"curl [redacted OTHER]…" and more')
  expect(redact('echo sk-…')).toBe('echo sk-…') // too little to be told from other words
})
