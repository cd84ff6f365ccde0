// Attempts to get out of the sandbox, or to what it hides: each fails, and says how.

import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { BoxWorld, runUser, without } from './box-world.ts'

describe.skipIf(without !== null)('a sandboxed run', () => {
  let world: BoxWorld
  let workspace: Workspace
  let other: string

  beforeAll(async () => {
    world = new BoxWorld()
    world.write('home/.ssh/id_ed25519', 'PRIVATE KEY')
    world.write('home/.aws/credentials', 'AWS SECRET')
    world.write('data/capstan.db', 'DATABASE')
    const repo = await world.repo('app', { 'a.txt': 'one\n', 'sub/deep/.env': 'SECRET=1\n', 'kept/.env': 'SECRET=2\n' })
    await world.repo('other', { 'b.txt': 'OTHER SOURCE\n' })
    other = join(world.dataDir, 'worktrees/acme-app/other-task')
    world.write(join(other, 'c.txt'), 'OTHER TASK')
    workspace = await world.workspace(repo)
  })
  afterAll(() => world[Symbol.asyncDispose]())

  const inside = (script: string, asked = {}) => world.inside(workspace, script, asked)

  test('works in its workspace, in its home and in its temporary folder, and only the first two steps outlive it', async () => {
    const ran = await inside(
      'echo two >new.txt && cat a.txt && echo x >"$HOME/y" && echo x >"$TMPDIR/z" && touch /tmp/q && pwd',
    )
    expect(ran).toEqual({ code: 0, out: `one\n${workspace.path}`, err: '' })
    expect(readFileSync(join(workspace.path, 'new.txt'), 'utf8')).toBe('two\n')
    expect(existsSync(join(world.home, 'y'))).toBe(false)
  })

  test.each([
    ['keys of its user', () => join(world.home, '.ssh/id_ed25519')],
    ['credentials of a cloud', () => join(world.home, '.aws/credentials')],
    ['the database', () => join(world.dataDir, 'capstan.db')],
    ['another task’s worktree', () => join(other, 'c.txt')],
    ['another repository', () => join(world.root, 'code/other/b.txt')],
    ['its own repository’s configuration', () => join(world.root, 'code/app/.git/config')],
    ['the output the daemon reads', () => join(world.runDir, 'box/agent/arguments')],
  ])('does not find %s', async (_, path) => {
    const ran = await inside(`cat '${path()}'; echo "code $?"; ls -A '${world.home}'`)
    expect(ran.err).toContain('No such file or directory')
    expect(ran.out).toBe('code 1')
  })

  test('cannot write outside, not even where its user could', async () => {
    const places = [
      `${world.root}/code/app/a.txt`,
      `${world.dataDir}/x`,
      '/usr/x',
      '/etc/x',
      '/var/spool/cron/x',
      '/sys/x',
    ]
    const ran = await inside(places.map((path) => `(echo x >'${path}') 2>&1 && echo "WROTE ${path}"`).join('; '))
    expect(existsSync(join(world.dataDir, 'x'))).toBe(false)
    expect(ran.out.match(/Read-only file system|nonexistent/g)?.length).toBe(4)
    expect(readFileSync(join(world.root, 'code/app/a.txt'), 'utf8')).toBe('one\n')
  })

  test('sees no process but its own, and no environment of one, not even of its own user', async () => {
    const ids = runUser === null ? {} : { uid: runUser.uid, gid: runUser.gid }
    const other = spawn('/bin/sleep', ['60'], { ...ids, cwd: '/', env: { OTHER_TOKEN: 'tok-91fe' } })
    try {
      const ran = await inside(
        `cat /proc/*/environ /proc/${other.pid}/environ | tr "\\0" "\\n" | grep -cE "OTHER_TOKEN|VITEST"; ls /proc | grep -c "^[0-9]"; kill -0 ${other.pid} && echo reached`,
      )
      const [marks, processes, ...more] = ran.out.split('\n')
      expect(marks).toBe('0')
      expect(Number(processes)).toBeLessThan(8)
      expect(more).toEqual([])
      expect(ran.err).toContain(`/proc/${other.pid}/environ: No such file or directory`)
    } finally {
      other.kill('SIGKILL')
    }
  })

  test('has no abilities, and makes no namespace in which it would have some', async () => {
    const ran = await inside(
      'grep CapEff /proc/self/status; unshare -Ur true 2>&1; mount -o remount,rw / 2>&1; bwrap --dev-bind / / true 2>&1',
    )
    expect(ran.out).toContain('CapEff:\t0000000000000000')
    expect(ran.out).toMatch(/unshare.*(No space left|Operation not permitted)/)
    expect(ran.out).toMatch(/mount.*(permission denied|must be superuser|only root)/i)
    expect(ran.out).toMatch(/bwrap: .*(No space left|not permitted|No permissions|failed)/i)
  })

  test('follows a link out to nothing', async () => {
    symlinkSync(join(world.home, '.ssh'), join(workspace.path, 'keys'))
    const ran = await inside(
      `cat keys/id_ed25519; ln -s '${world.dataDir}' d; cat d/capstan.db; ln -s /proc/1/root r; ls r/home`,
    )
    expect(ran.out).toBe('')
    expect(ran.err.match(/No such file|Permission denied/g)?.length).toBe(2)
  })

  test('gets no secret by renaming or linking around a denied file, nor by its parents', async () => {
    const deny = { settings: { filesystem: { deny: ['**/.env'] } } }
    const ran = await inside(
      'cat sub/deep/.env; mv sub/deep/.env x; ln sub/deep/.env y; mv sub/deep z; mv sub w; rm -f kept/.env; cp kept/.env v; cat kept/.env; echo "left $(ls)"',
      deny,
    )
    expect(ran.err + ran.out).not.toContain('SECRET')
    expect(ran.err).toMatch(/sub\/deep\/.env: Permission denied/)
    expect(ran.err.match(/busy/gi)?.length).toBeGreaterThanOrEqual(2)
    expect(ran.err).toMatch(/failed to create hard link|Invalid cross-device/)
    expect(ran.out).toContain('kept')
    expect(readFileSync(join(workspace.path, 'sub/deep/.env'), 'utf8')).toBe('SECRET=1\n')
  })

  test('finds what is hidden empty, and nothing is left of it on the host', async () => {
    const hide = { settings: { filesystem: { hide: ['kept', 'sub/deep/.env', 'not/there'] } } }
    const ran = await inside('ls -A kept; cat sub/deep/.env; touch kept/x; ls not', hide)
    expect(ran.out).toBe('')
    expect(ran.err).toMatch(/kept\/x.*Read-only/)
    expect(existsSync(join(workspace.path, 'not'))).toBe(false)
    expect(await world.git(workspace.path, 'status', '--porcelain', 'kept', 'sub')).toBe('')
  })

  // only root can make a folder that is not hidden anyway
  test.skipIf(runUser === null)(
    'finds what is hidden outside not there at all, and all else in its folder',
    async () => {
      const folder = mkdtempSync('/var/lib/capstan-test-')
      chmodSync(folder, 0o755)
      mkdirSync(join(folder, 'keys'), { recursive: true })
      try {
        for (const name of ['keys/k', 'token', 'plain']) writeFileSync(join(folder, name), `${name.toUpperCase()}\n`)
        symlinkSync('plain', join(folder, 'link'))
        mkdirSync(join(folder, 'closed'), { mode: 0o700 }) // root's: nothing to hide there, and nothing that fails
        writeFileSync(join(folder, 'closed/c'), '')
        const hide = {
          settings: { filesystem: { hide: ['keys', 'token', 'closed/c'].map((name) => `${folder}/${name}`) } },
        }
        const ran = await inside(`ls -A ${folder}; cat ${folder}/link; cat ${folder}/keys/k; touch ${folder}/x`, hide)
        expect(ran.out).toBe('closed\nlink\nplain\nPLAIN')
        expect(ran.err).toMatch(/keys\/k: No such file.*\n.*Read-only file system/)
        expect(readFileSync(join(folder, 'token'), 'utf8')).toBe('TOKEN\n')
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )

  test('a denied file that was renamed in an earlier run is denied again', async () => {
    await inside('mv kept kept2; echo SECRET=3 >kept2/.env.local')
    const ran = await inside('cat kept2/.env kept2/.env.local', { settings: { filesystem: { deny: ['**/.env*'] } } })
    expect(ran.out).toBe('')
    expect(ran.err.match(/Permission denied/g)?.length).toBe(2)
    await inside('mv kept2 kept; rm kept/.env.local')
  })

  test('another name of a denied file is said aloud', async () => {
    await inside('ln kept/.env kept/copy')
    const box = world.box(workspace, { settings: { filesystem: { deny: ['kept/.env'] } } })
    expect(box.notices).toEqual([expect.stringContaining('has 2 names')])
    await inside('rm kept/copy')
  })

  test('reaches no abstract socket, no socket of a daemon and no port of the host', async () => {
    const name = `capstan-test-${process.pid}`
    const paths = [join(world.stateDir, 'tmux'), join(world.stateDir, 'runs/mcp.sock'), join(world.root, 'agent.sock')]
    const servers = [`\0${name}`, 0, ...paths].map(() => createServer((socket) => socket.end('REACHED')))
    const listen = (at: number, where: string | { port: number; host: string }) =>
      new Promise<void>((done) => servers[at]?.listen(where, done))
    await listen(0, `\0${name}`)
    await listen(1, { port: 0, host: '127.0.0.1' })
    for (const [at, path] of paths.entries()) await listen(at + 2, path)
    for (const path of paths) chmodSync(path, 0o777)
    const at = servers[1]?.address()
    const port = typeof at === 'object' && at !== null ? at.port : 0
    try {
      const asks = [
        `ABSTRACT-CONNECT:${name}`,
        `TCP4:127.0.0.1:${port}`,
        ...paths.map((path) => `UNIX-CONNECT:${path}`),
      ]
      const ran = await inside(asks.map((each) => `socat -T2 - ${each} </dev/null`).join('; '))
      expect(ran.out).toBe('')
      expect(ran.err.match(/Connection refused/g)?.length).toBe(2)
      expect(ran.err.match(/No such file or directory/g)?.length).toBe(3)
    } finally {
      for (const server of servers) server.close()
    }
  })

  test('leaves nothing that starts it again: no job, no service, no line of a shell’s start', async () => {
    const job = '* * * * * touch /tmp/back'
    const places = [
      '/etc/cron.d/x',
      '/etc/crontab',
      '/var/spool/cron/crontabs/x',
      '/var/spool/at/x',
      '/etc/systemd/system/x.service',
      '~/.config/systemd/user/x.service',
      '~/.config/autostart/x.desktop',
      '~/.bashrc',
      '~/.profile',
      '~/.ssh/rc',
      '~/.gitconfig',
    ]
    const tries = places.map((place) => `(mkdir -p "$(dirname ${place})" && echo '${job}' >>${place}) 2>&1`)
    const ran = await inside(`${tries.join('; ')}; echo '${job}' | crontab - ; echo touch /tmp/back | at now`)
    const outside = places.map((place) => place.replace('~', world.home))
    const holds = (place: string) => existsSync(place) && readFileSync(place, 'utf8').includes('/tmp/back')
    expect(outside.filter(holds)).toEqual([])
    expect(ran.out.match(/Read-only file system|Permission denied|nonexistent/g)?.length).toBeGreaterThanOrEqual(5)
  })

  test('a setuid file it leaves is its own user’s, and gives nobody anything', async () => {
    const ran = await inside(
      'cp /bin/sh s && chmod 4755 s && ./s -c "id -u"; id -u; rm s; crontab -l; at now </dev/null',
    )
    const [first, second] = ran.out.split('\n')
    expect(first).toBe(second)
    expect(statSync(workspace.path).uid).toBe(Number(first))
    expect(existsSync(join(workspace.path, 's'))).toBe(false)
  })

  test('gets what the server sends as environment inside only', async () => {
    const evil = { settings: { env: { LD_PRELOAD: `${workspace.path}/evil.so`, HELLO: 'there' } } }
    const ran = await inside('echo "$HELLO"', evil)
    expect(ran.out).toBe('there')
    const box = world.box(workspace, evil)
    expect(box.env.LD_PRELOAD).toBeUndefined()
    expect(box.before.join(' ')).not.toContain('there')
  })
})

describe.skipIf(without !== null)('what a profile asks', () => {
  test('cannot make the host’s own folders writable, not by way of a link either', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(null)
    symlinkSync(world.dataDir, join(world.home, 'innocent'))
    const write = (path: string) => () => world.box(workspace, { settings: { filesystem: { write: [path] } } })
    expect(write('~/innocent')).toThrow(/cannot make ~\/innocent writable: it holds, or lies in,/)
    expect(write(`${world.dataDir}/x`)).toThrow('it is not on this host')
    expect(write(world.root)).toThrow('writable')
    expect(write(world.home)).toThrow('writable')
    expect(write('~/not-there')).toThrow('it is not on this host')
  })

  test('is given where it is a folder of its own: a writable one, and a cache that stays for the repository', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(null)
    world.write('home/shared/a', 'A')
    const asked = { settings: { filesystem: { write: ['~/shared'] }, caches: ['~/.npm'] } }
    expect((await world.inside(workspace, 'cat ~/shared/a; echo B >~/shared/b; echo C >~/.npm/c', asked)).err).toBe('')
    expect(readFileSync(join(world.home, 'shared/b'), 'utf8')).toBe('B\n')
    expect(existsSync(join(world.home, '.npm/c'))).toBe(false)
    expect((await world.inside(workspace, 'cat ~/.npm/c', asked)).out).toBe('C')
  })

  test('a harness keeps its conversations, apart from its user’s, and finds its settings as they are', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(null)
    world.write('home/.agent/settings.json', '{}')
    world.write('home/.agent/private', 'P')
    const source = join(world.home, 'kept/projects')
    world.write(join(source, 'old'), 'O')
    world.write('home/.agent.json', '{"n":1}')
    const homePaths = [
      { path: '~/.agent', access: 'fresh' },
      { path: '~/.agent.json', access: 'copy' },
      { path: '~/.agent/settings.json', access: 'read' },
      { path: '~/.agent/projects', access: 'kept', source },
      { path: '~/.agent/not-there', access: 'read' },
    ] as const
    const script =
      'ls -A ~/.agent; cat ~/.agent/projects/old; echo N >~/.agent/projects/new; echo x >~/.agent/hooks.json; echo "{}" >~/.n; mv ~/.n ~/.agent.json; echo evil >~/.agent/settings.json'
    const ran = await world.inside(workspace, script, { homePaths })
    expect(ran.out.split('\n')).toEqual(['projects', 'settings.json', 'O'])
    expect(ran.err).toMatch(/settings.json: Read-only/)
    const kept = (name: string) => readFileSync(join(world.home, name), 'utf8').trim()
    expect(kept('kept/projects/new')).toBe('N')
    expect([kept('.agent/settings.json'), kept('.agent.json')]).toEqual(['{}', '{"n":1}'])
    expect(existsSync(join(world.home, '.agent/projects'))).toBe(false)
    expect(existsSync(join(world.home, '.agent/hooks.json'))).toBe(false)
  })
})
