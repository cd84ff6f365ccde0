// What the tools of a run do. Each call has a key that it keeps when it is sent again: its effect and its answer are committed together.

import type { CallToolResult } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { cidOfJson } from '../../lib/cid.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { Assignment, FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import { agentTaskCreate } from '../../protocol/task.ts'
import type { Ask } from '../harness/port.ts'
import type { HostExec, HostExecAnswer } from '../hostexec/host-exec.ts'
import type { Calls } from '../journal/calls.ts'
import type { OwnStep } from '../run/talk-step.ts'
import { Allowance } from './allowance.ts'
import { faultsOf } from './output.ts'
import type { ToolName } from './tool-specs.ts'
import { askInput, progressInput } from './tool-specs.ts'

export interface RunToolsParts {
  readonly assignment: Assignment
  readonly calls: Calls
  readonly clock: Clock
  /** The daemon's words in the run's conversation. */
  own(step: OwnStep): void
  /** Null: the host's policy forbids it. */
  readonly createTask: ((body: FromDaemonBody<'create_task'>) => Promise<FromDaemonReply<'create_task'>>) | null
  /** What the agent may start outside its sandbox; null: nothing. */
  readonly hostExec: HostExec | null
}

/** Somebody who waits for an answer. */
export interface Waiting {
  /** Aborts when nobody waits for this answer on this connection any more. */
  readonly signal: AbortSignal
  /** True when the agent itself gave the call up; false when only its connection broke. */
  cancelled(): boolean
}

export interface Call extends Waiting {
  /** The same when it is sent again. */
  readonly key: string
  readonly name: ToolName
  readonly input: Readonly<Record<string, unknown>>
}

/** Reports that are told at once, and each second after. */
const reports = { most: 20, perSecond: 1 }
/** Waits between tries of a server that cannot be reached, ms. */
const linkWaitMs = 1_000
/** For so long; then the agent is told, ms. */
const linkPatienceMs = 300_000

export class RunTools {
  readonly #parts: RunToolsParts
  readonly #reports: Allowance
  /** Calls of ask_human that wait here, by key: woken when the journal has the answer. */
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(parts: RunToolsParts) {
    this.#parts = parts
    this.#reports = new Allowance(parts.clock, reports)
  }

  /** A question was answered. */
  answered(key: string): void {
    for (const wake of this.#waiting.get(key) ?? []) wake()
  }

  /** Throws Problem for what the agent can mend. */
  async call(call: Call): Promise<CallToolResult> {
    if (call.name === 'host_exec') return ranOf(await this.hostExec(call))
    const known = this.#parts.calls.answer(this.#parts.assignment.attemptId, call.key)
    if (known !== undefined) return call.name === 'ask_human' ? answerOf(known) : (known as CallToolResult) // as it was kept
    switch (call.name) {
      case 'submit_output':
        return await this.#submit(call)
      case 'ask_human':
        return await this.#ask(call)
      case 'report_progress':
        return this.#report(call)
      case 'task_create':
        return await this.#create(call)
    }
  }

  /** Not kept as answered: handing in the same output twice is handing it in once. */
  async #submit({ input }: Call): Promise<CallToolResult> {
    const { calls, clock, assignment } = this.#parts
    const { output } = input
    const unknown = Object.keys(input).find((name) => name !== 'output')
    if (unknown !== undefined || output === undefined)
      throw new Problem('unknown_field', `submit_output takes one argument, output; not ${unknown ?? 'nothing'}`)
    const wrong = await faultsOf(assignment.task.outputSchema, output)
    if (wrong !== null)
      return refusal(`The output does not fit:\n${wrong.join('\n')}\nMend it and call submit_output again.`)
    calls.keepOutput(assignment.attemptId, { output, at: clock.now() })
    return said({ accepted: true, cid: cidOfJson(output) })
  }

  /** Runs a program on the host, when it may. Throws Problem when it may not. */
  async hostExec({ key, input, signal, cancelled }: Omit<Call, 'name' | 'input'> & { readonly input: unknown }) {
    const { hostExec } = this.#parts
    if (hostExec === null)
      throw new Problem(
        'not_on_host',
        "this run's profile has no sandbox.hostExec: nothing is started outside the sandbox",
      )
    const decide = (ask: Ask) => this.#answered(ask, { signal, cancelled }) as ReturnType<Decide> // written by Conversation
    return await hostExec.call({ key, input, signal, decide })
  }

  async #ask({ key, input, signal, cancelled }: Call): Promise<CallToolResult> {
    const { question, options = [] } = checked(askInput, input, 'ask_human')
    const ask: Ask = {
      key,
      kind: 'question',
      title: question.split('\n', 1)[0] ?? question,
      body: { question },
      options: options.map((label, i) => ({ id: String(i + 1), label, grants: 'other' })),
      command: null,
    }
    return answerOf(await this.#answered(ask, { signal, cancelled }))
  }

  /** What a person says to it, as the conversation keeps it; also what was said to an earlier start of the daemon. */
  async #answered(ask: Ask, { signal, cancelled }: Waiting): Promise<unknown> {
    const { calls, assignment, own } = this.#parts
    const { key } = ask
    const known = calls.answer(assignment.attemptId, key)
    if (known !== undefined) return known
    const { promise, resolve } = Promise.withResolvers<void>()
    const wakes = this.#waiting.get(key) ?? new Set()
    wakes.add(resolve)
    this.#waiting.set(key, wakes)
    signal.addEventListener('abort', () => resolve(), { once: true })
    try {
      own({ ask }) // open already when it is sent again: then it stays the same question
      if (!signal.aborted) await promise
    } finally {
      wakes.delete(resolve)
      if (wakes.size === 0) this.#waiting.delete(key)
    }
    const answer = calls.answer(assignment.attemptId, key)
    if (answer !== undefined) return answer
    if (cancelled()) own({ withdraw: key })
    throw new Problem('unavailable', 'nobody waits for this answer any more')
  }

  #report({ key, input }: Call): CallToolResult {
    const { message, plan } = checked(progressInput, input, 'report_progress')
    if (!this.#reports.take())
      return refusal('That was too often and was not told. Report less, and go on with the task.')
    const events: EventBody[] = []
    if (message !== undefined) events.push({ type: 'notice', message })
    if (plan !== undefined) events.push({ type: 'plan', items: plan })
    const answer = said({ told: true })
    this.#parts.own({ events, call: { key, answer } })
    return answer
  }

  /** Kept at the server under the call's key; here only so that it is not asked again. */
  async #create({ key, input, signal }: Call): Promise<CallToolResult> {
    const { createTask, assignment, own } = this.#parts
    if (createTask === null)
      throw new Problem(
        'policy_refused',
        "the host's policy.toml does not say allowTaskCreate = true, or says that words of agents stay here (upload.events); go on without another task",
      )
    const task = checked(agentTaskCreate, input, 'task_create')
    const { attemptId, epoch } = assignment
    const body = { attemptId, epoch, key, task }
    const created = await this.#whenReachable(() => createTask(body), signal)
    const answer = said(created)
    const message = `created ${created.id}: ${created.title}`
    own({ events: [{ type: 'notice', message }], call: { key, answer } })
    return answer
  }

  async #whenReachable<T>(send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock } = this.#parts
    const until = clock.monotonic() + linkPatienceMs
    for (;;) {
      try {
        return await send()
      } catch (error) {
        const away = error instanceof Problem && (error.code === 'not_connected' || error.code === 'unavailable')
        if (!away || clock.monotonic() > until) throw error
        await clock.sleep(linkWaitMs, signal)
      }
    }
  }
}

function checked<S extends z.ZodType>(schema: S, input: unknown, tool: string): z.output<S> {
  const read = schema.safeParse(input)
  if (read.success) return read.data
  const faults = read.error.issues
    .slice(0, 5)
    .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
  throw new Problem('invalid_request', `${tool}: ${faults.join('; ')}`)
}

function said(value: object): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: { ...value } }
}

function ranOf(answer: HostExecAnswer): CallToolResult {
  const { exitCode, stdout, stderr, allowedBy } = answer
  const end = exitCode === null ? 'it was ended by a signal' : `exit ${exitCode}`
  const text = [stdout, stderr, `(${end}; allowed by ${allowedBy})`].filter((each) => each !== '').join('\n')
  return { content: [{ type: 'text', text }], structuredContent: { ...answer }, isError: exitCode !== 0 }
}

type Decide = Parameters<HostExec['call']>[0]['decide']

function refusal(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true }
}

/** As the conversation kept it. */
function answerOf(kept: unknown): CallToolResult {
  const { label, text } = kept as { readonly label: string | null; readonly text: string | null } // written by Conversation
  if (label === null && text === null)
    return refusal(
      'Nobody who may answer did so in time. Decide yourself, the careful way, and say in your result what you assumed.',
    )
  const words = [label, text].filter((each) => each !== null).join(': ')
  return { content: [{ type: 'text', text: words }], structuredContent: { option: label, text } }
}
