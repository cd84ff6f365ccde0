// Whether a run can go on with an earlier conversation, and with what: decided before its agent starts, and kept with the run.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { RunUser } from '../../lib/exec.ts'
import type { Continuation } from '../../protocol/session.ts'
import { sessionOf } from '../harness/json.ts'
import type { Harness, HostProbe } from '../harness/port.ts'
import { RunRefused } from '../run/refused.ts'
import { preparedWorkspace } from '../workspace/prepare.ts'
import type { Bundle } from './bundle.ts'
import { copied, readBundle, unpack, writeBundle } from './bundle.ts'
import type { Seated } from './conversation-home.ts'
import { areStrangers, conversationHost } from './conversation-home.ts'

/** What of earlier work an agent starts with. */
export interface Resumed {
  /** The agent's own id of the conversation it goes on with; null: a fresh one. */
  readonly sessionRef: string | null
  /** Told to the agent before its prompt, unless that is a script; empty: nothing. */
  readonly preface: string
  readonly notices: readonly string[]
}

export interface ResumeInput {
  readonly continuation: Continuation
  readonly harness: Harness
  readonly host: HostProbe
  readonly stateDir: string
  readonly workspace: Seated
  /** Who runs the agent; null or absent: the daemon's own user. */
  readonly user?: RunUser | null
  /** Where the agent will work, in the workspace. */
  readonly cwd: string
  /** The folder within the workspace, as repo.toml names it; the earlier agent worked in the same. */
  readonly subfolder: string | null
  /** Bytes of the server's. */
  fetch(cid: string): Promise<Uint8Array>
  /** What the agent should know of its files. */
  readonly drift: readonly string[]
}

/** Throws `RunRefused` with `not_resumable` when the conversation cannot be had and no handoff was asked for. */
export async function resume(input: ResumeInput): Promise<Resumed> {
  const { continuation, harness, drift } = input
  const told = drift.map((each) => `Note: ${each}\n\n`).join('')
  if (harness.sessionFiles === undefined && harness.sessionRoot === undefined) {
    const noMemory = `${harness.name} keeps no conversation: only the files are gone on with`
    return { sessionRef: null, preface: told, notices: [...drift, noMemory] }
  }
  const found = await conversation(input)
  if (typeof found !== 'string') return { sessionRef: found.ref, preface: told, notices: drift }
  if (!continuation.handoff) {
    const remedy = 'continue it with --handoff to begin a fresh conversation with a summary'
    throw new RunRefused(
      'not_resumable',
      `the conversation of ${continuation.taskId} cannot be resumed: ${found}; ${remedy}`,
    )
  }
  const preface = `You take over from an earlier agent; its work is in the files here.\n\n${continuation.summary}\n\n`
  const notice = `handed over with a summary, because the conversation cannot be resumed: ${found}`
  return { sessionRef: null, preface: `${preface}${told}What to do now:\n\n`, notices: [...drift, notice] }
}

/** A shorter id would also stand in words that are not it. */
const shortestCopied = 8

/** The id to resume by, or why there is none. */
async function conversation(input: ResumeInput): Promise<{ readonly ref: string } | string> {
  const { continuation, harness, cwd } = input
  const { sessionRef: ref, mode } = continuation
  if (ref === null) return 'the agent told no id of it'
  // Another host told it, and it becomes an argument of the CLI here.
  if (sessionOf(ref) === null) return 'what was told as its id is none'
  if (mode === 'fork' && ref.length < shortestCopied) return 'its id is too short to be replaced in a copy'
  if (continuation.harness !== harness.name) return `it is one of ${continuation.harness}, not of ${harness.name}`
  const host = conversationHost(input.host, input.stateDir, input.workspace)
  const seated = seat(input)
  const before = typeof seated === 'string' ? null : seated
  const files = before === null ? [] : (harness.sessionFiles?.(before.host, { ref, cwd: before.cwd }) ?? [])
  const root = harness.sessionRoot?.(host, { cwd }) ?? null
  if (root === null) {
    if (mode === 'fork') return `a conversation of ${harness.name} cannot be copied`
    if (seated === 'apart') return ofStrangers
    if (files.length === 0) return `${harness.name} keeps it on the host ${continuation.daemonId} alone`
    if (before?.host.env.HOME === host.env.HOME) return { ref }
    return `${harness.name} keeps those of sandboxed runs and of others apart, and only one of the two was sandboxed`
  }
  const bundle =
    (before === null ? null : bundleOf(harness, { ref, before, files })) ?? (await fetched(input, seated === 'apart'))
  if (typeof bundle === 'string') return bundle
  const own = mode === 'fork' ? copied(bundle, randomUUID()) : bundle
  writeBundle(moved(own, input), root, input.user ?? null)
  return { ref: own.ref }
}

function moved(bundle: Bundle, { harness, cwd }: ResumeInput): Bundle {
  const { movedSession } = harness
  if (movedSession === undefined) return bundle
  return { ...bundle, files: bundle.files.map(({ name, text }) => ({ name, text: movedSession(text, { cwd }) })) }
}

/** Where the earlier agent worked, and where its conversation lies. */
interface Seat {
  readonly cwd: string
  readonly host: HostProbe
}

const ofStrangers = 'sandboxed runs of another profile keep theirs apart from this one’s'

/** `elsewhere`: on another host. `apart`: here, with what agents of another profile may have written; it is not read. */
function seat({ continuation, stateDir, subfolder, host, workspace: own }: ResumeInput): Seat | 'elsewhere' | 'apart' {
  const workspace = preparedWorkspace(stateDir, continuation.attemptId)
  if (workspace === null) return 'elsewhere'
  if (areStrangers(workspace, own)) return 'apart'
  const cwd = subfolder === null ? workspace.path : join(workspace.path, subfolder)
  return { cwd, host: conversationHost(host, stateDir, workspace) }
}

interface Local {
  readonly ref: string
  readonly before: Seat
  readonly files: readonly string[]
}

function bundleOf(harness: Harness, { ref, before, files }: Local): Bundle | null {
  const root = harness.sessionRoot?.(before.host, { cwd: before.cwd }) ?? null
  return root === null ? null : readBundle({ harness: harness.name, ref }, root, files)
}

async function fetched({ continuation, harness, fetch }: ResumeInput, isApart: boolean): Promise<Bundle | string> {
  const { sessionCid, sessionRef, daemonId } = continuation
  if (sessionCid === null && isApart) return `${ofStrangers}, and it was not uploaded`
  if (sessionCid === null) return `only the host ${daemonId} has it, and did not upload it`
  try {
    const bundle = unpack(await fetch(sessionCid))
    if (bundle.harness === harness.name && bundle.ref === sessionRef) return bundle
    return 'what the server keeps is another conversation'
  } catch (error) {
    if (error instanceof Problem && ['invalid_request', 'not_found', 'forbidden'].includes(error.code))
      return error.detail
    throw error
  }
}
