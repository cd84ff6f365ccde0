// The MCP server over the operations: lists the tools that the caller's scopes admit and calls them. One for both faces.

import type { CallToolRequest, CallToolResult, ServerContext } from '@modelcontextprotocol/server'
import { ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server'
import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import type { Scope } from '../protocol/access.ts'
import { bytesAnswer, jsonAnswer, problemAnswer, textAnswer } from './answer.ts'
import type { Reach } from './reach.ts'
import { waitForTask, waitSpec } from './task-wait.ts'
import type { OperationTool, ToolSpec } from './tools.ts'
import { operationTools, splitArguments } from './tools.ts'

export interface ToolServerParts {
  readonly reach: Reach
  readonly clock: Clock
  readonly version: string
  /** Ends calls under way; its reason, a Problem, is their answer. */
  readonly ends: AbortSignal
  /** What a failure that nobody expected becomes; it is logged there. */
  unexpected(error: unknown): Problem
}

const instructions = `Capstan runs coding agents on machines that their owners control, from a durable queue.
create_task gives work; task_wait follows it to its end; get_task_diff shows what it changed; accept_task or reject_task closes a
review. list_repos and list_daemons say where work can go. Errors name a code and what to do.`

/** Makes one server for one connection or request. */
export function makeToolServer(parts: ToolServerParts): Server {
  const server = new Server({ name: 'capstan', version: parts.version }, { capabilities: { tools: {} }, instructions })
  server.setRequestHandler('tools/list', async (_, { mcpReq }) => ({ tools: await listed(parts.reach, mcpReq.signal) }))
  server.setRequestHandler('tools/call', (request, context) => called(parts, request, context))
  return server
}

/** Fresh objects: the library may write on what it is given. */
async function listed(reach: Reach, signal: AbortSignal): Promise<ListedTool[]> {
  const scopes = await reach.scopes(signal)
  const operations = [...operationTools().values()].filter(({ operation }) => admits(scopes, operation.scope))
  return [waitSpec, ...operations.map(({ spec }) => spec)].map(listedTool)
}

type ListedTool = Omit<ToolSpec, 'inputSchema'> & { inputSchema: { type: 'object'; [key: string]: unknown } }

function listedTool(spec: ToolSpec): ListedTool {
  return { ...spec, inputSchema: { ...spec.inputSchema } }
}

function admits(scopes: readonly Scope[], wanted: OperationTool['operation']['scope']): boolean {
  return wanted === 'any' || scopes.includes(wanted) || (wanted === 'user' && scopes.includes('admin'))
}

async function called(
  parts: ToolServerParts,
  { params }: CallToolRequest,
  context: ServerContext,
): Promise<CallToolResult> {
  const given = params.arguments ?? {}
  const tool = operationTools().get(params.name)
  if (tool === undefined && params.name !== waitSpec.name)
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool ${JSON.stringify(params.name)}`)
  const cancelled = context.mcpReq.signal
  const signal = AbortSignal.any([cancelled, parts.ends])
  try {
    if (tool !== undefined) return await operate(parts.reach, tool, given, signal)
    return await waitForTask({ ...parts, signal, progress: progressOf(context) }, given)
  } catch (error) {
    cancelled.throwIfAborted()
    return problemAnswer(problemOf(error, parts))
  }
}

function problemOf(error: unknown, { ends, unexpected }: ToolServerParts): Problem {
  if (error instanceof Problem) return error
  const reason: unknown = ends.aborted ? ends.reason : null
  return reason instanceof Problem ? reason : unexpected(error)
}

async function operate(
  reach: Reach,
  tool: OperationTool,
  given: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<CallToolResult> {
  const { operation } = tool
  const bytes = await reach.send(operation, splitArguments(tool, given), signal)
  switch (operation.answer) {
    case 'json':
      return jsonAnswer(JSON.parse(new TextDecoder().decode(bytes)))
    case 'none':
      return textAnswer('done')
    case 'patch':
    case 'bytes':
      return bytesAnswer(bytes)
    case 'events':
      throw new Error('a stream is no tool') // operationTools leaves them out
  }
}

/** Notifications to a client that asked for them. */
function progressOf({ mcpReq }: ServerContext): (message: string) => void {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return () => {}
  let steps = 0
  return (message) => {
    steps += 1
    const params = { progressToken, progress: steps, message }
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {}) // nobody listens any more
  }
}
