// `npm run test:peers [-- --NAME-only] [-- --nightly] [-- PEER …]`: the real agent CLIs against the scripted model server, loopback only.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processEnv } from '../../src/lib/env.ts'
import { exec, execOnTerminal } from '../../src/lib/exec.ts'
import { startModelServer } from '../fakes/model-server/server.ts'
import { codexAcp } from './acp-peers.ts'
import { adapterSuite } from './adapter-suite.ts'
import { askSuite, conversationSuite } from './ask-suite.ts'
import { capstanRows } from './capstan-run.ts'
import { hostileRows } from './hostile-run.ts'
import { installPeer } from './install.ts'
import { interactiveRows } from './interactive-run.ts'
import { limitRows } from './limit-run.ts'
import type { Peer } from './peers.ts'
import { peers, pinnedVersion } from './peers.ts'
import { sandboxRow } from './sandbox-run.ts'
import { sessionRows } from './session-run.ts'
import type { Row } from './table.ts'
import { printTable } from './table.ts'
import { talkRows } from './talk-run.ts'

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const byDefault = (peer: Peer) => peer.nightly === undefined || args.includes('--nightly')
const all = [...peers, codexAcp]
const chosen = all.filter((peer) => (names.length === 0 ? byDefault(peer) : names.includes(peer.harness.name)))
if (chosen.length === 0) {
  const known = all.map((peer) => peer.harness.name).join(', ')
  process.stderr.write(`no peer is named ${names.join(', ')}; there are ${known}\n`)
  process.exitCode = 64
} else if (args.includes('--isolated') || !(await canIsolate())) {
  process.exitCode = await runAll(chosen)
} else {
  for (const peer of chosen) await installPeer(peer)
  process.exitCode = await runIsolated()
}

/** As root on Linux the runs get a network namespace that holds only loopback: whatever tries to leave fails. */
async function canIsolate(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    const tried = ['--net', 'sh', '-c', 'ip link set lo up']
    return (await exec('unshare', tried, { env: processEnv(), timeoutMs: 5_000 })).code === 0
  } catch {
    return false // no unshare here
  }
}

function runIsolated(): Promise<number> {
  const inside = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, import.meta.filename]
  return execOnTerminal('unshare', ['--net', ...inside, '--isolated', ...args], { cwd: process.cwd() })
}

async function runAll(chosenPeers: readonly Peer[]): Promise<number> {
  const where = args.includes('--isolated') ? 'in a namespace with loopback only' : 'with the switches of each CLI only'
  process.stdout.write(`network: ${where}\n`)
  const root = await mkdtemp(join(tmpdir(), 'capstan-peers-'))
  await using server = await startModelServer()
  const problems: string[] = []
  for (const peer of chosenPeers) {
    await installPeer(peer)
    const rows = await rowsOf(peer, { server, root })
    printTable(`${peer.harness.title} ${pinnedVersion(peer)}`, rows)
    problems.push(...rows.filter((row) => row.problem !== null).map((row) => `${peer.harness.name} ${row.what}`))
  }
  if (problems.length === 0) await rm(root, { recursive: true, force: true })
  const end = problems.length === 0 ? 'all as expected' : `not as expected: ${problems.join(', ')}; kept ${root}`
  process.stdout.write(`\n${end}\n`)
  return problems.length === 0 ? 0 : 1
}

interface At {
  readonly server: Awaited<ReturnType<typeof startModelServer>>
  readonly root: string
}

async function adapterRows(peer: Peer, at: At): Promise<readonly Row[]> {
  const talks = peer.conversation === true
  const alone = talks ? await conversationSuite(peer, at) : await adapterSuite(peer, at.server, at.root)
  const asking = peer.harness.autonomies.includes('ask') ? await askSuite(peer, at) : []
  return [...alone, ...asking]
}

type Suite = (peer: Peer, at: At) => Promise<readonly Row[]>

/** `--NAME-only` runs these alone; several may be given. */
async function rowsOf(peer: Peer, at: At): Promise<readonly Row[]> {
  const suites: Readonly<Record<string, Suite>> = {
    adapters: adapterRows,
    sandbox: async (one, { server }) => [await sandboxRow(one, server)],
    config: hostileRows,
    capstan: (one, { server, root }) => capstanRows(one, server, root),
    talks: (one, { server, root }) => talkRows(one, server, root),
    limits: (one, { server, root }) => limitRows(one, server, root),
    sessions: (one, { server, root }) => sessionRows(one, server, root),
    interactive: (one, { server, root }) => interactiveRows(one, server, root),
  }
  const asked = Object.keys(suites).filter((name) => args.includes(`--${name}-only`))
  const rows: Row[] = []
  for (const [name, suite] of Object.entries(suites)) {
    if (asked.length > 0 && !asked.includes(name)) continue
    try {
      rows.push(...(await suite(peer, at)))
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      rows.push({ what: name, outcome: 'did not run', wallMs: 0, problem })
    }
  }
  return rows
}
