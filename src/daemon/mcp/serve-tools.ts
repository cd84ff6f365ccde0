// A run's MCP server as its following needs it: opened and closed with it, its trouble told, none of it the run's end but a broken journal.

import { messageOf } from '../../lib/error-text.ts'
import type { Redactor } from '../../lib/redact.ts'
import type { Assignment, FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import type { Link } from '../link/link.ts'
import type { Policy } from '../policy.ts'
import { hostExecFor, signerFor } from '../run/beyond-box.ts'
import type { RunDeps } from '../run/deps.ts'
import type { OwnStep } from '../run/talk-step.ts'
import type { Workspace } from '../workspace/port.ts'
import { RunServer } from './server.ts'

/** What the daemon gives to the servers of its runs. */
export interface ToolsHost {
  /** The daemon's own secret: the runs' tokens are made of it. */
  readonly key: string
  /** Asks the server for a task, now. Throws what it refuses, and `not_connected`. Null: the host's policy forbids it. */
  readonly createTask: ((body: FromDaemonBody<'create_task'>) => Promise<FromDaemonReply<'create_task'>>) | null
}

export function toolsHost(parts: { readonly key: string; readonly policy: Policy; readonly link: Link }): ToolsHost {
  const { key, policy, link } = parts
  return { key, createTask: policy.allowTaskCreate ? (body) => link.request('create_task', body) : null }
}

export interface ServedTools {
  /** Never rejects: a run whose agent cannot be served tools goes on without, and its transcript says so. */
  open(): Promise<void>
  answered(call: string): void
  /** Aborts when the daemon's words could not be journalled: what is in memory is then not what the journal says. */
  readonly broken: AbortSignal
  close(): Promise<void>
}

interface ServedRun {
  readonly assignment: Assignment
  readonly runDir: string
  /** Where in the workspace the agent works. */
  readonly cwd: string
  /** Null: nothing is started on the host for this run. */
  readonly workspace: Workspace | null
  readonly redact: Redactor
  own(step: OwnStep): void
}

export function serveTools(deps: RunDeps, run: ServedRun): ServedTools {
  const { tools, journal, clock, log } = deps
  const broken = new AbortController()
  if (tools === undefined)
    return { open: async () => {}, answered: () => {}, broken: broken.signal, close: async () => {} }
  const own = (step: OwnStep) => {
    try {
      run.own(step)
    } catch (error) {
      broken.abort(error)
      throw error
    }
  }
  const { user } = deps.sandbox
  const { calls } = journal
  const signer = signerFor(deps)
  const hostExec = hostExecFor(deps, { ...run, own })
  const server = new RunServer({ ...run, ...tools, own, calls, clock, log, user, signer, hostExec })
  return {
    open: async () => {
      try {
        await server.open()
      } catch (error) {
        const message = `no tools of Capstan in this run: ${messageOf(error)}`
        log.warn({ attemptId: run.assignment.attemptId, error: messageOf(error) }, 'tools are not served')
        own({ events: [{ type: 'notice', level: 'warning', message }] })
      }
    },
    answered: (call) => server.answered(call),
    broken: broken.signal,
    close: () => server[Symbol.asyncDispose](),
  }
}
