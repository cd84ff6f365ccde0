// OpenAPI 3.1 made from the operations table: what the server serves at /openapi.json and shows at /docs.

import { z } from 'zod'
import { problems } from '../core/problem.ts'
import { member, token } from './access.ts'
import { numberedEvent, transcriptEvent, usage } from './events.ts'
import { daemon, pool, profile, repo, team, whoami } from './fleet.ts'
import { model } from './models.ts'
import { roleNeeded } from './operation.ts'
import type { Operation } from './operations.ts'
import { operations } from './operations.ts'
import { attempt, check, checkOutcome, condition, evidence, logLine, task } from './task.ts'

type Json = Record<string, unknown>

/** Schemas that deserve a name of their own; the rest are written where they are used. */
const named: Record<string, z.ZodType> = {
  Attempt: attempt,
  Check: check,
  CheckOutcome: checkOutcome,
  Condition: condition,
  Daemon: daemon,
  Evidence: evidence,
  LogLine: logLine,
  Member: member,
  Model: model,
  NumberedEvent: numberedEvent,
  Pool: pool,
  Profile: profile,
  Repo: repo,
  Task: task,
  Team: team,
  Token: token,
  TranscriptEvent: transcriptEvent,
  Usage: usage,
  Whoami: whoami,
}

const problemSchema: Json = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: ['type', 'code', 'status', 'title', 'detail'],
  properties: {
    type: { type: 'string' },
    code: { type: 'string', enum: Object.keys(problems) },
    status: { type: 'integer' },
    title: { type: 'string' },
    detail: { type: 'string', description: 'What failed, with the value and the remedy' },
    instance: { type: 'string', description: 'The same id stands in the server’s log' },
  },
}

/** The whole document. `version` is the server's. */
export function openapi(version: string): Json {
  const components = makeComponents()
  const paths: Record<string, Json> = {}
  for (const [id, operation] of Object.entries(operations) as [string, Operation][]) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(id, operation, components) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Capstan', version, description: 'Runs coding agents on machines you own, from a durable queue.' },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: { ...components.schemas, Problem: problemSchema },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A token cap_…' } },
    },
  }
}

interface Components {
  readonly schemas: Json
  /** Two operations may share one schema: it is filed once, under the first one's name. */
  readonly answerIds: ReadonlyMap<z.ZodType, string>
  readonly bodyIds: ReadonlyMap<z.ZodType, string>
}

/** Every named schema, and `<operation>Body`, `<operation>Answer` where an operation has one of its own. */
function makeComponents(): Components {
  const answerIds = new Map(Object.entries(named).map(([id, schema]): [z.ZodType, string] => [schema, id]))
  const bodyIds = new Map<z.ZodType, string>([[condition, 'Condition']])
  for (const [id, operation] of Object.entries(operations) as [string, Operation][]) {
    const { output, body } = operation
    if (output !== undefined && !answerIds.has(output)) answerIds.set(output, `${id}Answer`)
    if (body !== undefined && !bodyIds.has(body)) bodyIds.set(body, `${id}Body`)
  }
  return { schemas: { ...schemasOf(answerIds, 'output'), ...schemasOf(bodyIds, 'input') }, answerIds, bodyIds }
}

function schemasOf(ids: ReadonlyMap<z.ZodType, string>, io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>()
  for (const [schema, id] of ids) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    unrepresentable: 'any',
    io,
    // An answer may grow fields; a reader that refuses them would break.
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]))
}

function describe(id: string, operation: Operation, components: Components): Json {
  const body = bodyOf(operation, components)
  const headers = operation.idempotent === true ? [idempotencyHeader] : []
  return {
    operationId: id,
    tags: [operation.tag],
    summary: operation.summary,
    description: `Scope: ${operation.scope}${roleNeeded(operation) === null ? '' : `; role: ${roleNeeded(operation)}`}`,
    parameters: [...pathParameters(operation.path), ...queryParameters(operation), ...headers],
    ...(body === null ? {} : { requestBody: body }),
    responses: { [successStatus(operation)]: success(operation, components), default: problemAnswer },
  }
}

const problemAnswer: Json = {
  description: 'A problem; its code says which',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

const idempotencyHeader: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and body give the first answer again; another body is refused',
  schema: { type: 'string', maxLength: 200 },
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: Operation): Json[] {
  if (query === undefined) return []
  const schema = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' })
  const required = schema.required ?? []
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: typeof property === 'object' ? bare(property) : {},
  }))
}

function bodyOf({ upload, body }: Operation, { bodyIds }: Components): Json | null {
  if (upload === true)
    return { required: true, content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } }
  if (body === undefined) return null
  return { required: true, content: { 'application/json': { schema: reference(bodyIds.get(body)) } } }
}

function successStatus(operation: Operation): string {
  if (operation.answer === 'none') return '204'
  return String(operation.status ?? 200)
}

const mediaOf = {
  json: 'application/json',
  events: 'text/event-stream',
  patch: 'text/x-diff',
  bytes: 'application/octet-stream',
} as const

function success({ answer, output, summary }: Operation, { answerIds }: Components): Json {
  if (answer === 'none') return { description: 'Done' }
  const schema = output === undefined ? { type: 'string' } : reference(answerIds.get(output))
  return { description: summary, content: { [mediaOf[answer]]: { schema } } }
}

function reference(id: string | undefined): Json {
  return id === undefined ? {} : { $ref: `#/components/schemas/${id}` }
}

/** Without the keys that only a document of its own may have. */
function bare(schema: object): Json {
  return Object.fromEntries(
    Object.entries(schema).filter(([key]) => key !== '$schema' && key !== '$id' && key !== 'id'),
  )
}
