// capstan model ls, add, set, rm

import { Problem } from '../../core/problem.ts'
import type { ThinkingLevel } from '../../core/thinking.ts'
import type { ModelView } from '../../protocol/models.ts'
import type { BodyIn } from '../../protocol/operations.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import type { Given, none } from '../spec.ts'
import type { modelListOptions, modelOptions } from './options.ts'

export async function listModels({ options }: Given<typeof modelListOptions>, context: Context): Promise<number> {
  const { terminal, json, signal } = context
  const query = options.provider === undefined ? {} : { provider: options.provider }
  const { items } = await (await connect(context)).call('listModels', { query, signal })
  if (json) terminal.json(items)
  else if (items.length === 0) terminal.out('no models; add one with: capstan model add PROVIDER/NAME')
  else
    terminal.out(
      ...tableLines({ head, rows: items.map(rowOf), flexible: 1, right: [2] }, terminal.width, terminal.style),
    )
  return 0
}

const head = ['PROVIDER', 'NAME', 'WINDOW', 'THINKING', 'OF']

function rowOf({ provider, name, capabilities, global }: ModelView): string[] {
  const { contextWindow, thinkingLevels } = capabilities
  const window = contextWindow === undefined ? '' : contextWindow.toLocaleString('en-US')
  return [provider, oneLine(name), window, thinkingLevels?.join(',') ?? '', global ? 'capstan' : 'team']
}

export async function addModel({ args, options }: Given<typeof modelOptions>, context: Context): Promise<number> {
  const [provider, name] = partsOf(args[0] ?? '')
  const body = { provider, name, ...changes(options) }
  return say(await (await connect(context)).call('createModel', { body, signal: context.signal }), context)
}

export async function setModel({ args, options }: Given<typeof modelOptions>, context: Context): Promise<number> {
  const client = await connect(context)
  const params = { id: await idOf(client, args[0] ?? '', context) }
  return say(await client.call('updateModel', { params, body: changes(options), signal: context.signal }), context)
}

export async function removeModel({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const id = await idOf(client, args[0] ?? '', context)
  await client.call('removeModel', { params: { id }, signal: context.signal })
  if (context.json) context.terminal.json({ removed: id })
  else context.terminal.out(`${args[0]} is removed`)
  return 0
}

function partsOf(given: string): readonly [string, string] {
  const at = given.indexOf('/')
  if (at > 0 && at < given.length - 1) return [given.slice(0, at), given.slice(at + 1)]
  throw new Problem('usage', `${JSON.stringify(given)} is no model: write PROVIDER/NAME, such as openai/gpt-5`)
}

/** An id, or PROVIDER/NAME; the server says what is wrong with another. */
async function idOf(client: Awaited<ReturnType<typeof connect>>, given: string, context: Context): Promise<string> {
  const { items } = await client.call('listModels', { signal: context.signal })
  const wanted = given.toLowerCase()
  return items.find(({ id, provider, name }) => id === given || `${provider}/${name}` === wanted)?.id ?? given
}

function changes(options: Given<typeof modelOptions>['options']): Omit<BodyIn<'createModel'>, 'provider' | 'name'> {
  const { displayName, description, contextWindow, thinking, tools } = options
  const capabilities = {
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(tools === undefined ? {} : { supportsTools: tools }),
    ...(thinking === undefined ? {} : { thinkingLevels: [...thinking] as ThinkingLevel[] }), // the parser has checked the choices
  }
  return {
    ...(displayName === undefined ? {} : { displayName }),
    ...(description === undefined ? {} : { description }),
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities }),
  }
}

function say(model: ModelView, { json, terminal }: Context): number {
  if (json) terminal.json(model)
  else terminal.out(`${model.provider}/${oneLine(model.name)}  ${model.id}`)
  return 0
}
