// OpenCode's configuration for one run: what a profile gives, beside what its user has.

import type { Tuning } from './given.ts'
import { instructionsFile, skillFiles } from './given.ts'
import type { Json } from './json.ts'
import { objectOf, parseObject } from './json.ts'
import type { Launch, McpBridge, RunInput } from './port.ts'

/** Of the tuning, what its configuration has a word for. */
export const inConfig: readonly (keyof Tuning)[] = ['provider', 'temperature', 'topP']

/** In the environment, because a file would take the place of the user's `OPENCODE_CONFIG`. */
export function config(input: RunInput, mcp: McpBridge | null): Json {
  const own = parseObject(input.env.OPENCODE_CONFIG_CONTENT ?? '') ?? {}
  const servers =
    mcp === null
      ? {}
      : { [mcp.name]: { type: 'local', command: [mcp.command, ...mcp.args], environment: mcp.env, enabled: true } }
  return {
    ...own,
    ...told(own, input),
    autoupdate: false,
    share: 'disabled',
    mcp: { ...objectOf(own.mcp), ...servers },
  }
}

/** Beside what the user has. `build` is the agent that works when none is named. */
function told(own: Json, input: RunInput): Json {
  const { tuning, skills } = input.given
  const { temperature, topP } = tuning
  const instructions = instructionsFile(input)
  const agents = objectOf(own.agent)
  const build = { ...objectOf(agents?.build), ...defined({ temperature, top_p: topP }) }
  const paths = listOf(objectOf(own.skills)?.paths)
  return {
    ...(instructions === null ? {} : { instructions: [...listOf(own.instructions), instructions.path] }),
    ...(skills.length === 0
      ? {}
      : { skills: { ...objectOf(own.skills), paths: [...paths, `${input.filesDir}/skills`] } }),
    ...(Object.keys(build).length === 0 ? {} : { agent: { ...agents, build } }),
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function defined(fields: Readonly<Record<string, unknown>>): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

export function files(input: RunInput): NonNullable<Launch['files']> {
  return [...(instructionsFile(input)?.files ?? []), ...skillFiles(input.given.skills, 'skills')]
}

/** `provider/model` is how it names models. */
export function modelName({ model, given: { tuning } }: RunInput): string | null {
  return model === null || tuning.provider === undefined || model.startsWith(`${tuning.provider}/`)
    ? model
    : `${tuning.provider}/${model}`
}

/** Folders outside the workspace that it is given to read. */
export function reaching<P extends { external_directory: string }>(permission: P, { given, filesDir }: RunInput): Json {
  const folders = [...given.readable, ...(given.skills.length === 0 ? [] : [`${filesDir}/skills`])]
  if (folders.length === 0) return permission
  const allowed = Object.fromEntries(folders.map((folder) => [`${folder}/*`, 'allow']))
  return { ...permission, external_directory: { '*': permission.external_directory, ...allowed } }
}
