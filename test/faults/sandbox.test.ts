// A sandboxed run from claim to branch, and a host that keeps its source: with real daemons, killed and started again.

import { chmodSync, closeSync, existsSync, globSync, openSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SandboxSettings } from '../../src/protocol/sandbox.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { without } from '../daemon/sandbox/box-world.ts'
import { type Field, fieldOfEachTest, type HostOptions } from './field.ts'

const newField = fieldOfEachTest()
const asRoot = process.getuid?.() === 0
/** A daemon of root starts its runs as somebody else. */
const runAs = asRoot ? ['--run-as', 'nobody'] : []

async function field(): Promise<Field> {
  const made = await newField()
  if (asRoot) chmodSync(made.world.root, 0o711)
  return made
}

function host(at: Field, name: string, more: HostOptions = {}) {
  return at.host(name, { ...more, args: [...runAs, ...(more.args ?? [])] })
}

function policy(at: Field, text: string): void {
  at.world.write(join(at.world.home, '.capstan/policy.toml'), text)
}

async function profile(at: Field, sandbox: SandboxSettings): Promise<string> {
  const { id } = await at.client.call('createProfile', { body: { name: 'boxed', sandbox } })
  return id
}

const lastDetail = (task: TaskView) => task.attempts.at(-1)?.detail ?? ''

describe.skipIf(without !== null)('a sandboxed run', () => {
  let web: Server
  let port = 0

  beforeEach(async () => {
    web = createServer((_, answer) => answer.end('HELLO'))
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done))
    const at = web.address()
    port = typeof at === 'object' && at !== null ? at.port : 0
  })
  afterEach(() => new Promise<void>((done) => web.close(() => done())))

  /** One request by way of the proxy; prints the status line. */
  const ask = (target: string) =>
    `(printf 'GET http://${target}/ HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 0.3) | socat -t 5 - TCP4:127.0.0.1:3128 | head -1`

  test('keeps its network while its daemon is killed and started again, delivers its commits, and says what was denied', async () => {
    const at = await field()
    const boxed = await profile(at, {
      runtime: 'os',
      network: { allowedHosts: [`127.0.0.1:${port}`] },
      resources: { pids: 200, memory: '1GiB' },
    })
    const first = await host(at, 'one', { args: ['--profile', 'boxed'] })
    const script = `
      echo "home $(ls -A "$HOME" | wc -l)"; cat '${at.world.root}/server/capstan.db' 2>&1 | grep -c 'No such file'
      echo two >b.txt; git add b.txt; git commit -qm 'Add b' || exit 9
      echo waiting; touch ready; while [ ! -e go ]; do sleep 0.05; done; rm go ready
      ${ask(`127.0.0.1:${port}`)}; ${ask('denied.example')}; echo three >c.txt`
    const { id } = await at.add(script, { repo: 'app', profiles: [boxed], expect: 'changes' })
    await at.running(id)
    const folder = () => globSync(`${at.world.root}/host-one/worktrees/*/*`)[0] ?? ''
    await at.world.until('the agent waits', async () => existsSync(join(folder(), 'ready')))
    const attempt = (await at.task(id)).attempts[0]
    await first.stop('SIGKILL')
    await host(at, 'one', { args: ['--profile', 'boxed'] })
    at.world.write(join(folder(), 'go'), '')
    const done = await at.ended(id)
    expect(lastDetail(done)).toBe('')
    expect(done.state).toMatch(/^(completed|review|accepted|done)$/)
    const said = (await at.said(id)).map((line) => line.trim())
    expect(said).toEqual(['home 0', '1', 'waiting', 'HTTP/1.1 200 OK', 'HTTP/1.1 403 Forbidden'])
    expect(done.attempts[0]?.containment).toMatch(/, bubblewrap, limits by (cgroup|prlimit)/)
    expect(attempt?.n).toBe(1)
    const told = (await at.events(id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
    expect(told).toContainEqual('sandbox: a connection was refused: denied.example is not an allowed host')
    const left = async () => globSync(`${at.world.root}/host-one/daemon/*/runs/*/box`).length === 0
    await at.world.until('nothing of the box is left', left)
    const branch = done.attempts[0]?.evidence?.branch ?? ''
    expect(await at.world.git(at.repo, 'log', '--format=%s', branch)).toMatch(/\nAdd b\nfirst$/)
    expect(await at.world.git(at.repo, 'ls-tree', '--name-only', branch)).toBe('README.md\nb.txt\nc.txt')
    if (asRoot) expect(statSync(join(at.world.root, 'app/.git/HEAD')).uid).toBe(0)
  })

  test('is refused where its limits are required and cannot be held; else what is not held is said', async () => {
    const at = await field()
    const { id } = await at.client.call('createProfile', {
      body: { name: 'strict', sandbox: { runtime: 'os', resources: { disk: '1GiB', required: true } } },
    })
    const loose = await profile(at, { runtime: 'os', resources: { disk: '1GiB', pids: 500 } })
    await host(at, 'one', { args: ['--profile', 'strict', '--profile', 'boxed'] })
    const refused = await at.ended((await at.add('true', { profiles: [id], maxAttempts: 1 })).id)
    expect(refused).toMatchObject({ state: 'failed', reason: 'harness_unavailable' })
    expect(lastDetail(refused)).toMatch(/the limits are required and this host \((cgroup|prlimit).*\) cannot hold disk/)
    const taken = await at.ended((await at.add('true', { profiles: [loose] })).id)
    expect(taken.state).toBe('completed')
    const told = (await at.events(taken.id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
    expect(told.join('\n')).toContain('this host cannot hold disk (each file is bounded, not their sum)')
  })

  test('runs setup with the hosts of setup, and checks in the same sandbox', async () => {
    const at = await field()
    const boxed = await profile(at, { runtime: 'os', network: { setupHosts: [`127.0.0.1:${port}`] } })
    at.world.write(
      join(at.repo, '.capstan/repo.toml'),
      `setup = ["${ask(`127.0.0.1:${port}`).replaceAll('\\', '\\\\').replaceAll('"', '\\"')} >setup.txt"]\n`,
    )
    await at.world.git(at.repo, 'add', '-A')
    await at.world.git(at.repo, 'commit', '-qm', 'setup')
    const one = await host(at, 'one', { args: ['--profile', 'boxed'] })
    const trusted = await at.world.capstan(['repo', 'trust', 'app', '--data', one.dataDir])
    expect(trusted.code, trusted.stderr).toBe(0)
    const checks = [
      {
        name: 'sees',
        command: `cat setup.txt; echo "[$HTTP_PROXY]"; test ! -e '${at.world.root}/server'`,
      },
    ]
    const { id } = await at.add('echo x >x; echo "[$HTTP_PROXY]"', { repo: 'app', profiles: [boxed], checks })
    const done = await at.ended(id)
    expect(lastDetail(done)).toBe('')
    expect(await at.said(id)).toEqual(['[]'])
    const [check] = done.attempts[0]?.evidence?.checks ?? []
    expect(check).toMatchObject({ exitCode: 0 })
    expect(check?.outputTail.trim()).toMatch(/^HTTP\/1.1 200 OK\s+\[\]$/)
  })
})

describe('a run', () => {
  test('has no open file of its daemon, nor one that its daemon was started with', async () => {
    const at = await field()
    const settings: SandboxSettings = { runtime: 'os', network: { allowedHosts: ['a.example'] } }
    const boxed = without === null ? [await profile(at, settings)] : []
    const key = join(at.world.root, 'key')
    at.world.write(key, 'KEY OF WHOEVER STARTED THE DAEMON')
    const inherits = openSync(key, 'r')
    try {
      await host(at, 'one', { inherits, args: boxed.flatMap(() => ['--profile', 'boxed']) })
    } finally {
      closeSync(inherits)
    }
    const list = 'ls -l /proc/$$/fd; true'
    const tasks = [await at.add(list), ...(await Promise.all(boxed.map((id) => at.add(list, { profiles: [id] }))))]
    for (const { id } of tasks) {
      await at.ended(id)
      const said = (await at.said(id)).flatMap((line) => /\d+ -> .*/.exec(line) ?? [])
      const usual = /^(0 -> \/dev\/null|1 -> .*stdout\.log|2 -> .*stderr\.log|\d+ -> .*\/prompt)$/
      const strange = said.filter((line) => !usual.test(line))
      expect(said.length).toBeGreaterThan(2)
      expect(strange).toEqual([])
    }
  })
})

describe('the host’s policy', () => {
  test('names the rule by which it refuses, whatever the server sends', async () => {
    const at = await field()
    policy(at, 'requireSandbox = true\nmaxTimeout = "1h"\ntaskTypes = ["freeform"]\n')
    await host(at, 'one')
    const plain = await at.add('true', { runningTimeoutMs: 60_000, maxAttempts: 1 })
    const long = await at.add('true', { runningTimeoutMs: 7_200_000, maxAttempts: 1 })
    expect(await at.ended(plain.id)).toMatchObject({ state: 'failed', reason: 'policy_refused' })
    expect(lastDetail(await at.task(plain.id))).toContain('requireSandbox = true')
    await at.ended(long.id)
    expect(lastDetail(await at.task(long.id))).toContain('maxTimeout = 1h, and the task may run 2h')
  })

  test('a rule that is not known stops the daemon with a sentence', async () => {
    const at = await field()
    policy(at, 'requireSandbx = true\n')
    await expect(host(at, 'one')).rejects.toThrow(/requireSandbx.*is not known; did you mean requireSandbox\?/)
  })

  test.skipIf(!asRoot)('a daemon of root without a user for its runs refuses a sandbox and says why', async () => {
    const at = await field()
    const boxed = await profile(at, { runtime: 'os' })
    const { child } = await at.host('one', { args: ['--profile', 'boxed'] })
    expect(child.exitCode).toBeNull()
    const { id } = await at.add('true', { profiles: [boxed] })
    const waiting = await at.when(id, 'waits', (task) => task.why !== null)
    expect(waiting.why).toContain('boxed')
  })

  test('with upload off, no line of the source is found in the server’s folder', async () => {
    const at = await field()
    const secretLine = 'let kestrel = quarry(7719)'
    at.world.write(join(at.repo, 'kestrel.ts'), `${secretLine}\n`)
    await at.world.git(at.repo, 'add', '-A')
    await at.world.git(at.repo, 'commit', '-qm', 'source')
    policy(at, '[upload]\nevents = "headers"\ndiff = false\nartifacts = false\nsession = false\ncheckpoint = false\n')
    await at.host('one')
    // the task's own text is the server's already: the line it makes is put together in the run
    const script = `cat kestrel.ts; cat kestrel.ts >&2; printf '%s(%s)\\n' 'const bittern = marsh' 4402 >bittern.ts; cat bittern.ts; git log -p | cat`
    const failing = 'cat kestrel.ts >&2; exit 3'
    const checks = [{ name: 'shows', command: 'cat kestrel.ts bittern.ts' }]
    const one = await at.add(script, { repo: 'app', checks })
    const two = await at.add(failing, { repo: 'app', maxAttempts: 1 })
    const [good, bad] = [await at.ended(one.id), await at.ended(two.id)]
    expect(good.attempts[0]?.evidence).toMatchObject({ filesChanged: 1, diffCid: null })
    expect(bad).toMatchObject({ state: 'failed', reason: 'agent_failed' })
    const events = await at.events(one.id)
    expect(events.length).toBeGreaterThan(0)
    await at.stopServer()
    const files = globSync('**/*', { cwd: join(at.world.root, 'server'), withFileTypes: true }).filter((each) =>
      each.isFile(),
    )
    expect(files.length).toBeGreaterThan(0)
    const found = files.filter((each) => {
      const bytes = readFileSync(join(each.parentPath, each.name)).toString('latin1')
      return [secretLine, 'kestrel = quarry', 'quarry(7719)', 'bittern = marsh(4402)'].some((line) =>
        bytes.includes(line),
      )
    })
    expect(found.map((each) => each.name)).toEqual([])
    expect(existsSync(join(at.world.root, 'server/capstan.db'))).toBe(true)
  })
})
