// The way out of a sandbox: only listed hosts, by their names, at their ports, and never to an address of this machine unless it is allowed.

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  allowedBy,
  isPrivate,
  isPrivateRule,
  type NetworkRule,
  readTarget,
  refusedAddress,
} from '../../../src/daemon/sandbox/network-rules.ts'
import { type Denial, makeProxy } from '../../../src/daemon/sandbox/proxy.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { readAllowedHost } from '../../../src/protocol/sandbox.ts'
import { BoxWorld, without } from './box-world.ts'

const rule = (text: string, local = false): NetworkRule => {
  const read = readAllowedHost(text)
  if (typeof read === 'string') throw new Error(read)
  return { ...read, private: local }
}
const why = (rules: readonly NetworkRule[], authority: string): string | null => {
  const target = readTarget(authority, null)
  if (!target.ok) return target.why
  const found = allowedBy(rules, target.value)
  return found.ok ? null : found.why
}

describe('the list of allowed hosts', () => {
  const rules = ['example.com', '*.example.org', 'api.example.net:8443', '203.0.113.7'].map((text) => rule(text))

  test.each([
    'example.com:443',
    'EXAMPLE.com:80',
    'a.example.org:443',
    'a.b.example.org:443',
    'api.example.net:8443',
    '203.0.113.7:443',
  ])('takes %s', (authority) => {
    expect(why(rules, authority)).toBeNull()
  })

  test.each([
    ['example.com:22', 'is not allowed at port 22'],
    ['example.com.:443', 'is not a host’s name'],
    ['example.com\0.evil.test:443', 'is not a host and port'],
    ['example.com%00.evil.test:443', 'is not a host and port'],
    ['evil@example.com:443', 'is not a host and port'],
    ['example.com:443:443', 'is not a host and port'],
    ['example.com:0', 'is not a host and port'],
    ['example.com', 'is not a host and port'],
    ['xexample.org:443', 'is not an allowed host'],
    ['example.org:443', 'is not an allowed host'],
    ['evil.test:443', 'is not an allowed host'],
    ['еxample.com:443', 'is not a host and port'],
    ['93.184.216.34:443', 'is an address that is not allowed'],
    ['[::1]:443', 'is an address that is not allowed'],
    ['[::ffff:127.0.0.1]:443', 'is an address that is not allowed'],
    ['2130706433:443', 'is not a host’s name'],
    ['0x7f000001:443', 'is not an allowed host'],
    ['127.1:443', 'is not a host’s name'],
    ['017700000001:443', 'is not a host’s name'],
    ['[fe80::1%25eth0]:443', 'is not a host and port'],
  ])('refuses %j', (authority, sentence) => {
    expect(why(rules, authority)).toBe(sentence)
  })

  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '100.100.100.200',
    '192.168.1.1',
    '172.20.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '::1',
    '::',
    'fd00::1',
    'fe80::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ])('does not dial %s for a name that may not stand for it', (address) => {
    expect(isPrivate(address)).toBe(true)
    expect(refusedAddress(address, rule('example.com'))).toContain('private address')
    expect(refusedAddress(address, rule('model.example.com', true))).toBeNull()
  })

  test('a rule that names an address opens it, but none under which clouds keep keys, in no form', () => {
    const names = (host: string) => isPrivateRule({ host, wildcard: false, port: null })
    expect(['localhost', '127.0.0.1', '10.1.2.3', '::1', 'fd12::1'].filter((host) => !names(host))).toEqual([])
    const never = ['169.254.169.254', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe']
    expect([...never, '64:ff9b::a9fe:a9fe', 'fd00:ec2::254', 'fe80::1', '8.8.8.8', 'db.example'].filter(names)).toEqual(
      [],
    )
  })

  test('dials public addresses', () => {
    expect(['93.184.216.34', '2606:2800:220:1::1', '8.8.8.8'].filter(isPrivate)).toEqual([])
  })
})

/** A proxy on this machine's loopback with what it refused. */
async function listening(rules: readonly NetworkRule[]): Promise<{ port: number; denied: Denial[]; server: Server }> {
  const denied: Denial[] = []
  const server = makeProxy({ rules, onDenied: (denial) => denied.push(denial) })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { port: portOf(server), denied, server }
}

function portOf(server: { address(): unknown }): number {
  const at = server.address()
  if (typeof at !== 'object' || at === null || !('port' in at)) throw new Error('not listening')
  return Number(at.port)
}

/** What is answered to these bytes. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

describe('the proxy', () => {
  let web: Server
  let port: number
  let heard: string[]

  beforeAll(async () => {
    heard = []
    web = createServer((request, answer) => {
      heard.push(
        `${request.method} ${request.headers.host} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim(),
      )
      answer.end('HELLO')
    })
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done))
    port = portOf(web)
  })
  afterAll(() => new Promise((done) => web.close(done)))

  test('passes on a request with the host it has checked, whatever the client’s own header says', async () => {
    const { port: at, server } = await listening([rule(`localhost:${port}`, true)])
    const ask = `GET http://LOCALHOST:${port}/x?y HTTP/1.1\r\nHost: evil.test\r\nProxy-Authorization: secret\r\nConnection: close\r\n\r\n`
    expect(await answerTo(at, ask)).toContain('HELLO')
    expect(heard.at(-1)).toBe(`GET LOCALHOST:${port} /x?y`)
    server.close()
  })

  test('refuses a listed name that stands for this machine, as a rebinding would', async () => {
    const { port: at, denied, server } = await listening([rule(`localhost:${port}`)])
    expect(await answerTo(at, `CONNECT localhost:${port} HTTP/1.1\r\n\r\n`)).toContain('403')
    expect(denied[0]?.why).toContain('private address')
    server.close()
  })

  test('refuses what is not HTTP, and a name with a zero byte, and says so', async () => {
    const { port: at, denied, server } = await listening([rule('example.com')])
    expect(await answerTo(at, 'CONNECT example.com\0.evil.test:443 HTTP/1.1\r\n\r\n')).toContain('400')
    expect(await answerTo(at, `\x16\x03\x01${'x'.repeat(50)}\r\n\r\n`)).toContain('400')
    expect(denied).toHaveLength(2)
    server.close()
  })

  test('ends both ends of a tunnel with either', async () => {
    const inner = createTcp((socket) => socket.end('BYE'))
    await new Promise<void>((done) => inner.listen(0, '127.0.0.1', done))
    const { port: at, server } = await listening([rule(`127.0.0.1:${portOf(inner)}`, true)])
    expect(await answerTo(at, `CONNECT 127.0.0.1:${portOf(inner)} HTTP/1.1\r\n\r\n`)).toContain('BYE')
    server.close()
    inner.close()
  })
})

describe.skipIf(without !== null)('a sandboxed run', () => {
  let world: BoxWorld
  let workspace: Workspace
  let web: Server

  beforeAll(async () => {
    world = new BoxWorld()
    workspace = await world.workspace(null)
    web = createServer((_, answer) => answer.end('HELLO'))
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done))
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    web.close()
  })

  /** A client that speaks to the proxy as it is told by the environment, without curl. */
  const ask = (target: string) =>
    `(printf 'GET http://${target}/ HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 0.3) | socat -t 5 - TCP4:127.0.0.1:3128 | head -1`

  test('reaches what is listed, and what it was refused is written down with the name', async () => {
    const at = `localhost:${portOf(web)}`
    const ran = await world.inside(
      workspace,
      `echo "$HTTPS_PROXY $NO_PROXY"; ${ask(at)}; ${ask('denied.example')}; ${ask(`127.0.0.1:${portOf(web)}`)}`,
      {
        rules: [rule(at, true)],
      },
    )
    expect(ran.out.split('\n').map((line) => line.trim())).toEqual([
      'http://127.0.0.1:3128',
      'HTTP/1.1 200 OK',
      'HTTP/1.1 403 Forbidden',
      'HTTP/1.1 403 Forbidden',
    ])
    const denied = readFileSync(join(world.runDir, 'box/agent/denied'), 'utf8').trim().split('\n')
    expect(denied.map((line) => JSON.parse(line).target)).toEqual(['denied.example', `127.0.0.1:${portOf(web)}`])
  })

  test('has no resolver and no route of its own', async () => {
    const ran = await world.inside(
      workspace,
      'getent hosts example.com; echo "dns $?"; socat -T2 - UDP4:8.8.8.8:53 </dev/null; socat -T2 - TCP4:1.1.1.1:443 </dev/null; cat /proc/net/route | wc -l',
    )
    expect(ran.out).toBe('dns 2\n1')
    expect(ran.err).toMatch(/unreachable/)
  })

  test('without listed hosts has not even a proxy', async () => {
    const ran = await world.inside(
      workspace,
      'echo "[$HTTP_PROXY]"; ls /run/capstan/net; socat - TCP4:127.0.0.1:3128 </dev/null',
    )
    expect(ran.out).toBe('[]')
    expect(ran.err).toContain('Connection refused')
  })
})
