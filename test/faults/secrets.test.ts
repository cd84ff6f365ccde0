// A secret of the host's folder, printed by an agent in every dress: nowhere beyond the host, and on no command line.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { without } from '../daemon/sandbox/box-world.ts'
import { fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()
const asRoot = process.getuid?.() === 0
const secret = 'sesame/open"now\\7+Kestrel&quarry=3c1f'

/** What of it must not be found: itself, and how it looks where it is written down. */
const dresses = [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('hex'),
  ...[0, 1, 2].map((at) => Buffer.from(secret.slice(at)).toString('base64').slice(0, 24)),
]

const print = `
  const s = process.env.DEPLOY_TOKEN
  const b = (text) => Buffer.from(text).toString('base64')
  for (const each of [s, JSON.stringify({ s }), encodeURIComponent(s), b(s), b('x' + s), b('xx' + s), Buffer.from(s).toString('hex')]) console.log(each)
  console.error('to stderr: ' + s)
  process.stdout.write(s.slice(0, 9))
  setTimeout(() => process.stdout.write(s.slice(9) + '\\n'), 700)`

test.each(without === null ? ['without', 'in'] : ['without'])(
  'a secret reaches no transcript, no database and no command line, %s a sandbox',
  async (where) => {
    const at = await newField()
    const { world } = at
    if (asRoot) await world.run('chmod', ['711', world.root])
    world.write(join(world.root, 'secrets/DEPLOY_TOKEN'), `${secret}\n`, 0o600)
    const boxed = where === 'in'
    const profiles = boxed
      ? [(await at.client.call('createProfile', { body: { name: 'boxed', sandbox: { runtime: 'os' } } })).id]
      : []
    const more = boxed ? ['--profile', 'boxed', ...(asRoot ? ['--run-as', 'nobody'] : [])] : []
    await at.host('one', { args: ['--secret-dir', join(world.root, 'secrets'), ...more] })
    world.write(join(at.repo, 'print.cjs'), print)
    await world.git(at.repo, 'add', '-A')
    await world.git(at.repo, 'commit', '-qm', 'print')
    const checks = [{ name: 'prints', command: 'echo "$DEPLOY_TOKEN"; exit 1' }]
    const gate = 'touch ready; while [ ! -e go ]; do sleep 0.05; done; rm ready go'
    const { id } = await at.add(`${gate}; node print.cjs; exit 3`, { repo: 'app', profiles, checks, maxAttempts: 1 })
    const ready = () => globSync(`${world.root}/host-one/worktrees/*/*/ready`)[0]
    await world.until('the agent waits', async () => ready() !== undefined)
    const lines = await world.run('ps', ['-eo', 'args'])
    world.write(join(ready() ?? '', '../go'), '')
    const task = await at.ended(id)
    const events = await at.events(id)
    expect(events.filter((event) => event.type === 'text').length).toBeGreaterThan(0)
    await at.stopServer()
    const files = globSync('**/*', { cwd: join(world.root, 'server'), withFileTypes: true }).filter((each) =>
      each.isFile(),
    )
    const kept = files.map((each) => readFileSync(join(each.parentPath, each.name)).toString('latin1'))
    expect(kept.length).toBeGreaterThan(0)
    const found = (text: string) => dresses.filter((dress) => text.includes(dress))
    expect({
      ps: found(lines.stdout),
      task: found(JSON.stringify(task)),
      events: found(events.map((event) => JSON.stringify(event)).join('\n')),
      server: kept.flatMap(found),
    }).toEqual({ ps: [], task: [], events: [], server: [] })
  },
)
