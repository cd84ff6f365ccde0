// A scripted `codex app-server`: plain JSON lines, in the shapes of 0.169.0. Usage: node codex-app-server.ts SCRIPT.json

import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

type Json = Readonly<Record<string, unknown>>

/** Its steps after turn/start, in order. */
export type CodexStep =
  /** Sent as it is, with the thread and the turn filled in. */
  | { readonly tell: string; readonly params: Json }
  /** A request to the client. `write`: a file written in the workspace when it is accepted. */
  | { readonly ask: string; readonly params: Json; readonly write?: readonly [string, string] }
  | { readonly line: string }
  | { readonly end: 'completed' | 'failed' | 'interrupted'; readonly error?: Json }
  | { readonly exit: number }
  /** Goes on when a message has come in. */
  | { readonly awaitSteer: true }

export interface CodexScript {
  readonly steps: readonly CodexStep[]
  readonly refuseThread?: string
  readonly refuseSteer?: true
}

const thread = '01a1fcc0-0000-7000-8000-000000000001'
const turn = '01a1fcc0-0000-7000-8000-000000000002'

if (process.argv[1] === import.meta.filename) serve(JSON.parse(readFileSync(process.argv.at(-1) ?? '', 'utf8')))

function serve(script: CodexScript): void {
  let cwd = process.cwd()
  let at = 0
  let asked = 0
  let steered = false

  const send = (message: Json) => writeSync(1, `${JSON.stringify(message)}\n`)
  const note = (what: string, value: unknown) => writeSync(2, `${what} ${JSON.stringify(value)}\n`)
  const tell = (method: string, params: Json) => send({ method, params: { threadId: thread, turnId: turn, ...params } })

  /** Plays to the next step that needs an answer. */
  const go = () => {
    for (;;) {
      const step = script.steps[at]
      if (step === undefined) return
      if ('awaitSteer' in step && !steered) return
      at += 1
      if ('line' in step) writeSync(1, `${step.line}\n`)
      if ('tell' in step) tell(step.tell, step.params)
      if ('exit' in step) process.exit(step.exit)
      if ('end' in step) {
        tell('turn/completed', { turn: { id: turn, items: [], status: step.end, error: step.error ?? null } })
        return
      }
      if ('ask' in step) {
        send({ id: asked, method: step.ask, params: { threadId: thread, turnId: turn, ...step.params } })
        asked += 1
        return
      }
    }
  }

  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const message: Json = JSON.parse(line)
      const params = (message.params ?? {}) as Json // the client's, checked by nobody here
      note('got', message)
      if (message.method === 'initialize') send({ id: message.id, result: { userAgent: 'scripted' } })
      else if (message.method === 'thread/start' || message.method === 'thread/resume') {
        if (script.refuseThread !== undefined) {
          send({ id: message.id, error: { code: -32_600, message: script.refuseThread } })
          return
        }
        cwd = String(params.cwd)
        send({ id: message.id, result: { thread: { id: params.threadId ?? thread }, model: 'gpt-scripted' } })
      } else if (message.method === 'turn/start') {
        send({ id: message.id, result: { turn: { id: turn, status: 'inProgress' } } })
        tell('turn/started', { turn: { id: turn, status: 'inProgress' } })
        go()
      } else if (message.method === 'turn/steer') {
        if (script.refuseSteer === true) send({ id: message.id, error: { code: -32_600, message: 'no active turn' } })
        else send({ id: message.id, result: { turnId: turn } })
        steered = true
        go()
      } else if (message.method === undefined && message.id !== undefined) {
        const step = script.steps[at - 1]
        const decision = ((message.result ?? {}) as Json).decision // of an answer to a request of ours
        const isGranted = decision === 'accept' || decision === 'acceptForSession'
        tell('serverRequest/resolved', { requestId: message.id })
        if (step !== undefined && 'ask' in step && step.write !== undefined && isGranted) {
          writeFileSync(join(cwd, step.write[0]), step.write[1])
        }
        go()
      }
    })
    .on('close', () => process.exit(0))
}
