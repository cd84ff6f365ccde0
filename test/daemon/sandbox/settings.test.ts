// What a profile may ask of a sandbox, and the sentences for what it may not.

import { describe, expect, test } from 'vitest'
import { mountArguments, mountOf, ordered } from '../../../src/daemon/sandbox/mounts.ts'
import { parseSize, sandboxSettings } from '../../../src/protocol/sandbox.ts'

const wrong = (settings: object) => sandboxSettings.safeParse({ runtime: 'os', ...settings }).error?.issues[0]?.message
const host = (text: string) => wrong({ network: { allowedHosts: [text] } })

describe('the settings of a sandbox', () => {
  test.each([
    'example.com',
    '*.example.com',
    'example.com:8443',
    '127.0.0.1:8080',
    '[::1]:8080',
    'localhost:3000',
    'API.Example.com',
  ])('take the host %s', (text) => expect(host(text)).toBeUndefined())

  test.each([
    ['https://example.com', '"https://example.com" has a scheme: write the host alone'],
    ['example.com/path', '"example.com/path" is more than a host: write the host alone, with :port if need be'],
    ['*', '"*" allows everything: name the hosts'],
    ['*.com', '"*.com" allows a whole top-level domain: name the hosts'],
    ['*.*.example.com', '"*.*.example.com" has a * inside: only *.example.com is possible'],
    ['a*.example.com', '"a*.example.com" has a * inside: only *.example.com is possible'],
    ['example.com.', '"example.com." ends with a dot: leave it out'],
    ['example.com:99999', '"example.com:99999" has the port 99999: 1 to 65535'],
    ['127.1', '"127.1" is neither a name nor an address'],
    ['exa mple.com', '"exa mple.com" is more than a host: write the host alone, with :port if need be'],
    ['еxample.com', '"еxample.com" is not a host’s name'],
    ['-example.com', '"-example.com" is not a host’s name'],
  ])('refuse the host %j', (text, sentence) => expect(host(text)).toBe(sentence))

  test.each([
    [{ resources: { memory: '4 gigs' } }, '"4 gigs" is not a size such as 512MiB or 4GB'],
    [{ resources: { memory: '0GB' } }, '"0GB" is not a size such as 512MiB or 4GB'],
    [
      { filesystem: { write: ['src'] } },
      'an absolute path, or one that begins with ~/: the workspace itself is writable already',
    ],
    [{ filesystem: { write: ['/'] } }, '"/" is too much: name a folder below it'],
    [{ filesystem: { deny: ['../x'] } }, '"../x" climbs with ..: write the path itself'],
    [{ env: { CAPSTAN_TOKEN: 'x' } }, 'CAPSTAN_ and npm_ are reserved: use another name'],
    [{ runtime: 'none', network: {} }, 'runtime none has no network: choose runtime os, or drop them'],
  ])('refuse %j', (settings, sentence) => {
    const said = wrong(settings)
    expect(said === 'Invalid key in record' ? sentence : said).toBe(sentence)
  })

  test('read sizes', () => {
    expect(['1B', '1.5GiB', '2 GB', '10', 'x', '1gb'].map(parseSize)).toEqual([1, 1_610_612_736, 2e9, null, null, null])
  })
})

describe('the mounts of a box', () => {
  test('the deepest decides, a denied path stays denied, and what is hidden already has no name', () => {
    const mounts = [
      { kind: 'write', path: '/data/w' },
      { kind: 'deny', path: '/data/w/.env', folder: false },
      { kind: 'hidden', path: '/data', writable: false },
      { kind: 'hidden', path: '/data/other', writable: false },
      { kind: 'deny', path: '/data/other/key', folder: false },
      { kind: 'hidden', path: '/data/w/secrets', writable: false },
      { kind: 'read', path: '/usr/lib' },
      { kind: 'write', path: '/data/w/.env' },
    ] as const
    expect(ordered(mounts).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'hidden /data',
      'write /data/w',
      'deny /data/w/.env',
      'hidden /data/w/secrets',
    ])
    expect(mountOf('/data/w/src/a.ts', mounts)?.kind).toBe('write')
    expect(mountOf('/data/other/key', mounts)?.kind).toBe('hidden')
    expect(mountOf('/usr/lib/x', mounts)).toBeNull()
    expect(mountArguments(mounts, '/empty').slice(-4)).toEqual([
      '--remount-ro',
      '/data',
      '--remount-ro',
      '/data/w/secrets',
    ])
  })
})
