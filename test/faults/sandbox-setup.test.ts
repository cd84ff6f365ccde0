// Setup in a sandbox: what it left is unpacked into later ones, its package stores are its own, and hosts of setup end with it.

import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { SandboxSettings } from '../../src/protocol/sandbox.ts'
import { without } from '../daemon/sandbox/box-world.ts'
import { fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()
const asRoot = process.getuid?.() === 0

test.skipIf(without !== null)(
  'an agent has what setup made and a copy of its package store, and changes neither for the next run',
  async () => {
    const at = await newField()
    if (asRoot) chmodSync(at.world.root, 0o711)
    at.world.write(`${at.repo}/.gitignore`, 'node_modules\n')
    await at.world.git(at.repo, 'add', '-A')
    await at.world.git(at.repo, 'commit', '-qm', 'ignore')
    const sandbox: SandboxSettings = {
      runtime: 'os',
      setupCommands: [
        'mkdir -p ~/.store node_modules && date +%N >> ~/.store/made && cp ~/.store/made node_modules/made && echo kept > ~/.home-file',
      ],
      resumeCommands: [{ run: 'cat ~/.store/made > "$TMPDIR/seen"; test ! -e ~/.home-file' }],
      caches: ['~/.store'],
    }
    const { id: boxed } = await at.client.call('createProfile', { body: { name: 'boxed', harness: 'shell', sandbox } })
    await at.host('one', { args: [...(asRoot ? ['--run-as', 'nobody'] : []), '--profile', 'boxed'] })
    const run = async (script: string) => {
      const { id } = await at.add(script, { repo: 'app', profiles: [boxed] })
      const ended = await at.ended(id)
      expect(ended.attempts.at(-1)?.detail ?? '').toBe('')
      return (await at.said(id)).map((line) => line.trim())
    }
    const look = 'cat ~/.store/made; cat node_modules/made; ls -A ~/.store node_modules | grep -c evil || true'
    const first = await run(look)
    expect(first[0]).toBe(first[1])
    expect(
      await run(
        'echo evil > ~/.store/made; touch ~/.store/evil node_modules/evil; echo evil > node_modules/made; echo done',
      ),
    ).toEqual(['done'])
    expect(await run(look)).toEqual(first)
  },
)
