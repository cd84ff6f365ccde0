import { describe, expect, it } from 'vitest'
import { exitCodeOf, failureLines, problemOfSystem } from '../../src/cli/exit.ts'
import { parseListen } from '../../src/cli/serve.ts'
import { parseChecks } from '../../src/cli/task/checks.ts'
import { exitCodeOfTask } from '../../src/cli/task/follow.ts'
import { parseInstant } from '../../src/cli/task/time.ts'
import { wantsColour } from '../../src/cli/terminal.ts'
import type { ProblemCode } from '../../src/core/problem.ts'
import { Problem, problems } from '../../src/core/problem.ts'
import { now, sampleTask } from './sample.ts'

it('a check is a command, or name=command', () => {
  expect(parseChecks(['npm test', 'lint=npm run lint', 'CI=1 npm test', 'npm test -- --bail'])).toEqual([
    { name: 'npm-test', command: 'npm test' },
    { name: 'lint', command: 'npm run lint' },
    { name: 'npm-test-2', command: 'CI=1 npm test' },
    { name: 'npm-test-3', command: 'npm test -- --bail' },
  ])
  expect(parseChecks(['./run "x" && y=1'])).toEqual([{ name: 'run-x', command: './run "x" && y=1' }])
  expect(parseChecks(['--'])).toEqual([{ name: 'check', command: '--' }])
})

it('a time is a span from now or a date', () => {
  expect(parseInstant('2h', now, 'run-at')).toBe(now + 7_200_000)
  expect(parseInstant('2026-01-31T09:00Z', now, 'run-at')).toBe(Date.UTC(2026, 0, 31, 9))
  expect(() => parseInstant('5', now, 'run-at')).toThrow('--run-at must be')
})

it('an address is HOST:PORT, with brackets for IPv6', () => {
  expect(parseListen('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 })
  expect(parseListen('[::1]:7420')).toEqual({ host: '::1', port: 7420 })
  expect(parseListen('7421')).toEqual({ host: '127.0.0.1', port: 7421 })
  expect(() => parseListen('a:b')).toThrow('not "a:b"')
})

it('colour is asked for, forbidden, or a matter of the terminal', () => {
  expect(wantsColour({}, true)).toBe(true)
  expect(wantsColour({}, undefined)).toBe(false)
  expect(wantsColour({ NO_COLOR: '1' }, true)).toBe(false)
  expect(wantsColour({ NO_COLOR: '' }, true)).toBe(true)
  expect(wantsColour({ FORCE_COLOR: '1', NO_COLOR: '1' }, false)).toBe(true)
  expect(wantsColour({ FORCE_COLOR: '0' }, true)).toBe(false)
  expect(wantsColour({ TERM: 'dumb' }, true)).toBe(false)
})

it('the exit code tells how a task ended', () => {
  const codes = (['completed', 'failed', 'expired', 'cancelled', 'running', 'queued'] as const).map((state) =>
    exitCodeOfTask(sampleTask({ state })),
  )
  expect(codes).toEqual([0, 1, 1, 3, 124, 124])
})

describe('every problem', () => {
  const codes = Object.keys(problems) as ProblemCode[]

  it.each(codes)('%s has a documented exit code and two lines', (code) => {
    const problem = new Problem(code, 'the value\x1b[2J\nis wrong')
    expect([1, 5, 7, 64, 69, 77, 78]).toContain(exitCodeOf(problem))
    expect(failureLines(problem)).toEqual(['capstan: the value is wrong', `  ${problems[code].remedy}`])
  })
})

it('what the system refuses is said with its path', () => {
  const error = Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS', path: '/data/x' })
  expect(problemOfSystem(error)?.detail).toBe('cannot use /data/x: the file system is read-only')
  expect(problemOfSystem(new Error('a fault'))).toBeNull()
})
