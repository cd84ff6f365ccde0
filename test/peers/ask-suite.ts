// What the real CLIs do when a person is asked, and how the agents that only hold conversations fare, as their adapters read them.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Mode } from '../fakes/model-server/script.ts'
import { finalText, writtenFile, writtenText } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import type { AskRun } from './ask-run.ts'
import { askPeer } from './ask-run.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

const minuteMs = 60_000

/** Long enough to be sure that the model has been asked, ms. */
const hangMs = 6_000

const refusals: readonly (readonly [Mode, string])[] = [
  ['quota', 'quota'],
  ['auth', 'auth'],
]

interface At {
  readonly server: ModelServer
  readonly root: string
}

/** Approvals, for each peer that asks. */
export async function askSuite(peer: Peer, at: At): Promise<readonly Row[]> {
  const run = (says: 'allow' | 'deny') => askPeer(peer, { ...at, mode: 'write', autonomy: 'ask', says })
  const allowed = await run('allow')
  const denied = await run('deny')
  const sessionRef = allowed.verdict.sessionRef ?? ''
  const again = { ...at, mode: 'write', autonomy: 'ask', says: 'allow' } as const
  if (peer.loadsLater === true) await sleep(minuteMs - (Date.now() % minuteMs) + 100)
  const resumed = await askPeer(peer, { ...again, resume: { sessionRef, run: allowed } })
  return [
    row('ask, allowed', allowed, asked(allowed) ?? worked(allowed)),
    row('ask, denied', denied, asked(denied) ?? refused(denied)),
    row('ask, resumed', resumed, sameSession(allowed, resumed) ?? worked(resumed)),
  ]
}

/** The rest, for peers that hold a conversation under every autonomy. */
export async function conversationSuite(peer: Peer, at: At): Promise<readonly Row[]> {
  const rows: Row[] = []
  const full = await askPeer(peer, { ...at, mode: 'write', autonomy: 'full', says: 'nothing' })
  rows.push(row('write, full', full, worked(full)))
  const { sessionRef } = full.verdict
  const again = { ...at, mode: 'write', autonomy: 'full', says: 'nothing' } as const
  const resumed = await askPeer(peer, { ...again, resume: { sessionRef: sessionRef ?? '', run: full } })
  rows.push(row('resume', resumed, sameSession(full, resumed) ?? worked(resumed)))
  for (const [mode, reason] of refusals) {
    const outcome = await askPeer(peer, { ...at, mode, autonomy: 'full', says: 'nothing' })
    const fits = !outcome.verdict.ok && outcome.verdict.reason === reason
    rows.push(row(mode, outcome, fits ? null : `expected the reason ${reason}`))
  }
  const killed = await askPeer(peer, { ...at, mode: 'hang', autonomy: 'full', says: 'nothing', timeoutMs: hangMs })
  const isCrash = !killed.verdict.ok && killed.verdict.class === 'crashed'
  rows.push(row('hang, killed', killed, isCrash ? null : 'expected a crash'))
  return rows
}

function asked(run: AskRun): string | null {
  if (run.asks.length === 0) return 'nothing was asked'
  const title = run.asks[0]?.title ?? ''
  return title.includes(writtenFile) ? null : `the title asked about is ${title}`
}

function worked({ verdict, workspace, events }: AskRun): string | null {
  if (!verdict.ok) return `failed: ${verdict.detail}`
  const file = join(workspace, writtenFile)
  if (!existsSync(file) || readFileSync(file, 'utf8') !== writtenText) return 'the file was not written'
  if (verdict.lastText?.includes(finalText) !== true) return `the last words are ${verdict.lastText}`
  const types = events.map((event) => event.type)
  const missing = (['tool_start', 'tool_end', 'text', 'turn_end'] as const).find((type) => !types.includes(type))
  return missing === undefined ? null : `no ${missing} event came`
}

/** Null: resumed under its id, without telling the earlier words again or counting the earlier tokens. */
function sameSession(first: AskRun, resumed: AskRun): string | null {
  if (resumed.verdict.sessionRef !== first.verdict.sessionRef) return 'the session was not resumed under its id'
  const words = resumed.events.filter((event) => event.type === 'text' && event.text.includes(finalText))
  if (words.length > 1) return 'the earlier words were told again'
  const [before, now] = [first.verdict.usage, resumed.verdict.usage]
  return before?.outputTokens === now?.outputTokens
    ? null
    : `tokens ${JSON.stringify(before)}, resumed ${JSON.stringify(now)}`
}

/** Some agents go on after a denial, some end their turn: then the verdict must say why. */
function refused({ verdict, workspace, done, timedOut }: AskRun): string | null {
  if (existsSync(join(workspace, writtenFile))) return 'the denied command ran'
  if (!done && timedOut) return 'the turn did not end'
  return verdict.ok || verdict.detail.includes('not permitted') ? null : `failed: ${verdict.detail}`
}

function row(what: string, run: AskRun, problem: string | null): Row {
  const { verdict, exit, events, wallMs } = run
  const said = verdict.ok ? 'success' : `${verdict.reason} (${verdict.class ?? 'no class'})`
  const unknown = events.filter((event) => event.type === 'raw').length
  const outcome = `${said}, exit ${exit.signal ?? exit.code}, ${events.length} events, ${unknown} of them raw, ${run.asks.length} asked`
  return { what, outcome, wallMs, problem }
}
