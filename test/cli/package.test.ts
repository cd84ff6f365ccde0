// The package as it is shipped: what is in it runs by itself, and says one sentence on a Node that is too old.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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
  symlinkSync(join(root, 'node_modules'), join(folder, 'package/node_modules'))
  bin = join(folder, 'package/bin/capstan.js')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the package', () => {
  it('runs from where it was unpacked, with the supervisor beside its code', () => {
    const ran = spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8' })
    expect([ran.status, ran.stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)])
    expect(existsSync(join(folder, 'package/dist/daemon/supervisor/supervisor.sh'))).toBe(true)
  })

  it('says on an older Node which one it needs, in one sentence, and exits 78', () => {
    const older = join(folder, 'older.cjs')
    writeFileSync(older, "Object.defineProperty(process.versions, 'node', { value: '20.11.0' })")
    const ran = spawnSync(process.execPath, ['--require', older, bin, 'up'], { encoding: 'utf8' })
    expect(ran.status).toBe(78)
    expect(ran.stderr).toMatch(/^capstan needs Node 24 or newer, and this is Node 20\.11\.0 .*\n$/)
  })
})
