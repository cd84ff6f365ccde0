// A task's outputSchema, looked at before it is stored: a mistake in it would otherwise fail an agent hours later.

import { Problem } from '../../core/problem.ts'
import { limits } from '../../protocol/names.ts'

type Schema = Readonly<Record<string, unknown>>

const types = new Set(['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'])
const dialects = /^https?:\/\/json-schema\.org\/(draft\/20(20-12|19-09)|draft-0[67])\/schema#?$/

/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const single = [
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]
const lists = ['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems']
const named = ['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties']

/** Throws `too_large` or `invalid_request` with the place and the value that is wrong. */
export function refuseUnfitSchema(schema: Schema): void {
  const bytes = Buffer.byteLength(JSON.stringify(schema))
  if (bytes > limits.outputSchemaBytes)
    throw new Problem('too_large', `outputSchema has ${bytes} bytes; the limit is ${limits.outputSchemaBytes}`)
  const { $schema } = schema
  if ($schema !== undefined && !(typeof $schema === 'string' && dialects.test($schema)))
    throw wrong('$schema', $schema, 'JSON Schema 2020-12, 2019-09, draft-07 or draft-06')
  // The body's depth was limited when it was read, so this ends.
  for (const [path, each] of subschemas('outputSchema', schema)) refuseUnfit(path, each, schema)
}

function* subschemas(path: string, schema: unknown): Generator<[string, Schema]> {
  if (typeof schema === 'boolean') return
  if (!isObject(schema)) throw wrong(path, schema, 'a schema: an object, true or false')
  yield [path, schema]
  for (const key of single) {
    const value = schema[key]
    if (value !== undefined && !Array.isArray(value)) yield* subschemas(`${path}.${key}`, value)
  }
  for (const key of lists) {
    const value = schema[key]
    if (Array.isArray(value)) for (const [i, each] of value.entries()) yield* subschemas(`${path}.${key}.${i}`, each)
  }
  for (const key of named) {
    const value = schema[key]
    if (value === undefined) continue
    if (!isObject(value)) throw wrong(`${path}.${key}`, value, 'an object of schemas')
    for (const [name, each] of Object.entries(value)) yield* subschemas(`${path}.${key}.${name}`, each)
  }
}

function refuseUnfit(path: string, schema: Schema, whole: Schema): void {
  const { type, pattern, $ref, required, patternProperties } = schema
  for (const each of type === undefined ? [] : [type].flat())
    if (typeof each !== 'string' || !types.has(each)) throw wrong(`${path}.type`, each, [...types].join(', '))
  const patterns = [pattern, ...Object.keys(isObject(patternProperties) ? patternProperties : {})]
  for (const each of patterns) if (each !== undefined) refusePattern(`${path}.pattern`, each)
  if (required !== undefined && !(Array.isArray(required) && required.every((each) => typeof each === 'string')))
    throw wrong(`${path}.required`, required, 'a list of names')
  if ($ref !== undefined) refuseReference(`${path}.$ref`, $ref, whole)
}

function refusePattern(path: string, pattern: unknown): void {
  try {
    if (typeof pattern === 'string') new RegExp(pattern, 'u')
    else throw wrong(path, pattern, 'a regular expression')
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    throw wrong(path, pattern, 'a regular expression as JavaScript has them with the flag u')
  }
}

/** Nothing is fetched for a schema: a reference stays within it. */
function refuseReference(path: string, reference: unknown, whole: Schema): void {
  if (typeof reference !== 'string' || !reference.startsWith('#'))
    throw wrong(path, reference, 'a place in this schema, such as #/$defs/name')
  if (reference !== '#' && !reference.startsWith('#/')) return // an anchor
  let at: unknown = whole
  for (const part of reference.slice(2).split('/').filter(Boolean)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? at[key as keyof typeof at] : undefined // hasOwn
  }
  if (at === undefined) throw wrong(path, reference, 'a place that this schema has')
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(path: string, value: unknown, expected: string): Problem {
  return new Problem('invalid_request', `${path} is ${JSON.stringify(value).slice(0, 200)}; it must be ${expected}`)
}
