// One run of the scripted ACP agent, read by the adapter.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acpHarness } from '../../../src/daemon/harness/acp.ts'
import type { AcpState } from '../../../src/daemon/harness/acp-state.ts'
import type { Harness, RunInput } from '../../../src/daemon/harness/port.ts'
import type { AcpScript } from '../../fakes/acp-script.ts'
import type { Converse, Conversed } from '../../fakes/converse.ts'
import { converse } from '../../fakes/converse.ts'
import { runInput } from './hosts.ts'

export const acpAgent = join(import.meta.dirname, '..', '..', 'fakes', 'acp-agent.ts')

export type AcpOptions = Partial<Pick<Converse, 'answer' | 'onStep' | 'restarts' | 'timeoutMs'>> & {
  readonly input?: Partial<RunInput>
  readonly table?: object
}

export interface AcpRun extends Conversed {
  readonly cwd: string
}

/** Its folder is removed after `look`. */
export async function acpRun<T>(script: AcpScript, options: AcpOptions, look: (run: AcpRun) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-acp-'))
  try {
    const file = join(folder, 'script.json')
    writeFileSync(file, JSON.stringify(script))
    const table = {
      protocol: 'acp',
      command: process.execPath,
      args: [acpAgent, file],
      title: 'Scripted',
      ...options.table,
    }
    const harness: Harness<AcpState> = acpHarness('scripted', table)
    const input = runInput({ cwd: folder, autonomy: 'ask', ...options.input })
    const launch = harness.launch(input)
    const opening = launch.stdin.kind === 'pipe' ? launch.stdin.text : ''
    const { answer, onStep, restarts, timeoutMs } = options
    const run = await converse({
      harness: harness as Harness, // the driver keeps the state and gives back only what this adapter made
      argv: launch.argv,
      env: { PATH: process.env.PATH ?? '', ...launch.env },
      cwd: folder,
      brief: input,
      opening,
      ...(answer === undefined ? {} : { answer }),
      ...(onStep === undefined ? {} : { onStep }),
      ...(restarts === undefined ? {} : { restarts }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    return look({ ...run, cwd: folder })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const textsOf = (run: Conversed) => run.events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
export const noticesOf = (run: Conversed) =>
  run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
