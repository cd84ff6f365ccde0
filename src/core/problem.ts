// The one error class and the one table of codes: each code with its HTTP status, its title and what to do about it.

interface Row {
  readonly status: number
  readonly title: string
  /** One sentence a person can act on; the detail of a problem names the value. */
  readonly remedy: string
}

export const problems = {
  usage: { status: 400, title: 'The command is not valid', remedy: 'Add --help to see options and examples.' },
  invalid_request: {
    status: 400,
    title: 'The request is not valid',
    remedy: 'Correct the named field and send it again.',
  },
  malformed_json: {
    status: 400,
    title: 'The body is not JSON',
    remedy: 'Send one JSON object with content-type application/json.',
  },
  unknown_field: {
    status: 400,
    title: 'The request has an unknown field',
    remedy: 'Remove the named field; /openapi.json lists the fields.',
  },
  unknown_harness: {
    status: 400,
    title: 'No such harness',
    remedy: 'Use a built-in harness, or define it under [harness.NAME] in daemon.toml on a host.',
  },
  unknown_repo: {
    status: 400,
    title: 'No such repository',
    remedy: 'Register it on a host with: capstan repo add PATH',
  },
  unknown_pool: { status: 400, title: 'No such pool', remedy: 'List pools with: capstan pool ls' },
  unknown_profile: { status: 400, title: 'No such profile', remedy: 'List profiles with: capstan profile ls' },
  unknown_daemon: { status: 400, title: 'No such daemon', remedy: 'List daemons with: capstan daemon ls' },
  unknown_task: { status: 400, title: 'No such task', remedy: 'List tasks with: capstan task ls' },
  contradiction: { status: 400, title: 'Two fields contradict each other', remedy: 'Drop one of the named fields.' },
  unauthorized: { status: 401, title: 'No valid token', remedy: 'Sign in with: capstan login --token-stdin' },
  forbidden: {
    status: 403,
    title: 'The token may not do this',
    remedy: 'Use a token with the named scope, or ask an owner of the team for the named role.',
  },
  origin_refused: {
    status: 403,
    title: 'The request came from another origin',
    remedy: 'Call the server from its own origin or with a bearer token.',
  },
  host_refused: {
    status: 421,
    title: 'The Host header is not one of this server',
    remedy: 'Use the address the server printed, or start it with --public-url.',
  },
  pool_connector_mismatch: {
    status: 403,
    title: 'The pool admits another connector',
    remedy: 'Connect with the token that the pool admits, or choose another pool.',
  },
  not_found: { status: 404, title: 'Not found', remedy: 'Check the id or the name; it may belong to another team.' },
  method_not_allowed: {
    status: 405,
    title: 'The path does not take this method',
    remedy: 'Look the operation up in /openapi.json.',
  },
  already_exists: {
    status: 409,
    title: 'It exists already',
    remedy: 'Choose another name, or use the one that exists.',
  },
  invalid_state: {
    status: 409,
    title: 'The state does not allow this',
    remedy: 'Look at the state with: capstan task show ID',
  },
  in_use: { status: 409, title: 'It is in use', remedy: 'Remove what uses it first.' },
  idempotency_conflict: {
    status: 409,
    title: 'The Idempotency-Key was used for another body',
    remedy: 'Use a fresh key, or send the same body.',
  },
  lease_lost: {
    status: 409,
    title: 'The lease on this attempt is lost',
    remedy: 'Stop the run; send what it made as salvage.',
  },
  daemon_running: {
    status: 409,
    title: 'Another daemon has this identity',
    remedy: 'Stop the other daemon, or start this one with another --name or --workspace.',
  },
  protocol_unsupported: { status: 409, title: 'The protocol versions do not meet', remedy: 'Upgrade the older side.' },
  out_of_order: { status: 409, title: 'Events arrived out of order', remedy: 'Send from the next expected seq.' },
  too_large: {
    status: 413,
    title: 'The body is too large',
    remedy: 'Send less; put long text into a file of the repository.',
  },
  unsupported_media_type: { status: 415, title: 'The content type is not supported', remedy: 'Send application/json.' },
  hops_exceeded: {
    status: 422,
    title: 'Tasks that create tasks went too deep',
    remedy: 'Let a person create the next task.',
  },
  too_many_tasks: {
    status: 422,
    title: 'A task has created too many tasks',
    remedy: 'Let a person create the next task.',
  },
  repo_not_allowed: {
    status: 422,
    title: 'The path is outside the registered repositories',
    remedy: 'Register it on that host with: capstan repo add PATH',
  },
  policy_refused: {
    status: 422,
    title: "The host's policy refuses this",
    remedy: "Change the named rule in the host's policy.toml, or ask less.",
  },
  not_on_host: {
    status: 422,
    title: 'This is not run outside the sandbox',
    remedy: 'Do it inside, or go on without it.',
  },
  relay_unavailable: {
    status: 422,
    title: 'The harness cannot relay approvals',
    remedy: 'Use autonomy full or edit with this harness.',
  },
  workspace_failed: {
    status: 422,
    title: 'The workspace could not be made',
    remedy: 'Mend the repository as the detail says, then: capstan task retry ID',
  },
  not_executable: {
    status: 422,
    title: 'The program cannot be started',
    remedy: "Install it on that host, or correct the command in the harness's settings.",
  },
  configuration: { status: 422, title: 'The configuration is not valid', remedy: 'Correct the named setting.' },
  internal: { status: 500, title: 'The server failed', remedy: "Look at the server's log for this instance." },
  not_connected: { status: 503, title: 'The server cannot be reached', remedy: 'Start it with: capstan up' },
  unavailable: { status: 503, title: 'The server is not ready', remedy: 'Try again in a moment.' },
} as const satisfies Record<string, Row>

export type ProblemCode = keyof typeof problems

/** RFC 9457 problem details as they travel. */
export interface ProblemBody {
  type: string
  code: ProblemCode
  status: number
  title: string
  detail: string
  instance?: string
}

/** What every expected failure is thrown as. `detail` is one sentence: what failed, the value, the remedy where the table's does not fit. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly detail: string
  /** Where the server's log has it; only of problems that a server answered. */
  readonly instance: string | undefined

  constructor(code: ProblemCode, detail: string, options?: { cause?: unknown; instance?: string | undefined }) {
    super(`${problems[code].title}: ${detail}`, options)
    this.name = 'Problem'
    this.code = code
    this.detail = detail
    this.instance = options?.instance
  }

  get status(): number {
    return problems[this.code].status
  }

  get remedy(): string {
    return problems[this.code].remedy
  }

  toBody(instance = this.instance): ProblemBody {
    const { status, title } = problems[this.code]
    const body: ProblemBody = {
      type: `urn:capstan:problem:${this.code}`,
      code: this.code,
      status,
      title,
      detail: this.detail,
    }
    return instance === undefined ? body : { ...body, instance }
  }
}

export function isProblemCode(text: unknown): text is ProblemCode {
  return typeof text === 'string' && Object.hasOwn(problems, text)
}
