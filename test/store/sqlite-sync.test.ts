// Durability of SQLite commits: nobody is answered before the sync, and a sync that failed is the end.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { LogSync } from '../../src/store/sqlite-sync.ts'

const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

function place(): string {
  const dir = mkdtempSync(join(tmpdir(), 'capstan-sync-'))
  dirs.push(dir)
  return join(dir, 'a.db')
}

describe('the sync of a write-ahead log', () => {
  test('a commit is settled after a sync, and commits made meanwhile by the next one', async () => {
    const path = place()
    writeFileSync(`${path}-wal`, 'frames')
    const said: string[] = []
    const sync = new LogSync(path, () => said.push('ended'))
    const settled = (name: string) =>
      new Promise<void>((resolve) => {
        sync.after(true, (error) => {
          said.push(`${name} ${error}`)
          resolve()
        })
      })
    const first = settled('first')
    expect([sync.busy, sync.full]).toEqual([true, false])
    const second = settled('second')
    expect(sync.full).toBe(true)
    expect(said).toEqual([])
    await Promise.all([first, second])
    expect(said).toEqual(['first null', 'ended', 'second null', 'ended'])
    await sync.close()
  })

  test('who only looked waits for the commits that were there to see, and for nothing else', async () => {
    const path = place()
    writeFileSync(`${path}-wal`, 'frames')
    const sync = new LogSync(path, () => {})
    let looked = false
    sync.after(false, () => {
      looked = true
    })
    expect(looked).toBe(true)
    const said: string[] = []
    const wrote = new Promise<void>((resolve) => {
      sync.after(true, () => {
        said.push('wrote')
        resolve()
      })
    })
    sync.after(false, () => said.push('looked'))
    expect(said).toEqual([])
    await wrote
    expect(said).toEqual(['wrote', 'looked'])
    await sync.close()
  })

  test('after a sync that failed everybody is told so, also those that come later', async () => {
    const path = place()
    execFileSync('mkfifo', [`${path}-wal`]) // a pipe cannot be synced
    const sync = new LogSync(path, () => {})
    const settle = () => new Promise<Error | null>((resolve) => sync.after(true, resolve))
    const [first, second] = await Promise.all([settle(), settle()])
    expect(first?.message).toContain('EINVAL')
    expect(second?.message).toContain('EINVAL')
    expect(await settle()).toBe(first)
    expect(sync.failed).toBe(first)
    await sync.close()
  })

  test('closing waits for what is left', async () => {
    const path = place()
    writeFileSync(`${path}-wal`, 'frames')
    const sync = new LogSync(path, () => {})
    const said: (Error | null)[] = []
    sync.after(true, (error) => said.push(error))
    sync.after(true, (error) => said.push(error))
    await sync.close()
    expect(said).toEqual([null, null])
  })
})
