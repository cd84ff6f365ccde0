// One run of a real CLI in the sandbox: its model reached by way of the proxy alone, its home hidden, its own files as its adapter names them.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { passedBy, runEnvironment } from '../../src/daemon/harness/environment.ts'
import { nothingGiven } from '../../src/daemon/harness/given.ts'
import type { Brief, Launch } from '../../src/daemon/harness/port.ts'
import { makeHostProbe } from '../../src/daemon/harness/probe.ts'
import { placeHome } from '../../src/daemon/sandbox/homes.ts'
import { giveFolders } from '../../src/daemon/workspace/give.ts'
import { exec } from '../../src/lib/exec.ts'
import { BoxWorld, runUser, without } from '../daemon/sandbox/box-world.ts'
import type { Converse } from '../fakes/converse.ts'
import { converse } from '../fakes/converse.ts'
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
  peer.boxed?.(world.home)
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
  // An agent that Capstan does not know has its own folder only where the profile says so.
  const own = harness.homePaths === undefined ? (peer.folders ?? []).map((name) => join(world.home, name)) : []
  giveFolders(runUser, own)
  const box = world.box(workspace, {
    env: runEnvironment({ ...base, switches: launch.env }),
    homePaths,
    settings: { filesystem: { write: own } },
    rules: [{ host: '127.0.0.1', wildcard: false, port: server.port, private: true }],
    program: launch.argv[0],
    readable: [promptFile, filesDir],
  })
  const argv: Launch['argv'] = [...box.before, ...launch.argv]
  const input = launch.stdin.kind === 'null' ? '' : launch.stdin.text
  const startedAt = performance.now()
  const how = { cwd: workspace.path, env: box.env, user: runUser, timeoutMs: runMs }
  const ran = await started(peer, { argv, input, how, brief: { ...brief, ...rest } })
  const worked = ran.ok && existsSync(join(workspace.path, writtenFile))
  const said = `${ran.stderr.trim().split('\n').at(-1) ?? ''}`.slice(0, 200)
  const { outcome } = ran
  return { what, outcome, wallMs: performance.now() - startedAt, problem: worked ? null : `expected a file: ${said}` }
}

interface Started {
  readonly argv: Launch['argv']
  readonly input: string
  readonly how: Pick<Converse, 'cwd' | 'env'> & { readonly user: typeof runUser; readonly timeoutMs: number }
  readonly brief: Brief
}

async function started({ harness, conversation }: Peer, { argv, input, how, brief }: Started) {
  if (conversation === true) {
    const { verdict, exit, stderr } = await converse({ harness, argv, brief, opening: input, graceMs: 3_000, ...how })
    const outcome = `${verdict.ok ? 'success' : verdict.reason}, exit ${exit.signal ?? exit.code}`
    return { ok: verdict.ok, outcome, stderr: verdict.ok ? stderr.join('\n') : verdict.detail }
  }
  const [program, ...args] = argv
  const { code, signal, stderr } = await exec(program, args, { ...how, input })
  return { ok: code === 0, outcome: `exit ${signal ?? code}`, stderr }
}
