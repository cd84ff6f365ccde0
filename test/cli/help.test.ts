import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { VerbSpec } from '../../src/cli/spec.ts'
import { entries } from '../../src/cli/verbs.ts'
import { capstan, makeHome } from './run.ts'

const home = makeHome()
afterAll(() => home[Symbol.dispose]())

const loaded = await Promise.all(entries.map((entry) => entry.load()))
const verbs: [string, VerbSpec][] = loaded.flatMap((spec): [string, VerbSpec][] =>
  'verbs' in spec ? spec.verbs.map((verb) => [`${spec.name} ${verb.name}`, verb]) : [[spec.name, spec]],
)

describe('the help of', () => {
  it.each(verbs)('%s fits 80 columns and has an example', async (name) => {
    const { code, out, err } = await capstan([...name.split(' '), '--help'], { home: home.path })
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(`Usage: capstan ${name}`)
    expect(out).toMatch(/Examples:\n {2}\$ capstan /)
    if (name !== 'mcp') expect(out).toContain('--json') // it speaks a protocol
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('a verb that nobody reads to its end leaves quietly', async () => {
    const entry = resolve(import.meta.dirname, '../../src/main.ts')
    const child = spawn(process.execPath, [entry, 'task', 'add', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let told = ''
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString('utf8')
    })
    await once(child, 'close')
    expect(told).toBe('')
  })

  it('capstan itself names every verb', async () => {
    const { code, out } = await capstan(['--help'], { home: home.path })
    expect(code).toBe(0)
    for (const { name, summary } of entries) expect(out).toContain(`${name.padEnd(14)} ${summary}`)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(await capstan(['help'], { home: home.path })).toMatchObject({ code: 0, out })
    expect(await capstan([], { home: home.path })).toMatchObject({ code: 0, out })
  })

  it('help VERB is the same as VERB --help', async () => {
    const asked = await capstan(['help', 'task', 'add'], { home: home.path })
    expect(asked.out).toContain('Usage: capstan task add')
  })
})

it('examples use verbs and options that exist', () => {
  for (const [name, verb] of verbs) {
    for (const example of verb.examples) {
      expect(example.startsWith(`capstan ${name === 'daemon poll' ? 'daemon' : name}`)).toBe(true)
      const known = [
        ...verb.options.map((option) => `--${option.name}`),
        '--json',
        ...verb.options.map((option) => `--no-${option.name}`),
      ]
      const used = example.split(' | ')[0]?.match(/(?<= )--[a-z-]+/g) ?? []
      for (const flag of used) expect(known).toContain(flag)
    }
  }
})

it('no verb has two options of one name', () => {
  for (const [, verb] of verbs) {
    const names = verb.options.flatMap((option) => [option.name, ...(option.alias === undefined ? [] : [option.alias])])
    expect(new Set(names).size).toBe(names.length)
  }
})
