// One call from a program in a run to the daemon: git's signature, or a program on the host. It waits while the daemon restarts and sends the
// same call again, which the daemon answers once. Alone in its file and its process: it imports nothing of Capstan.

import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createConnection } from 'node:net'
import { join } from 'node:path'

const [folder = '', use = '', ...args] = process.argv.slice(2)

/** Without a daemon for this long a call fails: whoever waits for it is told. */
const patienceMs = 300_000
const firstWaitMs = 50
const longestWaitMs = 1_000
/** Directions may be absent for a moment while a new daemon writes them. */
const mostAbsences = 20
/** The daemon hangs up on a longer one, and it would be sent again for ever. */
const longestLine = 1_048_576
/** As programs say that a command was found and not run. */
const refusedCode = 126

const me = randomUUID()
let waitMs = firstWaitMs
let absences = 0
/** Since a daemon was heard, ms. */
let waited = 0
let over = false

if (use === 'host-exec' && (args.length === 0 || args[0] === '--help')) {
  process.stdout.write(
    'usage: capstan-host-exec PROGRAM [ARGUMENT …]\nRuns a program on the host, outside the sandbox, where its owner and the profile allow it;\nelse a person is asked, which may take hours.\n',
  )
  process.exit(args.length === 0 ? 64 : 0)
}
const payload = use === 'host-exec' ? null : readFileSync(use === 'sign-ssh' ? (args.at(-1) ?? '') : 0)
const call =
  payload === null
    ? { id: 1, call: 'host_exec', input: { argv: args, folder: process.cwd() } }
    : { id: 1, call: 'sign', input: { payload: payload.toString('base64') } }
if (JSON.stringify(call).length > longestLine) fail(`the call is longer than ${longestLine} characters`)
connect()

function connect(): void {
  const directions = readDirections()
  if (directions === null) {
    absences += 1
    if (absences >= mostAbsences) fail('the run is over: nobody signs or starts anything for it any more')
    setTimeout(connect, firstWaitMs)
    return
  }
  absences = 0
  const socket = createConnection(directions.socket)
  let rest = ''
  let admitted = false
  socket.setEncoding('utf8')
  socket.on('connect', () =>
    socket.write(`${JSON.stringify({ hello: me, token: directions.token, plain: true })}\n${JSON.stringify(call)}\n`),
  )
  socket.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      admitted = true
      heard(JSON.parse(line), socket)
    }
  })
  socket.on('error', () => {}) // 'close' follows
  socket.on('close', () => {
    if (over) return
    if (admitted) [waited, waitMs] = [0, firstWaitMs]
    if (waited > patienceMs) fail(`the daemon of this host did not come back within ${patienceMs / 60_000} min`)
    waited += waitMs
    setTimeout(connect, waitMs)
    waitMs = Math.min(waitMs * 2, longestWaitMs)
  })
}

interface Heard {
  readonly refused?: string
  readonly problem?: { readonly detail: string; readonly remedy: string }
  readonly answer?: Readonly<Record<string, unknown>>
}

function heard({ refused, problem, answer }: Heard, socket: Socket): void {
  if (refused !== undefined) fail(refused)
  if (problem !== undefined) fail(`${problem.detail}. ${problem.remedy}`)
  if (answer === undefined) return // it was admitted
  over = true
  socket.destroy()
  if (use === 'host-exec') ran(answer)
  else signed(answer)
}

function ran({ stdout, stderr, exitCode }: Readonly<Record<string, unknown>>): void {
  process.stdout.write(String(stdout ?? ''))
  process.stderr.write(String(stderr ?? ''))
  process.exitCode = typeof exitCode === 'number' ? exitCode : 1
}

/** Nothing where the commit is by somebody else: git then makes it without a signature. */
function signed({ signature, foreign }: Readonly<Record<string, unknown>>): void {
  if (typeof foreign === 'string') process.stderr.write(`capstan: not signed: it is by ${foreign}\n`)
  const text = typeof signature === 'string' ? signature : ''
  if (use === 'sign-ssh') writeFileSync(`${args.at(-1) ?? ''}.sig`, text)
  else {
    process.stdout.write(text)
    process.stderr.write('\n[GNUPG:] SIG_CREATED D 1 8 00 0 0\n') // git looks for these words and for no others
  }
}

function fail(why: string): never {
  const hint = use === 'host-exec' ? '' : ' (to commit without a signature: git commit --no-gpg-sign)'
  process.stderr.write(`capstan: ${why}${hint}\n`)
  process.exit(use === 'host-exec' ? refusedCode : 1)
}

function readDirections(): { readonly socket: string; readonly token: string } | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'bridge.json'), 'utf8')) as { socket: string; token: string } // the daemon wrote it whole
  } catch {
    return null
  }
}
