// A host as a test describes it, and a run's input with what the test does not care about filled in.

import { nothingGiven } from '../../../src/daemon/harness/given.ts'
import type { HostProbe, RunInput } from '../../../src/daemon/harness/port.ts'

export interface FakeHost {
  readonly env?: Readonly<Record<string, string>>
  /** Programs on PATH, by name, with what they answer to anything; null: they do not answer. */
  readonly programs?: Readonly<Record<string, string | null>>
  readonly files?: Readonly<Record<string, string>>
}

export function fakeHost(host: FakeHost): HostProbe {
  const programs = host.programs ?? {}
  return {
    env: { HOME: '/home/u', ...host.env },
    which: (program) => (Object.hasOwn(programs, program) ? `/bin/${program}` : null),
    output: async (file) => programs[file.replace('/bin/', '')] ?? null,
    read: (path) => host.files?.[path] ?? null,
    list: (folder) =>
      Object.keys(host.files ?? {}).flatMap((path) =>
        path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1).split('/')[0] ?? ''] : [],
      ),
  }
}

export function runInput(fields: Partial<RunInput>): RunInput {
  return {
    prompt: 'do it',
    promptFile: '/runs/1/prompt',
    cwd: '/w',
    model: null,
    autonomy: 'full',
    maxTurns: null,
    sessionRef: null,
    trusted: true,
    asRoot: false,
    env: { HOME: '/home/u', TMPDIR: '/runs/1/tmp' },
    mcp: null,
    filesDir: '/runs/1/files',
    given: nothingGiven,
    ...fields,
  }
}
