// The real CLIs in a repository whose own configuration starts programs: trusted it runs them, untrusted it must not.

import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Verdict } from '../../src/daemon/harness/port.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { runPeer } from './adapter-run.ts'
import type { AskOptions } from './ask-run.ts'
import { askPeer } from './ask-run.ts'
import { hostileRepo, marksIn, repositoryWords } from './hostile-repo.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

interface At {
  readonly server: ModelServer
  readonly root: string
}

export async function hostileRows(peer: Peer, at: At): Promise<readonly Row[]> {
  const { repoConfig, autonomies } = peer.harness
  if (repoConfig === undefined) return []
  const held = await runIn(peer, at, { trusted: false, autonomy: 'full' })
  const rows = [row('own configuration, not trusted', held, wrong(peer, held))]
  // Else the row above would prove nothing. One that obeys it untrusted needs no such proof.
  if (repoConfig.untrusted === 'held') {
    const trusted = await runIn(peer, at, { trusted: true, autonomy: 'full' })
    rows.unshift(
      row('own configuration, trusted', trusted, trusted.marks.length > 0 ? null : 'the repository started nothing'),
    )
  }
  if (!autonomies.includes('ask')) return rows
  const asked = await runIn(peer, at, { trusted: false, autonomy: 'ask' })
  return [...rows, row('own configuration, not trusted, ask', asked, wrong(peer, asked))]
}

interface Ran {
  readonly verdict: Verdict
  readonly marks: readonly string[]
  /** The model was told the repository's instructions. */
  readonly heard: boolean
  readonly wallMs: number
}

async function runIn(peer: Peer, { server, root }: At, how: Pick<AskOptions, 'trusted' | 'autonomy'>): Promise<Ran> {
  const marks = join(await mkdtemp(join(root, 'marks-')), 'marks')
  const fill = (workspace: string) => hostileRepo(workspace, marks)
  const asked = server.bodies.length
  const given = { root, server, mode: 'write', ...how, fill } as const
  const converses = how.autonomy === 'ask' || (how.trusted === false && peer.conversesUntrusted === true)
  const { verdict, wallMs } = converses
    ? await askPeer(peer, { ...given, says: 'allow' })
    : await runPeer(peer, { ...given, autonomy: 'full' })
  const heard = server.bodies.slice(asked).some((body) => body.includes(repositoryWords))
  return { verdict, marks: marksIn(marks), heard, wallMs }
}

/** Null: nothing ran, and the instructions came through unless the adapter says that they do not. */
function wrong({ harness }: Peer, { verdict, marks, heard }: Ran): string | null {
  if (!verdict.ok) return `failed: ${verdict.detail}`
  const { repoConfig } = harness
  if (repoConfig?.untrusted === 'obeyed') {
    return marks.length > 0 ? null : 'nothing ran: this version can hold it back, so its adapter should'
  }
  if (marks.length > 0) return `it ran ${marks.join(', ')}`
  const expected = repoConfig?.instructions === undefined
  return heard === expected
    ? null
    : `the instructions were ${heard ? '' : 'not '}told, which the adapter does not expect`
}

function row(what: string, { verdict, marks, heard, wallMs }: Ran, problem: string | null): Row {
  const said = verdict.ok ? 'success' : `${verdict.reason}`
  const ran = marks.length === 0 ? 'nothing ran' : `ran ${marks.join(', ')}`
  return { what, outcome: `${said}, ${ran}, instructions ${heard ? 'told' : 'not told'}`, wallMs, problem }
}
