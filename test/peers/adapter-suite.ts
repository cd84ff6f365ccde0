// What the real CLIs do in each mode of the scripted model server, as their adapters read it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mode } from '../fakes/model-server/script.ts'
import { finalText, tokens, writtenFile, writtenText } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import type { Outcome } from './adapter-run.ts'
import { firstPrompt, runPeer } from './adapter-run.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

/** Which reason each refusal must become. */
const refusals: readonly (readonly [Mode, readonly string[]])[] = [
  ['rate-limit', ['quota']],
  ['quota', ['quota']],
  ['auth', ['auth']],
  ['failure', ['transport']],
  ['bad-model', ['model_invalid']],
  ['cut', ['transport']],
]

/** Long enough to be sure that the model has been asked, ms. */
const hangMs = 5_000

export async function adapterSuite(peer: Peer, server: ModelServer, root: string): Promise<readonly Row[]> {
  const rows: Row[] = []
  const full = await runPeer(peer, { root, server, mode: 'write', autonomy: 'full' })
  rows.push(row('write, full', full, worked(full)))
  const edit = await runPeer(peer, { root, server, mode: 'write', autonomy: 'edit' })
  rows.push(row('write, edit', edit, worked(edit)))
  rows.push(await resumed(peer, server, root, full))
  if (peer.harness.takes !== undefined) rows.push(await toldOf(peer, server, root))
  for (const [mode, reasons] of refusals) {
    const limit = peer.patienceMs === undefined ? {} : { timeoutMs: peer.patienceMs }
    const outcome = await runPeer(peer, { root, server, mode, autonomy: 'full', ...limit })
    const { verdict } = outcome
    const recovers = mode === 'cut' && peer.survivesCuts === true
    const fits = verdict.ok ? recovers : reasons.includes(verdict.reason)
    rows.push(row(mode, outcome, fits ? null : `expected the reason ${reasons.join(' or ')}`))
  }
  const killed = await runPeer(peer, { root, server, mode: 'hang', autonomy: 'full', timeoutMs: hangMs })
  const isCrash = !killed.verdict.ok && killed.verdict.class === 'crashed'
  rows.push(row('hang, killed', killed, isCrash ? null : 'expected a crash'))
  return rows
}

/** Instructions and skills that the CLI takes in ways of its own: the model must hear of them. */
async function toldOf(peer: Peer, server: ModelServer, root: string): Promise<Row> {
  const skill = { slug: 'moon-landing', description: 'Skill-words: how to land on the moon', text: 'Count down first.' }
  const given = { tuning: {}, instructions: 'Instruction-words: be brief.', skills: [skill], readable: [] }
  const asked = server.bodies.length
  const outcome = await runPeer(peer, { root, server, mode: 'text', autonomy: 'full', given })
  const said = server.bodies.slice(asked).join('\n')
  const missing = ['Instruction-words', 'Skill-words'].filter((words) => !said.includes(words))
  return row('instructions, skill', outcome, missing.length === 0 ? null : `the model heard no ${missing.join(', ')}`)
}

async function resumed(peer: Peer, server: ModelServer, root: string, first: Outcome): Promise<Row> {
  const sessionRef = first.verdict.sessionRef ?? ''
  const { workspace } = first
  if (first.sessionFiles?.length === 0) return row('resume', first, 'the adapter finds no file of the conversation')
  const resume = { sessionRef, workspace, home: join(workspace, '..', 'home') }
  const asked = server.bodies.length
  const outcome = await runPeer(peer, { root, server, mode: 'text', autonomy: 'full', resume, prompt: 'And again?' })
  const { verdict } = outcome
  if (!verdict.ok) return row('resume', outcome, `failed: ${verdict.detail}`)
  if (verdict.sessionRef !== sessionRef) return row('resume', outcome, 'the session was not resumed under its id')
  const said = server.bodies.slice(asked).filter((body) => body.includes('And again?'))
  const replays = said.some((body) => body.includes(firstPrompt) && body.includes(finalText))
  return row('resume', outcome, replays ? null : 'the model did not get the first conversation again')
}

/** Null when the file, the events, the words and the tokens of a scripted run came back. */
function worked(outcome: Outcome): string | null {
  const { verdict, events, workspace } = outcome
  if (!verdict.ok) return `failed: ${verdict.detail}`
  if (readFileSync(join(workspace, writtenFile), 'utf8') !== writtenText) return 'the file holds something else'
  if (verdict.lastText !== finalText) return `the last words are ${verdict.lastText}`
  const types = events.map((event) => event.type)
  for (const type of ['tool_start', 'tool_end', 'text', 'usage', 'turn_end'] as const) {
    if (!types.includes(type)) return `no ${type} event came`
  }
  const { usage } = verdict
  const expected = [2 * (tokens.input - tokens.cached), 2 * tokens.cached, 2 * tokens.output].join(' ')
  const counted = [usage?.inputTokens, usage?.cacheReadTokens, usage?.outputTokens].join(' ')
  return counted === expected ? null : `the tokens are ${counted}, expected ${expected}`
}

function row(what: string, outcome: Outcome, problem: string | null): Row {
  const { verdict } = outcome
  const said = verdict.ok ? 'success' : `${verdict.reason} (${verdict.class ?? 'no class'})`
  const unknown = outcome.events.filter((event) => event.type === 'raw').length
  const shown = `${said}, exit ${outcome.exit}, ${outcome.events.length} events, ${unknown} of them raw`
  return { what, outcome: shown, wallMs: outcome.wallMs, problem }
}
