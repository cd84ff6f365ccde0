// One run of a real CLI in the sandbox: its model reached by way of the proxy alone, its home hidden, its own files as its adapter names them.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { passedBy, runEnvironment } from '../../src/daemon/harness/environment.ts'
import { nothingGiven } from '../../src/daemon/harness/given.ts'
import { makeHostProbe } from '../../src/daemon/harness/probe.ts'
import { placeHome } from '../../src/daemon/sandbox/homes.ts'
import { exec } from '../../src/lib/exec.ts'
import { BoxWorld, runUser, without } from '../daemon/sandbox/box-world.ts'
import { writtenFile } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { firstPrompt, pathFor } from './adapter-run.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

const runMs = 60_000

/** Writes a file by its model's word. Says so where this host has no sandbox. */
export async function sandboxRow(peer: Peer, server: ModelServer): Promise<Row> {
  const what = 'write, in the sandbox'
  if (without !== null) return { what, outcome: `skipped: ${without}`, wallMs: 0, problem: null }
  await using world = new BoxWorld()
  const { harness } = peer
  const workspace = await world.workspace(null)
  const host = { PATH: pathFor(peer), HOME: world.home, TERM: 'dumb', ...peer.configure(world.home, server, 'write') }
  const run = { runId: 'run_peer', taskId: 'task_peer', attempt: 1, tmpDir: join(world.runDir, 'tmp') }
  const base = { host, secrets: {}, harness: passedBy(harness, makeHostProbe(host)), profile: [], run }
  const [promptFile, filesDir] = [join(world.runDir, 'prompt'), join(world.runDir, 'files')]
  writeFileSync(promptFile, firstPrompt)
  mkdirSync(filesDir)
  const env = runEnvironment({ ...base, switches: {} })
  const brief = { prompt: firstPrompt, cwd: workspace.path, model: null, autonomy: 'full', maxTurns: null } as const
  const rest = {
    promptFile,
    filesDir,
    sessionRef: null,
    trusted: true,
    asRoot: false,
    env,
    mcp: null,
    given: nothingGiven,
  }
  const launch = harness.launch({ ...brief, ...rest })
  for (const { name, text } of launch.files ?? []) writeFileSync(join(filesDir, name), text)
  const home = join(world.stateDir, 'conversations/none')
  const homePaths = harness.homePaths === undefined ? [] : placeHome(harness.homePaths, { env, home, user: runUser })
  const box = world.box(workspace, {
    env: runEnvironment({ ...base, switches: launch.env }),
    homePaths,
    rules: [{ host: '127.0.0.1', wildcard: false, port: server.port, private: true }],
    program: launch.argv[0],
    readable: [promptFile, filesDir],
  })
  const [program, ...args] = [...box.before, ...launch.argv]
  const input = launch.stdin.kind === 'null' ? '' : launch.stdin.text
  const startedAt = performance.now()
  const ran = await exec(program, args, { cwd: workspace.path, env: box.env, user: runUser, timeoutMs: runMs, input })
  const worked = ran.code === 0 && existsSync(join(workspace.path, writtenFile))
  const said = `${ran.stderr.trim().split('\n').at(-1) ?? ''}`.slice(0, 200)
  const outcome = `exit ${ran.signal ?? ran.code}`
  return { what, outcome, wallMs: performance.now() - startedAt, problem: worked ? null : `expected a file: ${said}` }
}
