// A scripted ACP agent on the official SDK. Usage: node acp-agent.ts SCRIPT.json

import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  AgentContext,
  PermissionOption,
  SessionUpdate,
  StopReason,
  ToolCallUpdate,
} from '@agentclientprotocol/sdk'
import { agent, methods, ndJsonStream, RequestError } from '@agentclientprotocol/sdk'
import type { AcpAsk, AcpScript, AcpStep } from './acp-script.ts'
import { acpOptions } from './acp-script.ts'

const script: AcpScript = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const start = script.start ?? {}
const session = 'scripted-session-1'
let cwd = process.cwd()
let signedIn = start.needs === undefined
let prompts = 0
const cancelled = new AbortController()

const app = agent({ name: 'scripted' })
  .onRequest(methods.agent.initialize, async () => {
    if (start.breaks === 'silent') await sleep(600_000)
    if (typeof start.breaks === 'object') process.exit(start.breaks.exit)
    return {
      protocolVersion: start.version ?? 1,
      agentCapabilities: {
        loadSession: start.load !== undefined,
        sessionCapabilities: start.resume === true ? { resume: {} } : {},
      },
      authMethods: [...(start.authMethods ?? [])] as never, // of any shape, as the script says
    }
  })
  .onRequest(methods.agent.authenticate, ({ params }) => {
    if (params.methodId !== start.needs) throw new RequestError(-32_000, `no way in by ${params.methodId}`)
    signedIn = true
    return {}
  })
  .onRequest(methods.agent.session.new, ({ params }) => {
    if (!signedIn) throw new RequestError(-32_000, 'Authentication required')
    cwd = params.cwd
    note('new', params)
    return { sessionId: session, ...offers() }
  })
  .onRequest(methods.agent.session.load, async ({ params, client }) => {
    if (params.sessionId !== session) throw new RequestError(-32_602, `no session ${params.sessionId}`)
    cwd = params.cwd
    if (start.load === 'late')
      setImmediate(() => replay(client).catch(() => {})) // it has left
    else await replay(client)
    return offers()
  })
  .onRequest(methods.agent.session.resume, ({ params }) => {
    cwd = params.cwd
    return offers()
  })
  .onRequest(methods.agent.session.setMode, ({ params }) => {
    note('mode', params)
    return {}
  })
  .onRequest(methods.agent.session.setConfigOption, ({ params }) => {
    note('option', params)
    return { configOptions: [] }
  })
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    note('prompt', params.prompt)
    const steps = script.turns[Math.min(prompts, script.turns.length - 1)] ?? []
    prompts += 1
    return { stopReason: await play(steps, client) }
  })

  .onNotification(methods.agent.session.cancel, ({ params }) => {
    if (params.sessionId === session) cancelled.abort()
  })

const input = Readable.toWeb(process.stdin) as ReadableStream<Uint8Array> // the same streams under two names
const connection = app.connect(ndJsonStream(Writable.toWeb(process.stdout), input))
await connection.closed
if (script.stays === true) await sleep(600_000)

async function replay(client: AgentContext): Promise<void> {
  await update(client, { sessionUpdate: 'user_message_chunk', content: { type: 'text', text: 'the earlier prompt' } })
  await update(client, { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'the earlier words' } })
}

/** What was asked of it, on standard error, for the test to read. */
function note(what: string, value: unknown): void {
  writeSync(2, `${what} ${JSON.stringify(value)}\n`)
}

function offers(): object {
  const modes = start.modes === undefined ? {} : { modes: start.modes }
  return { ...modes, ...(start.configOptions === undefined ? {} : { configOptions: start.configOptions }) }
}

async function play(steps: readonly AcpStep[], client: AgentContext): Promise<StopReason> {
  for (const step of steps) {
    if ('stop' in step) return step.stop
    if ('hang' in step) {
      await sleep(600_000, undefined, { signal: cancelled.signal }).catch(() => {}) // told to end its turn
      await one({ say: 'I end my turn.' }, client)
      return 'cancelled'
    }
    if ('ask' in step) {
      if (!(await ask(step.ask, client)) && step.ask.strict === true) return 'cancelled'
    } else await one(step, client)
  }
  return 'end_turn'
}

async function one(
  step: Exclude<AcpStep, { stop: unknown } | { ask: unknown } | { hang: unknown }>,
  client: AgentContext,
): Promise<void> {
  if ('say' in step) {
    const content = { type: 'text' as const, text: step.say }
    const message = step.message === undefined ? {} : { messageId: step.message }
    await update(client, { sessionUpdate: 'agent_message_chunk', content, ...message })
  } else if ('update' in step) {
    await update(client, step.update as SessionUpdate) // as the script says
  } else if ('request' in step) {
    const code = await client.request(step.request, step.params).then(
      () => 0,
      (error: RequestError) => error.code,
    )
    await one({ say: `refused with ${code}. ` }, client)
  } else if ('line' in step) writeSync(1, `${step.line}\n`)
  else if ('fail' in step) throw new RequestError(step.fail.code, step.fail.message, step.fail.data)
  else process.exit(step.exit)
}

function update(client: AgentContext, told: SessionUpdate): Promise<void> {
  return client.notify(methods.client.session.update, { sessionId: session, update: told })
}

/** True when it was granted. */
async function ask(asked: AcpAsk, client: AgentContext): Promise<boolean> {
  const { outcome } = await client
    .request(methods.client.session.requestPermission, {
      sessionId: asked.session ?? session,
      toolCall: asked.toolCall as ToolCallUpdate, // as the script says
      options: [...(asked.options ?? acpOptions)] as PermissionOption[], // as the script says
    })
    .catch((error: RequestError) => ({ outcome: { outcome: `error ${error.code}`, optionId: '' } }))
  const said = 'optionId' in outcome && outcome.optionId !== '' ? outcome.optionId : outcome.outcome
  note('outcome', said)
  if (asked.isQuiet !== true) await one({ say: `The answer was ${said}. ` }, client)
  const granted = said === 'yes' || said === 'always'
  if (granted && asked.write !== undefined) writeFileSync(join(cwd, asked.write[0]), asked.write[1])
  return granted
}
