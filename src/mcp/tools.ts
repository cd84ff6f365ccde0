// The operations as MCP tools: one per row of the table, its path, query and body as one object of arguments.

import { z } from 'zod'
import { Problem } from '../core/problem.ts'
import type { Operation, OperationName } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'

/** A tool as `tools/list` tells it. */
export interface ToolSpec {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: ObjectSchema
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint: boolean
    readonly idempotentHint: boolean
    readonly openWorldHint: boolean
  }
}

export interface ObjectSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, object>>
  readonly required: readonly string[]
  readonly additionalProperties: false
  readonly $defs?: Readonly<Record<string, object>>
}

/** A tool with the operation behind it and where each argument goes. */
export interface OperationTool {
  readonly spec: ToolSpec
  readonly operation: Operation
  readonly path: readonly string[]
  readonly query: readonly string[]
  readonly body: readonly string[]
}

/** The arguments of a call, as a request of the operation carries them. */
export interface SplitArguments {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
  readonly idempotencyKey: string | null
}

/** The argument that stands for the Idempotency-Key header. */
const keyArgument = 'idempotencyKey'

const made = new Map<string, OperationTool>()

/** Every tool by its name. Made at the first call: schemas take a moment. */
export function operationTools(): ReadonlyMap<string, OperationTool> {
  if (made.size > 0) return made
  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    if (!fitsTool(operation)) continue
    const tool = toolOf(name, operation)
    made.set(tool.spec.name, tool)
  }
  return made
}

/** `listTasks` → `list_tasks`. */
export function toolName(operation: string): string {
  return operation.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** A stream has no end that a tool could answer with, and raw bytes do not travel as JSON. */
function fitsTool(operation: Operation): boolean {
  return operation.mcp !== false && operation.answer !== 'events' && operation.upload !== true
}

function toolOf(name: OperationName, operation: Operation): OperationTool {
  const path = [...operation.path.matchAll(/:(\w+)/g)].map(([, param]) => param ?? '')
  const query = schemaOf(name, operation.query)
  const body = schemaOf(name, operation.body)
  const ids = Object.fromEntries(
    path.map((param) => [param, { type: 'string', description: `The ${operation.tag} ${param}` }]),
  )
  const key = operation.idempotent === true ? { [keyArgument]: keySchema } : {}
  const properties = { ...ids, ...query.properties, ...body.properties, ...key }
  const $defs = { ...query.$defs, ...body.$defs }
  return {
    operation,
    path,
    query: Object.keys(query.properties),
    body: Object.keys(body.properties),
    spec: {
      name: toolName(name),
      title: operation.summary,
      description: descriptionOf(operation),
      inputSchema: {
        type: 'object',
        properties,
        required: [...path, ...query.required, ...body.required],
        additionalProperties: false,
        ...(Object.keys($defs).length === 0 ? {} : { $defs }),
      },
      annotations: annotationsOf(operation),
    },
  }
}

const keySchema = {
  type: 'string',
  maxLength: 200,
  description: 'The same key and arguments give the first answer again instead of doing it twice',
}

function descriptionOf(operation: Operation): string {
  const scope = operation.scope === 'any' ? '' : ` Needs scope ${operation.scope}.`
  return `${operation.summary}.${scope} (${operation.method} ${operation.path})`
}

function annotationsOf({ method, mcp, idempotent }: Operation): ToolSpec['annotations'] {
  return {
    readOnlyHint: method === 'GET',
    destructiveHint: method === 'DELETE' || mcp === 'destructive',
    idempotentHint: method !== 'POST' || idempotent === true,
    openWorldHint: false,
  }
}

interface Part {
  readonly properties: Readonly<Record<string, object>>
  readonly required: readonly string[]
  readonly $defs: Readonly<Record<string, object>>
}

const empty: Part = { properties: {}, required: [], $defs: {} }

function schemaOf(name: OperationName, schema: z.ZodType | undefined): Part {
  if (schema === undefined) return empty
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  if (json.type !== 'object') throw new Error(`${name} takes something that is not an object`) // the table's own fault
  const { properties = {}, required = [], $defs = {} } = json
  return { properties: properties as Part['properties'], required, $defs: $defs as Part['$defs'] } // made here: no booleans
}

/** Sorts a call's arguments to path, query and body. Throws `unknown_field` and `invalid_request`, naming the argument. */
export function splitArguments(tool: OperationTool, given: Readonly<Record<string, unknown>>): SplitArguments {
  const { spec, path, query, body } = tool
  refuseUnknown(spec, given)
  const pick = (names: readonly string[]) =>
    Object.fromEntries(names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]))
  const params = Object.fromEntries(path.map((name) => [name, textOf(spec.name, name, given[name])]))
  const key = given[keyArgument]
  const idempotencyKey =
    tool.operation.idempotent !== true || key === undefined ? null : textOf(spec.name, keyArgument, key)
  return { params, query: pick(query), body: pick(body), idempotencyKey }
}

/** Throws `unknown_field` with what the tool does take. */
export function refuseUnknown({ name, inputSchema }: ToolSpec, given: Readonly<Record<string, unknown>>): void {
  const known = Object.keys(inputSchema.properties)
  const unknown = Object.keys(given).find((each) => !Object.hasOwn(inputSchema.properties, each))
  if (unknown === undefined) return
  const takes = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`
  throw new Problem('unknown_field', `${name} has no argument ${JSON.stringify(unknown)}; ${takes}`)
}

function textOf(tool: string, name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  const what = value === undefined ? 'is missing' : `must be a string, not ${JSON.stringify(value).slice(0, 100)}`
  throw new Problem('invalid_request', `${tool}: argument ${name} ${what}`)
}
