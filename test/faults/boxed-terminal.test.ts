// An agent in a terminal and in a sandbox: people join it as any other, it ends with evidence, and what keeps its terminal is not there.

import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { without } from '../daemon/sandbox/box-world.ts'
import { type Field, fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()
const asRoot = process.getuid?.() === 0
const hasTmux =
  spawnSync('tmux', ['-V']).status === 0 && String(spawnSync('script', ['--version']).stdout).includes('util-linux')
const lacking = without ?? (hasTmux ? null : 'tmux or script of util-linux is missing')
if (lacking !== null) console.warn(`SKIPPED, no terminal in a sandbox here: ${lacking}`)

/** What the terminal has shown so far, and a hand to type. */
async function join(at: Field, id: string) {
  const { url, token } = at.server
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/tasks/${id}/terminal`, {
    headers: { authorization: `Bearer ${token}` },
  })
  let text = ''
  socket.on('message', (data, binary) => {
    if (binary) text += String(data)
  })
  await new Promise((done, fail) => socket.once('open', done).once('error', fail))
  const sees = (what: string) => at.world.until(`the terminal shows ${what}`, async () => text.includes(what))
  return { sees, type: (line: string) => socket.send(Buffer.from(`${line}\r`)), shown: () => text, socket }
}

test.skipIf(lacking !== null).each([
  { where: 'in a sandbox', sandbox: { runtime: 'os' } as const },
  { where: 'as its daemon’s other user', sandbox: null },
])(
  'an agent $where has a terminal, cannot speak to the tmux that keeps it, and is finished with evidence',
  async ({ sandbox }) => {
    if (sandbox === null && !asRoot) return // only root can run agents as somebody else
    const at = await newField()
    if (asRoot) chmodSync(at.world.root, 0o711)
    const profiles =
      sandbox === null ? [] : [(await at.client.call('createProfile', { body: { name: 'boxed', sandbox } })).id]
    const args = [...(asRoot ? ['--run-as', 'nobody'] : []), ...(sandbox === null ? [] : ['--profile', 'boxed'])]
    await at.host('one', { args })
    const { id } = await at.add('look around', { repo: 'app', profiles, interactive: true, expect: 'changes' })
    await at.running(id)
    const [tmux] = globSync(`${at.world.root}/host-one/daemon/*/tmux`)
    if (tmux === undefined) throw new Error('no tmux')
    expect(statSync(tmux).mode & 0o077).toBe(0)
    const { sees, type, shown, socket } = await join(at, id)
    await sees('look around')
    type(`tmux -S '${tmux}' kill-server; echo "tmux=$? env=$(env | grep -c ^TMUX) uid=$(id -u)"`)
    await sees(
      `env=0 uid=${asRoot ? statSync(globSync(`${at.world.root}/host-one/worktrees/*/*`)[0] ?? '').uid : process.getuid?.()}`,
    )
    expect(shown()).toContain('tmux=1')
    expect(shown()).toMatch(sandbox === null ? /Permission denied|No such file/ : /No such file or directory/)
    type(`sh -c 'echo slow=$((3 + 4)); exec sleep 100'`)
    await sees('slow=7')
    socket.send(Buffer.from('\u0003'))
    type('echo héllo >made.txt; test -t 0 && echo tty=$((1 + 1))')
    await sees('tty=2')
    await at.client.call('finishTask', { params: { id }, body: {} })
    const task = await at.ended(id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(task.attempts[0]?.evidence).toMatchObject({ filesChanged: 1 })
    expect(task.attempts[0]?.containment).toContain(sandbox === null ? '' : 'bubblewrap')
    expect(spawnSync('tmux', ['-S', tmux, 'ls']).status).toBe(1)
    socket.close()
  },
)
