// The shell: the prompt is a POSIX sh script, run from its file so that standard input stays free. Chosen only by name.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { untuned } from './given.ts'
import type { PlainState } from './plain-output.ts'
import { finishPlain, initialPlainState, reducePlain } from './plain-output.ts'
import type { Harness, HostProbe, Launch, RunInput } from './port.ts'

export const shell: Harness<PlainState> = {
  name: 'shell',
  title: 'Shell script',
  explicit: true,
  plain: true,
  autonomies: ['full'],
  passEnv: [],
  detect,
  launch,
  interactive,
  leaveKeys: ['\u0003', '\u0004'],
  initial: initialPlainState,
  reduce: reducePlain,
  finish: (state, exit) => finishPlain('The script', state, exit),
}

async function detect(host: HostProbe): Promise<HarnessFound> {
  const found = host.which('sh') !== null
  return { name: 'shell', version: null, ready: found, problem: found ? null : 'sh is not on PATH' }
}

/** No `-e`: a script means what it means when its user runs it with sh; `set -e` is theirs to write. */
function launch(input: RunInput): Launch {
  const model = input.model === null ? [] : ['model: a script has none']
  const turns = input.maxTurns === null ? [] : ['maxTurns: a script has no turns']
  return {
    argv: ['sh', input.promptFile],
    env: {},
    stdin: { kind: 'null' },
    notHonoured: [...model, ...turns, ...untuned('a script', input.given.tuning, [])],
  }
}

/** A login shell of the user's; the prompt is shown above it. */
function interactive(input: RunInput): Omit<Launch, 'stdin'> {
  const { notHonoured } = launch(input)
  const own = input.env.SHELL
  const program = own === undefined || own === '' ? '/bin/sh' : own
  return { argv: ['/bin/sh', '-c', 'cat "$0"; echo; exec "$1" -l', input.promptFile, program], env: {}, notHonoured }
}
