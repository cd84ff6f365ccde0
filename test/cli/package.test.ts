// The package as it is shipped, unpacked where no other package is found: what is in it runs by itself, and says one sentence on a Node that
// is too old.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
let folder: string
let bin: string

beforeAll(() => {
  if (!existsSync(join(root, 'dist/main.js'))) throw new Error('dist is missing: npm run build comes before the tests')
  folder = mkdtempSync(join(tmpdir(), 'capstan-package-'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
    }),
  )
  execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', folder])
  bin = join(folder, 'package/bin/capstan.js')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the package', () => {
  it('takes a task from a prompt to a diff, and serves the page', async () => {
    const repo = join(folder, 'app')
    const git = (...args: string[]) => execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b.c', ...args])
    git('init', '-q', repo)
    git('-C', repo, 'commit', '-q', '--allow-empty', '-m', 'first')
    const env = { PATH: process.env.PATH, HOME: folder, CAPSTAN_HOME: join(folder, 'home') }
    const capstan = (...args: string[]) =>
      spawnSync(process.execPath, [bin, ...args], { cwd: repo, env, encoding: 'utf8' })
    expect(capstan('--version').stdout).toMatch(/^\d+\.\d+\.\d+/)
    const up = spawn(process.execPath, [bin, 'up', '--json', '--port', '0'], {
      cwd: repo,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(up, 'close')
    try {
      const [line] = await once(up.stdout, 'data')
      const { url } = JSON.parse(String(line)) as { url: string } // the contract for scripts
      expect(await (await fetch(url)).text()).toContain('<div id="root">')
      const ran = capstan(
        'task',
        'add',
        'echo hello > hello.txt',
        '--harness',
        'shell',
        '--expect',
        'changes',
        '--wait',
        '--json',
      )
      expect([ran.status, JSON.parse(ran.stdout).state], ran.stderr).toEqual([0, 'completed'])
      expect(capstan('task', 'diff', JSON.parse(ran.stdout).id).stdout).toContain('+hello')
    } finally {
      up.kill('SIGTERM')
      await closed
    }
  })

  it('holds the processes of a run: what agents start alone in their files, and the sandbox’s proxy', () => {
    const file = (path: string) => readFileSync(join(folder, 'package/dist', path), 'utf8')
    for (const script of ['daemon/mcp/bridge.js', 'daemon/mcp/caller.js']) {
      const imported = [...file(script).matchAll(/from ["']([^"']+)/g)].map(([, name]) => name)
      expect(imported.filter((name) => !name?.startsWith('node:'))).toEqual([])
    }
    const proxy = spawnSync(process.execPath, ['--check', join(folder, 'package/dist/daemon/sandbox/proxy-process.js')])
    expect(proxy.status).toBe(0)
    expect(file('licenses/program.md')).toContain('hono')
    expect(file('licenses/page.md')).toContain('react')
  })

  it('says on an older Node which one it needs, in one sentence, and exits 78', () => {
    const older = join(folder, 'older.cjs')
    writeFileSync(older, "Object.defineProperty(process.versions, 'node', { value: '20.11.0' })")
    const ran = spawnSync(process.execPath, ['--require', older, bin, 'up'], { encoding: 'utf8' })
    expect(ran.status).toBe(78)
    expect(ran.stderr).toMatch(/^capstan needs Node 24 or newer, and this is Node 20\.11\.0 .*\n$/)
  })
})
