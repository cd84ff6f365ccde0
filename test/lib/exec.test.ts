// Running programs: always an end, whatever the program does.

import { describe, expect, it } from 'vitest'
import { exec } from '../../src/lib/exec.ts'

const env = { PATH: process.env.PATH }

describe('a program', () => {
  it('gives its output, its last words and its exit code', async () => {
    const ran = await exec('sh', ['-c', 'cat; echo oops >&2; exit 3'], { env, input: 'in', timeoutMs: 5_000 })
    expect([ran.code, ran.stdout.toString(), ran.stderr]).toEqual([3, 'in', 'oops\n'])
  })

  it('that runs too long is killed with its group', async () => {
    const ran = await exec('sh', ['-c', 'sleep 300 & sleep 300'], { env, timeoutMs: 100 })
    expect([ran.timedOut, ran.signal]).toEqual([true, 'SIGKILL'])
  })

  it('whose escaped child holds the pipes does not hold us', async () => {
    const ran = await exec('sh', ['-c', 'setsid sleep 4 & echo said'], { env, timeoutMs: 60_000 })
    expect([ran.code, ran.stdout.toString()]).toEqual([0, 'said\n'])
  }, 3_500)

  it('that floods is cut, and says so', async () => {
    const ran = await exec('sh', ['-c', 'yes | head -c 200000'], { env, timeoutMs: 5_000, maxBytes: 1_000 })
    expect([ran.stdout.length, ran.truncated]).toEqual([1_000, true])
  })

  it('that does not exist is an error at once', async () => {
    await expect(exec('/no/such/program', [], { env, timeoutMs: 1_000 })).rejects.toThrow('ENOENT')
  })

  it('is ended by an abort', async () => {
    await expect(exec('sleep', ['300'], { env, timeoutMs: 60_000, signal: AbortSignal.timeout(50) })).rejects.toThrow()
  })
})
