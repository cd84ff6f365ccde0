// capstan task add: gives work, and on wish stays until it is done.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import { fileTrouble, messageOf } from '../../lib/error-text.ts'
import { limits } from '../../protocol/names.ts'
import type { BodyIn } from '../../protocol/operations.ts'
import type { TaskView } from '../../protocol/task.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { readContextFiles, uploadFiles } from '../fleet/context-files.ts'
import { binaryBytes } from '../render/figures.ts'
import { progressLines } from '../render/progress.ts'
import { hereRepo } from '../repo/here.ts'
import type { Given } from '../spec.ts'
import { readStdin } from '../stdin.ts'
import { parseChecks } from './checks.ts'
import { exitCodeOfTask, followToEnd } from './follow.ts'
import type { addOptions } from './options.ts'
import { parseInstant } from './time.ts'
import { waitForOne } from './wait.ts'

type Add = Given<typeof addOptions>

export async function addTask(given: Add, context: Context): Promise<number> {
  const { options } = given
  const texts = [given.args[0], options.prompt, options.promptFile] as const
  const body = taskOf(given, context, await promptOf(texts, context))
  const client = await connect(context)
  const chosen = options.repo !== undefined || options.workspaceMode === 'scratch'
  const here = chosen ? undefined : await hereRepo(context)
  const repo = options.repo ?? here?.slug
  if (repo !== undefined) body.repo = repo
  if (options.attach !== undefined) body.attachments = await uploadFiles(options.attach, client, context)
  const created = await client.call('createTask', {
    body,
    signal: context.signal,
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  })
  if (here !== undefined) context.terminal.note(...here.notes)
  return followOrSay(client, created, { follow: options.follow, wait: options.wait, context })
}

interface Staying {
  readonly follow: boolean | undefined
  readonly wait: boolean | undefined
  readonly context: Context
}

/** Stays with a new task as asked, else says where it is. Answers the exit code. */
export async function followOrSay(
  client: Client,
  created: TaskView,
  { follow, wait, context }: Staying,
): Promise<number> {
  if (follow === true) return followToEnd(client, created, context)
  if (wait === true) return waitToEnd(client, created, context)
  if (context.json) context.terminal.json(created)
  else sayCreated(created, context)
  return 0
}

async function waitToEnd(client: Client, created: TaskView, context: Context): Promise<number> {
  context.terminal.progress(`waiting for ${created.id}`)
  const final = await waitForOne(client, created.id, context)
  const { outcomeLines } = await import('../render/outcome.ts')
  if (context.json) context.terminal.json(final)
  else context.terminal.out(...outcomeLines(final, context.terminal))
  return exitCodeOfTask(final)
}

function sayCreated(task: TaskView, { terminal, clock }: Context): void {
  terminal.out(`${task.id}  ${task.state}`, ...progressLines(task, clock.now(), terminal))
  const next = task.interactive === true ? `attach ${task.id}` : `logs ${task.id} -f`
  terminal.out(`${terminal.style.dim('next:')} capstan task ${next}`)
}

type Texts = readonly [argument: string | undefined, prompt: string | undefined, file: string | undefined]

/** The argument, --prompt or --prompt-file: exactly one of them. */
export async function promptOf(texts: Texts, context: Context): Promise<string> {
  const given = texts.filter((each) => each !== undefined)
  const file = texts[2]
  if (given.length > 1)
    throw new Problem(
      'usage',
      'the prompt is given more than once: use one of the argument, --prompt and --prompt-file',
    )
  if (given.length === 0)
    throw new Problem('usage', 'a prompt is missing: say in quotes what to do, or name a file with --prompt-file')
  const text = file === undefined ? given[0] : await promptFile(file, context)
  if (text === undefined || text.trim() === '') throw new Problem('usage', 'the prompt is empty; a task needs one')
  const size = Buffer.byteLength(text)
  if (size <= limits.promptBytes) return text
  throw new Problem(
    'too_large',
    `the prompt has ${binaryBytes(size)}, and at most ${binaryBytes(limits.promptBytes)} is taken`,
  )
}

async function promptFile(path: string, context: Context): Promise<string> {
  return path === '-' ? readStdin(context.signal) : fileText(path, '--prompt-file', context)
}

function schemaFile(path: string, context: Context): Record<string, unknown> {
  const text = fileText(path, '--output-schema', context)
  try {
    const schema: unknown = JSON.parse(text)
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
      return schema as Record<string, unknown> // checked
  } catch (cause) {
    throw new Problem('usage', `--output-schema ${path} is not JSON: ${messageOf(cause)}`, { cause })
  }
  throw new Problem('usage', `--output-schema ${path} must hold a JSON object`)
}

function fileText(path: string, flag: string, context: Context): string {
  try {
    return readFileSync(resolve(context.cwd, path), 'utf8')
  } catch (cause) {
    throw new Problem('usage', `${flag} ${path} cannot be read: ${fileTrouble(cause)}`, { cause })
  }
}

function taskOf({ options }: Add, context: Context, prompt: string): BodyIn<'createTask'> {
  const now = context.clock.now()
  const workspace = defined({ mode: options.workspaceMode, base: options.base })
  const budgets = defined({ maxTurns: options.maxTurns, maxCostUsd: options.maxCost })
  const fields = {
    title: options.title,
    type: options.type,
    role: options.role,
    pool: options.pool,
    daemon: options.daemon,
    profiles: options.profile && [...options.profile],
    harness: options.harness,
    model: options.model,
    thinkingLevel: options.thinking,
    autonomy: options.autonomy,
    labels: options.label && [...options.label],
    priority: options.priority,
    workspace: Object.keys(workspace).length === 0 ? undefined : workspace,
    expect: options.expect,
    outputSchema: options.outputSchema === undefined ? undefined : schemaFile(options.outputSchema, context),
    review: options.review,
    checks: options.check && parseChecks(options.check),
    budgets: Object.keys(budgets).length === 0 ? undefined : budgets,
    maxAttempts: options.attempts,
    runningTimeoutMs: options.timeout,
    failover: options.failover,
    onStall: options.onStall,
    stallTimeoutMs: options.stallTimeout,
    onRateLimit: options.onRateLimit,
    runAt: options.runAt === undefined ? undefined : parseInstant(options.runAt, now, 'run-at'),
    expiresAt: options.expiresAt === undefined ? undefined : parseInstant(options.expiresAt, now, 'expires-at'),
    correlationId: options.correlationId,
    interactive: options.interactive,
    context: options.context && readContextFiles(options.context, context),
  }
  // the parser has checked the choices against the same words
  return { prompt, ...defined(fields) } as BodyIn<'createTask'>
}

/** The fields that were given: JSON would drop the others, but `exactOptionalPropertyTypes` knows the difference. */
function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
