// One run's programs on the host: what its agent may start outside the sandbox, by a rule of its profile or by a person, once each.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import type { ApprovalRule } from '../../core/approval.ts'
import { describeRule, ruleForWords } from '../../core/approval.ts'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import type { Env } from '../../lib/env.ts'
import type { ExecResult, RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import type { Redactor } from '../../lib/redact.ts'
import { exactLine } from '../harness/cut.ts'
import { hostVariables } from '../harness/environment.ts'
import type { Ask } from '../harness/port.ts'
import type { Calls } from '../journal/calls.ts'
import { Allowance } from '../mcp/allowance.ts'
import type { OwnStep } from '../run/talk-step.ts'
import { headBranch } from '../workspace/head.ts'
import type { Workspace } from '../workspace/port.ts'
import type { HostCommand } from './command.ts'
import { checkWords, defendedCommand, isDefended, plainCommand } from './command.ts'
import { addressCleaner } from './credentials.ts'
import type { Forge } from './forge.ts'
import type { Remote } from './mirror.ts'
import { readyMirror, remotesFor } from './mirror.ts'
import { findProgram, folderIn, HeldFolder } from './program.ts'
import { isPush, ruleForPush } from './push-words.ts'

export interface HostExecParts {
  readonly attemptId: string
  readonly workspace: Workspace
  /** Where in the workspace the agent works. */
  readonly cwd: string
  /** The run's folder, in which the agent writes too. */
  readonly runDir: string
  /** Programs that this host's owner lets be started. */
  readonly allowed: readonly string[]
  /** Those of the profile; none where the owner names who may approve. */
  readonly rules: readonly ApprovalRule[]
  /** The daemon's environment. */
  readonly host: Env
  /** As whom agents run; null: as the daemon. */
  readonly user: RunUser | null
  readonly forge: Forge | null
  readonly redact: Redactor
  readonly calls: Calls
  readonly clock: Clock
  own(step: OwnStep): void
}

export interface HostExecCall {
  /** The same when it is sent again. */
  readonly key: string
  readonly input: unknown
  readonly signal: AbortSignal
  /** Asks a person and waits. */
  decide(ask: Ask): Promise<{ readonly label: string | null; readonly text: string | null; readonly by?: string }>
}

export interface HostExecAnswer {
  /** Null: it was ended. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly allowedBy: string
}

/** The text of a pull request fits. */
const maxWordsBytes = 24_576
/** More would be shortened in a request, and a person decides about what is shown. */
const maxShownBytes = 61_440
export const hostExecInput = z.strictObject({
  argv: z
    .array(z.string().refine((word) => !word.includes('\0'), 'a word has no zero byte'))
    .min(1)
    .max(256)
    .refine((words) => Buffer.byteLength(words.join(' ')) <= maxWordsBytes, `at most ${maxWordsBytes} bytes together`)
    .describe('The program and its arguments, as ["git", "push", "origin", "HEAD"]; no shell reads them'),
  folder: z.string().min(1).max(4_096).optional().describe('Where in the workspace; default: where you started'),
})

const timeoutMs = 600_000
/** Of the words in the transcript; the request has them all. */
const maxLine = 4_096
const maxOutput = 65_536
/** By rules, at once and then each second; what a person allows is not counted. */
const pace = { most: 20, perSecond: 0.2 }
/** Whatever becomes of them: each one costs the daemon a start of git. */
const callPace = { most: 100, perSecond: 1 }
const tooOften = new Problem('unavailable', 'that was too often; go on with the task and try again in a minute')
const allow = 'Run it once'

export class HostExec {
  readonly #parts: HostExecParts
  readonly #allowance: Allowance
  readonly #looks: Allowance
  readonly #over = new AbortController()
  readonly #running = new Map<string, Promise<HostExecAnswer>>()
  /** One after the other: they share a git folder. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: HostExecParts) {
    this.#parts = parts
    this.#allowance = new Allowance(parts.clock, pace)
    this.#looks = new Allowance(parts.clock, callPace)
  }

  /** What may be started at all. */
  get programs(): readonly string[] {
    return this.#parts.allowed
  }

  /** Throws Problem for what is refused: by policy, by the words themselves, or by a person. */
  async call(call: HostExecCall): Promise<HostExecAnswer> {
    const { attemptId, calls, cwd, workspace } = this.#parts
    const { argv, folder = cwd } = checked(call.input)
    // of the words too: an answer to one question must never be one to another
    const id = `host_exec ${digest([call.key, argv, folder])}`
    const known = calls.answer(attemptId, `${id} done`)
    if (known !== undefined) return known as HostExecAnswer // as it was kept below
    const under = this.#running.get(id)
    if (under !== undefined) return await under
    const signal = AbortSignal.any([call.signal, this.#over.signal])
    const running = this.#decideAndRun({ ...call, id, argv, folder: folderIn(workspace.path, folder), signal })
    this.#running.set(id, running)
    try {
      return await running
    } finally {
      this.#running.delete(id)
    }
  }

  /** Ends what runs, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort(new Problem('unavailable', 'the run is over, or its daemon restarts'))
    await Promise.allSettled(this.#running.values())
  }

  async #decideAndRun(task: Task): Promise<HostExecAnswer> {
    const { attemptId, calls, redact } = this.#parts
    if (calls.answer(attemptId, `${task.id} begun`) !== undefined) throw cutOff
    if (!this.#looks.take()) throw tooOften
    const program = await this.#checkedProgram(task)
    const leave = await this.#leave(task, program)
    return await this.#inTurn(task.signal, async () => {
      const ran = await this.#run(task, program, leave.rule)
      const allowedBy = leave.by
      const answer = { ...ran, allowedBy }
      const where = task.folder === this.#parts.workspace.path ? '' : ` in ${task.folder}`
      const message = exactLine(addressCleaner(redact, [])(`ran on the host: ${shown(task.argv)}${where}`), maxLine)
      const end = `: ${endOf(ran)}; allowed by ${allowedBy}`
      this.#parts.own({
        events: [{ type: 'notice', message: `${message}${end}` }],
        call: { key: `${task.id} done`, answer },
      })
      return answer
    })
  }

  /** The file to start. Everything that no rule and no person can allow is refused here. */
  async #checkedProgram({ argv, signal }: Task): Promise<string> {
    const { allowed, host, workspace, runDir, redact, forge } = this.#parts
    const [name = ''] = argv
    if (!/^[A-Za-z0-9._+-]{1,64}$/.test(name))
      throw new Problem(
        'not_on_host',
        `${JSON.stringify(name.slice(0, 80))} is not a program's name; give it without a folder`,
      )
    if (!allowed.includes(name)) {
      const rule = allowed.length === 0 ? 'hostExec = []' : `hostExec lacks ${name}`
      throw new Problem(
        'policy_refused',
        `the host's policy.toml says ${rule}: ${name} is not started outside the sandbox`,
      )
    }
    if (argv.some((word) => redact(word) !== word))
      throw new Problem('not_on_host', 'one of the arguments holds a secret, and arguments are everybody’s to read')
    if (isDefended(name)) checkWords(argv, await remotesFor(workspace, signal), forge)
    return findProgram(name, hostVariables(host).PATH ?? '', [workspace.path, workspace.root ?? workspace.path, runDir])
  }

  /** Who or what allowed it. Throws `not_on_host` when nobody did. */
  async #leave(task: Task, program: string): Promise<Leave> {
    const rule = await this.#ruleFor(task)
    if (rule !== null) {
      if (this.#allowance.take()) return { by: `the rule ${describeRule(rule)}`, rule }
      throw tooOften
    }
    const ask = askOf(task, program, this.#parts)
    if (Buffer.byteLength(JSON.stringify(ask.body)) > maxShownBytes)
      throw new Problem('not_on_host', 'the arguments are too long to be shown to a person; make them shorter')
    const { label, text, by } = await task.decide(ask)
    if (label === allow) return { by: by ?? 'a person', rule: null }
    const why = text ?? (label === null ? 'nobody who may allow it did so in time' : 'a person denied it')
    throw new Problem('not_on_host', `${shown(task.argv)} was not run on the host: ${why}`)
  }

  async #ruleFor({ argv, signal }: Task): Promise<ApprovalRule | null> {
    const { rules, workspace } = this.#parts
    if (!isPush(argv) || rules.length === 0) return ruleForWords(argv, rules)
    const remotes = await remotesFor(workspace, signal)
    return ruleForPush(argv, { branch: headBranch(workspace), remotes }, rules)
  }

  async #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    try {
      await before
      signal.throwIfAborted()
      return await work()
    } finally {
      resolve()
    }
  }

  /** `rule`: what allowed it; null: a person did. */
  async #run(task: Task, program: string, rule: ApprovalRule | null): Promise<Omit<HostExecAnswer, 'allowedBy'>> {
    const { workspace, host, attemptId, forge, user } = this.#parts
    const { argv, signal, folder } = task
    if (isDefended(argv[0] ?? '')) {
      const mirror = await readyMirror(workspace, signal)
      // the agent may have gone to another branch since
      if (rule !== null && isPush(argv) && ruleForPush(argv, mirror, [rule]) === null) throw movedOn
      const command = defendedCommand(argv, { mirror, workspace, host, attemptId, forge })
      const result = await this.#start(program, task, command)
      const fetched = argv[1] === 'fetch' && result.code === 0 ? fetchedIn(mirror.gitDir) : ''
      return this.#said(result, `${fetched}${mirror.lost.map((each) => `${each}\n`).join('')}`, mirror.remotes)
    }
    using held = new HeldFolder(workspace.path, folder)
    return this.#said(await this.#start(program, task, plainCommand({ cwd: held.path, host, attemptId, user })), '', [])
  }

  async #start(program: string, { id, argv, signal }: Task, { env, cwd, user }: HostCommand): Promise<ExecResult> {
    const { attemptId, calls } = this.#parts
    signal.throwIfAborted()
    calls.keep(attemptId, `${id} begun`, true) // not sooner: what failed on the way here may be sent again
    return await exec(program, argv.slice(1), { env, cwd, user, timeoutMs, maxBytes: 2 * maxOutput, signal })
  }

  #said(result: ExecResult, more: string, remotes: readonly Remote[]): Omit<HostExecAnswer, 'allowedBy'> {
    const clean = addressCleaner(this.#parts.redact, remotes)
    // blackened before it is cut: half a secret would not be known for one
    const out = clean(result.stdout.toString('utf8'))
    const cut = out.length > maxOutput ? `\n(cut after ${maxOutput} characters)\n` : ''
    const late = result.timedOut ? `ended after ${timeoutMs / 60_000} min\n` : ''
    const stderr = `${clean(result.stderr).slice(-maxOutput / 2)}${late}${clean(more)}`
    return { exitCode: result.code, stdout: `${out.slice(0, maxOutput)}${cut}`, stderr }
  }
}

interface Task extends Omit<HostExecCall, 'input' | 'key'> {
  readonly id: string
  readonly argv: readonly string[]
  readonly folder: string
}

interface Leave {
  /** In words. */
  readonly by: string
  /** Null: a person. */
  readonly rule: ApprovalRule | null
}

const movedOn = new Problem(
  'not_on_host',
  'HEAD went to another branch meanwhile, for which the rule does not hold; name the branch, as in HEAD:refs/heads/NAME',
)
const cutOff = new Problem(
  'unavailable',
  'a restart of the host’s daemon cut it off while it ran; look what it did before you start it again',
)

function askOf({ id, argv, folder }: Task, program: string, { user }: HostExecParts): Ask {
  return {
    key: id,
    kind: 'permission',
    title: `run on the host, outside the sandbox: ${shown(argv)}`,
    body: {
      command: shown(argv),
      arguments: argv,
      folder,
      program,
      runs: `outside the sandbox, on the host${user === null || isDefended(argv[0] ?? '') ? '' : ` as ${user.name}`}`,
    },
    options: [
      { id: 'allow', label: allow, grants: 'allow' },
      { id: 'deny', label: 'Deny', grants: 'deny' },
    ],
    command: null, // rules for commands inside the sandbox are none for this
  }
}

/** What came, by id: the mirror's branches are not the agent's. */
function fetchedIn(gitDir: string): string {
  const lines = (readFileIfThere(join(gitDir, 'FETCH_HEAD')) ?? '').split('\n')
  const shownLines = lines.slice(0, 100).map((line) => line.replace('\t\t', '\t').replace(/\tnot-for-merge/, ''))
  const words = 'fetched; inside, use the ids, as in: git merge ID\n'
  return lines[0] === '' ? '' : `${words}${shownLines.join('\n')}`
}

function endOf({ exitCode }: { readonly exitCode: number | null }): string {
  return exitCode === null ? 'ended by a signal' : `exit ${exitCode}`
}

/** As a shell would take it: what looks like two words are two. */
function shown(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w./:=@+,^~%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}

function checked(input: unknown): z.output<typeof hostExecInput> {
  const read = hostExecInput.safeParse(input)
  if (read.success) return read.data
  const [issue] = read.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new Problem('invalid_request', `host_exec: ${where === '' ? '' : `${where}: `}${issue?.message ?? 'not valid'}`)
}

function digest(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 40)
}
